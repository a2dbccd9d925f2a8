//! `wasi:http`: grants by host, requests and responses, and all limits by name.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use plugbay::network::HttpResponder;
use plugbay::{Plugin, Policy};
use serde_json::{Value, json};

use crate::harness::assert::{
    assert_contains, assert_invoke_error, assert_last_denial, assert_load_error, line_to_add,
};
use crate::harness::guest::feature;
use crate::harness::host::{Host, TestPlugin, pings};
use crate::harness::limits;
use crate::harness::port::unused_port;
use crate::harness::server::{Answer, Identity, Names, Server};

#[tokio::test]
async fn granted_host_returns_status_headers_and_body() {
    let server = Server::start(|_| Answer::status("201 Created", &[("x-kind", "test")], "made"));
    let plugin = host_for(&server).load(client()).await;
    let answer = fetch(
        &plugin,
        json!({ "authority": server.authority(), "path": "/things?all=1", "headers": { "x-asked": "yes" } }),
    )
    .await;
    assert_eq!((&answer["status"], &answer["body"]), (&json!(201), &json!("made")), "{answer}");
    assert!(answer["headers"].as_array().is_some_and(|all| all.contains(&json!(["x-kind", "test"]))), "{answer}");
    let received = server.received();
    assert_eq!(received[0].line(), "GET /things?all=1");
    assert_eq!(received[0].value("host"), Some(&*server.authority()));
    assert_eq!(received[0].value("x-asked"), Some("yes"));
    server.wait_for_open(0).await;
}

#[tokio::test]
async fn trusted_plugin_needs_grants_like_any_other() {
    let server = Server::start(|_| Answer::text("hello"));
    let plugin = host_for(&server).load(client().trusted()).await;
    assert_eq!(fetch(&plugin, json!({ "authority": server.authority() })).await["body"], "hello");
    assert_eq!(fetch(&plugin, json!({ "authority": "a.example" })).await["error"], "HttpRequestDenied");
}

#[tokio::test]
async fn denial_is_audited_with_its_call() {
    let host = Host::with(|builder| builder.policy(Policy::default().allow("http.*").expect("readable")));
    let plugin = host.load(client().manifest("permissions", json!([{ "resource": "http.10.*" }]))).await;
    for authority in ["a.example", "10.0.0.1"] {
        let asks = plugbay::Invocation::new("fetch").payload(&json!({ "authority": authority }));
        plugin.invoke(asks.request_id("asked-by-me")).await.expect("the guest handles the denial");
    }
    let told: Vec<_> =
        host.runtime.audit_trail().into_iter().map(|entry| (entry.denial.resource, entry.request_id)).collect();
    let by_me = |resource: &str| (resource.to_owned(), Some("asked-by-me".to_owned()));
    assert_eq!(told, [by_me("http.a.example"), by_me("http.10.0.0.1")]);
}

#[tokio::test]
async fn body_of_a_request_is_sent_whole() {
    let server = Server::start(|request| Answer::text(&request.body_bytes.to_string()));
    let plugin = host_for(&server).load(client()).await;
    let request = json!({ "authority": server.authority(), "method": "POST", "headers": { "content-length": "300000" }, "body_bytes": 300_000 });
    assert_eq!(fetch(&plugin, request).await["body"], "300000");
}

#[tokio::test]
async fn plugin_without_a_grant_is_refused_with_the_line_to_add() {
    let error = Host::new().try_load(client()).await.expect_err("the operator allows nothing");
    assert_load_error(&error, "feature_http", "permission_denied");
    assert_contains(&error.to_string(), &["wasi:http/outgoing-handler", "http.*", "execute"]);
    assert_contains(&error.hint().unwrap_or_default(), &[&line_to_add("http.*", "execute")]);
    let host = Host::with(|builder| builder.policy(Policy::allow_all()));
    let error =
        host.try_load(client().manifest("permissions", json!([]))).await.expect_err("the manifest does not request it");
    assert_contains(&error.hint().unwrap_or_default(), &["manifest", &line_to_add("http.*", "execute")]);
}

