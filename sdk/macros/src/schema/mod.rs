//! `#[derive(Schema)]`.
//!
//! Serde's attributes are read by serde's own parser (`serde_derive_internals`), so that this crate and serde cannot
//! disagree about a name. The derive generates one constant for each direction: the schema that deserialization
//! accepts, and the schema that serialization produces.
//!
//! A type that contains itself has no finite constant. The derive finds its own name in a field's type, puts a
//! placeholder there and generates a `$ref` to the schema. It cannot see that two types contain each other. The
//! compiler then reports a cycle, which `#[schema(any)]` on one of the fields breaks.

mod attributes;
mod fields;
mod json;
mod recursion;
mod variants;

use proc_macro2::{Span, TokenStream};
use quote::quote;
use serde_derive_internals::ast::{Container, Data, Style};
use serde_derive_internals::{Ctxt, Derive};
use syn::{DeriveInput, Ident, parse_quote};

use attributes::Attributes;
use json::Object;

/// The direction of a schema, one for each of a type's two shapes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Direction {
    Accepts,
    Makes,
}

impl Direction {
    /// The name of the constant.
    fn constant(self) -> TokenStream {
        match self {
            Direction::Accepts => quote!(ACCEPTS),
            Direction::Makes => quote!(MAKES),
        }
    }
}

/// The expressions that make up a `Shape`.
pub(crate) struct Shape {
    schema: TokenStream,
    flat: TokenStream,
    rest: TokenStream,
    key: TokenStream,
}

impl Shape {
    fn of(schema: TokenStream) -> Shape {
        Shape { schema, flat: json::nothing(), rest: json::nothing(), key: json::nothing() }
    }

