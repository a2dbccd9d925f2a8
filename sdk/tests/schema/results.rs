//! The schemas of results that differ from those of payloads.

use plugbay_sdk::prelude::*;

use crate::{check_made, text_of};

#[derive(Serialize, Deserialize, Schema)]
#[serde(deny_unknown_fields)]
struct Both {
    #[serde(rename(serialize = "out", deserialize = "in"))]
    value: u8,
    #[serde(default)]
    count: u8,
    #[serde(skip_deserializing)]
    made: u8,
    #[serde(skip_serializing, default)]
    taken: u8,
    #[serde(skip_serializing_if = "Option::is_none")]
    maybe: Option<u8>,
    #[serde(alias = "other")]
    named: u8,
}

#[test]
fn result_has_serialization_names_and_all_defaults() {
    let made = text_of!(Both::MAKES.schema);
    assert_eq!(made["required"], json!(["out", "count", "made", "named"]));
    let properties = made["properties"].as_object().expect("an object").keys().map(String::as_str);
    let properties: std::collections::BTreeSet<_> = properties.collect();
    assert_eq!(properties, ["out", "count", "made", "maybe", "named"].into());
    check_made(&made, &Both { value: 1, count: 2, made: 3, taken: 4, maybe: None, named: 5 });
    check_made(&made, &Both { value: 1, count: 2, made: 3, taken: 4, maybe: Some(1), named: 5 });
}

#[derive(Serialize, Schema)]
#[serde(tag = "type")]
struct Tagged {
    x: u8,
}

#[derive(Serialize, Schema)]
#[serde(tag = "t", content = "c")]
enum Adjacent {
    Unit,
    Maybe(Option<u8>),
}

#[test]
fn tags_are_part_of_results() {
    let made = text_of!(Tagged::MAKES.schema);
    assert_eq!(made["required"], json!(["type", "x"]));
    check_made(&made, &Tagged { x: 1 });
    check_made(&text_of!(Adjacent::MAKES.schema), &Adjacent::Unit);
    check_made(&text_of!(Adjacent::MAKES.schema), &Adjacent::Maybe(None));
}

#[derive(Serialize, Schema)]
struct Tree {
    children: Vec<Tree>,
}

#[test]
fn reply_puts_status_next_to_the_members() {
    let made = text_of!(<Reply<Tree> as plugbay_sdk::Schema>::MAKES.schema);
    check_made(&made, &ok(Tree { children: vec![Tree { children: vec![] }] }));
    assert!(!crate::validator(&made).is_valid(&json!({ "children": [] })), "{made}");
    assert!(!crate::validator(&made).is_valid(&json!({ "status": "ok", "children": 1 })), "{made}");
}
