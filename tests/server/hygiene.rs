//! What clients and plugins try against the server, byte by byte: each ends with a clean refusal, and the server serves
//! on.

use std::time::Duration;

use axum::routing::get;
use serde_json::{Value, json};

use crate::harness::assert::assert_contains;
use crate::harness::client::{self, Client};
use crate::harness::guest::feature;
use crate::harness::host::{Host, TestPlugin};
use crate::harness::patience::until;
use crate::harness::serving::Serving;

/// A time that passes soon, for limits that a test reaches.
const SOON: Duration = Duration::from_millis(100);

/// A server with the guest `exchange`, whose actions answer `POST /plugins/shop/request` and `…/respond`, and the
/// guest `sleep` at `POST /plugins/slow`.
async fn serve(change: impl FnOnce(&mut plugbay_server::ServerSettings)) -> Serving {
    let host = Host::new();
    let route = |path: &str, action: &str| json!({ "method": "POST", "path": path, "actions": [action] });
    let routes = json!([route("/request", "request"), route("/respond", "respond")]);
    let shop = TestPlugin::from(feature::EXCHANGE).manifest("name", json!("shop"));
    host.load(shop.manifest("routes", routes)).await;
    let slow = TestPlugin::from(feature::SLEEP).manifest("name", json!("slow")).resource("timeout_seconds", json!(300));
    host.load(slow.manifest("routes", json!([route("/", "sleep")]))).await;
    Serving::with(host, change).await
}

async fn serves(serving: &Serving) {
    let response = client::request(serving.address, "POST", "/plugins/shop/request", "1").await;
    assert_eq!(response.status, 200, "{}", response.text());
}

/// Sends bytes, and returns everything that the server sends until it closes the connection.
async fn sent(serving: &Serving, bytes: impl AsRef<[u8]>) -> String {
    let mut client = Client::connect(serving.address).await;
    client.send(bytes).await;
    String::from_utf8_lossy(&client.rest().await).into_owned()
}

/// Begins a request that sleeps in the plugin, and waits until it does.
async fn sleeping(serving: &Serving, millis: u64) -> Client {
    let mut client = Client::connect(serving.address).await;
    let body = millis.to_string();
    let length = body.len();
    client.send(format!("POST /plugins/slow HTTP/1.1\r\nhost: a\r\ncontent-length: {length}\r\n\r\n{body}")).await;
    let log = serving.host.log.clone();
    until("the plugin sleeps", async || log.lines().iter().any(|line| line.message == "sleeping").then_some(())).await;
    client
}

#[tokio::test]
async fn request_whose_length_is_ambiguous_is_refused_or_ends_its_connection() {
    let serving = serve(|_| {}).await;
    let head = "POST /plugins/shop/request HTTP/1.1\r\nhost: a\r\n";
    let hidden = "GET /plugins/shop/hidden HTTP/1.1\r\nhost: a\r\n\r\n";
    for (headers, status) in [
        ("content-length: 4\r\ncontent-length: 40\r\n", "400"),
        ("content-length: +4\r\n", "400"),
        ("content-length: 4, 40\r\n", "400"),
        ("transfer-encoding: chunked, identity\r\n", "400"),
        ("transfer-encoding: xchunked\r\n", "400"),
        ("transfer-encoding : chunked\r\n", "400"),
        ("content-length: 40\r\ntransfer-encoding: chunked\r\n", "200"),
        ("transfer-encoding: chunked\r\ncontent-length: 40\r\n", "200"),
    ] {
        let answer = sent(&serving, format!("{head}{headers}\r\n0\r\n\r\n{hidden}")).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{headers}: {answer}");
        assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "one answer, then the end: {headers}: {answer}");
    }
    let old = sent(&serving, "POST / HTTP/1.0\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n").await;
    assert!(old.starts_with("HTTP/1.0 400 ") || old.starts_with("HTTP/1.1 400 "), "{old}");
    serves(&serving).await;
}

#[tokio::test]
async fn request_without_one_host_is_refused() {
    let serving = serve(|_| {}).await;
    for headers in ["", "host: a\r\nhost: b\r\n"] {
        let answer =
            sent(&serving, format!("GET /plugins/routes HTTP/1.1\r\n{headers}connection: close\r\n\r\n")).await;
        assert!(answer.starts_with("HTTP/1.1 400 ") && answer.contains("malformed_request"), "{answer}");
    }
    let answer = sent(&serving, "TRACE / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 405 "), "{answer}");
}

