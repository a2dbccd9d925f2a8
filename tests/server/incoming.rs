//! Components that answer requests by the standard handler, `wasi:http/incoming-handler`, and know nothing of Plugbay.

use axum::body::Body;
use http_body_util::BodyExt;
use plugbay::Plugin;
use plugbay::error::{LoadErrorKind, RouteErrorKind};
use plugbay::http::Request;
use plugbay::invocation::HttpCall;
use serde_json::json;

use crate::harness::assert::assert_contains;
use crate::harness::client::{Client, get, request};
use crate::harness::guest::{example, feature};
use crate::harness::host::{Host, TestPlugin, call};
use crate::harness::patience::{ends, until};
use crate::harness::serving::Serving;

fn plugin() -> TestPlugin {
    TestPlugin::from(feature::INCOMING).manifest("name", json!("web"))
}

async fn serve(plugin: TestPlugin) -> (Serving, Plugin) {
    let host = Host::new();
    let plugin = host.load(plugin).await;
    (Serving::start(host).await, plugin)
}

#[tokio::test]
async fn guest_sees_the_request_below_its_name_without_credentials() {
    let (serving, _) = serve(plugin()).await;
    let headers = "accept: text/html\r\ncookie: a=b\r\nauthorization: Bearer c\r\nx-secret: d\r\n";
    let seen = Client::connect(serving.address).await.request("GET", "/plugins/web/seen?q=%20", headers, b"").await;
    let expected = json!({
        "method": "GET", "path": "/seen?q=%20", "authority": "localhost", "scheme": "Some(Scheme::Http)",
        "headers": [["accept", "text/html"], ["content-length", "0"]],
    });
    assert_eq!(seen.json(), expected);
    assert_eq!(seen.header("content-security-policy"), Some("sandbox allow-forms allow-scripts"));
    assert_eq!(get(serving.address, "/plugins/web").await.status, 404, "the handler answers its root too");
}

#[tokio::test]
async fn handler_is_listed_and_described() {
    let (serving, plugin) = serve(plugin()).await;
    let listed = json!([{ "plugin": "web", "routes": [], "handler": true }]);
    assert_eq!((get(serving.address, "/plugins/routes").await.json(), plugin.has_http_handler()), (listed, true));
    let document = plugbay_server::openapi::plugins_document(&serving.host.runtime);
    let path = document["paths"]["/plugins/web/{path}"].as_object().expect("a path");
    assert!(path.keys().eq(["get", "post", "put", "patch", "delete"]), "{path:?}");
    assert!(document["paths"].get("/plugins/web/status").is_none(), "the handler answers it");
}

#[tokio::test]
async fn body_is_streamed_both_ways() {
    let (serving, _) = serve(plugin()).await;
    let mut client = Client::connect(serving.address).await;
    client.send("POST /plugins/web/echo HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n").await;
    assert_eq!(client.head().await.status, 200, "before the body is sent");
    for part in ["first", "second"] {
        client.send(format!("{:x}\r\n{part}\r\n", part.len())).await;
        assert_eq!(client.chunk().await, Some(Some(part.as_bytes().to_vec())), "before the rest is sent");
    }
    client.send("0\r\n\r\n").await;
    assert_eq!(client.chunk().await, Some(None));
}

#[tokio::test]
async fn each_request_gets_a_fresh_instance_unless_the_manifest_says_otherwise() {
    for (instances, counts) in [(None, ["1", "1", "1"]), (Some(json!(1)), ["1", "2", "3"])] {
        let plugin = instances.iter().fold(plugin(), |plugin, count| plugin.resource("instances", count.clone()));
        let (serving, plugin) = serve(plugin).await;
        for count in counts {
            assert_eq!(get(serving.address, "/plugins/web/count").await.text(), count, "{instances:?}");
        }
        assert_eq!(plugin.metrics().calls, 3);
    }
}

