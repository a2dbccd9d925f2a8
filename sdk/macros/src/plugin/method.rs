//! The signature of a marked method: its check against the mark, and the expression that calls it.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Attribute, FnArg, Ident, ImplItemFn, ReceiverKind, ReturnType, Type};

use super::marks::Mark;

/// A marked method.
pub(super) struct Method {
    pub(super) ident: Ident,
    pub(super) mark: Mark,
    /// The doc comment.
    pub(super) description: Option<String>,
    /// `#[cfg(…)]`, which applies to the declaration too.
    pub(super) conditions: Vec<Attribute>,
    has_receiver: bool,
    pub(super) parameters: Vec<Parameter>,
    /// The returned type, if that is not `()`.
    pub(super) answer: Option<Type>,
}

/// A parameter after the receiver.
pub(super) enum Parameter {
    /// The payload.
    Payload(Box<Type>),
    /// A parameter of the route's path, by its name.
    Named(String, Box<Type>),
    /// A part of the request that its type names: `Path<T>`, `Query<T>`, `Headers`, `Bytes`, `Previous<T>`.
    Part(Box<Type>),
    /// The body of the request as text.
    TextBody,
    /// `&Invocation`, `&Event` or `&Reload`.
    Context,
}

impl Method {
    pub(super) fn new(function: &ImplItemFn, mark: Mark) -> syn::Result<Method> {
        let signature = &function.sig;
        if let Some(token) = &signature.asyncness {
            let message = "calls to the host block only this plugin: remove `async`";
            return Err(syn::Error::new_spanned(token, message));
        }
        if let Some(parameter) =
            signature.generics.params.iter().find(|it| !matches!(it, syn::GenericParam::Lifetime(_)))
        {
            return Err(syn::Error::new_spanned(
                parameter,
                "the method cannot be generic, because the host calls it with JSON",
            ));
        }
        if let Some(token) = &signature.variadic {
            return Err(syn::Error::new_spanned(token, "the host cannot call a variadic method"));
        }
        let answer = match &signature.output {
            ReturnType::Default => None,
            ReturnType::Type(_, ty) => Some((**ty).clone()),
        };
        let conditions = function.attrs.iter().filter(|it| it.path().is_ident("cfg")).cloned().collect();
        let mut method = Method {
            ident: signature.ident.clone(),
            mark,
            description: crate::docs::text(&function.attrs),
            conditions,
            has_receiver: false,
            parameters: Vec::new(),
            answer,
        };
        for input in &signature.inputs {
            method.parameter(input)?;
        }
        Ok(method)
    }

    fn parameter(&mut self, input: &FnArg) -> syn::Result<()> {
        let typed = match input {
            FnArg::Receiver(receiver) => {
                let by_reference = match &receiver.kind {
                    ReceiverKind::Reference(..) => true,
                    ReceiverKind::Typed(_, ty) => matches!(&**ty, Type::Reference(_)),
                    _ => false,
                };
                if !by_reference {
                    let message = "the state outlives the call: take `&mut self` or `&self`";
                    return Err(syn::Error::new_spanned(receiver, message));
                }
                self.has_receiver = true;
                return Ok(());
            }
            FnArg::Typed(typed) => typed,
        };
        let mark = self.mark.name();
        let (takes_payload, context) = match &self.mark {
            Mark::Action(_) => (true, Some("Invocation")),
            Mark::OnEvent(_) | Mark::OnOtherEvents => (true, Some("Event")),
            Mark::OnReload => (true, Some("Reload")),
            _ => (false, None),
        };
        if let Some(context) = context
            && refers_to(&typed.ty, context)
        {
            if self.parameters.iter().any(|it| matches!(it, Parameter::Context)) {
                return Err(syn::Error::new_spanned(typed, format!("there is already a parameter `&{context}`")));
            }
            self.parameters.push(Parameter::Context);
            return Ok(());
        }
        if let Some(context) = context
            && names(&typed.ty, context)
        {
            return Err(syn::Error::new_spanned(&typed.ty, format!("take it by reference: `&{context}`")));
        }
        if let Some(parameter) = self.part_of_request(typed)? {
            self.parameters.push(parameter);
            return Ok(());
        }
        if !takes_payload {
            return Err(syn::Error::new_spanned(typed, format!("a method with `#[{mark}]` takes only `&mut self`")));
        }
        if self.payload().is_some() || self.parameters.iter().any(|it| matches!(it, Parameter::TextBody)) {
            let message = match &self.mark {
                Mark::OnReload => "a method with `#[on_reload]` takes one state: combine the two in a struct",
                _ => "an action takes one payload: combine the two in a struct with `#[derive(Deserialize, Schema)]`",
            };
            return Err(syn::Error::new_spanned(typed, message));
        }
        if contains_impl(&typed.ty) {
            return Err(syn::Error::new_spanned(
                &typed.ty,
                "`impl Trait` cannot be deserialized from JSON: name a type",
            ));
        }
        if refers_to(&typed.ty, "str") {
            let message = "take a `String`: text that JSON writes with an escape cannot be borrowed";
            return Err(syn::Error::new_spanned(&typed.ty, message));
        }
        self.parameters.push(Parameter::Payload(typed.ty.clone()));
        Ok(())
    }

