//! Plugins that try to reach forbidden destinations with outgoing requests, and servers that try to keep a host busy.

use std::net::IpAddr;
use std::time::Duration;

use plugbay::Policy;
use serde_json::{Value, json};

use crate::harness::assert::{assert_contains, assert_invoke_error, line_to_add};
use crate::harness::guest::{feature, hostile};
use crate::harness::host::{Host, TestPlugin, pings};
use crate::harness::limits;
use crate::harness::server::{Answer, Names, Server};

#[tokio::test]
async fn redirect_to_this_machine_is_refused() {
    let secret = Server::start(|_| Answer::text("secret"));
    let port = secret.address.port();
    for location in [
        format!("http://127.0.0.1:{port}/"),
        format!("http://127.1:{port}/"),
        format!("http://[::ffff:127.0.0.1]:{port}/"),
        format!("http://localhost:{port}/"),
        "http://169.254.169.254/latest/meta-data/".to_owned(),
    ] {
        let to = location.clone();
        let server = Server::start(move |_| Answer::redirect("302 Found", &to));
        let answers = attack(&naming(&server), json!([{ "authority": server.authority() }])).await;
        assert_eq!(answers, [json!({ "error": "DestinationIpProhibited" })], "{location}");
        assert_eq!(server.received().len(), 1);
    }
    assert!(secret.received().is_empty());
}

#[tokio::test]
async fn address_of_this_machine_is_refused_in_any_spelling() {
    let secret = Server::start(|_| Answer::text("secret"));
    let port = secret.address.port();
    let host = Host::with(|builder| builder.policy(Policy::allow_all()));
    for spelling in [
        "127.0.0.1",
        "127.1",
        "127.0.1",
        "0177.0.0.1",
        "0177.0.0.01",
        "0x7f.0.0.1",
        "0x7f.1",
        "0x7f000001",
        "2130706433",
        "017700000001",
        "0",
        "0.0.0.0",
        "[::1]",
        "[::]",
        "[::127.0.0.1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[64:ff9b::7f00:1]",
        "[2002:7f00:1::]",
        "localhost",
        "LOCALHOST.",
    ] {
        let answers = attack(&host, json!([{ "authority": format!("{spelling}:{port}") }])).await;
        assert_eq!(answers, [json!({ "error": "DestinationIpProhibited" })], "{spelling}");
    }
    assert!(secret.received().is_empty());
    assert_contains(
        &host.log.messages("http").concat(),
        &["a loopback address", &line_to_add(&format!("http.127.0.0.1:{port}"), "execute")],
    );
}

#[tokio::test]
async fn private_address_is_refused_under_any_pattern() {
    let policy = Policy::default().allow("http.*").and_then(|policy| policy.allow("*")).expect("readable");
    let host = Host::with(|builder| builder.policy(policy));
    let plugin = host.load(attacker()).await;
    let hosts =
        ["10.0.0.1", "172.16.0.1", "192.168.0.1", "169.254.169.254", "100.100.100.200", "[fd00:ec2::254]", "[fe80::1]"];
    let requests: Vec<Value> = hosts.iter().map(|host| json!({ "authority": host })).collect();
    let answers: Vec<Value> = plugin.call("attack", &requests).await.expect("the guest handles the refusal");
    assert_eq!(answers, vec![json!({ "error": "DestinationIpProhibited" }); hosts.len()]);
    assert_eq!(plugin.metrics().denials, hosts.len() as u64);
}

#[tokio::test]
async fn name_of_a_private_address_is_refused() {
    let secret = Server::start(|_| Answer::text("secret"));
    for address in ["127.0.0.1", "10.1.2.3", "169.254.169.254", "::1", "::ffff:127.0.0.1", "64:ff9b::7f00:1", "fd00::1"]
    {
        let address: IpAddr = address.parse().expect("an address");
        // The name itself is granted.
        let policy = Policy::default().allow(&format!("http.rebind.example:{}", secret.address.port()));
        let policy = policy.expect("readable");
        let host = Host::with(|builder| builder.policy(policy).http_resolver(Names::new(vec![vec![address]])));
        let authority = format!("rebind.example:{}", secret.address.port());
        let answers = attack(&host, json!([{ "authority": authority }])).await;
        assert_eq!(answers, [json!({ "error": "DestinationIpProhibited" })], "{address}");
    }
    assert!(secret.received().is_empty());
}