#[tokio::test]
async fn headers_of_the_server_are_left_out_and_logged() {
    let (serving, _) = serve(plugin()).await;
    let response = get(serving.address, "/plugins/web/headers").await;
    assert_eq!((response.status, response.header("x-own")), (201, Some("1")));
    assert_eq!(response.header("set-cookie").or(response.header("access-control-allow-origin")), None);
    assert_eq!(response.header("content-security-policy"), Some("sandbox allow-forms allow-scripts"));
    let logged = serving.host.log.messages("http").join("\n");
    assert_contains(&logged, &["set-cookie", "access-control-allow-origin", "content-security-policy"]);

    let response = get(serving.address, "/plugins/web/length").await;
    assert_eq!((response.header("content-length"), response.text().as_str()), (Some("5"), "exact"));
    let lengths = get(serving.address, "/plugins/web/two-lengths").await;
    assert_eq!(lengths.error(), (500, "plugin_trapped".to_owned()), "the interface allows one");
}

#[tokio::test]
async fn missing_or_invalid_response_is_an_error_of_the_plugin() {
    let (serving, plugin) = serve(plugin()).await;
    for (path, status, code) in [
        ("none", 500, "invalid_answer"),
        ("informational", 500, "invalid_answer"),
        ("large-headers", 500, "invalid_answer"),
        ("code", 502, "no_response"),
        ("panic", 500, "plugin_trapped"),
    ] {
        assert_eq!(
            get(serving.address, &format!("/plugins/web/{path}")).await.error(),
            (status, code.into()),
            "{path}"
        );
    }
    assert_eq!(get(serving.address, "/plugins/web/count").await.text(), "1", "it serves on");
    assert_eq!(plugin.metrics().calls, 6);
}

#[tokio::test]
async fn response_that_breaks_off_closes_the_connection() {
    let (serving, plugin) = serve(plugin().resource("timeout_seconds", json!(1))).await;
    for path in ["panic-later", "slow"] {
        let mut client = Client::connect(serving.address).await;
        client.send(format!("GET /plugins/web/{path} HTTP/1.1\r\nhost: localhost\r\n\r\n")).await;
        // What was sent before may have arrived or not.
        let received = client.rest().await;
        assert!(!received.ends_with(b"\r\n0\r\n\r\n"), "no end of the body: {}", String::from_utf8_lossy(&received));
    }
    let errors = plugin.metrics().errors;
    assert_eq!(
        (errors.get("plugin_trapped"), errors.get("out_of_fuel").or(errors.get("timeout"))),
        (Some(&1), Some(&1))
    );
}

#[tokio::test]
async fn response_whose_body_is_not_finished_closes_the_connection() {
    // A fresh instance for each request, and one for all of them.
    for instances in [None, Some(json!(1))] {
        let plugin = instances.iter().fold(plugin(), |plugin, count| plugin.resource("instances", count.clone()));
        let (serving, _) = serve(plugin).await;
        for path in ["dropped", "short", "left-open", "left-writing"] {
            let mut client = Client::connect(serving.address).await;
            client.send(format!("GET /plugins/web/{path} HTTP/1.1\r\nhost: localhost\r\n\r\n")).await;
            // What was sent before may have arrived or not.
            let received = client.rest().await;
            let received = String::from_utf8_lossy(&received);
            let (head, body) = received.split_once("\r\n\r\n").unwrap_or_default();
            assert!(!body.ends_with("0\r\n\r\n"), "{path}: no end of the body: {received}");
            assert!(!head.contains("content-length") || body.len() < 10, "{path}: {received}");
        }
        let logged = serving.host.log.messages("http").join("\n");
        assert_contains(&logged, &["the handler returned before it finished a body"]);
        assert_eq!(get(serving.address, "/plugins/web/length").await.text(), "exact", "it serves on");
    }
}

#[tokio::test]
async fn head_has_the_length_of_get_or_none() {
    let (serving, _) = serve(plugin()).await;
    for (path, length) in [("length", Some("5")), ("count", None)] {
        let mut client = Client::connect(serving.address).await;
        let head = client.request("HEAD", &format!("/plugins/web/{path}"), "", b"").await;
        assert_eq!((head.status, head.header("content-length")), (200, length), "{path}");
        // The connection serves on, without a body of the answer before.
        let next = client.request("GET", &format!("/plugins/web/{path}"), "", b"").await;
        assert_eq!(next.status, 200, "{path}");
    }
}

