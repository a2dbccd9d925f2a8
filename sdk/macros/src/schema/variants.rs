//! The schemas of enums, in each of serde's four representations.

use proc_macro2::TokenStream;
use serde_derive_internals::ast::{Container, Style, Variant};
use serde_derive_internals::attr::TagType;

use super::fields::{self, Members, Surroundings};
use super::json::{self, Object};
use super::{Direction, Shape};

pub(super) fn shape(container: &Container<'_>, variants: &[Variant<'_>], direction: Direction) -> syn::Result<Shape> {
    let surroundings = Surroundings { default: false, ..Surroundings::of(container) };
    let variants: Vec<_> = variants.iter().filter(|variant| takes_part(variant, direction)).collect();
    let (untagged, tagged): (Vec<_>, Vec<_>) = variants.into_iter().partition(|variant| variant.attrs.untagged());
    let writer = Writer { direction, surroundings };
    let mut shape = match container.attrs.tag() {
        TagType::External => writer.external(&tagged)?,
        TagType::Internal { tag } => writer.internal(&tagged, tag)?,
        TagType::Adjacent { tag, content } => writer.adjacent(&tagged, tag, content)?,
        TagType::None => Shape::of(any_of(writer.contents(&tagged)?)),
    };
    if !untagged.is_empty() {
        let mut choices = writer.contents(&untagged)?;
        if !tagged.is_empty() {
            choices.insert(0, shape.schema);
        }
        shape = Shape::of(any_of(choices));
    }
    Ok(shape)
}

