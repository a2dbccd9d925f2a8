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
    assert_eq!(ask(&a, "find", "mailer").await["error"]["code"], "not_found");
}

#[tokio::test]
async fn service_is_called_with_a_permission_for_the_service_alone() {
    let host = host();
    host.load(offering("b", &["mailer", "printer"]).manifest("allowed_callers", json!(["a"]))).await;
    let a = host.load(named("a").manifest("permissions", json!([allow("service.mailer")]))).await;
    assert_eq!(call_service(&a, "mailer").await, json!({ "ok": 7 }));
    let error = call_service(&a, "printer").await["error"].clone();
    assert_eq!(error["code"], "permission_denied");
    assert_eq!(error["details"], json!({ "resource": "service.printer", "action": "execute", "by": "host" }));
    assert_eq!(call(&a, "b", "echo", json!(7)).await["error"]["code"], "permission_denied", "the plugin itself");
    host.runtime.unload("b").await;
    assert_eq!(call_service(&a, "mailer").await["error"]["code"], "not_found");
}

#[tokio::test]
async fn call_of_a_service_needs_the_consent_of_its_plugin() {
    let host = host();
    host.load(offering("b", &["mailer"])).await;
    let a = host.load(named("a").manifest("permissions", json!([allow("service.mailer")]))).await;
    let error = call_service(&a, "mailer").await["error"].clone();
    assert_eq!((&error["code"], &error["details"]["refused"]), (&json!("permission_denied"), &json!("by_callee")));
}

#[tokio::test]
async fn service_below_the_plugins_own_name_needs_no_permission() {
    let host = Host::with(|builder| builder.policy(Policy::default()));
    let b = host.load(named("b").manifest("permissions", json!([]))).await;
    for name in ["b", "b.api"] {
        assert_eq!(ask(&b, "register", name).await, "registered");
    }
    for name in ["bc", "c.b", "c"] {
        assert_eq!(ask(&b, "register", name).await["error"]["code"], "permission_denied", "{name}");
    }
    assert_eq!(ask(&b, "unregister", "b.api").await, json!(true));
}

#[tokio::test]
async fn missing_service_lists_the_visible_ones() {
    let host = host();
    let b = host.load(named("b")).await;
    for name in ["mailer", "b.api", "secret"] {
        assert_eq!(ask(&b, "register", name).await, "registered");
    }
    let rules = json!([{ "resource": "service.secret", "effect": "deny" }, allow("service.*")]);
    let a = host.load(named("a").manifest("permissions", rules)).await;
    let error = ask(&a, "find", "mialer").await["error"].clone();
    assert_eq!(error["code"], "not_found");
    assert_contains(text(&error), &["`mialer`", "there are: b.api, mailer"]);
    assert!(!text(&error).contains("secret"), "{error}");
    assert_eq!(ask(&a, "services", "").await, json!([["b.api", "b"], ["mailer", "b"]]));
    assert_eq!(ask(&a, "find", "secret").await["error"]["code"], "permission_denied");
}

#[tokio::test]
async fn registering_needs_write_and_lookup_needs_read() {
    let host = host();
    let rules = json!([{ "resource": "service.mailer", "actions": ["read"] }]);
    let a = host.load(named("a").manifest("permissions", rules)).await;
    let error = ask(&a, "register", "mailer").await["error"].clone();
    assert_eq!(error["code"], "permission_denied");
    assert_contains(text(&error), &["write `service.mailer`", "manifest"]);
    assert_last_denial(&host.runtime, "service.mailer", "write");
    assert_eq!(ask(&a, "unregister", "mailer").await["error"]["code"], "permission_denied");
    assert_eq!(ask(&a, "find", "mailer").await["error"]["code"], "not_found");
    let operator = Policy::default().allow("service.*:read").expect("readable");
    let host = Host::with(|builder| builder.policy(operator));
    let error = ask(&host.load(named("a")).await, "register", "mailer").await["error"].clone();
    assert_contains(text(&error), &["write `service.mailer`"]);
    assert_last_denial(&host.runtime, "service.mailer", "write");
}

#[tokio::test]
async fn name_held_by_another_plugin_is_refused() {
    let host = host();
    let (a, b) = (host.load(named("a")).await, host.load(named("b")).await);
    assert_eq!(ask(&a, "register", "mailer").await, "registered");
    let error = ask(&b, "register", "mailer").await["error"].clone();
    assert_eq!(error["code"], "already_exists");
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
    assert_eq!(&error["code"], &json!("limit_exceeded"));
    let details = json!({ "limit": "services", "allowed": SERVICES_MAX, "observed": SERVICES_MAX + 1, "by": "host" });
    assert_eq!(error["details"], details);
    assert_eq!(ask(&a, "unregister", "s0").await, json!(true));
    assert_eq!(ask(&a, "register", "one-more").await, "registered");
}

#[tokio::test]
async fn malformed_name_is_invalid() {
    let a = host().load(named("a")).await;
    for name in ["", "Mailer", "a/b", "*", &"x".repeat(100_000)] {
        for action in ["register", "unregister", "find"] {
            let error = ask(&a, action, name).await["error"].clone();
            assert_eq!(&error["code"], &json!("invalid_argument"));
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
    assert_eq!(ask(&a, "find", "mailer").await["error"]["code"], "not_found");
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

async fn call_service(plugin: &Plugin, service: &str) -> Value {
    let payload = json!({ "service": service, "action": "echo", "payload": 7 });
    plugin.call("call_service", &payload).await.expect("it answers")
}

async fn ask(plugin: &Plugin, action: &str, name: &str) -> Value {
    plugin.call(action, name).await.expect("it answers")
}
