//! The SDK's `http` module: requests, redirects and errors as a plugin author sees them.

use std::net::SocketAddr;
use std::time::Duration;

use plugbay::{InvokeError, Plugin, Policy};
use serde_json::{Value, json};

use crate::harness::assert::assert_contains;
use crate::harness::guest::sdk;
use crate::harness::host::{Host, TestPlugin};
use crate::harness::limits;
use crate::harness::port::unused_port;
use crate::harness::server::{Answer, Names, Server};

#[tokio::test]
async fn request_is_sent_as_it_was_built() {
    let server = Server::start(|_| Answer::status("200 OK", &[("content-type", "text/plain")], "hi"));
    let plugin = client_of(&[&server]).await;
    let url = format!("http://{}/greet?a=b", server.authority());
    let asked = json!({ "url": url, "query": [["city", "Zürich & Bern"]], "headers": [["X-Kind", "test"]] });
    let answer = fetch(&plugin, asked).await.expect("it answers");
    assert_eq!(
        (&answer["status"], &answer["kind"], &answer["text"]),
        (&json!(200), &json!("text/plain"), &json!("hi"))
    );
    let received = &server.received()[0];
    assert_eq!(received.line(), "GET /greet?a=b&city=Z%C3%BCrich%20%26%20Bern");
    assert_eq!(received.value("x-kind"), Some("test"));
    assert!(received.value("user-agent").is_some_and(|agent| agent.starts_with("plugbay-sdk/")));
}

