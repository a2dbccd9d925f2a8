//! Types that contain themselves.

use proc_macro2::TokenStream;
use quote::quote;
use syn::visit_mut::{self, VisitMut};
use syn::{Attribute, DeriveInput, Ident, Type, parse_quote};

/// A type that contains itself, by its name.
pub(super) struct Recursion {
    name: Ident,
}

/// Replaces the type's own name in its fields by the placeholder. `None` if no field contains it.
pub(super) fn replace(input: &mut DeriveInput) -> Option<Recursion> {
    let name = input.ident.clone();
    let mut replacer = Replacer { name: &name, found: false };
    match &mut input.data {
        syn::Data::Struct(data) => replacer.fields(&mut data.fields),
        syn::Data::Enum(data) => data.variants.iter_mut().for_each(|variant| replacer.fields(&mut variant.fields)),
        syn::Data::Union(_) => {}
    }
    replacer.found.then_some(Recursion { name })
}

impl Recursion {
    /// The placeholder type.
    pub(super) fn item(&self) -> TokenStream {
        let name = self.anchor();
        quote! {
            struct Again;

            impl ::plugbay_sdk::Schema for Again {
                const ACCEPTS: ::plugbay_sdk::schema::Shape = ::plugbay_sdk::schema::Shape {
                    schema: ::plugbay_sdk::constant::Json::Again(#name),
                    ..::plugbay_sdk::schema::Shape::ANY
                };
            }
        }
    }

    /// Makes a schema the target of the placeholders in it.
    pub(super) fn wrap(&self, schema: &TokenStream) -> TokenStream {
        let name = self.anchor();
        quote!(::plugbay_sdk::constant::Json::Recursive(#name, &#schema))
    }

    /// A name that is unique among the enclosing types.
    fn anchor(&self) -> TokenStream {
        let name = self.name.to_string();
        quote!(::core::concat!(::core::module_path!(), "::", #name))
    }
}

struct Replacer<'a> {
    name: &'a Ident,
    found: bool,
}

impl Replacer<'_> {
    fn fields(&mut self, fields: &mut syn::Fields) {
        for field in fields {
            // A field with `any` needs no placeholder.
            if !field.attrs.iter().any(says_any) {
                self.visit_type_mut(&mut field.ty);
            }
        }
    }
}

fn says_any(attribute: &Attribute) -> bool {
    let mut any = false;
    if attribute.path().is_ident("schema") {
        // Errors are reported when the attribute is parsed for the schema.
        let _ = attribute.parse_nested_meta(|meta| {
            any |= meta.path.is_ident("any");
            if meta.input.peek(syn::Token![=]) {
                meta.value()?.parse::<syn::Expr>()?;
            }
            Ok(())
        });
    }
    any
}

impl VisitMut for Replacer<'_> {
    fn visit_type_mut(&mut self, ty: &mut Type) {
        if let Type::Path(path) = ty
            && path.qself.is_none()
            && path.path.segments.len() == 1
            && path.path.segments.iter().all(|it| it.ident == *self.name || it.ident == "Self")
        {
            *ty = parse_quote!(Again);
            self.found = true;
            return;
        }
        visit_mut::visit_type_mut(self, ty);
    }
}
