//! Native tests of the confirmations.

use plugbay_sdk::json;
use plugbay_sdk::native::take_log;

#[test]
fn placed_order_is_confirmed() {
    let mut mail = order_mail::native_instance();
    assert_eq!(mail.emit("order.placed", json!({ "order_id": 7, "user_id": "ada" })).handlers, 1);
    assert_eq!(take_log(), [r#"INFO order confirmed order_id=7 to="ada""#]);
    assert_eq!(mail.call("confirmed", ()).expect("numbers"), json!([7]));
}
