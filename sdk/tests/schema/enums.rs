//! Enums in each of serde's representations.

use std::collections::BTreeMap;

use plugbay_sdk::prelude::*;

use crate::{accepts, text_of};

#[derive(Deserialize, Schema, PartialEq, Eq, PartialOrd, Ord)]
#[serde(rename_all = "snake_case")]
enum Colour {
    Red,
    #[serde(alias = "verde")]
    DarkGreen,
    #[serde(skip)]
    Hidden,
}

#[test]
fn enum_of_units_is_one_of_its_names() {
    accepts!(Colour: r#""red""#, r#""dark_green""#, r#""verde""#; r#""Red""#, r#""hidden""#, "0", "null");
    accepts!(BTreeMap<Colour, u8>: r#"{"red": 1}"#; r#"{"blue": 1}"#);
}

#[derive(Deserialize, Schema)]
enum External {
    Unit,
    Newtype(u8),
    Tuple(u8, String),
    #[serde(alias = "S")]
    Struct {
        a: u8,
        b: Option<u8>,
    },
}

#[test]
fn externally_tagged_enum_has_one_member() {
    accepts!(External:
        r#""Unit""#, r#"{"Newtype": 1}"#, r#"{"Tuple": [1, "a"]}"#, r#"{"Struct": {"a": 1}}"#, r#"{"S": {"a": 1}}"#;
        r#""Newtype""#, r#"{"Newtype": 256}"#, r#"{"Tuple": [1]}"#, r#"{"Struct": {}}"#, r#"{"Other": 1}"#,
        r#"{"Newtype": 1, "Tuple": [1, "a"]}"#, r#"{}"#, r#"{"S": {}}"#);
}

#[derive(Deserialize, Schema)]
#[serde(tag = "type", rename_all = "lowercase", deny_unknown_fields)]
enum Internal {
    Unit,
    Wrapped(Inner),
    Struct { a: u8 },
}

#[derive(Deserialize, Schema)]
struct Inner {
    x: u8,
}

#[test]
fn internally_tagged_enum_has_its_tag_among_the_members() {
    accepts!(Internal:
        r#"{"type": "unit"}"#, r#"{"type": "wrapped", "x": 1}"#, r#"{"type": "struct", "a": 1}"#;
        r#"{"type": "wrapped"}"#, r#"{"type": "struct"}"#, r#"{"type": "struct", "a": 1, "b": 2}"#,
        r#"{"type": "other"}"#, r#"{"a": 1}"#, r#"null"#);
}

#[derive(Deserialize, Schema)]
#[serde(tag = "t", content = "c")]
enum Adjacent {
    Unit,
    Newtype(u8),
    Maybe(Option<u8>),
    Struct { a: u8 },
}

#[test]
fn adjacently_tagged_enum_has_tag_and_content() {
    accepts!(Adjacent:
        r#"{"t": "Unit"}"#, r#"{"t": "Unit", "c": null}"#, r#"{"t": "Newtype", "c": 1}"#, r#"{"t": "Maybe"}"#,
        r#"{"t": "Maybe", "c": null}"#, r#"{"t": "Struct", "c": {"a": 1}}"#, r#"{"c": 1, "t": "Newtype", "more": 2}"#;
        r#"{"t": "Newtype"}"#, r#"{"t": "Newtype", "c": 256}"#, r#"{"t": "Struct", "c": {}}"#, r#"{"t": "Other"}"#,
        r#"{"c": 1}"#, r#""Unit""#);
}

#[derive(Deserialize, Schema)]
#[serde(untagged)]
enum Untagged {
    Number(u8),
    Text(String),
    Point { x: u8, y: u8 },
    Nothing,
}

#[test]
fn untagged_enum_is_any_of_its_contents() {
    accepts!(Untagged: "1", r#""a""#, r#"{"x": 1, "y": 2}"#, "null"; "256", r#"{"x": 1}"#, "[1]", "true");
}

#[derive(Deserialize, Schema)]
#[serde(rename_all = "lowercase")]
enum Open {
    Known,
    #[serde(other)]
    Other,
}

#[derive(Deserialize, Schema)]
#[serde(tag = "kind", rename_all = "lowercase")]
enum OpenTagged {
    Known {
        x: u8,
    },
    #[serde(other)]
    Other,
}

#[test]
fn enum_with_a_catch_all_takes_any_name() {
    accepts!(Open: r#""known""#, r#""new""#; "1", "[]");
    accepts!(OpenTagged:
        r#"{"kind": "known", "x": 1}"#, r#"{"kind": "new"}"#, r#"{"kind": "new", "x": "y"}"#;
        r#"{"kind": "known"}"#, r#"{}"#);
}

#[derive(Deserialize, Schema)]
enum PartlyUntagged {
    Named(u8),
    #[serde(untagged)]
    Text(String),
}

#[test]
fn enum_with_an_untagged_variant_takes_its_content_too() {
    accepts!(PartlyUntagged: r#"{"Named": 1}"#, r#""anything""#; "1", r#"{"Other": 1}"#);
}

#[derive(Deserialize, Schema)]
struct Flattened {
    id: u8,
    #[serde(flatten)]
    kind: Internal,
}

#[test]
fn flattened_enum_keeps_its_tag() {
    accepts!(Flattened:
        r#"{"id": 1, "type": "unit"}"#, r#"{"id": 1, "type": "struct", "a": 1}"#;
        r#"{"id": 1}"#, r#"{"id": 1, "type": "other"}"#, r#"{"id": 1, "type": "struct"}"#);
}

/// The outcome.
#[derive(Deserialize, Schema)]
enum Described {
    /// All is well.
    Good,
    /// It could be
    /// better.
    Bad,
    Unknown,
}

#[test]
fn doc_comments_of_variants_are_part_of_the_description() {
    let schema = text_of!(Described::ACCEPTS.schema);
    assert_eq!(schema["description"], "The outcome.\n\n- `Good`: All is well.\n- `Bad`: It could be better.");
    assert_eq!(schema["enum"], json!(["Good", "Bad", "Unknown"]));
}
