//! Native tests: the plugin subscribes when it loads, and objects to orders of what is sold out.

use plugbay_sdk::json;

#[test]
fn order_of_the_last_item_is_not_refused_but_the_next_is() {
    let mut stock = order_stock::native_instance();
    stock.load().expect("subscribed");
    let order = json!({ "order_id": 7, "user_id": "ada", "item": "pen" });
    assert_eq!(stock.emit("order.placed", &order).cancelled, None);
    let outcome = stock.emit("order.placed", &order);
    assert_eq!((outcome.stopped, outcome.cancelled.as_deref()), (true, Some("pen is sold out")));
    assert_eq!(stock.call("left", "book").expect("a number"), json!(5));
}
