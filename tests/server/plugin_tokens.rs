//! Tokens of plugins for the server of their host: granted, narrowed, of others, revoked.

use plugbay::Policy;
use serde_json::{Value, json};

use crate::harness::administered::Administered;
use crate::harness::guest::feature;
use crate::harness::host::TestPlugin;

/// A plugin that asks for these permissions and is granted everything.
fn plugin(name: &str, permissions: &[&str]) -> TestPlugin {
    let rules: Vec<Value> = permissions.iter().map(|resource| json!({ "resource": resource })).collect();
    TestPlugin::from(feature::API).manifest("name", json!(name)).manifest("permissions", json!(rules))
}

async fn served() -> Administered {
    Administered::with(|builder| builder.policy(Policy::allow_all())).await
}

async fn token(plugin: &plugbay::Plugin, scopes: &[&str]) -> Value {
    plugin.call("token", &json!({ "scopes": scopes })).await.expect("it answers")
}

/// Requests a path of the server as the plugin, with a token unless it is empty.
async fn fetch(served: &Administered, plugin: &plugbay::Plugin, token: &str, method: &str, path: &str) -> Value {
    let mut request = json!({ "authority": served.address.to_string(), "method": method, "path": path });
    if !token.is_empty() {
        request["headers"] = json!({ "authorization": format!("Bearer {token}") });
    }
    plugin.call("fetch", &request).await.expect("it answers")
}

fn text(token: &Value) -> String {
    token["token"].as_str().unwrap_or_else(|| panic!("{token}")).to_owned()
}

#[tokio::test]
async fn plugin_with_a_scope_requests_the_server() {
    let served = served().await;
    let plugin = served.host.load(plugin("watcher", &["api.read"])).await;
    let token = token(&plugin, &["read"]).await;
    assert_eq!(token["url"], format!("http://{}", served.address));
    assert_eq!((&token["scopes"], token["expiresInSeconds"].as_u64() > Some(290)), (&json!(["read"]), true));
    assert_eq!(fetch(&served, &plugin, &text(&token), "GET", "/api/v1/plugins").await["status"], 200);
    assert_eq!(self::token(&plugin, &["read"]).await["token"], token["token"], "it is the same until it ends soon");
    let refused = served.request(&text(&token), "POST", "/events", json!({ "topic": "a" })).await;
    assert_eq!(refused.error(), (403, "insufficient_scope".to_owned()));
}

#[tokio::test]
async fn scope_without_a_grant_is_denied() {
    let served = served().await;
    let plugin = served.host.load(plugin("caller", &["api.call.greeter"])).await;
    for scopes in [&["call"][..], &["read"], &["manage"], &["call:other"], &["call:greeter", "read"]] {
        let denied = token(&plugin, scopes).await;
        assert!(denied["error"]["permission_denied"].is_string(), "{scopes:?}: {denied}");
    }
    for scopes in [&[][..], &["admin"], &["call:*"]] {
        assert!(token(&plugin, scopes).await["error"]["invalid_argument"].is_string(), "{scopes:?}");
    }
    let narrow = text(&token(&plugin, &["call:greeter"]).await);
    let other = served.request(&narrow, "POST", "/plugins/other/actions/ping", Value::Null).await;
    assert_eq!(other.error(), (403, "insufficient_scope".to_owned()));
}

#[tokio::test]
async fn request_without_an_own_token_is_denied_and_gets_no_anonymous_access() {
    let served = served().await;
    let plugin = served.host.load(self::plugin("hostile", &["api.read"])).await;
    let other = served.host.load(self::plugin("other", &["api.read", "api.call"])).await;
    let foreign = text(&token(&other, &["read", "call"]).await);
    token(&plugin, &["read"]).await;
    for stolen in ["", "pbp_wrong", &foreign, &served.manager] {
        let answer = fetch(&served, &plugin, stolen, "POST", "/plugins/other/actions/ping").await;
        assert_eq!(answer["error"], "HttpRequestDenied", "{stolen}");
    }
    let elsewhere = json!({ "authority": "127.0.0.1:1", "headers": { "authorization": format!("Bearer {foreign}") } });
    let elsewhere: Value = other.call("fetch", &elsewhere).await.expect("it answers");
    assert_eq!(elsewhere["error"], "HttpRequestDenied", "the permission is for the server alone");
}

#[tokio::test]
async fn token_of_a_plugin_that_was_unloaded_is_refused() {
    let served = served().await;
    let plugin = served.host.load(plugin("watcher", &["api.read"])).await;
    let token = text(&token(&plugin, &["read"]).await);
    assert_eq!(served.request(&token, "GET", "/api/v1/plugins", Value::Null).await.status, 200);
    drop(plugin);
    assert!(served.host.runtime.unload("watcher").await);
    assert_eq!(served.request(&token, "GET", "/api/v1/plugins", Value::Null).await.status, 401);
}

#[tokio::test]
async fn plugin_without_a_grant_is_not_loaded() {
    let served = Administered::with(|builder| builder.policy(Policy::default())).await;
    let error = served.host.try_load(plugin("watcher", &["api.read"])).await.expect_err("not granted");
    assert_eq!(error.code(), "permission_denied");
}
