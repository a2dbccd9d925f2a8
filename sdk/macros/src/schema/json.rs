//! Rust expressions of type `plugbay_sdk::constant::Json`.

use proc_macro2::TokenStream;
use quote::quote;

/// A string.
pub(super) fn text(value: &str) -> TokenStream {
    quote!(::plugbay_sdk::constant::Json::Text(#value))
}

/// JSON text that is written unchanged.
pub(super) fn raw(json: &str) -> TokenStream {
    quote!(::plugbay_sdk::constant::Json::Raw(#json))
}

/// An integer.
pub(super) fn integer(value: usize) -> TokenStream {
    let value = proc_macro2::Literal::usize_unsuffixed(value);
    quote!(::plugbay_sdk::constant::Json::Integer(#value))
}

/// An omitted value.
pub(super) fn nothing() -> TokenStream {
    quote!(::plugbay_sdk::constant::Json::Nothing)
}

/// An array.
pub(super) fn list(elements: impl IntoIterator<Item = TokenStream>) -> TokenStream {
    let elements = elements.into_iter();
    quote!(::plugbay_sdk::constant::Json::List(&[#(#elements),*]))
}

/// An array that is omitted if it has no elements.
pub(super) fn non_empty(elements: impl IntoIterator<Item = TokenStream>) -> TokenStream {
    let elements = elements.into_iter();
    quote!(::plugbay_sdk::constant::Json::NonEmpty(&[#(#elements),*]))
}

/// An array of strings.
pub(super) fn texts<'a>(values: impl IntoIterator<Item = &'a str>) -> TokenStream {
    list(values.into_iter().map(text))
}

/// The builder of an object.
#[derive(Clone, Default)]
pub(super) struct Object {
    members: Vec<TokenStream>,
}

impl Object {
    pub(super) fn new() -> Object {
        Object::default()
    }

    /// An object with a `type`.
    pub(super) fn of_type(name: &str) -> Object {
        Object::new().with("type", text(name))
    }

    pub(super) fn with(mut self, key: &str, value: TokenStream) -> Object {
        self.add(key, value);
        self
    }

    pub(super) fn add(&mut self, key: &str, value: TokenStream) {
        self.members.push(quote!(::plugbay_sdk::constant::Member::Is(#key, #value)));
    }

    /// Adds all members of another object.
    pub(super) fn all(mut self, object: TokenStream) -> Object {
        self.members.push(quote!(::plugbay_sdk::constant::Member::All(#object)));
        self
    }

    pub(super) fn build(self) -> TokenStream {
        let members = self.members;
        quote!(::plugbay_sdk::constant::Json::Object(&[#(#members),*]))
    }
}
