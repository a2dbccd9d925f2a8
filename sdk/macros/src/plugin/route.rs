//! `#[get("/path", …)]` and its kin: the options of a route, and its declaration.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::parse::{Parse, ParseStream};
use syn::punctuated::Punctuated;
use syn::spanned::Spanned;
use syn::{Attribute, LitInt, LitStr, Token, Type, bracketed, parenthesized};

use super::marks::Mark;
use super::method::{Method, Parameter, last_segment};
use super::{Arguments, action_name};

/// `#[get("/items/{id}", after = ["check"], status = 201, …)]`.
pub(super) struct RouteMark {
    /// The HTTP method.
    pub(super) method: &'static str,
    /// The whole path, in its canonical spelling.
    pub(super) path: LitStr,
    pub(super) after: Vec<LitStr>,
    pub(super) status: Option<LitInt>,
    summary: Option<LitStr>,
    tags: Vec<LitStr>,
    consumes: Option<LitStr>,
    produces: Option<LitStr>,
    responses: Vec<(LitInt, LitStr)>,
}

/// The attributes of routes and their HTTP methods.
const METHODS: [(&str, &str); 5] =
    [("get", "GET"), ("post", "POST"), ("put", "PUT"), ("patch", "PATCH"), ("delete", "DELETE")];

/// Parses the attribute, if it is one of a route. `prefix` goes before its path.
pub(super) fn parse(attribute: &Attribute, prefix: &str) -> syn::Result<Option<RouteMark>> {
    let Some(name) = attribute.path().get_ident().map(Ident::to_string) else { return Ok(None) };
    let Some((_, method)) = METHODS.iter().find(|(known, _)| *known == name) else { return Ok(None) };
    let mut mark: RouteMark = match &attribute.meta {
        syn::Meta::List(list) => list.parse_args()?,
        _ => return Err(syn::Error::new_spanned(attribute, format!("a route has a path: `#[{name}(\"/path\")]`"))),
    };
    mark.method = method;
    mark.path = whole_path(prefix, &mark.path)?;
    Ok(Some(mark))
}

/// The canonical spelling of a path below the prefix.
fn whole_path(prefix: &str, path: &LitStr) -> syn::Result<LitStr> {
    let located = |message| syn::Error::new_spanned(path, message);
    let below = plugbay_manifest::normalise_path(&path.value()).map_err(located)?;
    let whole = format!("{}{below}", prefix.trim_end_matches('/'));
    let whole = plugbay_manifest::normalise_path(&whole).map_err(located)?;
    Ok(LitStr::new(&whole, path.span()))
}

impl Parse for RouteMark {
    fn parse(input: ParseStream<'_>) -> syn::Result<RouteMark> {
        let path: LitStr = input
            .parse()
            .map_err(|error| syn::Error::new(error.span(), "a route's path comes first: `#[get(\"/items/{id}\")]`"))?;
        let mut mark = RouteMark {
            method: "GET",
            path,
            after: Vec::new(),
            status: None,
            summary: None,
            tags: Vec::new(),
            consumes: None,
            produces: None,
            responses: Vec::new(),
        };
        while !input.is_empty() {
            input.parse::<Token![,]>()?;
            if input.is_empty() {
                break;
            }
            let option: Ident = input.parse()?;
            match option.to_string().as_str() {
                "after" => {
                    input.parse::<Token![=]>()?;
                    let list;
                    bracketed!(list in input);
                    mark.after = Punctuated::<LitStr, Token![,]>::parse_terminated(&list)?.into_iter().collect();
                }
                "status" => mark.status = Some(status(assigned(input)?, 200..400)?),
                "summary" => mark.summary = Some(assigned(input)?),
                "consumes" => mark.consumes = Some(assigned(input)?),
                "produces" => mark.produces = Some(assigned(input)?),
                "tags" => mark.tags = texts(input)?,
                "responses" => {
                    let list;
                    parenthesized!(list in input);
                    let response = |input: ParseStream<'_>| {
                        let code = status(input.parse()?, 200..600)?;
                        Ok((code, assigned(input)?))
                    };
                    mark.responses.extend(list.parse_terminated(response, Token![,])?);
                }
                _ => {
                    let message = "a route takes `after = [\"action\", …]`, `status = 201`, `responses(404 = \"…\")`, \
                                   `summary = \"…\"`, `tags(\"…\")`, `consumes = \"…\"` and `produces = \"…\"`";
                    return Err(syn::Error::new_spanned(option, message));
                }
            }
        }
        Ok(mark)
    }
}

