//! Native tests of the plugin's actions.

use plugbay_sdk::json;
use plugbay_sdk::native::take_log;

#[test]
fn ping_returns_pong() {
    let answer = basic::native_instance().call("ping", ()).expect("an answer");
    assert_eq!(answer, json!({ "status": "ok", "message": "pong" }));
}

#[test]
fn echo_returns_any_json() {
    let sent = json!({ "list": [1, null, { "a": "ü" }], "number": -1.5e300 });
    let answer = basic::native_instance().call("echo", &sent).expect("an answer");
    assert_eq!(answer, json!({ "status": "ok", "received": sent }));
}

#[test]
fn unknown_action_error_lists_the_known_ones() {
    let failure = basic::native_instance().call("pong", ()).expect_err("no such action");
    assert_eq!((failure.code(), failure.status()), ("unknown_action", Some(404)));
    assert!(failure.message().ends_with("its actions are: ping, echo"), "{failure}");
}

#[test]
fn load_and_unload_are_logged() {
    let mut basic = basic::native_instance();
    basic.load().expect("loaded");
    basic.unload();
    assert_eq!(take_log(), ["INFO loaded", "INFO unloaded"]);
}
