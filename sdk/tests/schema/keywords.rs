//! `#[schema(…)]` and doc comments.

use plugbay_sdk::constant::Json;
use plugbay_sdk::prelude::*;
use plugbay_sdk::schema::keyword;

use crate::text_of;

/// A part of a whole.
#[derive(Deserialize, Schema)]
#[schema(max = 100)]
struct Percent(u8);

#[derive(Deserialize, Schema)]
struct Limits {
    /// How "many"?
    #[schema(min = 1, max = 10)]
    count: u8,
    #[schema(min = -1.5, max = 1e3)]
    ratio: f64,
    #[schema(min_length = 3, max_length = 50, pattern = r"^[a-z\d]+$", format = "hostname")]
    name: String,
    #[schema(min_items = 1, max_items = 2)]
    tags: Vec<String>,
    share: Percent,
    /// Its own description.
    other: Percent,
    #[schema(min = 5)]
    maybe: Option<u8>,
    #[schema(any)]
    free: Box<dyn Anything>,
}

trait Anything {}
impl<'de> Deserialize<'de> for Box<dyn Anything> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> core::result::Result<Self, D::Error> {
        struct Nothing;
        impl Anything for Nothing {}
        serde::de::IgnoredAny::deserialize(deserializer)?;
        Ok(Box::new(Nothing))
    }
}

#[test]
fn keywords_are_added_to_the_schema_of_the_type() {
    let schema = text_of!(Limits::ACCEPTS.schema);
    let expected = json!({
        "count": { "type": "integer", "description": "How \"many\"?", "minimum": 1, "maximum": 10 },
        "ratio": { "type": "number", "minimum": -1.5, "maximum": 1000.0 },
        "name": {
            "type": "string", "minLength": 3, "maxLength": 50, "pattern": "^[a-z\\d]+$", "format": "hostname",
        },
        "tags": { "type": "array", "items": { "type": "string" }, "minItems": 1, "maxItems": 2 },
        "share": { "type": "integer", "minimum": 0, "maximum": 100, "description": "A part of a whole." },
        "other": { "type": "integer", "minimum": 0, "maximum": 100, "description": "Its own description." },
        "maybe": {
            "anyOf": [{ "type": "integer", "minimum": 0, "maximum": 255 }, { "type": "null" }], "minimum": 5,
        },
        "free": {},
    });
    assert_eq!(schema["properties"], expected);
    assert_eq!(schema["required"], json!(["count", "ratio", "name", "tags", "share", "other"]));
}

#[test]
fn keyword_on_an_option_still_allows_null() {
    let validator = crate::validator(&text_of!(Limits::ACCEPTS.schema)["properties"]["maybe"]);
    assert!(validator.is_valid(&json!(null)) && validator.is_valid(&json!(5)) && !validator.is_valid(&json!(4)));
}

/// The message of the compiler for the keyword on a field of the type.
fn refused<T: Schema>(name: &str) -> String {
    let panic = std::panic::catch_unwind(|| keyword(&T::ACCEPTS.schema, name, Json::Nothing)).expect_err(name);
    panic.downcast_ref::<String>().expect("a text").clone()
}

#[test]
fn keyword_that_does_not_apply_to_the_type_does_not_compile() {
    assert_eq!(
        refused::<String>("min"),
        "`min` does not apply to a value that JSON writes as string; for the length of a text, use `min_length` and `max_length`"
    );
    assert!(refused::<Option<Vec<u8>>>("max_length").contains("array; for the length of a sequence"));
    assert!(refused::<Percent>("pattern").contains("integer; for numbers, use `min` and `max`"));
    assert!(refused::<Limits>("min_items").ends_with("as object"));
}

#[test]
fn keyword_on_alternatives_applies_to_one_of_them() {
    #[derive(Deserialize, Schema)]
    #[serde(untagged)]
    enum Size {
        Number(u32),
        Name(String),
    }
    assert!(matches!(keyword(&Size::ACCEPTS.schema, "min", Json::Integer(1)), Json::Integer(1)));
    assert!(matches!(keyword(&Size::ACCEPTS.schema, "min_length", Json::Integer(1)), Json::Integer(1)));
    assert!(refused::<Size>("min_items").contains("`min_items`"));
}
