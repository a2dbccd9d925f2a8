//! Native tests of the items.

use plugbay_sdk::json;

#[test]
fn item_has_an_id_of_the_plugin() {
    let mut plugin = xcore_items::native_instance();
    let created = plugin.call("create_item", json!({ "id": "mine", "name": "Tea" })).expect("created");
    let id = created["id"].as_str().expect("a text");
    assert_eq!((id.len(), &created["name"]), (36, &json!("Tea")));
    assert_eq!(plugin.call("list_items", ()).expect("a list"), json!({ "items": [created] }));
}

#[test]
fn update_keeps_the_other_members() {
    let mut plugin = xcore_items::native_instance();
    let id = plugin.call("create", json!({ "name": "Tea", "price": 3 })).expect("created")["id"].clone();
    let updated = plugin.call("update_item", json!({ "item_id": id, "name": "Chai" })).expect("updated");
    assert_eq!((&updated["id"], &updated["name"], &updated["price"]), (&id, &json!("Chai"), &json!(3)));
}