    /// The shape of another type.
    fn same_as(direction: Direction, ty: &syn::Type) -> Shape {
        let other = attributes::of_type(&direction.constant(), ty);
        Shape {
            schema: quote!(#other.schema),
            flat: quote!(#other.flat),
            rest: quote!(#other.rest),
            key: quote!(#other.key),
        }
    }
}

/// Generates the implementation. After a mistake, it generates the error and an implementation that accepts anything,
/// so that uses of the type do not cause further errors.
pub(crate) fn derive(input: &DeriveInput) -> TokenStream {
    implementation(input).unwrap_or_else(|error| {
        let error = error.into_compile_error();
        let ident = &input.ident;
        let (impl_generics, type_generics, where_clause) = input.generics.split_for_impl();
        quote! {
            #error

            #[automatically_derived]
            impl #impl_generics ::plugbay_sdk::Schema for #ident #type_generics #where_clause {
                const ACCEPTS: ::plugbay_sdk::schema::Shape = ::plugbay_sdk::schema::Shape::ANY;
            }
        }
    })
}

fn implementation(input: &DeriveInput) -> syn::Result<TokenStream> {
    if let syn::Data::Union(union) = &input.data {
        return Err(syn::Error::new_spanned(union.union_token, "`Schema` can be derived for structs and enums only"));
    }
    check_attributes(&input.data)?;
    let mut input = input.clone();
    let recursive = recursion::replace(&mut input);
    let context = Ctxt::new();
    let private = Ident::new("__private", Span::call_site());
    let container = Container::from_ast(&context, &input, Derive::Deserialize, &private);
    context.check()?;
    let Some(container) = container else {
        return Err(syn::Error::new_spanned(&input, "`Schema` can be derived for structs and enums only"));
    };
    if let Some(remote) = container.attrs.remote() {
        return Err(syn::Error::new_spanned(
            remote,
            "a remote definition is not a type of its own and cannot have a schema",
        ));
    }

    let own = Attributes::parse(&input.attrs)?;
    let accepts = shape(&container, &own, Direction::Accepts, recursive.as_ref())?;
    let makes = shape(&container, &own, Direction::Makes, recursive.as_ref())?;
    let optional = optional(&container);
    let placeholder = recursive.as_ref().map(recursion::Recursion::item);

    let ident = &input.ident;
    let mut generics = input.generics.clone();
    for parameter in generics.type_params_mut() {
        parameter.bounds.push(parse_quote!(::plugbay_sdk::Schema));
        parameter.default = None;
    }
    let (impl_generics, _, where_clause) = generics.split_for_impl();
    let (_, type_generics, _) = input.generics.split_for_impl();
    Ok(quote! {
        const _: () = {
            #placeholder

            #[automatically_derived]
            impl #impl_generics ::plugbay_sdk::Schema for #ident #type_generics #where_clause {
                const ACCEPTS: ::plugbay_sdk::schema::Shape = #accepts;
                const MAKES: ::plugbay_sdk::schema::Shape = #makes;
                const OPTIONAL: bool = #optional;
            }
        };
    })
}

/// Reports all mistakes in the attributes of fields at once.
fn check_attributes(data: &syn::Data) -> syn::Result<()> {
    let fields: Vec<&syn::Field> = match data {
        syn::Data::Struct(data) => data.fields.iter().collect(),
        syn::Data::Enum(data) => data.variants.iter().flat_map(|variant| &variant.fields).collect(),
        syn::Data::Union(_) => Vec::new(),
    };
    let errors = fields.into_iter().filter_map(|field| Attributes::parse(&field.attrs).err());
    let all = errors.reduce(|mut all, error| {
        all.combine(error);
        all
    });
    all.map_or(Ok(()), Err)
}

fn shape(
    container: &Container<'_>,
    own: &Attributes,
    direction: Direction,
    recursive: Option<&recursion::Recursion>,
) -> syn::Result<TokenStream> {
    let mut shape = bare_shape(container, own, direction)?;
    let description = crate::docs::text(&container.original.attrs);
    let variants = match &container.data {
        Data::Enum(variants) => variants::descriptions(variants, direction),
        Data::Struct(..) => String::new(),
    };
    let description = [description.unwrap_or_default(), variants].join("\n\n");
    let description = description.trim();
    if !description.is_empty() || own.has_keywords() {
        let mut object = own.added_to(&shape.schema);
        if !description.is_empty() {
            object.add("description", json::text(description));
        }
        shape.schema = object.build();
    }
    if let Some(recursive) = recursive {
        shape.schema = recursive.wrap(&shape.schema);
        shape.flat = recursive.wrap(&shape.flat);
        // Used without the schema, their placeholders would refer to nothing.
        shape.rest = json::nothing();
        shape.key = json::nothing();
    }
    let Shape { schema, flat, rest, key } = shape;
    Ok(quote!(::plugbay_sdk::schema::Shape { schema: #schema, flat: #flat, rest: #rest, key: #key }))
}

fn bare_shape(container: &Container<'_>, own: &Attributes, direction: Direction) -> syn::Result<Shape> {
    let conversion = match direction {
        Direction::Accepts => container.attrs.type_from().or(container.attrs.type_try_from()),
        Direction::Makes => container.attrs.type_into(),
    };
    if own.any {
        return Ok(Shape::of(Object::new().build()));
    }
    if let Some(other) = own.like.as_ref().or(conversion) {
        return Ok(Shape::same_as(direction, other));
    }
    match &container.data {
        Data::Enum(variants) => variants::shape(container, variants, direction),
        Data::Struct(_, fields) if container.attrs.transparent() => {
            match fields.iter().find(|field| field.attrs.transparent()) {
                Some(field) => fields::transparent(field, direction),
                None => Ok(Shape::of(Object::new().build())),
            }
        }
        Data::Struct(Style::Struct, fields) => {
            let mut members = fields::Members::new(direction, fields, fields::Surroundings::of(container))?;
            if direction == Direction::Makes
                && let serde_derive_internals::attr::TagType::Internal { tag } = container.attrs.tag()
            {
                members.tag(tag, &[container.attrs.name().serialize_name().value.as_str()]);
            }
            Ok(members.into_shape())
        }
        Data::Struct(Style::Newtype, fields) => fields::transparent(&fields[0], direction),
        Data::Struct(Style::Tuple, fields) => {
            let default = !container.attrs.default().is_none();
            Ok(Shape::of(fields::tuple(direction, fields, default)?))
        }
        Data::Struct(Style::Unit, _) => Ok(Shape::of(Object::of_type("null").build())),
    }
}

/// Whether a field of this type may be missing. As in serde, that depends on the type, and only a transparent type
/// takes it from its field.
fn optional(container: &Container<'_>) -> TokenStream {
    if let Data::Struct(_, fields) = &container.data
        && container.attrs.transparent()
        && let Some(field) = fields.iter().find(|field| field.attrs.transparent())
    {
        let ty = field.ty;
        return quote!(<#ty as ::plugbay_sdk::Schema>::OPTIONAL);
    }
    quote!(false)
}

#[cfg(test)]
mod tests {
    use syn::parse_quote;

    fn check(input: syn::DeriveInput, expected: &str) {
        let error = super::implementation(&input).expect_err("a mistake").to_string();
        assert!(error.contains(expected), "{error}");
    }

    #[test]
    fn unknown_schema_attribute_names_the_known_ones() {
        check(
            parse_quote!(
                struct A {
                    #[schema(mn = 1)]
                    a: u8,
                }
            ),
            "unknown schema attribute `mn`; known are any, like",
        );
    }

    #[test]
    fn keyword_with_a_wrong_value_is_refused() {
        check(
            parse_quote!(
                struct A {
                    #[schema(min = "1")]
                    a: u8,
                }
            ),
            "expected a number",
        );
        check(
            parse_quote!(
                struct A {
                    #[schema(min = ONE)]
                    a: u8,
                }
            ),
            "expected a number literal",
        );
        check(
            parse_quote!(
                struct A {
                    #[schema(min_length = -1)]
                    a: u8,
                }
            ),
            "expected a size",
        );
        check(
            parse_quote!(
                struct A {
                    #[schema(min = 1, min = 2)]
                    a: u8,
                }
            ),
            "`min` is given twice",
        );
        check(
            parse_quote!(
                #[schema(min = 2, max = 1)]
                struct A(u8);
            ),
            "no value can match, because minimum is above maximum",
        );
    }

    #[test]
    fn type_that_serde_refuses_is_refused() {
        check(parse_quote!(union A { a: u8 }), "`Schema` can be derived for structs and enums only");
        check(
            parse_quote!(
                struct A {
                    #[serde(renam = "b")]
                    a: u8,
                }
            ),
            "unknown serde field attribute `renam`",
        );
        check(
            parse_quote!(
                #[serde(remote = "B")]
                struct A {
                    a: u8,
                }
            ),
            "a remote definition is not a type of its own",
        );
    }
}
