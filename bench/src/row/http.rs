//! The route of a plugin compared with the same handler written with axum, and with a minimal host of `wasi:http`. The
//! requests come from another process over
//! 16 connections, which shares the processor with the server.

use std::time::Duration;

use anyhow::ensure;
use axum::body::Bytes;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use http::StatusCode;
use http::header::CONTENT_TYPE;
use plugbay::manifest::{Format, Instances, Layer};
use plugbay_server::{Server, ServerSettings, ServerState, plugin_routes};

use super::{Bench, LIVE_INSTANCES};
use crate::guest;
use crate::measure::{Subject, interleave};
use crate::payload;
use crate::report::{Row, Target};
use crate::subject::http::{Asked, HttpServer, median, requests};
use crate::subject::minimal::MinimalHost;
use crate::subject::{executor, native, plugbay as bay};

/// The routes of the benchmark's plugin.
const ROUTES: &str = r#"{"routes": [
    {"method": "GET", "path": "/ping", "actions": ["ping"]},
    {"method": "POST", "path": "/echo", "actions": ["echo"]}
]}"#;

/// The duration of a batch of requests, which a process is started for.
const BATCH: Duration = Duration::from_millis(300);

/// A route that is served by one instance for each processor.
pub fn warm_ping(bench: &Bench) -> anyhow::Result<Row> {
    row(bench, Instances::Count(processors()?), &PING, 0.85)
}

/// A route that parses 10 kB of JSON and writes it again.
pub fn warm_echo(bench: &Bench) -> anyhow::Result<Row> {
    row(bench, Instances::Count(processors()?), &echo(), 0.75)
}

/// A route with a new instance for each request.
pub fn fresh_ping(bench: &Bench) -> anyhow::Result<Row> {
    row(bench, Instances::PerCall, &PING, 0.45)
}

/// Routes of a plugin and a plugin's own handler, compared with a minimal host of `wasi:http` that answers with the
/// same handler.
pub fn minimal(bench: &Bench) -> anyhow::Result<Row> {
    let wasm = std::fs::read(guest::http_component(&bench.scratch("http-guest"))?)?;
    let minimal = MinimalHost::new(LIVE_INSTANCES, &wasm)?;
    let minimal = HttpServer::start(async |listener| minimal.serve(listener).await)?;
    let runtime = bay::runtime(LIVE_INSTANCES, None)?;
    let routes = Layer::parse("routes", ROUTES, Format::Json)?;
    for package in [
        bay::package("handler", &wasm, Instances::PerCall),
        bay::package("fresh", &bench.wasm, Instances::PerCall).manifest(routes.clone()),
        bay::package("warm", &bench.wasm, Instances::Count(processors()?)).manifest(routes),
    ] {
        executor()?.block_on(runtime.load(package))?;
    }
    let state = ServerState::new(&runtime, ServerSettings::default());
    let server = Server::new(&state, plugin_routes(&state));
    let plugbay = HttpServer::start(async move |listener| server.serve(listener).await)?;
    let asked = [
        ("minimal host, an instance per request", minimal.address, "/"),
        ("plugbay, the same handler", plugbay.address, "/plugins/handler/"),
        ("plugbay, a route, an instance per request", plugbay.address, "/plugins/fresh/ping"),
        ("plugbay, a route, warm", plugbay.address, "/plugins/warm/ping"),
    ];
    let subjects = asked.map(|(name, address, path)| {
        let asked = Asked { method: "GET", path, body: "" };
        Subject::new(name, move |calls| requests(address, asked, calls, &mut Vec::new()))
    });
    let samples = interleave(subjects.into(), bench.slower(BATCH))?;
    let row = Row::new("http, beside a minimal host of wasi:http; time per request", samples);
    let [(minimal, ..), rest @ ..] = asked;
    Ok(rest.iter().fold(row, |row, (name, ..)| row.ratio(minimal, name, Some(Target::AtLeast(1.0)))))
}

fn processors() -> anyhow::Result<u32> {
    Ok(u32::try_from(std::thread::available_parallelism()?.get())?)
}

const PING: (&str, &str, &str) = ("GET", "/ping", "");

fn echo() -> (&'static str, &'static str, &'static str) {
    ("POST", "/echo", payload::json_of(10_000))
}

fn row(
    bench: &Bench,
    instances: Instances,
    &(method, path, body): &(&'static str, &'static str, &'static str),
    throughput: f64,
) -> anyhow::Result<Row> {
    let native = axum::Router::new()
        .route("/plugins/bench/ping", get(async || json("ping", "null")))
        .route("/plugins/bench/echo", post(async |body: Bytes| json("echo", std::str::from_utf8(&body).unwrap_or(""))));
    let native = HttpServer::start(async |listener| {
        let _ = axum::serve(listener, native).await;
    })?;
    let runtime = bay::runtime(LIVE_INSTANCES, None)?;
    let package = bay::package("bench", &bench.wasm, instances).manifest(Layer::parse("routes", ROUTES, Format::Json)?);
    let plugin = executor()?.block_on(runtime.load(package))?;
    ensure!(plugin.is_loaded(), "the plugin serves");
    let state = ServerState::new(&runtime, ServerSettings::default());
    let server = Server::new(&state, plugin_routes(&state));
    let plugbay = HttpServer::start(async move |listener| server.serve(listener).await)?;

    let path: &'static str = if path == "/ping" { "/plugins/bench/ping" } else { "/plugins/bench/echo" };
    let asked = Asked { method, path, body };
    let (mut native_slow, mut plugbay_slow) = (Vec::new(), Vec::new());
    let subjects = vec![
        Subject::new("axum", |calls| requests(native.address, asked, calls, &mut native_slow)),
        Subject::new("plugbay", |calls| requests(plugbay.address, asked, calls, &mut plugbay_slow)),
    ];
    let how = if instances == Instances::PerCall { "a fresh sandbox per request" } else { "warm instances" };
    let samples = interleave(subjects, bench.slower(BATCH))?;
    Ok(Row::new(format!("http, {how}: {method} {path}, body of {} bytes; time per request", body.len()), samples)
        .ratio("axum", "plugbay", Some(Target::AtLeast(throughput)))
        .fact("axum, 99th percentile", median(native_slow), "µs", None)
        .fact("plugbay, 99th percentile", median(plugbay_slow), "µs", None))
}

/// The native handler: the answer of an action as JSON.
fn json(action: &str, payload: &str) -> Response {
    match native::call(action, payload) {
        Ok(answer) => ([(CONTENT_TYPE, "application/json")], answer).into_response(),
        Err(_) => StatusCode::BAD_REQUEST.into_response(),
    }
}
