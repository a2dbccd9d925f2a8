//! The HTTP request that an action answers, and the parts of its answer beyond JSON, without a server.

use plugbay::invocation::{HttpRequest, HttpResponse};
use plugbay::{Caller, Invocation, Limits, Plugin, Policy};
use serde_json::{Value, json};

use crate::harness::guest::feature;
use crate::harness::host::{Host, TestPlugin};
use crate::harness::limits::{RESPONSE_HEADERS_MAX, RESULT_BYTES_MAX};

fn request() -> HttpRequest {
    HttpRequest::new("POST", "/items/7")
        .route("/items/{id}")
        .param("id", "7")
        .query("a", "1")
        .query("a", "2")
        .header("Accept", "text/html")
        .header("X-Tenant", "acme")
        .header("Cookie", "session=1")
        .header("Authorization", "Bearer 1")
        .body("not JSON")
        .previous("[1]")
}

async fn loaded() -> Plugin {
    Host::new().load(feature::EXCHANGE.into()).await
}

async fn seen(plugin: &Plugin, invocation: Invocation<'_>) -> Value {
    let outcome = plugin.invoke(invocation).await.expect("it answers");
    outcome.parse("exchange", "request").expect("JSON")
}

/// Lets the action set parts of its response, and returns them with the failures.
async fn responded(plugin: &Plugin, parts: &Value) -> (Option<HttpResponse>, Value) {
    let outcome = plugin.invoke(Invocation::new("respond").payload(parts)).await.expect("it answers");
    (outcome.response().cloned(), outcome.parse("exchange", "respond").expect("JSON"))
}

#[tokio::test]
async fn action_sees_the_request_that_it_answers() {
    let seen = seen(&loaded().await, Invocation::new("request").http_request(request())).await;
    let expected = json!({
        "is_request": true, "method": "POST", "path": "/items/7", "route": "/items/{id}", "id": "7",
        "params": [["id", "7"]], "query": [["a", "1"], ["a", "2"]], "headers": [["accept", "text/html"]],
        "accept": ["text/html"], "cookie": 0, "body": "not JSON", "previous": "[1]",
    });
    assert_eq!(seen, expected);
}

#[tokio::test]
async fn action_that_is_called_otherwise_sees_no_request() {
    let seen = seen(&loaded().await, Invocation::new("request")).await;
    assert_eq!((&seen["is_request"], &seen["method"], &seen["body"]), (&json!(false), &json!(null), &json!(null)));
    assert_eq!((&seen["headers"], &seen["query"]), (&json!([]), &json!([])));
}

#[tokio::test]
async fn header_is_visible_if_the_operator_allows_it_unless_it_is_a_credential() {
    let host = Host::with(|builder| builder.request_headers(["X-Tenant", "cookie", "authorization"]));
    let plugin = host.load(feature::EXCHANGE.into()).await;
    let seen = seen(&plugin, Invocation::new("request").http_request(request())).await;
    assert_eq!(seen["headers"], json!([["accept", "text/html"], ["x-tenant", "acme"]]));
}

#[tokio::test]
async fn body_of_a_request_counts_against_the_limit_of_a_payload() {
    let host = Host::with(|builder| builder.limits(Limits { payload_bytes: 1_000, ..Limits::default() }));
    let plugin = host.load(feature::EXCHANGE.into()).await;
    let with_body = |bytes: usize| Invocation::new("request").http_request(request().body(vec![b'x'; bytes]));
    plugin.invoke(with_body(1_000)).await.expect("it fits");
    assert_eq!(plugin.invoke(with_body(1_001)).await.expect_err("too large").code(), "payload_too_large");
}