#[tokio::test]
async fn host_outside_the_manifest_is_denied_counted_logged() {
    let asks = json!([{ "resource": "http.api.example.org", "actions": ["execute"] }]);
    let host = Host::with(|builder| builder.policy(Policy::allow_all()).http_responder(Recorded::default()));
    let plugin = host.load(client().manifest("permissions", asks)).await;
    assert_eq!(fetch(&plugin, json!({ "scheme": "https", "authority": "api.example.org" })).await["status"], 200);
    for (scheme, authority, resource) in [
        ("https", "other.example.org", "http.other.example.org"),
        ("https", "api.example.org:8443", "http.api.example.org:8443"),
        ("http", "api.example.org:443", "http.api.example.org:443"),
    ] {
        let answer = fetch(&plugin, json!({ "scheme": scheme, "authority": authority })).await;
        assert_eq!(answer["error"], "HttpRequestDenied", "{authority}");
        let line = host.log.messages("http").pop().unwrap_or_default();
        assert_contains(&line, &[authority, "execute", "manifest", &line_to_add(resource, "execute")]);
    }
    assert_eq!(plugin.metrics().denials, 3);
}

#[tokio::test]
async fn host_without_the_operators_grant_is_denied_with_the_line() {
    let policy = Policy::default().allow("http.api.example.org:execute").expect("readable");
    let host = Host::with(|builder| builder.policy(policy).http_responder(Recorded::default()));
    let plugin = host.load(client()).await;
    assert_eq!(fetch(&plugin, json!({ "authority": "api.example.org" })).await["status"], 200);
    assert_eq!(fetch(&plugin, json!({ "authority": "api.example.com" })).await["error"], "HttpRequestDenied");
    assert_contains(&host.log.messages("http").concat(), &[&line_to_add("http.api.example.com", "execute")]);
    assert_last_denial(&host.runtime, "http.api.example.com", "execute");
}

#[tokio::test]
async fn granted_host_is_reached_in_any_spelling() {
    let policy = Policy::default().allow("http.xn--bcher-kva.example").expect("readable");
    let seen = Recorded::default();
    let recorded = seen.clone();
    let host = Host::with(|builder| builder.policy(policy).http_responder(recorded));
    let plugin = host.load(client()).await;
    for authority in ["XN--BCHER-KVA.example", "xn--bcher-kva.example.", "xn--bcher-kva.EXAMPLE:80"] {
        assert_eq!(fetch(&plugin, json!({ "authority": authority })).await["status"], 200, "{authority}");
    }
    assert_eq!(seen.uris().len(), 3);
}

#[tokio::test]
async fn responder_gets_the_request_in_place_of_the_network() {
    let seen = Recorded::default();
    let recorded = seen.clone();
    let host = Host::with(|builder| builder.policy(Policy::allow_all()).http_responder(recorded));
    let plugin = host.load(client()).await;
    let answer = fetch(
        &plugin,
        json!({ "scheme": "https", "authority": "api.example.org", "path": "/a?b", "method": "POST", "body_bytes": 5 }),
    )
    .await;
    assert_eq!(answer["body"], "POST https://api.example.org/a?b 5", "{answer}");
    assert_eq!(seen.uris(), ["https://api.example.org/a?b"]);
    assert_eq!(fetch(&plugin, json!({ "authority": "127.0.0.1:80" })).await["error"], "DestinationIpProhibited");
    assert_eq!(seen.uris().len(), 1, "a refused request does not reach the responder");
}

#[tokio::test]
async fn name_resolves_through_the_resolver_to_a_granted_address() {
    let server = Server::start(|request| Answer::text(request.value("host").unwrap_or_default()));
    let port = server.address.port();
    let policy = Policy::default().allow("http.*").and_then(|policy| policy.allow(&format!("http.127.0.0.1:{port}")));
    let policy = policy.expect("readable");
    let host =
        Host::with(|builder| builder.policy(policy).http_resolver(Names::new(vec![vec![Ipv4Addr::LOCALHOST.into()]])));
    let plugin = host.load(client()).await;
    let authority = format!("API.internal.:{port}");
    assert_eq!(fetch(&plugin, json!({ "authority": authority })).await["body"], format!("api.internal:{port}"));
}

#[tokio::test]
async fn localhost_is_reached_if_the_operator_names_it() {
    let server = Server::start(|_| Answer::text("here"));
    let authority = format!("localhost:{}", server.address.port());
    let answer = |policy: Policy| {
        let request = json!({ "authority": authority });
        async move {
            let host = Host::with(|builder| {
                builder.policy(policy).http_resolver(Names::new(vec![vec![Ipv4Addr::LOCALHOST.into()]]))
            });
            fetch(&host.load(client()).await, request).await
        }
    };
    let named = Policy::default().allow(&format!("http.{authority}")).expect("readable");
    assert_eq!(answer(named).await["body"], "here");
    assert_eq!(answer(Policy::allow_all()).await["error"], "DestinationIpProhibited");
    let covered = Policy::default().allow("http.localhost:*").expect("readable");
    assert_eq!(answer(covered).await["error"], "DestinationIpProhibited");
}

