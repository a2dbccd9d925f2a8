//! Native tests of the chain and of the hooks.

use plugbay_sdk::json;
use plugbay_sdk::native::take_log;

#[test]
fn data_is_validated_with_the_body() {
    let validated = dockstat_example::native_instance().call("validateData", json!({ "data": [1] })).expect("valid");
    assert_eq!(validated, json!({ "valid": true, "data": { "data": [1] } }));
}

#[test]
fn data_that_is_not_valid_is_not_saved() {
    let previous = json!({ "valid": false, "data": { "data": null } });
    let saved = dockstat_example::native_instance().call("saveData", previous).expect("an answer");
    assert_eq!(saved, json!({ "success": false }));
}

#[test]
fn hooks_receive_containers() {
    let mut plugin = dockstat_example::native_instance();
    assert_eq!(plugin.emit("container.start", json!({ "id": "c1" })).handlers, 1);
    assert!(take_log()[0].contains("Container started: c1"));
}
