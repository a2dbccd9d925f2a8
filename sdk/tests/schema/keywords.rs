//! `#[schema(…)]` and doc comments.

use plugbay_sdk::prelude::*;

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
    /// Its own words win.
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
fn keywords_are_laid_over_the_schema_of_the_type() {
    let schema = text_of!(Limits::ACCEPTS.schema);
    let expected = json!({
        "count": { "type": "integer", "description": "How \"many\"?", "minimum": 1, "maximum": 10 },
        "ratio": { "type": "number", "minimum": -1.5, "maximum": 1000.0 },
        "name": {
            "type": "string", "minLength": 3, "maxLength": 50, "pattern": "^[a-z\\d]+$", "format": "hostname",
        },
        "tags": { "type": "array", "items": { "type": "string" }, "minItems": 1, "maxItems": 2 },
        "share": { "type": "integer", "minimum": 0, "maximum": 100, "description": "A part of a whole." },
        "other": { "type": "integer", "minimum": 0, "maximum": 100, "description": "Its own words win." },
        "maybe": {
            "anyOf": [{ "type": "integer", "minimum": 0, "maximum": 255 }, { "type": "null" }], "minimum": 5,
        },
        "free": {},
    });
    assert_eq!(schema["properties"], expected);
    assert_eq!(schema["required"], json!(["count", "ratio", "name", "tags", "share", "other"]));
}

#[test]
fn keyword_on_an_option_still_lets_null_through() {
    let validator = crate::validator(&text_of!(Limits::ACCEPTS.schema)["properties"]["maybe"]);
    assert!(validator.is_valid(&json!(null)) && validator.is_valid(&json!(5)) && !validator.is_valid(&json!(4)));
}
