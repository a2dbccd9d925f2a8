//! Native tests of the plugin with a configuration.

use plugbay_sdk::json;
use plugbay_sdk::native::{Instance, set_config, take_log};

const SECRET: &str = "top secret";

fn loaded() -> Instance {
    set_config("api_key", SECRET);
    let mut settings = settings::native_instance();
    settings.load().expect("loaded");
    settings
}

#[test]
fn load_without_the_required_secret_fails() {
    let failure = settings::native_instance().load().expect_err("no key");
    assert_eq!(failure.to_string(), "missing_configuration: the configuration has no value for `api_key`");
}

#[test]
fn load_error_does_not_show_a_secret_of_the_wrong_type() {
    set_config("api_key", 123_456);
    let failure = settings::native_instance().load().expect_err("the key is not text");
    assert_eq!(failure.code(), "invalid_configuration");
    assert!(!failure.message().contains("123456"), "{failure}");
}

#[test]
fn secret_is_neither_shown_nor_logged() {
    let mut settings = loaded();
    let shown = settings.call("show", ()).expect("settings");
    assert_eq!(shown, json!({ "has_api_key": true, "max_retries": 3, "enabled": true }));
    assert!(take_log().iter().all(|line| !line.contains(SECRET)));
}

#[test]
fn changed_setting_is_shown() {
    let mut settings = loaded();
    let shown = settings.call("set_max_retries", json!({ "max_retries": 5 })).expect("settings");
    assert_eq!(shown["max_retries"], 5);
    assert_eq!(settings.call("show", ()).expect("settings"), shown);
    let failure = settings.call("set_max_retries", json!({ "max_retries": "5" })).expect_err("a text");
    assert_eq!(failure.code(), "validation_error");
}

#[test]
fn health_follows_the_switch() {
    let mut settings = loaded();
    set_config("enabled", false);
    let expected = json!({ "healthy": true, "components": { "configuration": "disabled" } });
    assert_eq!(settings.health().expect("a check"), expected);
}

#[test]
fn manifest_file_is_embedded_over_cargo_metadata() {
    let manifest = settings::native_instance().manifest();
    assert_eq!((&manifest[0]["name"], &manifest[2]["title"]), (&json!("settings"), &json!("Settings")));
    let api_key = &manifest[2]["configuration"]["api_key"];
    assert_eq!((&api_key["secret"], &api_key["required"]), (&json!(true), &json!(true)));
}
