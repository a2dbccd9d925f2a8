//! Reading rows into Rust types.

use std::collections::BTreeMap;

use plugbay_sdk::db::{Json, Rows, Value};
use plugbay_sdk::prelude::{Deserialize, json};

use super::{Role, text};

#[derive(Debug, Deserialize, PartialEq)]
struct Found {
    id: u32,
    pinned: bool,
    tags: Vec<String>,
    meta: BTreeMap<String, i64>,
    note: Option<String>,
    price: f64,
    role: Role,
    bytes: Vec<u8>,
    any: Json<serde_json::Value>,
    #[serde(default)]
    missing: Option<i64>,
}

fn rows(columns: &[&str], rows: Vec<Vec<Value>>) -> Rows {
    Rows { columns: columns.iter().map(|&name| name.to_owned()).collect(), rows }
}

#[test]
fn struct_is_read_by_column_names() {
    let columns = ["pinned", "id", "tags", "meta", "note", "price", "role", "bytes", "any", "more"];
    let row = vec![
        Value::Integer(1),
        Value::Integer(7),
        text(r#"["a"]"#),
        text(r#"{"x":1}"#),
        Value::Null,
        Value::Integer(3),
        text("guest"),
        Value::Blob(vec![1, 2]),
        text(r#"{"deep":[1]}"#),
        text("ignored"),
    ];
    let found: Vec<Found> = rows(&columns, vec![row]).into_typed().expect("it fits");
    let expected = Found {
        id: 7,
        pinned: true,
        tags: vec!["a".to_owned()],
        meta: BTreeMap::from([("x".to_owned(), 1)]),
        note: None,
        price: 3.0,
        role: Role::Guest,
        bytes: vec![1, 2],
        any: Json(json!({ "deep": [1] })),
        missing: None,
    };
    assert_eq!(found, [expected]);
}

#[test]
fn tuples_values_and_objects_are_read() {
    let pairs = rows(&["a", "b"], vec![vec![Value::Integer(1), text("x")]]);
    assert_eq!(pairs.clone().into_typed::<(i64, String)>().expect("a pair"), [(1, "x".to_owned())]);
    assert_eq!(pairs.into_typed::<serde_json::Value>().expect("an object"), [json!({ "a": 1, "b": "x" })]);
    let numbers = rows(&["max(id)"], vec![vec![Value::Integer(4)], vec![Value::Null]]);
    assert_eq!(numbers.into_typed::<Option<i64>>().expect("numbers"), [Some(4), None]);
    let words = rows(&["role"], vec![vec![text("admin")]]);
    assert_eq!(words.clone().into_typed::<Role>().expect("words"), [Role::Admin]);
    assert_eq!(words.into_typed::<String>().expect("texts"), ["admin"]);
    let json = rows(&["doc"], vec![vec![text("[1,2]")], vec![Value::Null]]);
    let lists = json.into_typed::<Json<Option<Vec<u8>>>>().expect("JSON");
    assert_eq!(lists, [Json(Some(vec![1, 2])), Json(None)]);
}

#[test]
fn row_of_the_wrong_type_is_named() {
    #[derive(Debug, Deserialize)]
    #[allow(dead_code, reason = "only read")]
    struct Small {
        name: String,
        age: u8,
    }
    let fits = || vec![text("a"), Value::Integer(1)];
    for (row, message) in [
        (vec![text("a"), Value::Integer(300)], "row 2: column `age`"),
        (vec![text("a"), Value::Null], "row 2: column `age`"),
        (vec![Value::Integer(5), Value::Integer(1)], "row 2: column `name`"),
    ] {
        let failure = rows(&["name", "age"], vec![fits(), row]).into_typed::<Small>().expect_err("no fit");
        assert_eq!(failure.code(), "invalid_data");
        assert!(failure.message().starts_with(message), "{failure}");
    }
    let failure = rows(&["name"], vec![vec![text("a")]]).into_typed::<Small>().expect_err("no age");
    assert!(failure.message().contains("missing field `age`"), "{failure}");
    let failure = rows(&["a", "b"], vec![fits()]).into_typed::<i64>().expect_err("two columns");
    assert!(failure.message().contains("a single value needs one column, but the row has 2"), "{failure}");
    let failure = rows(&["a"], vec![vec![text("[1,")]]).into_typed::<Json<Vec<u8>>>().expect_err("no JSON");
    assert!(failure.message().contains("JSON"), "{failure}");
}
