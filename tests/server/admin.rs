//! The administration of a host over HTTP, with real plugins.

use std::time::Duration;

use plugbay::Policy;
use plugbay::clock::ManualClock;
use serde_json::{Value, json};

use crate::harness::administered::Administered;
use crate::harness::assert::assert_contains;
use crate::harness::client::Client;
use crate::harness::guest::feature;
use crate::harness::host::TestPlugin;

fn echo(name: &str) -> TestPlugin {
    TestPlugin::from(feature::ECHO).manifest("name", json!(name))
}

#[tokio::test]
async fn plugin_is_disabled_and_enabled_by_a_manager_only() {
    let served = Administered::start().await;
    served.host.load(echo("shop")).await;
    let listed = served.request("", "GET", "/api/v1/plugins", Value::Null).await;
    assert_eq!((listed.status, &listed.json()["plugins"][0]["state"]), (200, &json!("ready")));

    let refused = served.request("", "POST", "/api/v1/plugins/shop/disable", Value::Null).await;
    assert_eq!(refused.error(), (401, "unauthenticated".to_owned()));
    assert_eq!(refused.header("www-authenticate"), Some("Bearer realm=\"plugbay\", scope=\"manage:shop\""));
    let reader = served.token(&["read", "call", "manage:other"]);
    let refused = served.request(&reader, "POST", "/api/v1/plugins/shop/disable", Value::Null).await;
    assert_eq!(refused.error(), (403, "insufficient_scope".to_owned()));
    assert_contains(&refused.text(), &["manage:shop", "tester"]);

    let of_shop = served.token(&["manage:shop"]);
    let changed = served.request(&of_shop, "POST", "/api/v1/plugins/shop/disable", Value::Null).await.json();
    assert_eq!((&changed["change"], &changed["plugin"]["state"]), (&json!("disabled"), &json!("disabled")));
    let called = served.request("", "POST", "/plugins/shop/actions/echo", json!(1)).await;
    assert_eq!(called.error(), (503, "plugin_disabled".to_owned()));
    served.manage("POST", "/api/v1/plugins/shop/enable", Value::Null).await;
    served.manage("POST", "/api/v1/plugins/shop/restart", Value::Null).await;
    assert_eq!(served.request("", "POST", "/plugins/shop/actions/echo", json!(1)).await.status, 200);
    let unknown = served.request(&served.manager, "POST", "/api/v1/plugins/none/disable", Value::Null).await;
    assert_eq!(unknown.error(), (404, "not_loaded".to_owned()));
}

#[tokio::test]
async fn dependents_prevent_a_change_or_are_changed_first() {
    let served = Administered::start().await;
    served.host.load(echo("base")).await;
    for (name, required) in [("user", "base"), ("top", "user")] {
        served.host.load(echo(name).manifest("requires", json!([required]))).await;
    }
    let disable = async |token: &str, query: &str| {
        served.request(token, "POST", &format!("/api/v1/plugins/base/disable{query}"), Value::Null).await
    };
    let refused = disable(&served.manager, "?dependents=refuse").await;
    assert_eq!(refused.error(), (409, "plugin_required".to_owned()));
    assert_contains(&refused.text(), &["`base` is required by top, user"]);
    assert_eq!(disable(&served.manager, "?dependents=some").await.status, 400);
    let of_base = served.token(&["manage:base"]);
    assert_eq!(disable(&of_base, "?dependents=cascade").await.error(), (403, "insufficient_scope".to_owned()));
    let states = || served.host.runtime.plugins().iter().map(|plugin| plugin.state().name()).collect::<Vec<_>>();
    assert_eq!(states(), ["ready"; 3], "nothing was changed");
    assert_eq!(disable(&served.manager, "?dependents=cascade").await.status, 200);
    assert_eq!(states(), ["disabled"; 3]);
    assert_eq!(disable(&served.manager, "?dependents=refuse").await.status, 200, "disabled ones do not count");
}

