//! Named services: names under which plugins offer their actions.

use crate::harness::limits::SERVICES_MAX;
use plugbay::{Plugin, Policy};
use serde_json::{Value, json};

use super::{allow, call, host, named, open, text};
use crate::harness::assert::{assert_contains, assert_last_denial, assert_load_error};
use crate::harness::host::{Host, TestPlugin};

#[tokio::test]
async fn service_is_found_and_called() {
    let host = host();
    let mailer = host.load(open("smtp")).await;
    let a = host.load(named("a")).await;
    assert_eq!(ask(&mailer, "register", "mailer").await, "registered");
    assert_eq!(ask(&a, "find", "mailer").await, "smtp");
    assert_eq!(ask(&a, "services", "").await, json!([["mailer", "smtp"]]));
    assert_eq!(call(&a, "smtp", "echo", json!(1)).await, json!({ "ok": 1 }));
    assert_eq!(
        (ask(&mailer, "unregister", "mailer").await, ask(&mailer, "unregister", "mailer").await),
        (json!(true), json!(false))
    );
    assert_eq!(ask(&a, "find", "mailer").await["error"]["kind"], "not_found");
}

#[tokio::test]
async fn missing_service_lists_the_visible_ones() {
    let host = host();
    let b = host.load(named("b")).await;
    for name in ["mailer", "b.api", "secret"] {
        assert_eq!(ask(&b, "register", name).await, "registered");
    }
    let rules = json!([{ "resource": "plugin.secret", "effect": "deny" }, allow("plugin.*")]);
    let a = host.load(named("a").manifest("permissions", rules)).await;
    let error = ask(&a, "find", "mialer").await["error"].clone();
    assert_eq!(error["kind"], "not_found");
    assert_contains(text(&error), &["`mialer`", "there are: b.api, mailer"]);
    assert!(!text(&error).contains("secret"), "{error}");
    assert_eq!(ask(&a, "services", "").await, json!([["b.api", "b"], ["mailer", "b"]]));
    assert_eq!(ask(&a, "find", "secret").await["error"]["kind"], "denied");
}

#[tokio::test]
async fn registering_needs_write_and_lookup_needs_read() {
    let host = host();
    let rules = json!([{ "resource": "plugin.mailer", "actions": ["read"] }]);
    let a = host.load(named("a").manifest("permissions", rules)).await;
    let error = ask(&a, "register", "mailer").await["error"].clone();
    assert_eq!(error["kind"], "denied");
    assert_contains(text(&error), &["write `plugin.mailer`", "manifest"]);
    assert_last_denial(&host.runtime, "plugin.mailer", "write");
    assert_eq!(ask(&a, "unregister", "mailer").await["error"]["kind"], "denied");
    assert_eq!(ask(&a, "find", "mailer").await["error"]["kind"], "not_found");
    let operator = Policy::default().allow("plugin.*:read").expect("readable");
    let host = Host::with(|builder| builder.policy(operator));
    let error = ask(&host.load(named("a")).await, "register", "mailer").await["error"].clone();
    assert_contains(text(&error), &["write `plugin.mailer`"]);
    assert_last_denial(&host.runtime, "plugin.mailer", "write");
}

#[tokio::test]
async fn name_held_by_another_plugin_is_refused() {
    let host = host();
    let (a, b) = (host.load(named("a")).await, host.load(named("b")).await);
    assert_eq!(ask(&a, "register", "mailer").await, "registered");
    let error = ask(&b, "register", "mailer").await["error"].clone();
    assert_eq!(error["kind"], "denied");
    assert_contains(text(&error), &["`mailer`", "`a`"]);
    assert_eq!(ask(&b, "unregister", "mailer").await, json!(false), "another plugin holds it");
    assert_eq!(ask(&b, "find", "mailer").await, "a");
}

#[tokio::test]
async fn more_services_than_allowed_are_refused_with_the_numbers() {
    let host = host();
    let a = host.load(named("a")).await;
    for number in 0..SERVICES_MAX {
        assert_eq!(ask(&a, "register", &format!("s{number}")).await, "registered");
    }
    let error = ask(&a, "register", "one-more").await["error"].clone();
    assert_eq!((&error["kind"], &error["code"]), (&json!("limit"), &json!("limit_exceeded")));
    assert_eq!(error["details"], json!({ "limit": "services", "allowed": SERVICES_MAX, "observed": SERVICES_MAX + 1 }));
    assert_eq!(ask(&a, "unregister", "s0").await, json!(true));
    assert_eq!(ask(&a, "register", "one-more").await, "registered");
}

#[tokio::test]
async fn malformed_name_is_invalid() {
    let a = host().load(named("a")).await;
    for name in ["", "Mailer", "a/b", "*", &"x".repeat(100_000)] {
        for action in ["register", "unregister", "find"] {
            let error = ask(&a, action, name).await["error"].clone();
            assert_eq!((&error["kind"], &error["code"]), (&json!("invalid"), &json!("invalid_argument")));
            assert!(text(&error).len() < 500);
        }
    }
}

#[tokio::test]
async fn services_end_with_their_plugin() {
    let host = host();
    let a = host.load(named("a")).await;
    // A handle may outlive the plugin.
    let _b = host.load(offering("b", &["mailer"])).await;
    assert_eq!(ask(&a, "find", "mailer").await, "b");
    assert!(host.runtime.unload("b").await);
    assert_eq!(ask(&a, "find", "mailer").await["error"]["kind"], "not_found");
    assert_eq!(ask(&a, "register", "mailer").await, "registered", "the name is free");
}

#[tokio::test]
async fn services_of_a_failed_load_are_removed() {
    let host = host();
    let a = host.load(named("a")).await;
    let failing = offering("b", &["mailer"]).manifest("configuration", settings(&["mailer"], true));
    let error = host.try_load(failing).await.expect_err("it fails as configured");
    assert_load_error(&error, "b", "told_to_fail");
    assert_eq!(ask(&a, "register", "mailer").await, "registered", "the name is free");
}

#[tokio::test]
async fn services_survive_a_reload() {
    let host = host();
    let a = host.load(named("a")).await;
    let b = host.load(offering("b", &["mailer"])).await;
    assert_eq!(ask(&b, "register", "later").await, "registered");
    // On reload it does not register `later` again, and adds a third name.
    host.runtime.reload(offering("b", &["mailer", "third"]).package()).await.expect("the reload succeeds");
    assert_eq!(ask(&a, "services", "").await, json!([["later", "b"], ["mailer", "b"], ["third", "b"]]));
    host.runtime.unload("b").await;
    assert_eq!(ask(&a, "services", "").await, json!([]));
}

#[tokio::test]
async fn failed_reload_restores_the_old_services() {
    let host = host();
    let a = host.load(named("a")).await;
    host.load(offering("b", &["mailer"])).await;
    let failing = named("b").manifest("configuration", settings(&["mailer", "new"], true));
    host.runtime.reload(failing.package()).await.expect_err("it fails as configured");
    assert_eq!(ask(&a, "services", "").await, json!([["mailer", "b"]]));
}

fn offering(name: &str, services: &[&str]) -> TestPlugin {
    named(name).manifest("configuration", settings(services, false))
}

fn settings(services: &[&str], fail: bool) -> Value {
    json!({
        "services": { "type": "array", "default": services },
        "fail": { "type": "boolean", "default": fail },
    })
}

async fn ask(plugin: &Plugin, action: &str, name: &str) -> Value {
    plugin.call(action, name).await.expect("it answers")
}
