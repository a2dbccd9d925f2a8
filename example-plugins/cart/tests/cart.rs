//! The plugin with a `shop` that the test provides.

use plugbay_sdk::native::set_plugin;
use plugbay_sdk::{error, json};

#[test]
fn prices_of_all_items_are_added_up() {
    set_plugin("shop", |action, payload| match (action, payload["item"].as_str()) {
        ("price", Some("apple")) => Ok(json!({ "cents": 40 })),
        _ => Err(error("not in stock").with_code("unknown_item")),
    });
    let mut cart = cart::native_instance();
    let total = cart.call("total", json!({ "items": ["apple", "apple"] })).expect("both have a price");
    assert_eq!(total, json!({ "cents": 80 }));
    let failure = cart.call("total", json!({ "items": ["apple", "moon"] })).expect_err("there is no moon");
    assert_eq!(failure.code(), "unknown_item");
}
