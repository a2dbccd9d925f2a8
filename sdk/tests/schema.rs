//! `#[derive(Schema)]` against serde: both must accept the same texts.

#![allow(dead_code, reason = "the fields are read by serde")]

mod schema {
    mod containers;
    mod enums;
    mod keywords;
    mod results;
    mod std_types;
}

use plugbay_sdk::constant::{Json, Writer};
use plugbay_sdk::{Schema, Value};
use serde::de::DeserializeOwned;

/// The text of a constant, as `plugbay_sdk` writes it into a component.
macro_rules! text_of {
    ($json:expr) => {{
        const JSON: plugbay_sdk::constant::Json = $json;
        const LENGTH: usize = crate::length(&JSON);
        static TEXT: [u8; LENGTH] = crate::bytes(&JSON);
        serde_json::from_slice::<plugbay_sdk::Value>(&TEXT).expect("a schema is JSON")
    }};
}
pub(crate) use text_of;

/// Checks what a type accepts: `accepts!(T: "valid", … ; "invalid", …)`.
macro_rules! accepts {
    ($type:ty: $($fits:expr),* ; $($wrong:expr),* $(,)?) => {
        crate::check::<$type>(
            &crate::text_of!(<$type as plugbay_sdk::Schema>::ACCEPTS.schema),
            &[$($fits),*],
            &[$($wrong),*],
        )
    };
}
pub(crate) use accepts;

const fn length(json: &Json) -> usize {
    let mut counter = Writer::<0>::new();
    counter.json(json);
    counter.length()
}

const fn bytes<const N: usize>(json: &Json) -> [u8; N] {
    let mut writer = Writer::<N>::new();
    writer.json(json);
    writer.finish()
}

/// Checks that both the schema and serde accept the valid texts and refuse the others.
fn check<T: DeserializeOwned + Schema>(schema: &Value, fits: &[&str], wrong: &[&str]) {
    let validator = validator(schema);
    for (text, expected) in fits.iter().map(|it| (it, true)).chain(wrong.iter().map(|it| (it, false))) {
        let value: Value = serde_json::from_str(text).expect("a test's text is JSON");
        let by_schema = validator.is_valid(&value);
        let by_serde = serde_json::from_str::<T>(text);
        assert_eq!(by_serde.is_ok(), expected, "serde on {text}: {:?}", by_serde.err());
        assert_eq!(by_schema, expected, "schema {schema} on {text}");
    }
}

/// Checks that the JSON of a value matches the schema of results.
fn check_made(schema: &Value, made: &impl serde::Serialize) {
    let made = serde_json::to_value(made).expect("a test's value is JSON");
    assert!(validator(schema).is_valid(&made), "schema {schema} on {made}");
}

fn validator(schema: &Value) -> jsonschema::Validator {
    jsonschema::meta::validate(schema).unwrap_or_else(|error| panic!("{schema}: {error}"));
    jsonschema::draft202012::new(schema).unwrap_or_else(|error| panic!("{schema}: {error}"))
}