    /// Recognises a parameter that is a part of the request.
    fn part_of_request(&self, typed: &syn::PatType) -> syn::Result<Option<Parameter>> {
        let Mark::Action(action) = &self.mark else { return Ok(None) };
        if let syn::Pat::Ident(pattern) = &*typed.pat {
            let name = pattern.ident.to_string();
            let name = name.trim_start_matches("r#");
            let with_it = action.routes.iter().filter(|route| route.parameters().iter().any(|it| it == name)).count();
            if with_it > 0 && with_it < action.routes.len() {
                let message = format!("`{name}` is a parameter of some of the method's routes, not of all");
                return Err(syn::Error::new_spanned(typed, message));
            }
            if with_it > 0 {
                return Ok(Some(Parameter::Named(name.to_owned(), typed.ty.clone())));
            }
        }
        let Some(segment) = last_segment(&typed.ty) else { return Ok(None) };
        let is_plain = segment.arguments.is_none();
        match segment.ident.to_string().as_str() {
            "Path" | "Query" | "Previous" if !is_plain => Ok(Some(Parameter::Part(typed.ty.clone()))),
            "Headers" | "Bytes" if is_plain => Ok(Some(Parameter::Part(typed.ty.clone()))),
            "String" if is_plain && !action.routes.is_empty() => {
                if self.payload().is_some() || self.parameters.iter().any(|it| matches!(it, Parameter::TextBody)) {
                    return Err(syn::Error::new_spanned(typed, "the method takes the body already"));
                }
                Ok(Some(Parameter::TextBody))
            }
            _ => Ok(None),
        }
    }

    /// The type of the payload.
    pub(super) fn payload(&self) -> Option<&Type> {
        self.parameters.iter().find_map(|parameter| match parameter {
            Parameter::Payload(ty) => Some(&**ty),
            _ => None,
        })
    }

    /// The call, with `state`, `payload` and the given context in scope, and `text`, the payload of an action.
    pub(super) fn call(&self, context: &TokenStream) -> TokenStream {
        let ident = &self.ident;
        let receiver = self.has_receiver.then(|| quote!(state,));
        let arguments = self.parameters.iter().map(|parameter| match parameter {
            Parameter::Payload(_) => quote!(payload),
            Parameter::Context => context.clone(),
            Parameter::Named(name, ty) => {
                quote_spanned!(ty.span()=> ::plugbay_sdk::__private::path_parameter::<#ty>(#name, text)?)
            }
            Parameter::Part(ty) => {
                quote_spanned!(ty.span()=> <#ty as ::plugbay_sdk::__private::FromRequest>::from_request(text)?)
            }
            Parameter::TextBody => quote!(::plugbay_sdk::__private::text_body(text)?),
        });
        quote!(Self::#ident(#receiver #(#arguments),*))
    }

    /// The returned type, if it can be named outside the method's signature.
    pub(super) fn nameable_answer(&self) -> Option<&Type> {
        self.answer.as_ref().filter(|ty| !contains_impl(ty))
    }

    /// The span for errors about the returned type.
    pub(super) fn answer_span(&self) -> proc_macro2::Span {
        self.answer.as_ref().map_or_else(|| self.ident.span(), Spanned::span)
    }
}

/// Whether a type is a reference to the named type.
fn refers_to(ty: &Type, name: &str) -> bool {
    match ty {
        Type::Reference(reference) => names(&reference.elem, name),
        _ => false,
    }
}

/// Whether a type's last segment is the name.
fn names(ty: &Type, name: &str) -> bool {
    last_segment(ty).is_some_and(|segment| segment.ident == name)
}

/// The last segment of a type that is a path.
pub(super) fn last_segment(ty: &Type) -> Option<&syn::PathSegment> {
    match ty {
        Type::Path(path) => path.path.segments.last(),
        _ => None,
    }
}

/// Whether `impl Trait` occurs in a type, which then cannot be named.
fn contains_impl(ty: &Type) -> bool {
    struct Finder(bool);
    impl syn::visit_mut::VisitMut for Finder {
        fn visit_type_impl_trait_mut(&mut self, _: &mut syn::TypeImplTrait) {
            self.0 = true;
        }
    }
    let mut finder = Finder(false);
    syn::visit_mut::VisitMut::visit_type_mut(&mut finder, &mut ty.clone());
    finder.0
}
