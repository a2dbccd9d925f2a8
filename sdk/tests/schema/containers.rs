//! Structs with serde's attributes.

use std::collections::BTreeMap;

use plugbay_sdk::prelude::*;

use crate::{accepts, text_of};

#[derive(Deserialize, Schema)]
struct Plain {
    name: String,
    age: Option<u8>,
}

#[test]
fn plain_struct_allows_unknown_members_and_missing_options() {
    accepts!(Plain:
        r#"{"name": "a"}"#, r#"{"name": "a", "age": null}"#, r#"{"name": "a", "age": 1, "more": []}"#;
        r#"{}"#, r#"{"name": 1}"#, r#"{"name": "a", "age": 256}"#, r#"null"#, r#""a""#);
}

#[test]
fn schema_of_a_plain_struct_has_no_redundant_parts() {
    let expected = json!({
        "type": "object",
        "properties": {
            "name": { "type": "string" },
            "age": { "anyOf": [{ "type": "integer", "minimum": 0, "maximum": 255 }, { "type": "null" }] },
        },
        "required": ["name"],
    });
    assert_eq!(text_of!(Plain::ACCEPTS.schema), expected);
}

#[derive(Deserialize, Schema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Renamed {
    first_name: String,
    #[serde(rename = "type")]
    kind: String,
    #[serde(alias = "years", alias = "age-in-years")]
    age: u8,
    #[serde(default)]
    tags: Vec<String>,
    #[serde(skip)]
    secret: u8,
    #[serde(skip_deserializing)]
    made: u8,
}

