//! A native test of the handler.

use plugbay_sdk::json;

#[test]
fn event_that_arrives_twice_is_stored_once() {
    let mut logger = event_logger::native_instance();
    for _ in 0..2 {
        assert_eq!(logger.emit("order.placed", json!({ "id": 7 })).durable, 1);
    }
    let recent = logger.call("recent", ()).expect("entries");
    assert_eq!((recent.as_array().map(Vec::len), &recent[0]["topic"]), (Some(1), &json!("order.placed")));
    assert_eq!(logger.call("clear", ()).expect("a number"), json!(1));
}