#[tokio::test]
async fn connection_that_sends_its_head_slowly_is_closed() {
    let serving = serve(|settings| settings.header_timeout = SOON).await;
    for begun in
        ["", "P", "PRI * HT", "GET /plugins/routes HTTP/1.1\r\nhost: a\r\nx-a: ", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"]
    {
        let mut slow = Client::connect(serving.address).await;
        slow.send(begun).await;
        let answer = slow.rest().await;
        assert!(!answer.starts_with(b"HTTP/1.1 200"), "{begun}: {}", String::from_utf8_lossy(&answer));
    }
    let mut idle = Client::connect(serving.address).await;
    assert_eq!(idle.request("GET", "/plugins/routes", "", b"").await.status, 200);
    assert_eq!(idle.rest().await, b"", "a connection without another request is closed too");
}

#[tokio::test]
async fn body_that_arrives_slowly_is_refused() {
    let serving = serve(|settings| settings.body_timeout = SOON).await;
    for headers in ["content-length: 10\r\n", "transfer-encoding: chunked\r\n"] {
        let answer = sent(&serving, format!("POST /plugins/shop/request HTTP/1.1\r\nhost: a\r\n{headers}\r\n1")).await;
        assert!(answer.starts_with("HTTP/1.1 408 ") && answer.contains("body_timeout"), "{answer}");
    }
    serves(&serving).await;
}

#[tokio::test]
async fn head_above_its_limits_is_refused() {
    let serving = serve(|_| {}).await;
    let with =
        |path: &str, headers: &str| format!("GET {path} HTTP/1.1\r\nhost: a\r\n{headers}connection: close\r\n\r\n");
    let check = async |request: String, status: u16| {
        let answer = sent(&serving, &request).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{status}: {answer}");
    };
    check(with(&format!("/plugins/{}", "a".repeat(9_000)), ""), 414).await;
    check(with(&format!("/plugins/routes?{}", "a".repeat(9_000)), ""), 414).await;
    check(with("/plugins/routes", &format!("x-a: {}\r\n", "a".repeat(40_000))), 431).await;
    check(with("/plugins/routes", &"x-a: 1\r\n".repeat(120)), 431).await;
    check(with("/plugins/routes", &"x-a: 1\r\n".repeat(90)), 200).await;
}

#[tokio::test]
async fn body_above_its_limit_is_refused_unread() {
    let serving = serve(|settings| settings.body_bytes_max = 1_000).await;
    let head = "POST /plugins/shop/request HTTP/1.1\r\nhost: a\r\n";
    let announced = sent(&serving, format!("{head}content-length: 1001\r\n\r\n")).await;
    let chunk = "a".repeat(1_001);
    let chunked = sent(&serving, format!("{head}transfer-encoding: chunked\r\n\r\n3e9\r\n{chunk}\r\n")).await;
    for answer in [announced, chunked] {
        assert!(answer.starts_with("HTTP/1.1 413 ") && answer.contains("payload_too_large"), "{answer}");
    }
    let fits = format!("\"{}\"", "a".repeat(998));
    let fits = client::request(serving.address, "POST", "/plugins/shop/request", &fits).await;
    assert_eq!(fits.status, 200);
}

#[tokio::test]
async fn plugin_sets_no_header_or_status_that_is_the_servers() {
    let serving = serve(|_| {}).await;
    let respond = async |parts: Value| {
        client::request(serving.address, "POST", "/plugins/shop/respond", &parts.to_string()).await
    };
    for name in [
        "set-cookie",
        "access-control-allow-origin",
        "access-control-allow-credentials",
        "content-length",
        "transfer-encoding",
        "connection",
        "host",
        "content-security-policy",
        "strict-transport-security",
        "x-request-id",
        "traceresponse",
    ] {
        let response = respond(json!({ "headers": [[name, "forged"]] })).await;
        assert!(response.headers.iter().all(|(_, value)| value != "forged"), "{name}: {:?}", response.headers);
    }
    for status in [100, 101, 103, 199, 600] {
        assert_eq!(respond(json!({ "status": status })).await.status, 200, "{status}");
    }
    let split = respond(json!({ "headers": [["x-a", "b\r\nset-cookie: c=d"]] })).await;
    assert_eq!((split.header("x-a"), split.header("set-cookie")), (None, None));
    let huge = respond(json!({ "headers": [["x-a", "b".repeat(20_000)]] })).await;
    assert_eq!((huge.status, huge.header("x-a")), (200, None));
    let endless = respond(json!({ "body_bytes": 5 << 20 })).await;
    assert_contains(&endless.text(), &["limit_exceeded"]);
}

#[tokio::test]
async fn connection_above_the_limit_is_answered_and_closed() {
    let serving = serve(|settings| settings.connections_max = 1).await;
    let first = sleeping(&serving, 300_000).await;
    let mut second = Client::connect(serving.address).await;
    let refused = second.response(false).await;
    assert_eq!((refused.error(), refused.header("retry-after")), ((503, "busy".to_owned()), Some("1")));
    assert_eq!(second.rest().await, b"");
    drop(first);
    until("a place is free", async || {
        let mut next = Client::connect(serving.address).await;
        next.send("GET /plugins/routes HTTP/1.1\r\nhost: a\r\n\r\n").await;
        next.try_response(false).await.filter(|response| response.status == 200)
    })
    .await;
}

#[tokio::test]
async fn connection_without_a_request_makes_room_for_another_one() {
    let serving = serve(|settings| settings.connections_max = 2).await;
    let idle = Client::connect(serving.address).await;
    let mut used = Client::connect(serving.address).await;
    assert_eq!(used.request("GET", "/plugins/routes", "", b"").await.status, 200);
    let mut next = Client::connect(serving.address).await;
    assert_eq!(next.request("GET", "/plugins/routes", "", b"").await.status, 200);
    assert_eq!(idle.rest().await, b"", "the one that was idle for the longest time is closed");
    assert_eq!(used.request("GET", "/plugins/routes", "", b"").await.status, 200);
}

#[tokio::test]
async fn client_that_reads_no_answer_is_disconnected() {
    let serving = serve(|settings| {
        settings.write_timeout = SOON;
        settings.connections_max = 1;
    })
    .await;
    let mut stalled = Client::connect(serving.address).await;
    let body = json!({ "body_bytes": 3 << 20 }).to_string();
    let length = body.len();
    let one = format!("POST /plugins/shop/respond HTTP/1.1\r\nhost: a\r\ncontent-length: {length}\r\n\r\n{body}");
    // More than the buffers of the two sockets hold.
    stalled.send(one.repeat(10)).await;
    until("the connection is closed and its place is free", async || {
        let mut next = Client::connect(serving.address).await;
        next.send("GET /plugins/routes HTTP/1.1\r\nhost: a\r\n\r\n").await;
        next.try_response(false).await.filter(|response| response.status == 200)
    })
    .await;
}

#[tokio::test]
async fn request_above_the_limit_is_told_to_retry() {
    let serving = serve(|settings| settings.requests_max = 1).await;
    let running = sleeping(&serving, 300_000).await;
    let refused = client::get(serving.address, "/plugins/routes").await;
    assert_eq!((refused.error(), refused.header("retry-after")), ((503, "busy".to_owned()), Some("1")));
    drop(running);
    until("the request of the client that left ends", async || {
        (client::get(serving.address, "/plugins/routes").await.status == 200).then_some(())
    })
    .await;
}

#[tokio::test]
async fn request_that_takes_too_long_ends_and_so_does_its_call() {
    let serving = serve(|settings| settings.request_timeout = Duration::from_secs(2)).await;
    let response = sleeping(&serving, 300_000).await.response(false).await;
    assert_eq!(response.error(), (504, "timeout".to_owned()));
    let next = client::request(serving.address, "POST", "/plugins/slow", "0").await;
    assert_eq!((next.status, next.json()), (200, json!("slept")), "the only instance is free again");
}

#[tokio::test]
async fn handler_that_panics_costs_only_its_request() {
    let panics = |router: axum::Router| router.route("/panic", get(async || -> &'static str { panic!("by a test") }));
    let serving = Serving::of(Host::new(), |_| {}, panics).await;
    let mut client = Client::connect(serving.address).await;
    let response = client.request("GET", "/panic", "", b"").await;
    assert_eq!(response.error(), (500, "host_error".to_owned()));
    assert_eq!(client.request("GET", "/plugins/routes", "", b"").await.status, 200);
}

#[tokio::test]
async fn ids_of_a_request_reach_the_plugin_and_the_client() {
    let host = Host::new();
    let plugin = TestPlugin::from(feature::INVOCATION).manifest("name", json!("shop"));
    host.load(plugin.manifest("routes", json!([{ "method": "GET", "path": "/", "actions": ["about"] }]))).await;
    let serving = Serving::start(host).await;
    let trace = "0af7651916cd43dd8448eb211c80319c";
    let headers = format!("x-request-id: order-7\r\ntraceparent: 00-{trace}-b7ad6b7169203331-01\r\n");
    let response = Client::connect(serving.address).await.request("GET", "/plugins/shop", &headers, b"").await;
    let about = response.json();
    assert_eq!((&about["request_id"], &about["correlation_id"]), (&json!("order-7"), &json!(trace)));
    assert_eq!(response.header("x-request-id"), Some("order-7"));
    let answered = response.header("traceresponse").expect("a trace");
    assert!(answered.starts_with(&format!("00-{trace}-")) && answered.ends_with("-01"), "{answered}");
    let made = client::get(serving.address, "/plugins/shop").await;
    assert_eq!(made.json()["request_id"].as_str(), made.header("x-request-id"));
}

#[tokio::test]
async fn running_requests_end_before_the_server_does() {
    let serving = serve(|_| {}).await;
    let mut idle = Client::connect(serving.address).await;
    assert_eq!(idle.request("GET", "/plugins/routes", "", b"").await.status, 200);
    let (address, mut running) = (serving.address, sleeping(&serving, 3_000).await);
    let (response, _host) = tokio::join!(running.response(false), serving.close());
    assert_eq!(response.json(), json!("slept"));
    assert_eq!(response.header("connection"), Some("close"));
    assert_eq!(running.rest().await, b"");
    assert_eq!(idle.rest().await, b"");
    tokio::net::TcpStream::connect(address).await.expect_err("nothing listens any more");
}

#[tokio::test]
async fn shutdown_does_not_wait_for_requests_without_end() {
    let serving = serve(|settings| settings.shutdown_timeout = SOON).await;
    let running = sleeping(&serving, 300_000).await;
    let _host = serving.close().await;
    assert_eq!(running.rest().await, b"");
}