fn assigned<T: Parse>(input: ParseStream<'_>) -> syn::Result<T> {
    input.parse::<Token![=]>()?;
    input.parse()
}

/// `("a", "b")`.
pub(super) fn texts(input: ParseStream<'_>) -> syn::Result<Vec<LitStr>> {
    let list;
    parenthesized!(list in input);
    Ok(list.parse_terminated(<LitStr as Parse>::parse, Token![,])?.into_iter().collect())
}

fn status(literal: LitInt, range: std::ops::Range<u16>) -> syn::Result<LitInt> {
    if literal.base10_parse::<u16>().is_ok_and(|status| range.contains(&status)) {
        return Ok(literal);
    }
    let message = format!("a status from {} to {}", range.start, range.end - 1);
    Err(syn::Error::new_spanned(literal, message))
}

impl RouteMark {
    /// The names of the path's parameters.
    pub(super) fn parameters(&self) -> Vec<String> {
        let path = self.path.value();
        let name = |segment: &str| Some(segment.strip_prefix('{')?.strip_suffix('}')?.to_owned());
        path.split('/').filter_map(name).collect()
    }
}

/// The elements of `.routes(&[…])` for a method.
pub(super) fn declarations(arguments: &Arguments, method: &Method) -> Vec<TokenStream> {
    let (Mark::Action(mark), Some(name)) = (&method.mark, action_name(method)) else { return Vec::new() };
    mark.routes.iter().map(|route| declaration(arguments, method, route, &name)).collect()
}