#[tokio::test]
async fn status_headers_and_body_reach_the_caller() {
    let plugin = loaded().await;
    let parts = json!({ "status": 201, "headers": [["ETag", "1"], ["x-a", "b"], ["x-a", "c"]], "body": "hello" });
    let (response, failures) = responded(&plugin, &parts).await;
    assert_eq!(failures, json!([]));
    let response = response.expect("it set some");
    assert_eq!((response.status(), response.body()), (201, Some(&b"hello"[..])));
    let header = |name: &str, value: &str| (name.to_owned(), value.as_bytes().to_vec());
    assert_eq!(response.headers(), [header("etag", "1"), header("x-a", "b"), header("x-a", "c")]);

    let (response, _) = responded(&plugin, &json!({})).await;
    assert_eq!(response, None, "nothing is left of the last call");
    let refused = Invocation::new("respond_and_fail").payload(&parts);
    plugin.invoke(refused).await.expect_err("a failure has no response");
    assert_eq!(responded(&plugin, &json!({})).await.0, None);
}

#[tokio::test]
async fn part_of_a_response_that_the_server_owns_or_http_forbids_is_invalid() {
    let plugin = loaded().await;
    for part in [
        json!({ "status": 199 }),
        json!({ "status": 600 }),
        json!({ "headers": [["Set-Cookie", "a=b"]] }),
        json!({ "headers": [["content-length", "1"]] }),
        json!({ "headers": [["Access-Control-Allow-Origin", "*"]] }),
        json!({ "headers": [["x-a", "b\r\nset-cookie: c"]] }),
        json!({ "headers": [["x a", "b"]] }),
    ] {
        let (response, failures) = responded(&plugin, &part).await;
        assert!(failures[0]["error"]["invalid_argument"].is_string(), "{part}: {failures}");
        assert!(response.is_none_or(|response| response == HttpResponse::default()), "{part}");
    }
}

#[tokio::test]
async fn response_is_bounded() {
    let plugin = loaded().await;
    let headers: Vec<_> = (0..=RESPONSE_HEADERS_MAX).map(|number| json!([format!("x-{number}"), "1"])).collect();
    let (response, failures) = responded(&plugin, &json!({ "headers": headers })).await;
    assert!(failures[0]["error"]["limit_exceeded"].is_string(), "{failures}");
    assert_eq!(response.map(|response| response.headers().len()), Some(RESPONSE_HEADERS_MAX));
    for part in [json!({ "headers": [["x-a", "b".repeat(20_000)]] }), json!({ "body_bytes": RESULT_BYTES_MAX + 1 })] {
        let (_, failures) = responded(&plugin, &part).await;
        assert!(failures[0]["error"]["limit_exceeded"].is_string(), "{failures}");
    }
}

#[tokio::test]
async fn identity_scopes_and_correlation_id_reach_the_plugin() {
    let plugin = Host::new().load(feature::INVOCATION.into()).await;
    let invocation =
        Invocation::new("about").identity("ada", ["read", "write"]).correlation_id("story").request_id("r");
    let about = seen(&plugin, invocation.http_request(request())).await;
    assert_eq!((&about["caller"], &about["identity"]), (&json!(Caller::Http.to_string()), &json!("ada")));
    assert_eq!((&about["scopes"], &about["correlation_id"]), (&json!(["read", "write"]), &json!("story")));
    let about = seen(&plugin, Invocation::new("about").request_id("r")).await;
    assert_eq!((&about["identity"], &about["scopes"]), (&json!(null), &json!([])), "nothing of the last call");
    assert_eq!(about["correlation_id"], "r", "that of the request");
}

#[tokio::test]
async fn called_plugin_gets_the_correlation_id_without_the_identity() {
    let host = Host::with(|builder| builder.policy(Policy::allow_all()));
    host.load(TestPlugin::from(feature::INVOCATION).manifest("allowed_callers", json!(["*"]))).await;
    let caller = TestPlugin::from(feature::PLUGINS).manifest("permissions", json!([{ "resource": "plugin.*" }]));
    let caller = host.load(caller).await;
    let payload = json!({ "plugin": "feature_invocation", "action": "about", "payload": null });
    let invocation = Invocation::new("call").payload(&payload).identity("ada", ["read"]).correlation_id("story");
    let about = seen(&caller, invocation.http_request(request())).await["ok"].clone();
    assert_eq!((&about["correlation_id"], &about["identity"]), (&json!("story"), &json!(null)), "{about}");
    assert_eq!(about["caller"], "plugin:feature_plugins");
}