/// The host connects to the address that it checked, and does not resolve the name a second time.
#[tokio::test]
async fn dns_rebinding_after_the_check_has_no_effect() {
    let named = Server::start(|_| Answer::text("named"));
    let port = named.address.port();
    let policy = Policy::default()
        .allow("http.rebind.example:*")
        .and_then(|policy| policy.allow(&format!("http.127.0.0.1:{port}")));
    let policy = policy.expect("readable");
    let addresses = vec![vec![[127, 0, 0, 1].into()], vec![[127, 0, 0, 2].into()], vec![[127, 0, 0, 2].into()]];
    let host = Host::with(|builder| builder.policy(policy).http_resolver(Names::new(addresses)));
    let authority = format!("rebind.example:{port}");
    let answers = attack(&host, json!([{ "authority": authority }, { "authority": authority }])).await;
    assert_eq!(answers[0]["body"], "named", "{answers:?}");
    assert_eq!(answers[1]["error"], "DestinationIpProhibited", "the second request is checked by itself");
}

#[tokio::test]
async fn endless_body_ends_at_the_limit_of_a_response() {
    let server = Server::start(|_| Answer::Endless {
        start: "HTTP/1.1 200 OK\r\n\r\n",
        piece: vec![b'x'; 64 << 10],
        pause: Duration::ZERO,
    });
    let host = naming(&server);
    let answers = attack(&host, json!([{ "authority": server.authority() }])).await;
    let limit = limits::HTTP_RESPONSE_BYTES_MAX;
    assert_eq!(answers[0]["error"], format!("HttpResponseBodySize(Some({limit}))"));
    assert!(answers[0]["body_bytes"].as_u64().is_some_and(|bytes| bytes <= limit), "{answers:?}");
    assert_contains(&host.log.messages("http").concat(), &["bytes", &format!("{limit} are allowed")]);
    server.wait_for_open(0).await;
}

#[tokio::test]
async fn body_with_a_huge_content_length_is_not_read() {
    let server = Server::start(|_| Answer::Endless {
        start: "HTTP/1.1 200 OK\r\ncontent-length: 99999999999\r\n\r\n",
        piece: vec![b'x'; 64 << 10],
        pause: Duration::ZERO,
    });
    let answers = attack(&naming(&server), json!([{ "authority": server.authority() }])).await;
    let refused = format!("HttpResponseBodySize(Some({}))", limits::HTTP_RESPONSE_BYTES_MAX);
    assert_eq!(answers, [json!({ "error": refused })]);
    server.wait_for_open(0).await;
}

#[tokio::test]
async fn trickling_body_ends_with_the_call() {
    let server = Server::start(|_| Answer::Endless {
        start: "HTTP/1.1 200 OK\r\n\r\n",
        piece: vec![b'x'],
        pause: Duration::from_millis(1),
    });
    let host = naming(&server);
    let plugin = host.load(attacker().resource("timeout_seconds", json!(0.3))).await;
    let requests = json!([{ "authority": server.authority(), "between_bytes_timeout_ms": 10_000 }]);
    let error = plugin.call::<Value>("attack", &requests).await.expect_err("it never ends");
    assert_eq!(error.code(), "timeout", "{error}");
    server.wait_for_open(0).await;
    assert_eq!(pings(&plugin).await, 1, "a fresh instance serves");
}

#[tokio::test]
async fn header_bomb_of_a_server_is_refused_with_its_code() {
    let server = Server::start(|request| match request.line() {
        "GET /long" => Answer::status("200 OK", &[("x-long", &"x".repeat(limits::HTTP_HEADER_BYTES_MAX))], ""),
        "GET /many" => Answer::status("200 OK", &vec![("x", "y"); limits::HTTP_HEADER_FIELDS_MAX + 1], ""),
        _ => Answer::Endless { start: "HTTP/1.1 200 OK\r\nx: ", piece: vec![b'x'; 1 << 10], pause: Duration::ZERO },
    });
    let host = naming(&server);
    for path in ["/long", "/many", "/endless"] {
        let answers = attack(&host, json!([{ "authority": server.authority(), "path": path }])).await;
        let refused = format!("HttpResponseHeaderSectionSize(Some({}))", limits::HTTP_HEADER_BYTES_MAX);
        assert_eq!(answers, [json!({ "error": refused })], "{path}");
        assert_contains(&host.log.messages("http").pop().unwrap_or_default(), &["header of the response", "32768"]);
    }
    server.wait_for_open(0).await;
}