#[tokio::test]
async fn environment_proxies_are_ignored() {
    let proxy = Server::start(|_| Answer::text("from the proxy"));
    let server = Server::start(|_| Answer::text("from the server"));
    // Set in the environment of the command: this process's cannot be changed while other tests run.
    let file = crate::harness::command::plugin_file(client());
    let path = file.path().to_str().expect("a path in UTF-8");
    let payload = json!({ "authority": server.authority() }).to_string();
    let grant = format!("http.{}:execute", server.authority());
    let mut command = crate::harness::command::Plugbay::new(["run", path, "fetch", &payload, "--grant", &grant]);
    for name in ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY", "https_proxy", "HTTPS_PROXY"] {
        command = command.environment(name, format!("http://{}", proxy.authority()));
    }
    let ran = tokio::task::spawn_blocking(|| command.run()).await.expect("it ran").exits_with(0);
    assert_eq!(ran.json()["body"], "from the server");
    assert!(proxy.received().is_empty());
}

#[tokio::test]
async fn invalid_request_is_refused_with_its_code() {
    let host = Host::with(|builder| builder.policy(Policy::allow_all()).http_responder(Recorded::default()));
    let plugin = host.load(client()).await;
    let long = format!("/{}", "x".repeat(limits::HTTP_PATH_BYTES_MAX));
    for (request, error) in [
        (json!({ "method": "CONNECT", "authority": "a.example" }), "HttpRequestMethodInvalid"),
        (json!({ "scheme": "ftp", "authority": "a.example" }), "HttpProtocolError"),
        (json!({ "authority": "user:secret@a.example" }), "HttpRequestUriInvalid"),
        (json!({ "authority": "a.example:99999" }), "HttpRequestUriInvalid"),
        (json!({ "authority": "a.example", "path": long }), "HttpRequestUriTooLong"),
        (json!({ "authority": "a.example", "headers": { "host": "b.example" } }), "HeaderError::Forbidden"),
        (json!({ "authority": "a.example", "headers": { "upgrade": "websocket" } }), "HeaderError::Forbidden"),
        (json!({ "authority": "a.example", "headers": { "transfer-encoding": "chunked" } }), "HeaderError::Forbidden"),
    ] {
        assert_eq!(fetch(&plugin, request.clone()).await["error"], error, "{request}");
    }
}

#[tokio::test]
async fn request_body_beyond_its_limit_is_refused_and_logged() {
    let server = Server::start(|_| Answer::text("all of it"));
    let host = host_for(&server);
    let plugin = host.load(client().resource("max_fuel", json!(0))).await;
    let bytes = limits::HTTP_REQUEST_BYTES_MAX + 1;
    for headers in [json!({}), json!({ "content-length": bytes.to_string() })] {
        let request =
            json!({ "authority": server.authority(), "method": "POST", "body_bytes": bytes, "headers": headers });
        let refused = format!("HttpRequestBodySize(Some({}))", limits::HTTP_REQUEST_BYTES_MAX);
        assert_eq!(fetch(&plugin, request).await["error"], refused);
        let line = host.log.messages("http").pop().unwrap_or_default();
        assert_contains(&line, &["bytes", &limits::HTTP_REQUEST_BYTES_MAX.to_string()]);
    }
    server.wait_for_open(0).await;
}

#[tokio::test]
async fn requests_over_the_limit_of_a_call_are_refused_and_logged() {
    let host = Host::with(|builder| builder.policy(Policy::allow_all()).http_responder(Recorded::default()));
    let plugin = host.load(client()).await;
    let times = limits::HTTP_REQUESTS_PER_CALL_MAX + 2;
    let repeat = json!({ "authority": "a.example", "times": times });
    for _ in 0..2 {
        let answers: Vec<Value> = plugin.call("repeat", &repeat).await.expect("it answers");
        let (sent, refused) = answers.split_at(times as usize - 2);
        assert!(sent.iter().all(|answer| answer == 200), "{sent:?}");
        assert_eq!(refused, ["ConnectionLimitReached", "ConnectionLimitReached"]);
    }
    assert_contains(&host.log.messages("http").concat(), &["number 257", "256 are allowed"]);
}