fn declaration(arguments: &Arguments, method: &Method, route: &RouteMark, name: &LitStr) -> TokenStream {
    let conditions = &method.conditions;
    let summary = route.summary.as_ref().map(|text| quote!(.summary(#text)));
    let description = method.description.as_ref().map(|text| quote!(.description(#text)));
    let tags: Vec<&LitStr> = arguments.tags.iter().chain(&route.tags).collect();
    let tags = (!tags.is_empty()).then(|| quote!(.tags(&[#(#tags),*])));
    let params = params(method, &route.parameters()).map(|schema| quote!(.params(#schema)));
    let query = method.parameters.iter().find_map(|parameter| match parameter {
        Parameter::Part(ty) => inside(ty, "Query"),
        _ => None,
    });
    let query = query.map(|ty| quote_spanned!(ty.span()=> .query(<#ty as ::plugbay_sdk::Schema>::ACCEPTS.schema)));
    let consumes = match &route.consumes {
        Some(media_type) => Some(media_type.clone()),
        None => method.parameters.iter().find_map(body_type),
    };
    let consumes = consumes.map(|media_type| quote!(.consumes(#media_type)));
    let responses = responses(method, route);
    let (path, after) = (&route.path, &route.after);
    let http_method = Ident::new(&capitalised(route.method), Span::call_site());
    quote! {
        #(#conditions)*
        ::plugbay_sdk::builder::Route::new(::plugbay_sdk::builder::Method::#http_method, #path, &[#(#after,)* #name])
        #summary
        #description
        #tags
        #params
        #query
        #consumes
        #responses
    }
}

fn capitalised(method: &str) -> String {
    let (first, rest) = method.split_at(1);
    format!("{first}{}", rest.to_ascii_lowercase())
}

/// The media type of the body, if it is not JSON.
fn body_type(parameter: &Parameter) -> Option<LitStr> {
    let media_type = match parameter {
        Parameter::TextBody => "text/plain",
        Parameter::Part(ty) if last_segment(ty).is_some_and(|segment| segment.ident == "Bytes") => {
            "application/octet-stream"
        }
        _ => return None,
    };
    Some(LitStr::new(media_type, Span::call_site()))
}

/// `.responses(&[…])`. The success is among them if it is not simply 200 with JSON.
fn responses(method: &Method, route: &RouteMark) -> Option<TokenStream> {
    let produces = route.produces.as_ref().map(LitStr::value);
    let produces = produces.or_else(|| Some(produced(method.answer.as_ref()?)?.to_owned()));
    let mut responses = Vec::new();
    if route.status.is_some() || produces.is_some() {
        let status = route.status.as_ref().map_or_else(|| quote!(200), |status| quote!(#status));
        let content_type = produces.map(|media_type| quote!(.content_type(#media_type)));
        responses.push(quote!(::plugbay_sdk::builder::Response::new(#status) #content_type));
    }
    for (status, description) in &route.responses {
        responses.push(quote!(::plugbay_sdk::builder::Response::new(#status).description(#description)));
    }
    (!responses.is_empty()).then(|| quote!(.responses(&[#(#responses),*])))
}

/// The media type of an answer, if it is one of the SDK's that are not JSON.
fn produced(ty: &Type) -> Option<&'static str> {
    if let Type::Tuple(tuple) = ty {
        return produced(tuple.elems.last()?);
    }
    let segment = last_segment(ty)?;
    match segment.ident.to_string().as_str() {
        "Result" => produced(argument(segment)?),
        "Text" => Some("text/plain; charset=utf-8"),
        "Html" => Some("text/html; charset=utf-8"),
        "Bytes" | "Attachment" => Some("application/octet-stream"),
        _ => None,
    }
}

/// The expression of the schema of the path's parameters, if the method takes any.
fn params(method: &Method, names: &[String]) -> Option<TokenStream> {
    let schema = |ty: &Type| quote_spanned!(ty.span()=> <#ty as ::plugbay_sdk::Schema>::ACCEPTS.schema);
    let mut members: Vec<(String, TokenStream)> = Vec::new();
    let mut whole = None;
    for parameter in &method.parameters {
        match parameter {
            Parameter::Named(name, ty) => members.push((name.clone(), schema(ty))),
            Parameter::Part(ty) => match inside(ty, "Path") {
                Some(Type::Tuple(tuple)) => members.extend(names.iter().cloned().zip(tuple.elems.iter().map(schema))),
                Some(ty) => whole = Some(schema(ty)),
                None => {}
            },
            _ => {}
        }
    }
    match (whole, names) {
        (Some(whole), [name]) => {
            let one = object(&[(name.clone(), whole.clone())]);
            Some(quote!(::plugbay_sdk::__private::path_schema(#whole, #one)))
        }
        (Some(whole), _) => Some(whole),
        (None, _) if members.is_empty() => None,
        (None, _) => Some(object(&members)),
    }
}

/// The expression of the schema of an object with these members.
fn object(members: &[(String, TokenStream)]) -> TokenStream {
    let names: Vec<&str> = members.iter().map(|(name, _)| name.as_str()).collect();
    let schemas = members.iter().map(|(_, schema)| schema);
    quote! {
        ::plugbay_sdk::constant::Json::Object(&[
            ::plugbay_sdk::constant::Member::Is("type", ::plugbay_sdk::constant::Json::Text("object")),
            ::plugbay_sdk::constant::Member::Is("properties", ::plugbay_sdk::constant::Json::Object(&[
                #(::plugbay_sdk::constant::Member::Is(#names, #schemas)),*
            ])),
            ::plugbay_sdk::constant::Member::Is("required", ::plugbay_sdk::constant::Json::List(&[
                #(::plugbay_sdk::constant::Json::Text(#names)),*
            ])),
        ])
    }
}

/// The `T` of `Name<T>`.
fn inside<'t>(ty: &'t Type, name: &str) -> Option<&'t Type> {
    let segment = last_segment(ty).filter(|segment| segment.ident == name)?;
    argument(segment)
}

/// The first type argument of a segment.
fn argument(segment: &syn::PathSegment) -> Option<&Type> {
    let syn::PathArguments::AngleBracketed(arguments) = &segment.arguments else { return None };
    arguments.args.iter().find_map(|argument| match argument {
        syn::GenericArgument::Type(ty) => Some(ty),
        _ => None,
    })
}