#[test]
fn struct_with_renamed_fields_is_strict_about_them() {
    accepts!(Renamed:
        r#"{"firstName": "a", "type": "b", "age": 1}"#,
        r#"{"firstName": "a", "type": "b", "years": 1, "tags": ["x"]}"#,
        r#"{"firstName": "a", "type": "b", "age-in-years": 1}"#;
        r#"{"first_name": "a", "type": "b", "age": 1}"#,
        r#"{"firstName": "a", "type": "b"}"#,
        r#"{"firstName": "a", "type": "b", "years": "1"}"#,
        r#"{"firstName": "a", "type": "b", "age": 1, "secret": 1}"#,
        r#"{"firstName": "a", "type": "b", "age": 1, "made": 1}"#);
}

#[derive(Default, Deserialize, Schema)]
#[serde(default)]
struct AllDefault {
    name: String,
    #[serde(alias = "n")]
    number: u8,
}

#[test]
fn struct_with_defaults_may_be_empty() {
    accepts!(AllDefault: r#"{}"#, r#"{"n": 1}"#, r#"{"number": 1}"#; r#"{"name": null}"#, r#"{"n": 256}"#);
}

#[derive(Deserialize, Schema)]
struct Inner {
    x: u8,
    y: Option<u8>,
}

#[derive(Deserialize, Schema)]
#[serde(deny_unknown_fields)]
struct StrictInner {
    z: u8,
}

#[derive(Deserialize, Schema)]
struct Flat {
    name: String,
    #[serde(flatten)]
    inner: Inner,
    #[serde(flatten)]
    strict: StrictInner,
    #[serde(flatten)]
    maybe: Option<Plain>,
}

#[test]
fn flattened_structs_share_one_object() {
    accepts!(Flat:
        r#"{"name": "a", "x": 1, "z": 2}"#, r#"{"name": "a", "x": 1, "z": 2, "more": 3}"#;
        r#"{"name": "a", "x": 1}"#, r#"{"name": "a", "z": 2}"#, r#"{"name": "a", "x": -1, "z": 2}"#, r#"[]"#);
}

#[derive(Deserialize, Schema)]
struct WithRest {
    name: String,
    #[serde(flatten)]
    rest: BTreeMap<String, u8>,
}

#[test]
fn flattened_map_checks_the_remaining_members() {
    accepts!(WithRest: r#"{"name": "a"}"#, r#"{"name": "a", "b": 1}"#; r#"{"name": "a", "b": "c"}"#, r#"{"b": 1}"#);
}

#[derive(Deserialize, Schema)]
struct Newtype(u8);

#[derive(Deserialize, Schema)]
#[serde(transparent)]
struct Transparent {
    inner: Option<u8>,
}

#[derive(Deserialize, Schema)]
struct Pair(u8, #[serde(default)] String);

#[derive(Deserialize, Schema)]
struct Unit;

#[derive(Deserialize, Schema)]
struct Small {
    newtype: Newtype,
    transparent: Transparent,
    pair: Pair,
    unit: Unit,
    keys: BTreeMap<Newtype, ()>,
}

impl PartialEq for Newtype {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}
impl Eq for Newtype {}
impl PartialOrd for Newtype {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Newtype {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.cmp(&other.0)
    }
}

#[test]
fn structs_without_field_names_are_their_contents() {
    accepts!(Small:
        r#"{"newtype": 1, "transparent": 2, "pair": [1, "a"], "unit": null, "keys": {"1": null}}"#,
        r#"{"newtype": 1, "pair": [1], "unit": null, "keys": {}}"#;
        r#"{"newtype": 256, "pair": [1], "unit": null, "keys": {}}"#,
        r#"{"transparent": 1, "pair": [1], "unit": null, "keys": {}}"#,
        r#"{"newtype": 1, "pair": [], "unit": null, "keys": {}}"#,
        r#"{"newtype": 1, "pair": [1, "a", 2], "unit": null, "keys": {}}"#,
        r#"{"newtype": 1, "pair": [1], "unit": 0, "keys": {}}"#,
        r#"{"newtype": 1, "pair": [1], "unit": null, "keys": {"x": null}}"#);
}

#[derive(Deserialize, Schema)]
struct Page<T> {
    items: Vec<T>,
    next: Option<u32>,
}

#[test]
fn generic_struct_takes_the_schema_of_its_argument() {
    accepts!(Page<u8>: r#"{"items": [1]}"#; r#"{"items": [256]}"#, r#"{}"#);
    accepts!(Page<Plain>: r#"{"items": [{"name": "a"}]}"#; r#"{"items": [{}]}"#);
}

#[derive(Deserialize, Schema)]
struct Borrowed<'a> {
    #[serde(borrow)]
    title: std::borrow::Cow<'a, str>,
    #[serde(borrow)]
    rest: &'a serde_json::value::RawValue,
}

#[derive(Serialize, Schema)]
struct Lent<'a> {
    name: &'a str,
}

/// A `&str` can be serialized but not accepted, because the payload may contain it with escapes.
#[test]
fn struct_that_borrows_has_a_schema() {
    let schema = text_of!(<Borrowed<'static> as plugbay_sdk::Schema>::ACCEPTS.schema);
    assert_eq!(schema["required"], json!(["title", "rest"]));
    let schema = text_of!(<Lent<'static> as plugbay_sdk::Schema>::MAKES.schema);
    assert_eq!(schema["required"], json!(["name"]));
}

#[derive(Deserialize, Schema)]
struct Tree {
    value: u8,
    #[serde(default)]
    children: Vec<Tree>,
    other: Option<Box<Self>>,
}

/// Two values of one recursive type in a document, and a value of another.
#[derive(Deserialize, Schema)]
struct Forest {
    left: Tree,
    right: Tree,
    list: List,
}

#[derive(Deserialize, Schema)]
enum List {
    End,
    Item(u8, Box<List>),
}

#[test]
fn recursive_type_is_checked_at_any_depth() {
    accepts!(Tree:
        r#"{"value": 1}"#, r#"{"value": 1, "children": [{"value": 2, "children": [{"value": 3}]}]}"#,
        r#"{"value": 1, "other": {"value": 2, "other": null}}"#;
        r#"{"value": 1, "children": [{"value": 2, "children": [{"value": "x"}]}]}"#,
        r#"{"value": 1, "other": {"other": null}}"#);
    accepts!(Forest:
        r#"{"left": {"value": 1}, "right": {"value": 1, "children": [{"value": 2}]},
            "list": {"Item": [1, {"Item": [2, "End"]}]}}"#;
        r#"{"left": {"value": 1}, "right": {"value": 1, "children": [{}]}, "list": "End"}"#,
        r#"{"left": {"value": 1}, "right": {"value": 1}, "list": {"Item": [1, {"Item": [2, "Ende"]}]}}"#);
}

fn even<'de, D: serde::Deserializer<'de>>(deserializer: D) -> core::result::Result<u8, D::Error> {
    let text = String::deserialize(deserializer)?;
    text.parse().map_err(serde::de::Error::custom)
}

#[derive(Deserialize, Schema)]
struct Custom {
    #[serde(deserialize_with = "even")]
    text_number: u8,
    #[serde(deserialize_with = "even")]
    #[schema(like = String)]
    declared: u8,
}

#[test]
fn field_with_a_function_is_checked_by_its_attributes() {
    accepts!(Custom:
        r#"{"text_number": "1", "declared": "2"}"#;
        r#"{"text_number": "1"}"#, r#"{"declared": "1"}"#, r#"{"text_number": "1", "declared": 2}"#);
}

#[derive(Deserialize, Schema)]
#[serde(try_from = "String")]
struct Code(u8);

impl TryFrom<String> for Code {
    type Error = std::num::ParseIntError;
    fn try_from(text: String) -> core::result::Result<Self, Self::Error> {
        text.parse().map(Code)
    }
}

#[test]
fn type_converted_from_another_takes_its_schema() {
    accepts!(Code: r#""1""#; "1", "null");
}
