//! `plugbay serve` with a collector: one trace over HTTP, plugins and their services, with log lines and metrics.

use std::net::SocketAddr;

use opentelemetry_proto::tonic::common::v1::any_value;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::trace::v1::Span;
use serde_json::json;

use super::serve::Served;
use crate::harness::assert::assert_contains;
use crate::harness::client::{Client, get};
use crate::harness::collector::{Collector, hex, text};
use crate::harness::command::{Plugbay, plugin_file};
use crate::harness::guest::feature;
use crate::harness::host::TestPlugin;
use crate::harness::patience::until;
use crate::harness::port::unused_port;
use crate::harness::server::{Answer, Server};
use crate::harness::tls::CertificateFiles;

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const CLIENT: &str = "b7ad6b7169203331";

/// A host's file with this collector.
fn settings(otlp: serde_json::Value) -> tempfile::NamedTempFile {
    let file = tempfile::Builder::new().suffix(".yaml").tempfile().expect("a file");
    let settings = json!({ "policy": [{ "resource": "*" }], "server": { "otlp": otlp } });
    std::fs::write(file.path(), settings.to_string()).expect("written");
    file
}

fn named<'a>(spans: &'a [Span], name: &str) -> &'a Span {
    let names: Vec<&str> = spans.iter().map(|span| span.name.as_str()).collect();
    spans.iter().find(|span| span.name == name).unwrap_or_else(|| panic!("no `{name}` in {names:?}"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_trace_leads_from_the_client_over_two_plugins_to_the_database() {
    let (collector, address) = Collector::start().await;
    let routes = json!([{ "method": "POST", "path": "/", "actions": ["call"] }]);
    let front = TestPlugin::from(feature::PLUGINS)
        .manifest("name", json!("front"))
        .manifest("permissions", json!([{ "resource": "plugin.*" }]))
        .manifest("routes", routes);
    let store = TestPlugin::from(feature::DB)
        .manifest("name", json!("store"))
        .manifest("permissions", json!([{ "resource": "db.*" }]))
        .manifest("allowed_callers", json!(["front"]));
    let (front, store) = (plugin_file(front), plugin_file(store));
    let otlp = json!({
        "endpoint": format!("http://{address}"), "headers": { "x-api-key": "hunter2" }, "service_name": "shop",
    });
    let settings = settings(otlp);
    let path = |file: &tempfile::NamedTempFile| file.path().to_str().expect("UTF-8").to_owned();
    let served = Served::start(&[&*path(&front), &*path(&store), "--host-file", &*path(&settings)]);

    let headers = format!("traceparent: 00-{TRACE}-{CLIENT}-01\r\nx-request-id: order-7\r\n");
    let payload = json!({ "plugin": "store", "action": "acknowledge", "payload": { "first": 1, "count": 1 } });
    let mut client = Client::connect(served.address).await;
    let answer = client.request("POST", "/plugins/front", &headers, payload.to_string().as_bytes()).await;
    assert_eq!((answer.status, answer.json()), (200, json!({ "ok": 1 })), "{}", answer.text());
    let response_trace = answer.header("traceresponse").expect("a trace").to_owned();
    served.end();

    let spans: Vec<Span> = collector.spans().into_iter().filter(|span| hex(&span.trace_id) == TRACE).collect();
    let request = named(&spans, "POST plugin");
    let (front, store) = (named(&spans, "front/call"), named(&spans, "store/acknowledge"));
    assert_eq!(hex(&request.parent_span_id), CLIENT, "the client's span");
    assert_eq!(response_trace, format!("00-{TRACE}-{}-01", hex(&request.span_id)));
    assert_eq!(front.parent_span_id, request.span_id);
    assert_eq!(store.parent_span_id, front.span_id);
    assert_eq!(named(&spans, "db.execute").parent_span_id, store.span_id);
    assert_eq!(named(&spans, "db.statement").parent_span_id, store.span_id);
    assert_eq!(text(&store.attributes, "caller").as_deref(), Some("plugin:front"));
    assert_eq!(text(&request.attributes, "request_id").as_deref(), Some("order-7"));

    let logs = collector.logs();
    let is_line = |line: &&opentelemetry_proto::tonic::logs::v1::LogRecord| {
        let body = line.body.as_ref().and_then(|body| body.value.clone());
        matches!(body, Some(any_value::Value::StringValue(text)) if text == "kept 1")
    };
    let line = logs.iter().find(is_line).expect("the line of the plugin");
    assert_eq!((hex(&line.trace_id), &line.span_id), (TRACE.to_owned(), &store.span_id));
    assert_eq!(text(&line.attributes, "plugin").as_deref(), Some("store"));
    let access = logs.iter().find(|line| text(&line.attributes, "path").as_deref() == Some("/plugins/front"));
    assert_eq!(access.map(|line| hex(&line.trace_id)).as_deref(), Some(TRACE), "the access log");

    let metrics = collector.metrics();
    let calls = metrics.iter().find(|metric| metric.name == "plugbay_calls_total").expect("the calls");
    let Some(Data::Sum(calls)) = &calls.data else { panic!("not a sum: {calls:?}") };
    let of_store = calls.data_points.iter().find(|point| text(&point.attributes, "plugin").as_deref() == Some("store"));
    assert!(of_store.is_some() && calls.is_monotonic);
    assert!(metrics.iter().any(|metric| matches!(metric.data, Some(Data::Histogram(_)))));
    assert!(
        collector.services().iter().all(|name| name == "shop") && collector.keys().iter().all(|key| key == "hunter2")
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn request_of_a_plugin_continues_the_trace_of_its_call() {
    let (collector, address) = Collector::start().await;
    let upstream = Server::start(|_| Answer::text("ok"));
    let routes = json!([{ "method": "POST", "path": "/", "actions": ["fetch"] }]);
    let plugin = TestPlugin::from(feature::HTTP)
        .manifest("name", json!("fetch"))
        .manifest("permissions", json!([{ "resource": "http.*" }]))
        .manifest("routes", routes);
    let plugin = plugin_file(plugin);
    let settings = settings(json!({ "endpoint": format!("http://{address}"), "logs": false, "metrics": false }));
    let path = |file: &tempfile::NamedTempFile| file.path().to_str().expect("UTF-8").to_owned();
    let grant = format!("http.{}", upstream.authority());
    let served =
        Served::start(&[&*path(&plugin), "--host-file", &*path(&settings), "--grant", &format!("{grant}:execute")]);
    let headers = format!("traceparent: 00-{TRACE}-{CLIENT}-01\r\n");
    let asked = json!({ "authority": upstream.authority() }).to_string();
    let mut client = Client::connect(served.address).await;
    let answer = client.request("POST", "/plugins/fetch", &headers, asked.as_bytes()).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let received = upstream.received();
    let sent = received.first().and_then(|request| request.value("traceparent")).expect("a trace").to_owned();
    served.end();
    let spans = collector.spans();
    let request = named(&spans, &format!("GET {grant}"));
    assert_eq!(sent, format!("00-{TRACE}-{}-01", hex(&request.span_id)));
    assert!(collector.logs().is_empty() && collector.metrics().is_empty(), "only traces were asked for");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn collector_that_does_not_answer_is_reported_once_and_delays_nothing() {
    let gone = SocketAddr::from(([127, 0, 0, 1], unused_port()));
    let settings = settings(json!({ "endpoint": format!("http://{gone}"), "interval_seconds": 0.05 }));
    let plugin = plugin_file(TestPlugin::from(feature::ECHO).manifest("name", json!("hello")));
    let path = |file: &tempfile::NamedTempFile| file.path().to_str().expect("UTF-8").to_owned();
    let mut served = Served::start(&[&*path(&plugin), "--host-file", &*path(&settings)]);
    assert_contains(&served.printed_until("telemetry cannot be sent"), &["v1/metrics"]);
    assert_eq!(get(served.address, "/plugins/hello/status").await.status, 200);
    // A collector that begins to answer gets what comes then.
    let listener = until("the port is free", async || tokio::net::TcpListener::bind(gone).await.ok()).await;
    let router = axum::Router::new().fallback(|| async {});
    tokio::spawn(async move { axum::serve(listener, router).await });
    let printed = served.printed_until("is sent to");
    assert!(!printed.contains("telemetry cannot be sent"), "{printed}");
    served.end();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn collector_has_a_certificate_of_an_authority_of_the_settings() {
    let files = CertificateFiles::new();
    let (collector, address) = Collector::start_tls(&files).await;
    let plugin = plugin_file(TestPlugin::from(feature::ECHO).manifest("name", json!("hello")));
    let plugin = plugin.path().to_str().expect("UTF-8");
    let otlp = |ca: Option<&str>| {
        let mut otlp = json!({ "endpoint": format!("https://{address}"), "interval_seconds": 0.05 });
        ca.iter().for_each(|ca| otlp["ca"] = json!(ca));
        otlp
    };
    // A path is relative to the host's file.
    let host_file = files.path("plugbay.yaml");
    let start = |ca: Option<&str>| {
        files.write_text("plugbay.yaml", &json!({ "server": { "otlp": otlp(ca) } }).to_string());
        Plugbay::new([
            "serve",
            "--json",
            "--address",
            "127.0.0.1:0",
            plugin,
            "--host-file",
            host_file.to_str().expect("UTF-8"),
        ])
    };
    let served = Served::of(start(Some("root.pem")));
    until("metrics", async || (!collector.metrics().is_empty()).then_some(())).await;
    served.end();

    let mut served = Served::of(start(None));
    assert_contains(&served.printed_until("telemetry cannot be sent"), &["certificate"]);
    served.end();
    let refused = start(Some("plugbay.yaml")).run().exits_with(2).json();
    let message = refused["msg"].as_str().expect("a message");
    assert_contains(message, &["plugbay.yaml has no certificate in the PEM format", "`server.otlp.ca`"]);
}
