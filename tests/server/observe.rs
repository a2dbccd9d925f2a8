//! What an operator observes over HTTP: log lines, events as they happen, health, metrics.

use std::process::{Command, Stdio};

use plugbay::{Event, Policy};
use serde_json::{Value, json};

use crate::harness::administered::Administered;
use crate::harness::assert::assert_contains;
use crate::harness::client::Client;
use crate::harness::guest::feature;
use crate::harness::host::TestPlugin;
use crate::harness::skipped;

#[tokio::test]
async fn log_lines_are_filtered_before_the_newest_are_taken() {
    let served = Administered::start().await;
    let plugin = served.host.load(TestPlugin::from(feature::LOG).manifest("name", json!("shop"))).await;
    for number in 0..5 {
        let level = if number == 1 { "error" } else { "info" };
        let line = json!({ "level": level, "message": format!("line {number}"), "fields": { "n": number } });
        plugin.call::<Value>("log", &line).await.expect("logged");
    }
    let read = async |query: &str| served.request("", "GET", &format!("/logs?{query}"), Value::Null).await;
    let found = read("processId=shop&severity=ERROR&nRows=2").await.json();
    assert_eq!((&found["data"][0]["text"], found["data"].as_array().map(Vec::len)), (&json!("line 1"), Some(1)));
    let newest = served.request("", "GET", "/api/v1/logs?plugin=shop&rows=2", Value::Null).await.json();
    assert_eq!((&newest["lines"][0]["message"], &newest["lines"][1]["fields"]["n"]), (&json!("line 3"), &json!(4)));
    assert_eq!(read("nRows=many").await.error(), (400, "invalid_request".to_owned()));
}

#[tokio::test]
async fn line_of_a_client_is_checked_as_pup_does() {
    let served = Administered::start().await;
    let write = async |body: Value| served.request("", "POST", "/log", body).await;
    let missing = write(json!({ "severity": "warn", "plugin": "x" })).await;
    assert_eq!((missing.status, &missing.json()["msg"]), (400, &json!("Missing severity, plugin, or message.")));
    let wrong = write(json!({ "severity": "loud", "plugin": "x", "message": "m" })).await;
    assert_eq!((wrong.status, &wrong.json()["msg"]), (400, &json!("Invalid severity.")));
    assert_eq!(write(json!({ "severity": "WARN", "plugin": "x", "message": "hello" })).await.status, 201);
    let found = served.request("", "GET", "/logs?severity=warn", Value::Null).await.json();
    assert_eq!((&found["data"][0]["category"], &found["data"][0]["processId"]), (&json!("api-x"), &json!("core")));
}

/// A stream of server-sent events.
struct Stream {
    client: Client,
    rest: String,
}