#[tokio::test]
async fn plugin_that_failed_is_seen_with_its_error_and_restarted() {
    let clock = ManualClock::default();
    let served = Administered::with(|builder| builder.clock(clock.clone())).await;
    served.host.load(TestPlugin::from(feature::LIFECYCLE).manifest("name", json!("shop"))).await;
    let shown = async || served.request("", "GET", "/api/v1/plugins/shop", Value::Null).await.json();
    while shown().await["state"] != "failed" {
        let trapped = served.request("", "POST", "/plugins/shop/actions/trap", Value::Null).await;
        assert_eq!(trapped.error(), (500, "plugin_trapped".to_owned()));
        clock.advance(Duration::from_secs(10));
    }
    let plugin = shown().await;
    assert_eq!(plugin["last_error_code"], "plugin_trapped", "{plugin}");
    let refused = served.request("", "POST", "/plugins/shop/actions/ping", Value::Null).await;
    assert_eq!(refused.error(), (503, "plugin_failed".to_owned()));
    served.manage("POST", "/api/v1/plugins/shop/restart", Value::Null).await;
    assert_eq!(served.request("", "POST", "/plugins/shop/actions/ping", Value::Null).await.status, 200);
    assert_eq!(shown().await["state"], "ready");
}

#[tokio::test]
async fn token_of_one_plugin_sees_and_calls_no_other() {
    let served = Administered::start().await;
    served.host.load(echo("shop")).await;
    served.host.load(echo("bank")).await;
    let token = served.token(&["read:shop", "call:shop"]);
    let listed = served.request(&token, "GET", "/api/v1/plugins", Value::Null).await.json();
    assert_eq!(listed["plugins"].as_array().map(Vec::len), Some(1));
    assert_eq!(served.request(&token, "POST", "/plugins/shop/actions/echo", json!(1)).await.status, 200);
    for (method, path) in [
        ("POST", "/plugins/bank/actions/echo"),
        ("GET", "/api/v1/plugins/bank"),
        ("GET", "/api/v1/logs?plugin=bank"),
        ("GET", "/api/v1/audit"),
        ("POST", "/api/v1/events"),
        ("GET", "/api/v1/tokens"),
        ("POST", "/terminate"),
    ] {
        let refused = served.request(&token, method, path, json!({ "topic": "a.b" })).await;
        assert_eq!(refused.error(), (403, "insufficient_scope".to_owned()), "{method} {path}");
    }
}

#[tokio::test]
async fn configuration_is_set_and_secrets_stay_hidden() {
    let served = Administered::start().await;
    let plugin = TestPlugin::from(feature::CONFIG).manifest("name", json!("shop"));
    let schema = json!({
        "retries": { "type": "integer", "max": 9, "default": 1 }, "token": { "type": "string", "secret": true },
    });
    let plugin = served.host.load(plugin.manifest("configuration", schema)).await;
    let set = served.manage("PUT", "/api/v1/plugins/shop/config/retries", json!({ "value": 3 })).await;
    assert_eq!(set["configuration"]["retries"], 3);
    let set = served.manage("PUT", "/api/v1/plugins/shop/config/token", json!({ "value": "hunter2" })).await;
    assert_eq!(set["configuration"]["token"], "***hidden***");
    assert_eq!(plugin.call::<Value>("get", "token").await.expect("its own"), "hunter2");
    for (key, value) in [("retries", json!(10)), ("retires", json!(1))] {
        let path = format!("/api/v1/plugins/shop/config/{key}");
        let refused = served.request(&served.manager, "PUT", &path, json!({ "value": value })).await;
        assert_eq!(refused.error(), (422, "invalid_configuration".to_owned()));
        assert_contains(&refused.text(), &[key]);
    }
    let shown = served.request("", "GET", "/api/v1/plugins/shop", Value::Null).await.text();
    assert!(!shown.contains("hunter2"), "{shown}");
}

#[tokio::test]
async fn jobs_are_listed_paused_run_and_removed() {
    let served = Administered::with(|builder| builder.policy(Policy::allow_all()).run_jobs(false)).await;
    let permissions = json!([{ "resource": "scheduler.*" }]);
    let plugin = TestPlugin::from(feature::SCHEDULER).manifest("name", json!("shop"));
    let plugin = served.host.load(plugin.manifest("permissions", permissions)).await;
    let job = json!({ "id": "clean/up", "interval_ms": 60_000, "args": { "a": 1 } });
    plugin.call::<Value>("add", &job).await.expect("added");

    let jobs = served.manage("GET", "/api/v1/plugins/shop/jobs", Value::Null).await;
    assert_eq!((&jobs["jobs"][0]["id"], &jobs["jobs"][0]["args"]), (&json!("clean/up"), &json!({ "a": 1 })));
    let path = "/api/v1/plugins/shop/jobs/clean%2Fup";
    let paused = served.manage("POST", &format!("{path}/pause"), Value::Null).await;
    assert_eq!((&paused["changed"], &paused["job"]["next_run_ms"]), (&json!(true), &Value::Null));
    assert_eq!(served.manage("POST", &format!("{path}/resume"), Value::Null).await["job"]["paused"], false);
    assert_eq!(served.manage("POST", &format!("{path}/run"), Value::Null).await["result"], json!({ "worked": true }));
    let runs = plugin.call::<Value>("worked", &()).await.expect("it answers");
    let payload = &runs[0]["payload"];
    assert_eq!(
        (&payload["job"], &payload["args"]),
        (&json!("clean/up"), &json!({ "a": 1 })),
        "as the scheduler's runs"
    );
    assert!(payload["scheduled_ms"].is_u64(), "{payload}");
    assert_eq!(served.manage("GET", path, Value::Null).await["outcomes"], json!([]));
    served.manage("DELETE", path, Value::Null).await;
    let gone = served.request(&served.manager, "GET", path, Value::Null).await;
    assert_eq!(gone.error(), (404, "not_found".to_owned()));
}

