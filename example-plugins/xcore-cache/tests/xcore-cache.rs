//! Native tests of the actions.

use plugbay_sdk::json;

#[test]
fn value_is_cached_and_deleted() {
    let mut plugin = xcore_cache::native_instance();
    plugin.call("set", json!({ "key": "tea", "value": [1], "ttl": -1 })).expect("cached");
    assert_eq!(plugin.call("get", json!({ "key": "tea" })).expect("an answer")["value"], json!([1]));
    plugin.call("delete", json!({ "key": "tea" })).expect("deleted");
    assert_eq!(plugin.call("get", json!({ "key": "tea" })).expect("an answer")["value"], json!(null));
}
