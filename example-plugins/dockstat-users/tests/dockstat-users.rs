//! The declaration, and the parts that need no database.

use plugbay_sdk::json;
use plugbay_sdk::native::take_log;

#[test]
fn builder_declares_what_the_sample_does() {
    let manifest = dockstat_users::native_instance().manifest();
    let part = |name: &str| manifest.iter().find_map(|layer| layer.get(name)).cloned();
    assert_eq!(part("name"), Some(json!("my-plugin")));
    assert_eq!(part("repo_type"), Some(json!("github")));
    assert_eq!(part("tags"), Some(json!(["example", "demo"])));
}

#[test]
fn plugin_is_initialized() {
    dockstat_users::native_instance().load().expect("initialized");
    assert!(take_log()[0].contains("Plugin initialized"));
}

#[test]
fn body_without_a_field_is_refused() {
    let mut users = dockstat_users::native_instance();
    assert_eq!(users.call("validate", json!({})).expect_err("no field").code(), "invalid_argument");
    let body = json!({ "email": "ada@example.org" });
    assert_eq!(users.call("validate", &body).expect("valid"), body);
}
