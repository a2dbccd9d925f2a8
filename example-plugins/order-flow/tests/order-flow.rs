//! Native tests of the publisher.

use plugbay_sdk::json;
use plugbay_sdk::native::{cancel_events, take_events};

#[test]
fn order_is_published_and_accepted() {
    let mut shop = order_flow::native_instance();
    let order = json!({ "user_id": "ada", "item": "pen", "amount": 2.5 });
    assert_eq!(shop.call("create_order", &order).expect("accepted"), json!(1));
    let placed = json!({ "order_id": 1, "user_id": "ada", "item": "pen", "amount": 2.5 });
    let expected = [("order.placed".to_owned(), placed), ("order.accepted".to_owned(), json!(1))];
    assert_eq!(take_events(), expected);
}

#[test]
fn order_that_a_plugin_cancels_is_refused() {
    cancel_events("order.placed", "sold out");
    let order = json!({ "user_id": "ada", "item": "pen", "amount": 2.5 });
    let refused = order_flow::native_instance().call("create_order", &order).expect_err("refused");
    assert_eq!(refused.to_string(), "refused: order 1 is refused: sold out");
    assert_eq!(take_events()[1].0, "order.refused");
}
