//! Native tests, as in the sample's page.

use plugbay_sdk::json;
use plugbay_sdk::native::{set_config, take_events, take_log};

#[test]
fn plugin_initializes() {
    set_config("api_key", "test-api-key");
    let mut plugin = my_awesome_plugin::native_instance();
    plugin.load().expect("initialized");
    assert_eq!(plugin.call("status", ()).expect("a status")["initialized"], true);
    assert_eq!(take_events()[0].0, "my_awesome_plugin.initialized");
}

#[test]
fn plugin_without_a_key_does_not_initialize() {
    set_config("api_key", " ");
    assert_eq!(my_awesome_plugin::native_instance().load().expect_err("no key").code(), "load_refused");
}

#[test]
fn user_created_event_is_handled() {
    let mut plugin = my_awesome_plugin::native_instance();
    let outcome = plugin.emit("user.created", json!({ "user_id": "123", "username": "testuser" }));
    assert_eq!((outcome.handlers, outcome.failed), (1, 0));
    assert!(take_log()[0].contains("testuser"));
}