#[tokio::test]
async fn stored_values_are_listed_shown_and_removed() {
    let served = Administered::with(|builder| builder.policy(Policy::allow_all())).await;
    let permissions = json!([{ "resource": "data.*" }]);
    let plugin = TestPlugin::from(feature::DATA).manifest("name", json!("shop"));
    let plugin = served.host.load(plugin.manifest("permissions", permissions)).await;
    plugin.call::<Value>("acknowledge", &json!({ "first": 0, "count": 3 })).await.expect("set");
    let path = "/api/v1/plugins/shop/data";
    let page = served.manage("GET", &format!("{path}?prefix=value/&limit=2"), Value::Null).await;
    assert_eq!(page, json!({ "keys": ["value/0", "value/1"], "more": true }));
    let value = served.manage("GET", &format!("{path}/value%2F2"), Value::Null).await;
    assert_eq!(value["value"]["index"], 2);
    served.manage("DELETE", &format!("{path}/value%2F2"), Value::Null).await;
    let gone = served.request(&served.manager, "GET", &format!("{path}/value%2F2"), Value::Null).await;
    assert_eq!(gone.error(), (404, "not_found".to_owned()));
    assert_eq!(served.request("", "GET", path, Value::Null).await.status, 401, "values may be secret");
}

#[tokio::test]
async fn policy_changes_what_a_running_plugin_may_use() {
    let served = Administered::with(|builder| builder.policy(Policy::allow_all())).await;
    let plugin = TestPlugin::from(feature::DATA).manifest("name", json!("shop"));
    let plugin = served.host.load(plugin.manifest("permissions", json!([{ "resource": "data.*" }]))).await;
    assert_eq!(plugin.call::<Value>("get", "a").await.expect("allowed"), json!({ "absent": true }));
    let policy = served.manage("PUT", "/api/v1/policy", json!({ "deny": ["data.a:read"] })).await;
    assert_eq!(policy["rules"][0]["resource"], "data.a");
    assert_contains(policy["until"].as_str().unwrap_or_default(), &["restarts", "host's file"]);
    let denied = plugin.call::<Value>("get", "a").await.expect("it returns the error");
    assert_contains(&denied.to_string(), &["permission_denied"]);
    let audit = served.manage("GET", "/api/v1/audit", Value::Null).await;
    assert_eq!(audit["denials"][0]["plugin"], "shop");
    let wrong = served.request(&served.manager, "PUT", "/api/v1/policy", json!({ "allow": ["dta.x:read"] })).await;
    assert_eq!(wrong.error(), (400, "invalid_request".to_owned()));
    assert_contains(&wrong.text(), &["dta"]);
}

#[tokio::test]
async fn token_is_made_used_and_revoked_over_http() {
    let served = Administered::start().await;
    let body = json!({ "consumer": "ci", "scopes": ["manage"], "expires_in_seconds": 60 });
    let made = served.request(&served.manager, "POST", "/api/v1/tokens", body).await;
    assert_eq!(made.status, 201);
    let (secret, id) = (made.json()["token"].as_str().expect("a text").to_owned(), made.json()["id"].to_string());
    let listed = served.request(&secret, "GET", "/api/v1/tokens", Value::Null).await;
    assert!(listed.status == 200 && !listed.text().contains(&secret), "{}", listed.text());
    served.manage("DELETE", &format!("/api/v1/tokens/{id}"), Value::Null).await;
    let refused = served.request(&secret, "GET", "/api/v1/tokens", Value::Null).await;
    assert_eq!(refused.error(), (401, "invalid_token".to_owned()));
    assert_contains(&refused.text(), &["revoked"]);
    for (asked, expected) in [(json!({}), Some(2_592_000)), (json!({ "expires_in_seconds": 0 }), None)] {
        let mut body = json!({ "consumer": "ci", "scopes": ["read"] });
        body.as_object_mut().expect("an object").extend(asked.as_object().cloned().expect("an object"));
        let made = served.request(&served.manager, "POST", "/api/v1/tokens", body).await.json();
        let lifetime = made["expires_at"].as_u64().zip(made["created_at"].as_u64()).map(|(end, begin)| end - begin);
        assert_eq!(lifetime, expected, "{asked}: {made}");
    }
}