#[tokio::test]
async fn concurrent_requests_over_the_limit_are_refused() {
    let server = Server::start(|_| Answer::Silence);
    let host = host_for(&server);
    let plugin = host.load(client()).await;
    let open = limits::HTTP_REQUESTS_OPEN_MAX;
    let hold = json!({ "authority": server.authority(), "times": open });
    assert_eq!(plugin.call::<Value>("hold", &hold).await.expect("it answers"), json!([]));
    server.wait_for_open(open).await;
    let request = json!({ "authority": server.authority() });
    assert_eq!(fetch(&plugin, request).await["error"], "ConnectionLimitReached");
    assert_contains(&host.log.messages("http").concat(), &["64 of one plugin", "512 of all"]);
    assert_eq!(plugin.call::<u64>("release", &()).await.expect("it answers"), open as u64);
    server.wait_for_open(0).await;
}

#[tokio::test]
async fn requests_end_with_their_plugin() {
    let server = Server::start(|_| Answer::Silence);
    let host = host_for(&server);
    let plugin = host.load(client()).await;
    let hold = json!({ "authority": server.authority(), "times": 3 });
    plugin.call::<Value>("hold", &hold).await.expect("it answers");
    server.wait_for_open(3).await;
    assert!(host.runtime.unload("feature_http").await);
    drop(plugin);
    server.wait_for_open(0).await;
}

#[tokio::test]
async fn call_to_a_silent_server_ends_at_its_deadline() {
    let server = Server::start(|_| Answer::Silence);
    let plugin = host_for(&server).load(client().resource("timeout_seconds", json!(0.2))).await;
    let error = plugin
        .call::<Value>("fetch", &json!({ "authority": server.authority() }))
        .await
        .expect_err("the server never answers");
    assert_invoke_error(&error, "feature_http", "timeout");
    server.wait_for_open(0).await;
    assert_eq!(pings(&plugin).await, 1, "a fresh instance serves");
}

#[tokio::test]
async fn dropped_call_closes_its_connection() {
    let server = Server::start(|_| Answer::Silence);
    let plugin = host_for(&server).load(client()).await;
    let request = json!({ "authority": server.authority() });
    let call = tokio::spawn(async move { plugin.call::<Value>("fetch", &request).await });
    server.wait_for_open(1).await;
    call.abort();
    server.wait_for_open(0).await;
}

#[tokio::test]
async fn timeout_of_the_guest_is_applied() {
    let server = Server::start(|request| match request.line() {
        "GET /silent" => Answer::Silence,
        _ => Answer::Endless {
            start: "HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n",
            piece: Vec::new(),
            pause: std::time::Duration::from_millis(5),
        },
    });
    let plugin = host_for(&server).load(client()).await;
    for (path, timeout) in [("/silent", "first_byte_timeout_ms"), ("/stops", "between_bytes_timeout_ms")] {
        let request = json!({ "authority": server.authority(), "path": path, timeout: 50 });
        assert_eq!(fetch(&plugin, request).await["error"], "HttpResponseTimeout", "{path}");
    }
}

/// The call's deadline and the guest's timeout are both ten seconds.
#[tokio::test]
async fn request_ends_at_the_hosts_time_limit() {
    let server = Server::start(|request| match request.line() {
        "GET /silent" => Answer::Silence,
        _ => Answer::Endless {
            start: "HTTP/1.1 200 OK\r\n\r\n",
            piece: b"x".to_vec(),
            pause: std::time::Duration::from_millis(1),
        },
    });
    let policy = Policy::default().allow(&format!("http.{}", server.authority())).expect("readable");
    let host = Host::with(|builder| builder.policy(policy).http_timeout(std::time::Duration::from_millis(100)));
    let plugin = host.load(client()).await;
    for path in ["/silent", "/trickles"] {
        let answer = fetch(&plugin, json!({ "authority": server.authority(), "path": path })).await;
        assert!(answer.to_string().contains("HttpResponseTimeout"), "{path}: {answer}");
        server.wait_for_open(0).await;
    }
    assert_contains(&host.log.messages("http").concat(), &["longer than the 100ms that a request may take"]);
}

#[tokio::test]
async fn missing_server_has_its_error_code() {
    let address = SocketAddr::from(([127, 0, 0, 1], unused_port()));
    let policy =
        Policy::default().allow(&format!("http.{address}")).and_then(|policy| policy.allow("http.nowhere.example"));
    let policy = policy.expect("readable");
    let host = Host::with(|builder| builder.policy(policy).http_resolver(Names::new(vec![vec![]])));
    let plugin = host.load(client()).await;
    let refused = fetch(&plugin, json!({ "authority": address.to_string() })).await;
    assert_eq!(refused["error"], "ConnectionRefused");
    assert_eq!(fetch(&plugin, json!({ "authority": "nowhere.example" })).await["error"], "DestinationNotFound");
}