/// The description of an enum: a line for each variant that has a doc comment.
pub(super) fn descriptions(variants: &[Variant<'_>], direction: Direction) -> String {
    let described = variants.iter().filter(|variant| takes_part(variant, direction)).filter_map(|variant| {
        let text = crate::docs::text(&variant.original.attrs)?;
        let name = match direction {
            Direction::Accepts => variant.attrs.name().deserialize_name(),
            Direction::Makes => variant.attrs.name().serialize_name(),
        };
        Some(format!("- `{name}`: {}", text.replace('\n', " ")))
    });
    described.collect::<Vec<_>>().join("\n")
}

struct Writer {
    direction: Direction,
    surroundings: Surroundings,
}

impl Writer {
    /// `"Unit"` or `{"Variant": content}`.
    fn external(&self, variants: &[&Variant<'_>]) -> syn::Result<Shape> {
        let mut units = Vec::new();
        let mut choices = Vec::new();
        let mut catches_all = false;
        for variant in variants {
            let names = self.names(variant);
            if is_unit(variant) {
                units.extend(names);
                catches_all |= variant.attrs.other() && self.direction == Direction::Accepts;
                continue;
            }
            let content = self.content(variant)?;
            let mut properties = Object::new();
            for name in &names {
                properties.add(name, content.clone());
            }
            let mut object = Object::of_type("object")
                .with("properties", properties.build())
                .with("additionalProperties", json::raw("false"));
            match names.as_slice() {
                [name] => object.add("required", json::texts([name.as_str()])),
                _ => object = object.with("minProperties", json::integer(1)).with("maxProperties", json::integer(1)),
            }
            choices.push(object.build());
        }
        let no_content = choices.is_empty();
        let mut key = json::nothing();
        if catches_all || !units.is_empty() {
            let mut text = Object::of_type("string");
            if !catches_all {
                text.add("enum", json::texts(units.iter().map(String::as_str)));
            }
            let text = text.build();
            if no_content {
                key = text.clone();
            }
            choices.insert(0, text);
        }
        Ok(Shape { key, ..Shape::of(any_of(choices)) })
    }

    /// `{"tag": "Variant", …content}`.
    fn internal(&self, variants: &[&Variant<'_>], tag: &str) -> syn::Result<Shape> {
        let mut choices = Vec::new();
        let mut flat = Vec::new();
        for variant in variants {
            let names = self.names(variant);
            let names: Vec<_> = names.iter().map(String::as_str).collect();
            let mut tagged = Object::of_type("object");
            match variant.style {
                _ if variant.attrs.other() && self.direction == Direction::Accepts => {
                    tagged = self.other(tagged, variants, tag);
                }
                Style::Struct if !self.calls_a_function(variant) => {
                    let mut members = Members::new(self.direction, &variant.fields, self.surroundings)?;
                    members.tag(tag, &names);
                    let shape = members.into_shape();
                    choices.push(shape.schema);
                    flat.push(shape.flat);
                    continue;
                }
                _ => {
                    let name = Object::new().with("enum", json::texts(names)).build();
                    tagged = tagged
                        .with("properties", Object::new().with(tag, name).build())
                        .with("required", json::texts([tag]));
                    if let (Style::Newtype, false) = (variant.style, self.calls_a_function(variant)) {
                        let content = fields::transparent(&variant.fields[0], self.direction)?.flat;
                        tagged.add("allOf", json::non_empty([content]));
                    }
                }
            }
            let tagged = tagged.build();
            flat.push(tagged.clone());
            choices.push(tagged);
        }
        Ok(Shape { flat: any_of(flat), ..Shape::of(any_of(choices)) })
    }

    /// `{"tag": "Variant", "content": content}`.
    fn adjacent(&self, variants: &[&Variant<'_>], tag: &str, content: &str) -> syn::Result<Shape> {
        let mut choices = Vec::new();
        for variant in variants {
            let mut object = Object::of_type("object");
            if variant.attrs.other() && self.direction == Direction::Accepts {
                choices.push(self.other(object, variants, tag).build());
                continue;
            }
            let names = self.names(variant);
            let name = Object::new().with("enum", json::texts(names.iter().map(String::as_str))).build();
            let mut properties = Object::new().with(tag, name);
            let mut required = vec![json::text(tag)];
            properties.add(content, self.content(variant)?);
            if !is_unit(variant) {
                required.push(self.required_content(variant, content));
            }
            object.add("properties", properties.build());
            object.add("required", json::list(required));
            if self.surroundings.deny_unknown && self.direction == Direction::Accepts {
                object.add("additionalProperties", json::raw("false"));
            }
            choices.push(object.build());
        }
        let schema = any_of(choices);
        Ok(Shape { flat: json::nothing(), ..Shape::of(schema) })
    }

    /// The requirement for the content, which may be missing if it is an `Option`.
    fn required_content(&self, variant: &Variant<'_>, content: &str) -> TokenStream {
        let name = json::text(content);
        match (variant.style, self.direction, self.calls_a_function(variant)) {
            (Style::Newtype, Direction::Accepts, false) => {
                let ty = variant.fields[0].ty;
                let nothing = json::nothing();
                quote::quote!(if <#ty as ::plugbay_sdk::Schema>::OPTIONAL { #nothing } else { #name })
            }
            _ => name,
        }
    }

    /// The schema of a variant for unknown tags.
    fn other(&self, object: Object, variants: &[&Variant<'_>], tag: &str) -> Object {
        let known = variants.iter().filter(|variant| !variant.attrs.other()).flat_map(|variant| self.names(variant));
        let known: Vec<_> = known.collect();
        let mut name = Object::new();
        if !known.is_empty() {
            let known = json::texts(known.iter().map(String::as_str));
            name.add("not", Object::new().with("enum", known).build());
        }
        object.with("properties", Object::new().with(tag, name.build()).build()).with("required", json::texts([tag]))
    }

    fn contents(&self, variants: &[&Variant<'_>]) -> syn::Result<Vec<TokenStream>> {
        variants.iter().map(|variant| self.content(variant)).collect()
    }

    /// The schema of what a variant contains.
    fn content(&self, variant: &Variant<'_>) -> syn::Result<TokenStream> {
        if self.calls_a_function(variant) {
            return Ok(Object::new().build());
        }
        Ok(match variant.style {
            Style::Unit => Object::of_type("null").build(),
            Style::Newtype if !fields::takes_part(&variant.fields[0], self.direction) => {
                Object::of_type("null").build()
            }
            Style::Newtype => fields::transparent(&variant.fields[0], self.direction)?.schema,
            Style::Tuple => fields::tuple(self.direction, &variant.fields, false)?,
            Style::Struct => Members::new(self.direction, &variant.fields, self.surroundings)?.into_shape().schema,
        })
    }

    fn names(&self, variant: &Variant<'_>) -> Vec<String> {
        let name = variant.attrs.name();
        match self.direction {
            Direction::Makes => vec![name.serialize_name().value.clone()],
            Direction::Accepts => {
                let own = &name.deserialize_name().value;
                let aliases = variant.attrs.aliases().iter().map(|alias| &alias.value).filter(|alias| *alias != own);
                [own].into_iter().chain(aliases).cloned().collect()
            }
        }
    }

    fn calls_a_function(&self, variant: &Variant<'_>) -> bool {
        match self.direction {
            Direction::Accepts => variant.attrs.deserialize_with().is_some(),
            Direction::Makes => variant.attrs.serialize_with().is_some(),
        }
    }
}

fn is_unit(variant: &Variant<'_>) -> bool {
    matches!(variant.style, Style::Unit)
        && variant.attrs.deserialize_with().is_none()
        && variant.attrs.serialize_with().is_none()
}

fn takes_part(variant: &Variant<'_>, direction: Direction) -> bool {
    match direction {
        Direction::Accepts => !variant.attrs.skip_deserializing(),
        Direction::Makes => !variant.attrs.skip_serializing(),
    }
}

/// A schema that accepts any of several alternatives. With none, it accepts nothing.
fn any_of(mut choices: Vec<TokenStream>) -> TokenStream {
    match choices.len() {
        0 => Object::new().with("not", Object::new().build()).build(),
        1 => choices.remove(0),
        _ => Object::new().with("anyOf", json::list(choices)).build(),
    }
}
