//! The route of a plugin compared with the same handler written with axum, with raw wasmtime behind axum, and with a
//! minimal host of `wasi:http`. The requests come from another process over 16 connections, which shares the processor
//! with the server.

use std::time::Duration;

use anyhow::{bail, ensure};
use axum::body::Bytes;
use axum::routing::{get, post};
use plugbay::manifest::{Format, Instances, Layer};
use plugbay_server::{Server, ServerSettings, ServerState, plugin_routes};

use super::{Bench, LIVE_INSTANCES};
use crate::guest;
use crate::measure::{Subject, interleave};
use crate::payload;
use crate::report::{Row, Target};
use crate::subject::http::{Asked, HttpServer, json, median, requests};
use crate::subject::minimal::MinimalHost;
use crate::subject::{executor, native, plugbay as bay, raw_http};

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
    let path: &'static str = if path == "/ping" { "/plugins/bench/ping" } else { "/plugins/bench/echo" };
    let asked = Asked { method, path, body };
    let servers: Vec<HttpServer> =
        SUBJECTS.iter().map(|subject| start(subject, &bench.wasm, instances)).collect::<anyhow::Result<_>>()?;
    let mut slow = SUBJECTS.map(|_| Vec::new());
    let subjects = SUBJECTS
        .iter()
        .zip(&servers)
        .zip(&mut slow)
        .map(|((name, server), slow)| Subject::new(name, |calls| requests(server.address, asked, calls, slow)));
    let samples = interleave(subjects.collect(), bench.slower(BATCH))?;
    let how = if instances == Instances::PerCall { "a fresh sandbox per request" } else { "warm instances" };
    let name = format!("http, {how}: {method} {path}, body of {} bytes; time per request", body.len());
    let row = Row::new(name, samples)
        .ratio(AXUM, PLUGBAY, Some(Target::AtLeast(throughput)))
        .ratio(AXUM, RAW, None)
        .ratio(RAW, PLUGBAY, None);
    Ok(SUBJECTS
        .iter()
        .zip(slow)
        .fold(row, |row, (name, slow)| row.fact(format!("{name}, 99th percentile"), median(slow), "µs", None)))
}

const AXUM: &str = "axum";
const RAW: &str = "raw wasmtime behind axum";
const PLUGBAY: &str = "plugbay";
const SUBJECTS: [&str; 3] = [AXUM, RAW, PLUGBAY];

/// Starts a server of one of the subjects.
fn start(subject: &str, wasm: &[u8], instances: Instances) -> anyhow::Result<HttpServer> {
    if subject != PLUGBAY {
        let router = if subject == RAW { raw_http::router(LIVE_INSTANCES, wasm, instances)? } else { native_router() };
        return HttpServer::start(async |listener| {
            let _ = axum::serve(listener, router).await;
        });
    }
    let runtime = bay::runtime(LIVE_INSTANCES, None)?;
    let package = bay::package("bench", wasm, instances).manifest(Layer::parse("routes", ROUTES, Format::Json)?);
    let plugin = executor()?.block_on(runtime.load(package))?;
    ensure!(plugin.is_loaded(), "the plugin serves");
    let state = ServerState::new(&runtime, ServerSettings::default());
    let server = Server::new(&state, plugin_routes(&state));
    HttpServer::start(async move |listener| server.serve(listener).await)
}

/// The handlers of the benchmark's job, native.
fn native_router() -> axum::Router {
    axum::Router::new().route("/plugins/bench/ping", get(async || json(native::call("ping", "null")))).route(
        "/plugins/bench/echo",
        post(async |body: Bytes| json(native::call("echo", std::str::from_utf8(&body).unwrap_or("")))),
    )
}

/// The first argument of a process that serves a subject, for a profiler: its name, the file of the component, and
/// `warm` or `fresh`. It prints its address.
pub const SERVE: &str = "serve";

/// Serves a subject until the process is stopped.
pub fn serve(arguments: &[String]) -> anyhow::Result<()> {
    let [subject, wasm, how] = arguments else { bail!("subject, component, `warm` or `fresh`") };
    let instances = if how == "fresh" { Instances::PerCall } else { Instances::Count(processors()?) };
    let server = start(subject, &std::fs::read(wasm)?, instances)?;
    println!("{}", server.address);
    loop {
        std::thread::park();
    }
}
