//! Messages of failed tests: what was expected, what was found, the plugin's log, and what it was denied.

use std::panic::{AssertUnwindSafe, catch_unwind};

use plugbay_testing::TestHost;
use serde_json::json;

use super::host::guest;
use crate::harness::assert::assert_contains;
use crate::harness::guest::{feature, hostile};

/// Runs a closure that has to panic, and returns the panic's message.
fn panic_of(fails: impl FnOnce()) -> String {
    let panic = catch_unwind(AssertUnwindSafe(fails)).expect_err("it has to panic");
    panic.downcast_ref::<String>().cloned().unwrap_or_else(|| "a panic without a text".to_owned())
}

#[test]
fn failed_call_shows_code_text_and_log() {
    let host = TestHost::new();
    let plugin = guest(&host, hostile::PANIC).load();
    let text = panic_of(|| drop(plugin.call("attack", "the reactor is open")));
    assert_contains(&text, &["plugin `hostile_panic` failed in `attack`", "[plugin_trapped]", "the reactor is open"]);
    assert_contains(&text, &["log:", "denied uses: none"]);
}

#[test]
fn call_that_should_have_failed_shows_its_answer() {
    let host = TestHost::new();
    let plugin = guest(&host, feature::ECHO).load();
    let text = panic_of(|| drop(plugin.call_error("echo", json!({ "a": 1 }))));
    assert_contains(&text, &["expected an error of `echo`", "{\"a\":1}"]);
    let text = panic_of(|| assert_eq!(plugin.call_as::<u8>("echo", "x"), 1));
    assert_contains(&text, &["that is not a `u8`", "\"x\""]);
}

#[test]
fn unknown_tool_is_answered_with_the_known_ones() {
    let host = TestHost::new();
    let actions = json!({ "actions": [{ "name": "echo" }, { "name": "length" }] });
    let plugin = guest(&host, feature::ECHO).manifest(actions).load();
    let text = panic_of(|| drop(plugin.tool("ecco").call(json!({}))));
    assert_contains(&text, &["plugin `feature_echo` has no action `ecco`", "echo, length"]);
    assert_contains(&panic_of(|| drop(plugin.tool("echo").call([1]))), &["arguments of a tool are an object"]);
}

#[test]
fn missing_denial_says_granted_or_not_tried() {
    let host = TestHost::new();
    let asks = json!({ "permissions": [{ "resource": "config.a" }] });
    let plugin = guest(&host, feature::CONFIG).manifest(asks).load();
    assert_contains(&panic_of(|| plugin.assert_denied("config.a", "write")), &["did not try"]);
    plugin.call("set", json!({ "key": "a", "value": 1 }));
    assert_contains(&panic_of(|| plugin.assert_denied("config.a", "write")), &["it was granted"]);
    plugin.call("set", json!({ "key": "b", "value": 1 }));
    plugin.assert_denied("config.b", "write");
    let text = panic_of(|| plugin.assert_nothing_denied());
    assert_contains(&text, &["write config.b: its manifest does not request it"]);
}

#[test]
fn log_is_shown_if_a_line_is_missing_or_unexpected() {
    let host = TestHost::new();
    let plugin = guest(&host, feature::LIFECYCLE).load();
    assert_contains(&panic_of(|| plugin.assert_logged("no such line")), &["no line of the log", "no such line"]);
    plugin.assert_not_logged("no such line");
}

#[test]
fn plugin_that_cannot_be_loaded_or_opened_says_why() {
    let host = TestHost::new();
    let text = panic_of(|| drop(guest(&host, feature::ECHO).manifest(json!({ "requires": ["absent"] })).load()));
    assert_contains(&text, &["feature_echo", "absent", "not loaded"]);
    assert_contains(&panic_of(|| drop(host.plugin("no/such/plugin"))), &["no/such/plugin", "Rust crate"]);
    assert_contains(&panic_of(|| drop(guest(&host, feature::ECHO).deny("fly"))), &["fly"]);
}