#[tokio::test]
async fn json_is_sent_and_read() {
    let server = Server::start(|request| match request.value("content-type") {
        Some("application/json") => Answer::text(r#"{"read": [1, 2]}"#),
        _ => Answer::status("415 Unsupported Media Type", &[], ""),
    });
    let plugin = client_of(&[&server]).await;
    let url = format!("http://{}/", server.authority());
    let asked = json!({ "url": url, "method": "PUT", "send": { "a": 1 } });
    assert_eq!(ask(&plugin, "json", asked).await.expect("it answers"), json!({ "read": [1, 2] }));
    let received = &server.received()[0];
    assert_eq!((received.line(), received.body_bytes), ("PUT /", r#"{"a":1}"#.len()));
    let refused = ask(&plugin, "json", json!({ "url": url })).await.expect_err("a status of 415");
    assert_eq!(refused.code(), "http_status");
    assert_contains(&refused.to_string(), &["415"]);
}

#[tokio::test]
async fn redirects_are_followed_to_their_target() {
    let server = Server::start(|request| match request.line() {
        "GET /a/one" => Answer::redirect("302 Found", "two"),
        "GET /a/two" => Answer::redirect("307 Temporary Redirect", "/three?x=y"),
        "POST /form" => Answer::redirect("303 See Other", "/done"),
        "POST /moved" => Answer::redirect("302 Found", "/done"),
        "GET /three?x=y" => Answer::text("three"),
        "GET /done" => Answer::text("done"),
        line => Answer::status("404 Not Found", &[], line),
    });
    let plugin = client_of(&[&server]).await;
    let url = |path: &str| format!("http://{}{path}", server.authority());
    let answer = fetch(&plugin, json!({ "url": url("/a/one") })).await.expect("it answers");
    assert_eq!((&answer["text"], &answer["url"]), (&json!("three"), &json!(url("/three?x=y"))));
    let answer = fetch(&plugin, json!({ "url": url("/form"), "method": "POST", "send": 1 })).await.expect("it answers");
    assert_eq!(answer["text"], "done");
    let last = server.received().pop().expect("it came");
    assert_eq!((last.body_bytes, last.value("content-type")), (0, None));
    let answer =
        fetch(&plugin, json!({ "url": url("/moved"), "method": "POST", "send": 1 })).await.expect("it answers");
    assert_eq!(answer["status"], 302, "a POST is not resent to another place");
}

#[tokio::test]
async fn endless_redirects_hit_a_limit() {
    let server = Server::start(|_| Answer::redirect("302 Found", "/again"));
    let plugin = client_of(&[&server]).await;
    let url = format!("http://{}/?key=S3CRET", server.authority());
    let error = fetch(&plugin, json!({ "url": url })).await.expect_err("it never ends");
    assert_eq!(error.code(), "limit_exceeded");
    assert_contains(&error.to_string(), &["5 redirects"]);
    assert!(!error.to_string().contains("S3CRET"), "{error}");
    assert_eq!(server.received().len(), 6);
    let answer = fetch(&plugin, json!({ "url": url, "redirects": 0 })).await.expect("the redirect itself");
    assert_eq!(answer["status"], 302);
}

#[tokio::test]
async fn redirect_to_another_host_drops_credentials() {
    let other = Server::start(|_| Answer::text("other"));
    let to = format!("http://{}/", other.authority());
    let server = Server::start(move |_| Answer::redirect("302 Found", &to));
    let plugin = client_of(&[&server, &other]).await;
    let url = format!("http://{}/", server.authority());
    let headers = json!([["Authorization", "Bearer t"], ["Cookie", "c"], ["X-Kind", "test"]]);
    let answer = fetch(&plugin, json!({ "url": url, "headers": headers })).await.expect("it answers");
    assert_eq!(answer["text"], "other");
    assert_eq!(server.received()[0].value("authorization"), Some("Bearer t"));
    let received = &other.received()[0];
    assert_eq!((received.value("authorization"), received.value("cookie")), (None, None));
    assert_eq!(received.value("x-kind"), Some("test"));
}

#[tokio::test]
async fn redirect_to_a_host_that_is_not_granted_is_denied() {
    let other = Server::start(|_| Answer::text("other"));
    let to = format!("http://{}/", other.authority());
    let server = Server::start(move |_| Answer::redirect("302 Found", &to));
    let plugin = client_of(&[&server]).await;
    let error = fetch(&plugin, json!({ "url": format!("http://{}/", server.authority()) })).await.expect_err("denied");
    assert_eq!(error.code(), "permission_denied");
    let resource = format!("http.{}", other.authority());
    assert_contains(&error.to_string(), &[&format!("execute `{resource}`")]);
    assert!(other.received().is_empty());
}

#[tokio::test]
async fn every_failure_has_its_code() {
    let server = Server::start(|request| match request.line() {
        "GET /silent" => Answer::Silence,
        "GET /huge" => {
            Answer::Endless { start: "HTTP/1.1 200 OK\r\n\r\n", piece: vec![b'x'; 64 << 10], pause: Duration::ZERO }
        }
        "GET /slow" => {
            Answer::Endless { start: "HTTP/1.1 200 OK\r\n\r\n", piece: vec![b'x'], pause: Duration::from_millis(1) }
        }
        "GET /bomb" => Answer::status("200 OK", &[("x", &"x".repeat(limits::HTTP_HEADER_BYTES_MAX))], ""),
        _ => Answer::Bytes(b"not HTTP\r\n\r\n".to_vec()),
    });
    let gone = SocketAddr::from(([127, 0, 0, 1], unused_port()));
    let rules = [format!("http.{}", server.authority()), format!("http.{gone}"), "http.private.example".to_owned()];
    let policy = rules.iter().try_fold(Policy::default(), |policy, rule| policy.allow(rule)).expect("readable");
    let host = Host::with(|builder| builder.policy(policy).http_resolver(Names::new(vec![vec![[10, 0, 0, 1].into()]])));
    let plugin = host.load(client()).await;
    let here = |path: &str| format!("http://{}{path}", server.authority());
    for (url, code, words) in [
        (here("/silent"), "timeout", "timed out"),
        (here("/slow"), "timeout", "timed out"),
        (here("/huge"), "limit_exceeded", "16777216"),
        (here("/bomb"), "limit_exceeded", "32768"),
        (here("/noise"), "unavailable", "HttpProtocolError"),
        (format!("http://{gone}/"), "unavailable", "refused"),
        ("http://private.example/".to_owned(), "permission_denied", "outside of the public internet"),
        ("https://other.example/".to_owned(), "permission_denied", "execute `http.other.example`"),
        ("ftp://other.example/".to_owned(), "invalid_argument", "ftp://other.example/"),
    ] {
        // The others end by themselves.
        let timeout_ms = if code == "timeout" { 300 } else { 60_000 };
        let error = fetch(&plugin, json!({ "url": url, "timeout_ms": timeout_ms })).await.expect_err("it fails");
        assert_eq!(error.code(), code, "{error}");
        assert_contains(&error.to_string(), &[words]);
    }
    let error = fetch(&plugin, json!({ "url": here("/"), "headers": [["Host", "other"]] })).await.expect_err("refused");
    assert_eq!(error.code(), "invalid_argument");
    server.wait_for_open(0).await;
}

/// A guest that requests access to all hosts.
fn client() -> TestPlugin {
    TestPlugin::from(sdk::HTTP)
        .manifest("permissions", json!([{ "resource": "http.*", "actions": ["execute"] }]))
        .resource("max_fuel", json!(0))
        .resource("max_memory_mb", json!(128))
}

/// The guest on a host whose operator allows these servers only.
async fn client_of(servers: &[&Server]) -> Plugin {
    let rules = servers.iter().map(|server| format!("http.{}", server.authority()));
    let policy = rules.into_iter().try_fold(Policy::default(), |policy, rule| policy.allow(&rule)).expect("readable");
    Host::with(|builder| builder.policy(policy)).load(client()).await
}

async fn fetch(plugin: &Plugin, asked: Value) -> Result<Value, InvokeError> {
    ask(plugin, "fetch", asked).await
}

async fn ask(plugin: &Plugin, action: &str, asked: Value) -> Result<Value, InvokeError> {
    plugin.call(action, &asked).await
}
