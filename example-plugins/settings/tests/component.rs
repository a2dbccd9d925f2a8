//! Tests of the component: the host enforces its schema, its secret and its permissions.

use plugbay_testing::{PluginSetup, TestHost, json};

const SECRET: &str = "top secret";

fn settings(host: &TestHost) -> PluginSetup {
    host.plugin(env!("CARGO_MANIFEST_DIR")).config("api_key", SECRET)
}

#[test]
fn load_with_a_missing_or_invalid_value_fails() {
    let host = TestHost::new();
    let missing = host.plugin(env!("CARGO_MANIFEST_DIR")).try_load().expect_err("no key");
    assert_eq!(missing.code(), "invalid_configuration");
    assert!(missing.to_string().contains("api_key"), "{missing}");
    let out_of_range = settings(&host).config("max_retries", 11).try_load().expect_err("too many");
    assert!(out_of_range.to_string().contains("max_retries") && !out_of_range.to_string().contains(SECRET));
}

#[test]
fn only_a_requested_setting_can_be_changed() {
    let host = TestHost::new();
    let settings = settings(&host).load();
    assert_eq!(settings.call("set_max_retries", json!({ "max_retries": 7 }))["max_retries"], 7);
    settings.assert_nothing_denied();
    assert_eq!(settings.call_error("switch_off", ()).code(), "permission_denied");
    settings.assert_denied("config.enabled", "write");
    assert_eq!(settings.call("show", ()), json!({ "has_api_key": true, "max_retries": 7, "enabled": true }));
}

#[test]
fn operator_may_deny_a_requested_permission() {
    let host = TestHost::new();
    let settings = settings(&host).deny("config.max_retries:write").load();
    assert_eq!(settings.call_error("set_max_retries", json!({ "max_retries": 7 })).code(), "permission_denied");
    settings.assert_denied("config.max_retries", "write");
    settings.assert_not_logged(SECRET);
    assert!(settings.health().healthy);
}

#[test]
fn declared_tests_pass() {
    plugbay_testing::assert_test_files_pass(env!("CARGO_MANIFEST_DIR"));
}