#[tokio::test]
async fn certificate_is_checked_against_the_requested_name() {
    let identity = Identity::of("api.example");
    let server = Server::start_tls(&identity, |request| Answer::text(request.value("host").unwrap_or_default()));
    let port = server.address.port();
    let rules = ["http.*".to_owned(), format!("http.127.0.0.1:{port}")];
    let policy = rules.iter().try_fold(Policy::default(), |policy, rule| policy.allow(rule)).expect("readable");
    let host = |root: Option<Vec<u8>>| {
        Host::with(|builder| {
            let builder =
                builder.policy(policy.clone()).http_resolver(Names::new(vec![vec![Ipv4Addr::LOCALHOST.into()]]));
            root.into_iter().fold(builder, |builder, root| builder.http_root_certificate(root))
        })
    };
    let ask = |name: &str| json!({ "scheme": "https", "authority": format!("{name}:{port}") });
    let trusting = host(Some(identity.root.clone())).load(client()).await;
    assert_eq!(fetch(&trusting, ask("API.example.")).await["body"], format!("api.example:{port}"));
    assert_eq!(fetch(&trusting, ask("other.example")).await["error"], "TlsCertificateError");
    let strange = host(None).load(client()).await;
    assert_eq!(fetch(&strange, ask("api.example")).await["error"], "TlsCertificateError");
}

#[tokio::test]
async fn server_without_tls_has_its_error_code() {
    let server = Server::start(|_| Answer::Bytes(b"no TLS here\r\n".to_vec()));
    let plugin = host_for(&server).load(client()).await;
    let request = json!({ "scheme": "https", "authority": server.authority(), "connect_timeout_ms": 300 });
    let error = fetch(&plugin, request).await["error"].clone();
    assert_eq!(error, "ConnectionTimeout", "it waits for a request in plain text");
}

#[tokio::test]
async fn components_of_every_minor_version_link() {
    let host = Host::with(|builder| builder.policy(Policy::allow_all()));
    for version in ["0.2.0", "0.2.3", "0.2.6", "0.2.12"] {
        let component = format!(
            r#"(component
                (import "wasi:http/types@{version}" (instance
                    (export "fields" (type $fields (sub resource)))
                    (export "[constructor]fields" (func (result (own $fields))))
                    (type $errors (variant (case "invalid-syntax") (case "forbidden") (case "immutable")))
                    (export "header-error" (type $error (eq $errors)))
                    (export "[method]fields.append" (func
                        (param "self" (borrow $fields)) (param "name" string) (param "value" (list u8))
                        (result (result (error $error)))))))
                (import "wasi:http/outgoing-handler@{version}" (instance))
            )"#
        );
        let component = wat::parse_str(component).expect("a component in text");
        let package = TestPlugin::new("old", component).manifest("permissions", all_hosts()).package();
        let linked = host.runtime.component(package).await;
        assert!(linked.is_ok(), "{version}: {:?}", linked.err().map(|error| error.to_string()));
    }
}

/// A guest that requests access to all hosts.
fn client() -> TestPlugin {
    TestPlugin::from(feature::HTTP).manifest("permissions", all_hosts())
}

fn all_hosts() -> Value {
    json!([{ "resource": "http.*", "actions": ["execute"] }])
}

/// A host whose operator allows this server only.
fn host_for(server: &Server) -> Host {
    let policy = Policy::default().allow(&format!("http.{}", server.authority())).expect("readable");
    Host::with(|builder| builder.policy(policy))
}

async fn fetch(plugin: &Plugin, request: Value) -> Value {
    plugin.call("fetch", &request).await.unwrap_or_else(|error| panic!("{request}: {error}"))
}

/// A responder that records the requests that it answers.
#[derive(Clone, Default)]
struct Recorded(Arc<Mutex<Vec<String>>>);

impl Recorded {
    fn uris(&self) -> Vec<String> {
        self.0.lock().expect("no test panics here").clone()
    }
}

impl HttpResponder for Recorded {
    fn respond(
        &self,
        request: http::Request<Bytes>,
    ) -> std::pin::Pin<Box<dyn Future<Output = Result<http::Response<Bytes>, String>> + Send>> {
        self.0.lock().expect("no test panics here").push(request.uri().to_string());
        let said = format!("{} {} {}", request.method(), request.uri(), request.body().len());
        Box::pin(std::future::ready(Ok(http::Response::new(said.into()))))
    }
}