#[tokio::test]
async fn bodies_are_limited_as_payloads_and_results_are() {
    let (serving, _) = serve(plugin().resource("max_fuel", json!(0))).await;
    let mut client = Client::connect(serving.address).await;
    client.send("GET /plugins/web/endless HTTP/1.1\r\nhost: localhost\r\n\r\n").await;
    assert_eq!(client.head().await.status, 200);
    let mut received = 0;
    while let Some(Some(chunk)) = client.chunk().await {
        received += chunk.len();
    }
    assert!((1 << 20..=64 << 20).contains(&received), "{received}");

    let head = "POST /plugins/web/echo HTTP/1.1\r\nhost: localhost\r\ncontent-length: 999999999\r\n\r\n";
    let mut client = Client::connect(serving.address).await;
    client.send(head).await;
    assert_eq!(client.response(false).await.error(), (413, "payload_too_large".to_owned()));
}

#[tokio::test]
async fn client_that_leaves_stops_the_plugin() {
    let (serving, plugin) = serve(plugin().resource("max_fuel", json!(0))).await;
    let mut client = Client::connect(serving.address).await;
    client.send("GET /plugins/web/endless HTTP/1.1\r\nhost: localhost\r\n\r\n").await;
    assert_eq!(client.head().await.status, 200);
    drop(client);
    let freed = async || (plugin.metrics().memory_bytes == 0).then_some(());
    until("the instance is gone", freed).await;
}

#[tokio::test]
async fn response_ends_when_the_handler_returns() {
    let (serving, _) = serve(plugin()).await;
    assert_eq!(get(serving.address, "/plugins/web/later").await.text(), "answered");
    let lines = serving.host.log.lines();
    assert!(lines.iter().any(|line| line.message.contains("after its response")), "{lines:?}");
}

#[tokio::test]
async fn disabled_plugin_and_plugin_without_a_handler_are_named() {
    let (serving, _) = serve(plugin()).await;
    let request = || HttpCall::new(Request::get("/count").body(Body::empty()).expect("a request"));
    let runtime = &serving.host.runtime;
    let answered = runtime.handle_http("web", request()).await.expect("answered");
    let body = ends(answered.into_body().collect()).await.expect("a whole body");
    assert_eq!(body.to_bytes(), "1");
    assert!(runtime.disable("web").await);
    assert_eq!(get(serving.address, "/plugins/web/count").await.error(), (503, "plugin_disabled".to_owned()));

    serving.host.load(TestPlugin::from(feature::ECHO).manifest("name", json!("echo"))).await;
    let error = runtime.handle_http("echo", request()).await.expect_err("it exports no handler");
    assert!(matches!(error.kind(), RouteErrorKind::UnknownRoute { .. }), "{error}");
    let error = runtime.handle_http("absent", request()).await.expect_err("not loaded");
    assert!(matches!(error.kind(), RouteErrorKind::UnknownPlugin), "{error}");
}

#[tokio::test]
async fn component_with_a_handler_has_no_actions() {
    let (_serving, plugin) = serve(plugin()).await;
    let error = call(&plugin, "anything").await.expect_err("it has no actions");
    assert_eq!(error.code(), "unknown_action", "{error}");
}

#[tokio::test]
async fn component_that_imports_the_handler_is_refused() {
    let wat = "(component (import \"wasi:http/incoming-handler@0.2.6\" (instance)))";
    let host = Host::new();
    let package = TestPlugin::new("middleware", wat::parse_str(wat).expect("valid"));
    let error = host.try_load(package).await.expect_err("not offered");
    assert!(matches!(error.kind(), LoadErrorKind::UnknownImport { .. }), "{error}");
}

#[tokio::test]
async fn example_written_with_another_crate_answers() {
    let (serving, _) = serve(TestPlugin::from(example::WASI_HTTP)).await;
    assert_eq!(get(serving.address, "/plugins/wasi-http/?name=Ada").await.text(), "Hello, Ada!\n");
    let echoed = request(serving.address, "POST", "/plugins/wasi-http/echo", "a body").await;
    assert_eq!((echoed.status, echoed.text().as_str()), (200, "a body"));
    assert_eq!(get(serving.address, "/plugins/wasi-http/other").await.status, 404);
}
