//! The schemas of structs and tuples, and of the variants with such contents.

use proc_macro2::TokenStream;
use quote::quote;
use serde_derive_internals::ast::{Container, Field};

use super::attributes::{Attributes, of_type};
use super::json::{self, Object};
use super::{Direction, Shape};

/// The settings that fields inherit from their container.
#[derive(Clone, Copy)]
pub(super) struct Surroundings {
    /// Unknown members are refused.
    pub(super) deny_unknown: bool,
    /// Each field has a default.
    pub(super) default: bool,
}

impl Surroundings {
    pub(super) fn of(container: &Container<'_>) -> Surroundings {
        Surroundings {
            deny_unknown: container.attrs.deny_unknown_fields(),
            default: !container.attrs.default().is_none(),
        }
    }
}

/// The members of an object for named fields.
pub(super) struct Members {
    properties: Object,
    required: Vec<TokenStream>,
    /// Further constraints: one of several names, and the constraints of flattened fields.
    all_of: Vec<TokenStream>,
    /// The shapes of the flattened fields.
    flattened: Vec<TokenStream>,
    deny_unknown: bool,
}

impl Members {
    pub(super) fn new(direction: Direction, fields: &[Field<'_>], surroundings: Surroundings) -> syn::Result<Members> {
        let mut members = Members {
            properties: Object::new(),
            required: Vec::new(),
            all_of: Vec::new(),
            flattened: Vec::new(),
            deny_unknown: surroundings.deny_unknown && direction == Direction::Accepts,
        };
        for field in fields.iter().filter(|field| takes_part(field, direction)) {
            members.field(direction, field, surroundings.default)?;
        }
        Ok(members)
    }

    fn field(&mut self, direction: Direction, field: &Field<'_>, all_default: bool) -> syn::Result<()> {
        let attributes = Attributes::parse(&field.original.attrs)?;
        let ty = attributes.stand_in(field.ty, calls_a_function(field, direction));
        if field.attrs.flatten() {
            if let Some(ty) = ty {
                let shape = of_type(&direction.constant(), ty);
                self.all_of.push(quote!(#shape.flat));
                self.flattened.push(shape);
            } else {
                // A flattened field without a schema may take any member, so none can be refused.
                self.deny_unknown = false;
            }
            return Ok(());
        }
        let schema = schema(direction, field, &attributes);
        let names = names(direction, field);
        for name in &names {
            self.properties.add(name, schema.clone());
        }
        let may_be_missing = match direction {
            Direction::Accepts => {
                let optional = match ty {
                    Some(ty) if field.attrs.deserialize_with().is_none() => {
                        quote!(<#ty as ::plugbay_sdk::Schema>::OPTIONAL)
                    }
                    // Without a schema, it is not known whether serde accepts a missing member.
                    _ if attributes.any && field.attrs.deserialize_with().is_none() => quote!(true),
                    _ => quote!(false),
                };
                if all_default || !field.attrs.default().is_none() { quote!(true) } else { optional }
            }
            Direction::Makes => {
                let skipped = field.attrs.skip_serializing_if().is_some();
                quote!(#skipped)
            }
        };
        match names.as_slice() {
            [name] => {
                let name = json::text(name);
                self.required.push(either(&may_be_missing, &json::nothing(), &name));
            }
            _ => {
                let one_of_them =
                    names.iter().map(|name| Object::new().with("required", json::texts([name.as_str()])).build());
                let one_of_them = Object::new().with("anyOf", json::list(one_of_them)).build();
                self.all_of.push(either(&may_be_missing, &json::nothing(), &one_of_them));
            }
        }
        Ok(())
    }

    /// Adds the member that distinguishes variants.
    pub(super) fn tag(&mut self, tag: &str, names: &[&str]) {
        self.properties.add(tag, Object::new().with("enum", json::texts(names.iter().copied())).build());
        self.required.insert(0, json::text(tag));
    }

    pub(super) fn into_shape(self) -> Shape {
        let mut object = Object::of_type("object").with("properties", self.properties.build());
        object.add("required", json::non_empty(self.required));
        object.add("allOf", json::non_empty(self.all_of));
        let flat = object.clone().build();
        match self.flattened.as_slice() {
            [] if self.deny_unknown => object.add("additionalProperties", json::raw("false")),
            // With several, it is not known which of them takes a member.
            [only] => object.add("additionalProperties", quote!(#only.rest)),
            _ => {}
        }
        Shape { flat, ..Shape::of(object.build()) }
    }
}

/// The schema of a newtype or a transparent type, which is that of its field.
pub(super) fn transparent(field: &Field<'_>, direction: Direction) -> syn::Result<Shape> {
    let attributes = Attributes::parse(&field.original.attrs)?;
    let schema = schema(direction, field, &attributes);
    Ok(match attributes.stand_in(field.ty, calls_a_function(field, direction)) {
        Some(ty) => Shape { schema, ..Shape::same_as(direction, ty) },
        None => Shape::of(schema),
    })
}

/// The schema of a tuple: elements in order, of which those at the end with a default may be missing.
pub(super) fn tuple(direction: Direction, fields: &[Field<'_>], all_default: bool) -> syn::Result<TokenStream> {
    let mut elements = Vec::new();
    let mut needed = 0;
    for field in fields.iter().filter(|field| takes_part(field, direction)) {
        let attributes = Attributes::parse(&field.original.attrs)?;
        elements.push(schema(direction, field, &attributes));
        let has_default = all_default || !field.attrs.default().is_none();
        if direction == Direction::Makes || !has_default {
            needed = elements.len();
        }
    }
    let count = elements.len();
    let mut array = Object::of_type("array");
    if count > 0 {
        // An empty `prefixItems` is not allowed.
        array.add("prefixItems", json::list(elements));
    }
    Ok(array.with("minItems", json::integer(needed)).with("maxItems", json::integer(count)).build())
}

/// The schema of one field.
pub(super) fn schema(direction: Direction, field: &Field<'_>, attributes: &Attributes) -> TokenStream {
    let bare = match attributes.stand_in(field.ty, calls_a_function(field, direction)) {
        Some(ty) => {
            let shape = of_type(&direction.constant(), ty);
            quote!(#shape.schema)
        }
        None => Object::new().build(),
    };
    let description = crate::docs::text(&field.original.attrs);
    if description.is_none() && !attributes.has_keywords() {
        return bare;
    }
    let mut object = attributes.added_to(&bare);
    if let Some(description) = description {
        object.add("description", json::text(&description));
    }
    object.build()
}

/// The names under which a field is deserialized, or the one under which it is serialized.
fn names(direction: Direction, field: &Field<'_>) -> Vec<String> {
    match direction {
        Direction::Accepts => {
            let own = &field.attrs.name().deserialize_name().value;
            let aliases = field.attrs.aliases().iter().map(|alias| &alias.value).filter(|alias| *alias != own);
            [own].into_iter().chain(aliases).cloned().collect()
        }
        Direction::Makes => vec![field.attrs.name().serialize_name().value.clone()],
    }
}

pub(super) fn takes_part(field: &Field<'_>, direction: Direction) -> bool {
    match direction {
        Direction::Accepts => !field.attrs.skip_deserializing(),
        Direction::Makes => !field.attrs.skip_serializing(),
    }
}

/// Whether serde calls a function of the author for this field, so that its form is not known.
fn calls_a_function(field: &Field<'_>, direction: Direction) -> bool {
    match direction {
        Direction::Accepts => field.attrs.deserialize_with().is_some(),
        Direction::Makes => field.attrs.serialize_with().is_some(),
    }
}

/// `if condition { yes } else { no }`, or one of the two if the condition is a literal.
fn either(condition: &TokenStream, yes: &TokenStream, no: &TokenStream) -> TokenStream {
    match condition.to_string().as_str() {
        "true" => yes.clone(),
        "false" => no.clone(),
        _ => quote!(if #condition { #yes } else { #no }),
    }
}