#[tokio::test]
async fn method_that_a_path_does_not_have_is_an_error_with_those_that_it_has() {
    let served = Administered::start().await;
    for (method, path, allowed) in [
        ("PATCH", "/api/v1/status", "GET,HEAD"),
        ("DELETE", "/api/v1/plugins", "GET,HEAD,POST"),
        ("GET", "/api/v1/refresh", "POST"),
        ("POST", "/metrics", "GET,HEAD"),
        ("POST", "/healthz", "GET,HEAD"),
        ("GET", "/ipc/shop/echo", "POST"),
        ("PUT", "/openapi.json", "GET,HEAD"),
        ("GET", "/terminate", "POST"),
    ] {
        let refused = served.request(&served.manager, method, path, Value::Null).await;
        assert_eq!(refused.error(), (405, "method_not_allowed".to_owned()), "{method} {path}");
        assert_eq!(refused.header("allow"), Some(allowed), "{method} {path}");
    }
}

#[tokio::test]
async fn malformed_requests_are_refused_with_what_is_wrong() {
    let served = Administered::start().await;
    for (method, path, body, words) in [
        ("POST", "/api/v1/events", json!({ "topic": "a.b", "dta": 1 }), "dta"),
        ("POST", "/api/v1/events", json!({ "topic": "a..b" }), "a..b"),
        ("POST", "/api/v1/events", json!([]), "body"),
        ("POST", "/api/v1/tokens", json!({ "consumer": "a", "scopes": ["admin"] }), "`admin` is not a scope"),
        ("POST", "/api/v1/plugins", json!({ "reference": "./local" }), "local socket"),
    ] {
        let refused = served.request(&served.manager, method, path, body).await;
        assert_eq!(refused.status, 400, "{path}: {}", refused.text());
        assert_contains(&refused.text(), &[words]);
    }
    let unknown = served.request("", "GET", "/api/v1/plugin", Value::Null).await;
    assert_eq!(unknown.error(), (404, "not_found".to_owned()));
    let large = vec![b' '; (4 << 20) + 1];
    let headers = format!("authorization: Bearer {}\r\n", served.manager);
    let refused = Client::connect(served.address).await.request("POST", "/api/v1/events", &headers, &large).await;
    assert_eq!(refused.error(), (413, "payload_too_large".to_owned()));
}

#[tokio::test]
async fn pages_of_other_origins_and_other_names_are_refused() {
    let served = Administered::start().await;
    let mut client = Client::connect(served.address).await;
    let form = "origin: https://evil.example\r\ncontent-type: text/plain\r\n";
    let refused = client.request("POST", "/api/v1/events", form, b"{\"topic\":\"a.b\"}").await;
    assert_eq!(refused.error(), (403, "cross_origin".to_owned()));
    // A form on a page of a plugin, whose origin is opaque.
    let bearer = format!("origin: null\r\nauthorization: Bearer {}\r\n", served.manager);
    let refused = client.request("POST", "/api/v1/events", &bearer, b"{\"topic\":\"a.b\"}").await;
    assert_eq!(refused.error(), (403, "opaque_origin".to_owned()));
    client.send("GET /api/v1/plugins HTTP/1.1\r\nhost: evil.example\r\n\r\n").await;
    assert_eq!(client.response(false).await.error(), (421, "unknown_host".to_owned()));
    client.send("GET /healthz HTTP/1.1\r\nhost: 10.1.2.3\r\n\r\n").await;
    assert_eq!(client.response(false).await.status, 200, "a supervisor asks by address");
}

#[tokio::test]
async fn terminated_server_ends() {
    let served = Administered::start().await;
    let answer = served.request(&served.manager, "POST", "/terminate", Value::Null).await;
    assert_eq!(answer.status, 202);
    served.close().await;
}