#[tokio::test]
async fn answer_that_is_not_http_is_refused() {
    let server = Server::start(|request| {
        Answer::Bytes(match request.line() {
            "GET /text" => b"220 mail.example ESMTP\r\n".to_vec(),
            "GET /upgrade" => b"HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n".to_vec(),
            "GET /short" => b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc".to_vec(),
            _ => Vec::new(),
        })
    });
    let host = naming(&server);
    for (path, error) in [
        ("/text", "HttpProtocolError"),
        ("/upgrade", "HttpUpgradeFailed"),
        ("/short", "HttpResponseIncomplete"),
        ("/nothing", "HttpResponseIncomplete"),
    ] {
        let answers = attack(&host, json!([{ "authority": server.authority(), "path": path }])).await;
        assert_eq!(answers[0]["error"], error, "{path}");
    }
    server.wait_for_open(0).await;
}

/// Each call costs the guest a few instructions and the host a copy of all headers.
#[tokio::test]
async fn endless_header_copies_yield_and_end_at_the_deadline() {
    let host = Host::with(|builder| builder.policy(Policy::allow_all()));
    let busy = attacker().resource("max_fuel", json!(100_000_000_000_u64)).resource("timeout_seconds", json!(2));
    let busy = host.load(busy).await;
    let neighbour = host.load(feature::ECHO.into()).await;
    for how in ["append", "delete", "from_list", "set", "get", "entries"] {
        let attacker = busy.clone();
        let running = tokio::spawn(async move { attacker.call::<()>("attack", &json!({ "work": how })).await });
        let mut served = 0;
        while !running.is_finished() {
            tokio::task::yield_now().await;
            pings(&neighbour).await;
            served += 1;
        }
        let error = running.await.expect("the task does not panic").expect_err("the attack does not end");
        assert_invoke_error(&error, "hostile_http", "timeout");
        // Dozens on an idle machine. If the attacker kept the thread, it would end before the second.
        assert!(served > 3, "{how}: the neighbour was served {served} times");
    }
}

#[tokio::test]
async fn long_texts_in_unsent_requests_are_refused() {
    let host = Host::with(|builder| builder.policy(Policy::allow_all()));
    let plugin = host.load(attacker()).await;
    for (bytes, taken) in [(1 << 10, true), (limits::HTTP_PART_BYTES_MAX, false), (1 << 20, false)] {
        let kept: Vec<bool> =
            plugin.call("attack", &json!({ "keep": bytes })).await.expect("the guest handles the refusal");
        // A text of the limit's length is too long for a path, which begins with a slash.
        assert_eq!(kept[2], taken, "{bytes}: {kept:?}");
        assert_eq!(kept[..2], [bytes <= limits::HTTP_PART_BYTES_MAX; 2], "{bytes}: {kept:?}");
    }
}

#[tokio::test]
async fn header_bomb_of_a_guest_hits_a_resource_limit() {
    let long = json!({ "x-long": "x".repeat(limits::HTTP_HEADER_BYTES_MAX) });
    let host = Host::with(|builder| builder.policy(Policy::allow_all()));
    let plugin = host.load(attacker()).await;
    let attack = json!([{ "authority": "a.example", "headers": long }]);
    let error = plugin.call::<Value>("attack", &attack).await.expect_err("it is too long");
    assert_invoke_error(&error, "hostile_http", "resource_limit");
    let hit = error.limit().expect("headers are limited");
    assert_eq!((hit.limit, &*hit.allowed), ("http_header_bytes", "32768"));
}

async fn attack(host: &Host, requests: Value) -> Vec<Value> {
    let plugin = host.load(attacker()).await;
    let answers = plugin.call("attack", &requests).await.unwrap_or_else(|error| panic!("{requests}: {error}"));
    assert!(host.runtime.unload(&plugin.name()).await);
    answers
}

fn attacker() -> TestPlugin {
    let asks = json!([{ "resource": "http.*", "actions": ["execute"] }]);
    TestPlugin::from(hostile::HTTP).manifest("permissions", asks)
}

/// A host whose operator allows all hosts by pattern, and this server by name.
fn naming(server: &Server) -> Host {
    let policy =
        Policy::default().allow("http.*").and_then(|policy| policy.allow(&format!("http.{}", server.authority())));
    let policy = policy.expect("readable");
    Host::with(|builder| builder.policy(policy))
}
