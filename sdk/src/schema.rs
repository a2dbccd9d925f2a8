//! JSON Schemas of Rust types, derived while they compile.
//!
//! A schema accepts every JSON text that the type's `Deserialize` accepts in the form that serde documents, and refuses
//! everything that serde refuses, as far as a schema can express it. Alternative forms that serde tolerates are not
//! part of the contract and are refused: a struct written as an array, a unit variant written as `{"Variant": null}`.
//!
//! Deserialization and serialization of a type differ (defaults, aliases, renames for one direction), so a type has two
//! shapes. The schema of a payload is the first, that of a result the second.

mod collections;
mod keyword;
mod numbers;
mod texts;
mod wrappers;

use crate::constant::{EMPTY, Json, Member};

#[doc(hidden)]
pub use keyword::keyword;

/// A type that has a JSON Schema (2020-12). Derive it with `#[derive(Schema)]`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no JSON Schema",
    label = "the host checks a payload against the schema of its type",
    note = "add `#[derive(Schema)]` to `{Self}`; for a field whose type is from another crate, write `#[schema(like = Other)]` or `#[schema(any)]` on the field"
)]
pub trait Schema {
    /// The shape that deserialization accepts.
    const ACCEPTS: Shape;
    /// The shape that serialization produces.
    const MAKES: Shape = Self::ACCEPTS;
    /// Whether a field of this type may be missing without a default, as for `Option`.
    const OPTIONAL: bool = false;
    /// The shape that deserialization of a reference to this type accepts, which must point into the JSON text.
    #[doc(hidden)]
    const BORROWED: Shape = Shape {
        schema: Json::Refused(
            "a payload cannot contain a `&str`, because JSON may write it with escapes: use a `String` or a `Cow<str>`",
        ),
        ..Shape::ANY
    };
}

/// The schema of a type in one direction, with its parts for the type around it.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    /// The schema itself.
    pub schema: Json,
    /// If this type is flattened: the schema for the object around it, which allows other members.
    pub flat: Json,
    /// If this type is flattened: the schema for the members that no other field takes.
    pub rest: Json,
    /// If this type is the key of a map: the schema for the keys, which are always strings in JSON.
    pub key: Json,
}

impl Shape {
    /// A shape that accepts everything.
    pub const ANY: Shape = Shape { schema: EMPTY, flat: Json::Nothing, rest: Json::Nothing, key: Json::Nothing };
}

/// The schema `{"type": <name>}`.
macro_rules! simple {
    ($name:literal $(, $key:literal: $value:expr)*) => {
        Json::Object(&[Member::Is("type", Json::Text($name)) $(, Member::Is($key, $value))*])
    };
}
pub(crate) use simple;

/// Generates an implementation whose two shapes differ only in the direction of the inner types. `Direction` stands for
/// `ACCEPTS` or `MAKES`.
macro_rules! both_directions {
    ($direction:ident => $shape:expr) => {
        const ACCEPTS: Shape = {
            macro_rules! $direction {
                ($inner:ty) => {
                    <$inner as Schema>::ACCEPTS
                };
            }
            $shape
        };
        const MAKES: Shape = {
            macro_rules! $direction {
                ($inner:ty) => {
                    <$inner as Schema>::MAKES
                };
            }
            $shape
        };
    };
}
pub(crate) use both_directions;

/// Any JSON value.
impl Schema for serde_json::Value {
    const ACCEPTS: Shape = Shape::ANY;
}

/// Any JSON text, stored unchanged, which is the cheapest way to pass a value on.
impl Schema for serde_json::value::RawValue {
    const ACCEPTS: Shape = Shape::ANY;
    const BORROWED: Shape = Shape::ANY;
}

impl Schema for serde_json::Map<String, serde_json::Value> {
    const ACCEPTS: Shape = Shape { schema: simple!("object"), ..Shape::ANY };
}

impl Schema for serde_json::Number {
    const ACCEPTS: Shape = Shape { schema: simple!("number"), ..Shape::ANY };
}

impl Schema for () {
    const ACCEPTS: Shape = Shape { schema: simple!("null"), ..Shape::ANY };
}

impl Schema for bool {
    const ACCEPTS: Shape = Shape {
        schema: simple!("boolean"),
        key: Json::Object(&[Member::Is("enum", Json::Raw(r#"["true","false"]"#))]),
        ..Shape::ANY
    };
}
