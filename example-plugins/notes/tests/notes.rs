//! Native tests without a database: the declaration, and changes that are refused without it.

use plugbay_sdk::json;

#[test]
fn table_is_declared_in_the_manifest() {
    let layers = notes::native_instance().manifest();
    let table = &layers[1]["tables"][0];
    assert_eq!(table["name"], "notes");
    let columns = table["columns"].as_array().expect("a list");
    let named = |name: &str| columns.iter().find(|column| column["name"] == name).expect("a column");
    assert_eq!(named("title"), &json!({ "name": "title", "type": "varchar", "not_null": true, "length": 200 }));
    assert_eq!(named("tags")["default"], json!([]));
    assert_eq!(layers[2]["permissions"][0]["resource"], "db.notes", "plugin.yaml lies above the code");
}

#[test]
fn empty_change_is_refused() {
    let failure = notes::native_instance().call("update", json!({ "id": 1 })).expect_err("nothing to change");
    assert_eq!(failure.code(), "nothing_to_change");
}

#[test]
fn native_test_gets_an_error_without_a_database() {
    let failure = notes::native_instance().call("statistics", ()).expect_err("no database");
    assert_eq!(failure.code(), "unavailable");
}