impl Stream {
    async fn open(served: &Administered, path: &str, headers: &str) -> Self {
        let mut client = Client::connect(served.address).await;
        client.send(format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n{headers}\r\n")).await;
        assert_eq!(client.head().await.status, 200);
        Stream { client, rest: String::new() }
    }

    /// The next event: its id and its document.
    async fn next(&mut self) -> (String, Value) {
        loop {
            while let Some((event, rest)) = self.rest.split_once("\n\n") {
                let line = |name: &str| event.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
                let found = line("data:").map(|data| {
                    (line("id:").unwrap_or_default().to_owned(), serde_json::from_str(data).expect("JSON"))
                });
                self.rest = rest.to_owned();
                if let Some(found) = found {
                    return found;
                }
            }
            let chunk = self.client.chunk().await.expect("the stream is open").expect("it has no end");
            self.rest.push_str(std::str::from_utf8(&chunk).expect("text"));
        }
    }
}

#[tokio::test]
async fn client_follows_events_and_resumes_after_the_last_one() {
    let served = Administered::start().await;
    let mut stream = Stream::open(&served, "/events/stream?topic=order.*", "").await;
    let emit =
        async |topic: &str, data: Value| served.host.runtime.emit(Event::new(topic, data)).await.expect("emitted");
    emit("stock.low", json!(0)).await;
    emit("order.placed", json!(1)).await;
    let (last_id, event) = stream.next().await;
    assert_eq!((&event["name"], &event["data"]), (&json!("order.placed"), &json!(1)));
    drop(stream);
    emit("order.paid", json!(2)).await;
    let mut resumed = Stream::open(&served, "/api/v1/events/stream", &format!("last-event-id: {last_id}\r\n")).await;
    assert_eq!(resumed.next().await.1["name"], "order.paid");
    let body = json!({ "topic": "order.sent", "data": { "by": "post" } });
    assert_eq!(served.request("", "POST", "/events", body).await.status, 200);
    assert_eq!(resumed.next().await.1["data"], json!({ "by": "post" }));
    let mut later = Stream::open(&served, "/events/stream", "last-event-id: of-another-process\r\n").await;
    assert_eq!(later.next().await.1, json!({ "missed": null }));
    served.close().await;
}

#[tokio::test]
async fn stream_has_the_events_of_several_topics() {
    let served = Administered::start().await;
    let mut stream = Stream::open(&served, "/api/v1/events/stream?topic=order.*,stock.low", "").await;
    for topic in ["stock.high", "order.placed", "mail.sent", "stock.low"] {
        served.host.runtime.emit(Event::new(topic, json!(null))).await.expect("emitted");
    }
    assert_eq!(stream.next().await.1["name"], "order.placed");
    assert_eq!(stream.next().await.1["name"], "stock.low");
    for (topics, code) in [("a,,b", "invalid_topic"), (&*vec!["a"; 33].join(","), "invalid_request")] {
        let path = format!("/api/v1/events/stream?topic={topics}");
        let refused = served.request("", "GET", &path, Value::Null).await;
        assert_eq!(refused.error(), (400, code.to_owned()));
    }
    served.close().await;
}

#[tokio::test]
async fn log_is_followed_with_the_filter_of_the_query() {
    let served = Administered::start().await;
    let mut stream = Stream::open(&served, "/api/v1/logs/stream?severity=error", "").await;
    for (level, message) in [("info", "one"), ("error", "two")] {
        let body = json!({ "level": level, "message": message });
        assert_eq!(served.request("", "POST", "/api/v1/logs", body).await.status, 201);
    }
    let (last_id, line) = stream.next().await;
    assert_eq!(line["message"], "two");
    drop(stream);
    for (level, message) in [("info", "three"), ("error", "four")] {
        let body = json!({ "level": level, "message": message });
        assert_eq!(served.request("", "POST", "/api/v1/logs", body).await.status, 201);
    }
    let path = "/api/v1/logs/stream?severity=error";
    let mut resumed = Stream::open(&served, path, &format!("last-event-id: {last_id}\r\n")).await;
    assert_eq!(resumed.next().await.1["message"], "four", "it was written meanwhile");
    let mut later = Stream::open(&served, path, "last-event-id: of-another-process\r\n").await;
    assert_eq!(later.next().await.1, json!({ "missed": null }));
    assert_eq!(later.next().await.1["message"], "two", "all lines of this process are new to it");
}

#[tokio::test]
async fn scope_of_a_plugin_reads_its_lines_events_and_figures_alone() {
    let served = Administered::with(|builder| builder.policy(Policy::allow_all())).await;
    for name in ["shop", "other"] {
        let plugin = served.host.load(TestPlugin::from(feature::LOG).manifest("name", json!(name))).await;
        let line = json!({ "level": "info", "message": format!("a line of {name}") });
        plugin.call::<Value>("log", &line).await.expect("logged");
    }
    assert_eq!(
        served.request("", "POST", "/api/v1/logs", json!({ "level": "info", "message": "x" })).await.status,
        201
    );
    let token = served.token(&["read:shop"]);
    let get = async |path: &str| served.request(&token, "GET", path, Value::Null).await;
    for path in ["/api/v1/logs", "/api/v1/logs?plugin=shop"] {
        let lines = get(path).await.json();
        let messages: Vec<&Value> =
            lines["lines"].as_array().expect("lines").iter().map(|line| &line["message"]).collect();
        assert_eq!(messages, ["a line of shop"], "{path}");
    }
    assert_eq!(get("/logs").await.json()["data"].as_array().map(Vec::len), Some(1));
    let figures = get("/api/v1/metrics").await.json();
    assert!(figures["plugins"]["shop"]["calls"] == 1 && figures["plugins"].get("other").is_none(), "{figures}");
    assert_eq!(figures.as_object().map(serde_json::Map::len), Some(1), "nothing of the host: {figures}");
    let text = get("/metrics").await.text();
    assert_contains(&text, &["plugbay_calls_total{plugin=\"shop\"} 1\n"]);
    assert!(!text.contains("other") && !text.contains("plugbay_uptime_seconds"), "{text}");
    for path in ["/api/v1/logs?plugin=other", "/api/v1/dead-letters", "/api/v1/dead-letters?plugin=other", "/health"] {
        assert_eq!(get(path).await.error(), (403, "insufficient_scope".to_owned()), "{path}");
    }
    assert_eq!(get("/api/v1/dead-letters?plugin=shop").await.status, 200);
    let caller = served.token(&["call:shop"]);
    for path in ["/api/v1/logs", "/api/v1/metrics", "/metrics", "/api/v1/events/stream", "/api/v1/logs/stream"] {
        let refused = served.request(&caller, "GET", path, Value::Null).await;
        assert_eq!(refused.error(), (403, "insufficient_scope".to_owned()), "{path}");
    }

    let bearer = format!("authorization: Bearer {token}\r\n");
    let mut events = Stream::open(&served, "/api/v1/events/stream", &bearer).await;
    let mut lines = Stream::open(&served, "/api/v1/logs/stream", &bearer).await;
    served.host.runtime.emit(Event::new("order.placed", json!({ "plugin": "shop" }))).await.expect("emitted");
    for name in ["other", "shop"] {
        served.host.runtime.disable(name).await;
        served.host.runtime.enable(name).await.expect("enabled");
        let plugin = served.host.runtime.plugin(name).expect("loaded");
        plugin.call::<Value>("log", &json!({ "message": format!("again {name}") })).await.expect("logged");
    }
    assert_eq!(events.next().await.1["data"]["plugin"], "shop", "the first change of its state");
    assert_eq!(lines.next().await.1["message"], "again shop");
    served.close().await;
}

#[tokio::test]
async fn web_socket_sends_frames_of_pup() {
    let served = Administered::start().await;
    let mut client = Client::connect(served.address).await;
    let upgrade = "connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n\
                   sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    client.send(format!("GET /wss HTTP/1.1\r\nhost: localhost\r\n{upgrade}\r\n")).await;
    let head = client.head().await;
    assert_eq!((head.status, head.header("sec-websocket-accept")), (101, Some("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")));
    served.host.runtime.emit(Event::new("ipc", json!({ "a": 1 }))).await.expect("emitted");
    // An unmasked text frame of less than 126 bytes.
    let frame = client.exactly(2).await;
    assert_eq!(frame[0], 0x81);
    let text = client.exactly(usize::from(frame[1])).await;
    assert_eq!(serde_json::from_slice::<Value>(&text).expect("JSON"), json!({ "t": "ipc", "d": { "a": 1 } }));

    let mut other = Client::connect(served.address).await;
    let page = format!("GET /wss HTTP/1.1\r\nhost: localhost\r\norigin: https://evil.example\r\n{upgrade}\r\n");
    other.send(page).await;
    assert_eq!(other.response(false).await.error(), (403, "cross_origin".to_owned()));
    served.close().await;
}

#[tokio::test]
async fn health_has_the_components_of_the_host_and_of_the_plugin() {
    let served = Administered::start().await;
    let plugin = TestPlugin::from(feature::LIFECYCLE).manifest("name", json!("shop"));
    served.host.load(plugin).await;
    let health = served.request("", "GET", "/api/v1/plugins/shop/health", Value::Null).await;
    let body = health.json();
    assert_eq!((health.status, &body["healthy"]), (200, &json!(true)), "{body}");
    assert_eq!(body["components"]["database"]["status"], "healthy");
    assert!(body["timestamp"].is_string() && body["metrics"]["uptime"].is_number(), "{body}");
    let host = served.request("", "GET", "/health", Value::Null).await.json();
    assert_eq!((&host["healthy"], &host["metrics"]["serving"]), (&json!(true), &json!(1)), "{host}");
    served.host.runtime.disable("shop").await;
    let health = served.request("", "GET", "/api/v1/plugins/shop/health", Value::Null).await;
    assert_eq!((health.status, &health.json()["message"]), (503, &json!("the plugin is disabled")));
    for path in ["/healthz", "/readyz"] {
        assert_eq!(served.request("", "GET", path, Value::Null).await.status, 200);
    }
}

#[tokio::test]
async fn metrics_are_text_of_prometheus_and_json() {
    let served = Administered::with(|builder| builder.policy(Policy::allow_all())).await;
    let plugin = TestPlugin::from(feature::METRICS).manifest("name", json!("shop"));
    let plugin = served.host.load(plugin).await;
    plugin.call::<Value>("add", &json!({ "name": "orders", "by": 3 })).await.expect("counted");
    plugin.call::<Value>("set", &json!({ "name": "load", "value": 0.5 })).await.expect("set");
    plugin.call::<Value>("nothing", &json!(null)).await.expect_err("an unknown action");
    let permissions = json!([{ "resource": "cache.*" }]);
    let cache = TestPlugin::from(feature::CACHE).manifest("name", json!("cached")).manifest("permissions", permissions);
    let cache = served.host.load(cache).await;
    cache.call::<Value>("set", &json!({ "key": "a", "value": 1 })).await.expect("set");
    cache.call::<Value>("get_many", &json!(["a", "b", "c"])).await.expect("read");
    cache.call::<Value>("get", &json!("a")).await.expect("read");
    let memory = cache.metrics().memory_bytes;
    assert!(memory > 0 && memory.is_multiple_of(64 << 10), "{memory} bytes");
    let called = served.request("", "POST", "/plugins/shop/actions/unknown", Value::Null).await;
    assert_eq!(called.status, 404);
    let metrics = served.request("", "GET", "/metrics", Value::Null).await;
    assert_eq!(metrics.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    let text = metrics.text();
    let lines = [
        "plugbay_calls_total{plugin=\"shop\"} 4",
        "plugbay_call_errors_total{plugin=\"shop\",code=\"unknown_action\"} 2",
        "plugbay_call_duration_seconds_count{plugin=\"shop\"} 4",
        "plugbay_cache_reads_total{plugin=\"cached\",result=\"hit\"} 2",
        "plugbay_cache_reads_total{plugin=\"cached\",result=\"miss\"} 2",
        &format!("plugbay_memory_bytes{{plugin=\"cached\"}} {memory}"),
        "plugbay_http_requests_total{route=\"action\",status=\"4xx\"} 1",
        "plugbay_http_request_duration_seconds_count{route=\"action\"} 1",
        "plugbay_http_requests_running 1",
        "plugbay_plugin_count_total{plugin=\"shop\",name=\"orders\"} 3",
        "plugbay_plugin_value{plugin=\"shop\",name=\"load\"} 0.5",
        "plugbay_plugins{state=\"ready\"} 2",
    ];
    assert_contains(&text, &lines);
    check_with_promtool(&text);
    let json = served.request("", "GET", "/api/v1/metrics", Value::Null).await.json();
    assert_eq!((&json["plugins"]["shop"]["calls"], &json["states"]["ready"]), (&json!(4), &json!(2)));
    assert_eq!(json["requests"]["kinds"][1]["kind"], "action");
}

/// Checks the text with Prometheus' own tool.
fn check_with_promtool(text: &str) {
    use std::io::Write;

    let mut command = Command::new("promtool");
    let tool = command.args(["check", "metrics"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let Ok(mut tool) = tool.spawn() else { return skipped("promtool is not installed (Debian: prometheus)") };
    tool.stdin.take().expect("it is piped").write_all(text.as_bytes()).expect("written");
    let checked = tool.wait_with_output().expect("it ends");
    let said = [checked.stdout, checked.stderr].concat();
    assert!(checked.status.success() && said.is_empty(), "{}", String::from_utf8_lossy(&said));
}
