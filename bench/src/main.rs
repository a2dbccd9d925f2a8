//! The benchmark of Plugbay against a native function, raw wasmtime and Extism. `README.md` describes the comparisons
//! and how to read the results.

mod guest;
mod measure;
mod payload;
mod report;
mod row;
mod subject;

use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;

use crate::measure::Plan;
use crate::report::{Machine, Report, Row};
use crate::row::call::Asked;
use crate::row::service::Service;
use crate::row::threads::Serving;
use crate::row::{
    Bench, boot, call, durable, event, follow, fresh, hostile, http, load, memory, service, start, threads,
};
use crate::subject::extism::Extism;

/// Measures Plugbay against a native function, raw wasmtime and Extism.
#[derive(Parser)]
struct Arguments {
    /// Number of rounds; each runs every subject once.
    #[arg(long, default_value_t = 60)]
    rounds: usize,
    /// Duration of one batch in milliseconds.
    #[arg(long, default_value_t = 4.0)]
    batch_ms: f64,
    /// Run only rows whose key contains one of these words: ping, echo-100, typed, fresh, threads, compute, load,
    /// boot, memory, service, event, durable, http, hostile, cli.
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// Write all measurements to this file, as JSON.
    #[arg(long)]
    json: Option<PathBuf>,
    /// Path of the program that `just bench-extism` builds, if it is not the default.
    #[arg(long)]
    extism: Option<PathBuf>,
}

/// The key of a row, and the function that measures it.
type Measure = (&'static str, fn(&Bench) -> anyhow::Result<Row>);

const ROWS: &[Measure] = &[
    ("ping", |bench| call::text(bench, "ping", "null", asked(1.5, Some(5.0)))),
    ("echo-100", |bench| call::text(bench, "echo", payload::json_of(100), asked(1.25, None))),
    ("echo-10k", |bench| call::text(bench, "echo", payload::json_of(10_000), asked(1.05, None))),
    ("echo-1m", |bench| call::text(bench, "echo", payload::json_of(1_000_000), asked(1.05, None))),
    ("typed-100", |bench| call::typed(bench, "echo", payload::json_of(100), Some(1.25))),
    ("typed-10k", |bench| call::typed(bench, "echo", payload::json_of(10_000), Some(1.05))),
    ("typed-1m", |bench| call::typed(bench, "echo", payload::json_of(1_000_000), Some(1.05))),
    ("fresh-ping", |bench| fresh::row(bench, "ping", "null", 1.3, 10.0)),
    ("fresh-echo", |bench| fresh::row(bench, "echo", payload::json_of(10_000), 1.3, 1.0)),
    ("threads-ping", |bench| threads::row(bench, Serving::Replicas, "ping", "null")),
    ("threads-echo", |bench| threads::row(bench, Serving::Replicas, "echo", payload::json_of(10_000))),
    ("threads-fresh-ping", |bench| threads::row(bench, Serving::Fresh, "ping", "null")),
    ("threads-fresh-echo", |bench| threads::row(bench, Serving::Fresh, "echo", payload::json_of(10_000))),
    ("compute-sha256", |bench| call::text(bench, "sha256", "1000000", Asked::default())),
    ("compute-scan", |bench| call::text(bench, "scan", "1000000", Asked::default())),
    ("load-wasm", |bench| load::row(bench, false)),
    ("load-cache", |bench| load::row(bench, true)),
    ("boot-500", |bench| boot::row(bench, 500)),
    ("memory-1000", |bench| memory::row(bench, 1_000, Some(64.0))),
    ("memory-10000", |bench| memory::row(bench, 10_000, Some(64.0))),
    ("service-call", service::checked_call),
    ("service-cache", |bench| service::row(bench, Service::Cache)),
    ("service-data", |bench| service::row(bench, Service::Data)),
    ("service-write", |bench| service::row(bench, Service::DataWrite)),
    ("service-db", |bench| service::row(bench, Service::Db)),
    ("event-one", |bench| event::emit(bench, 1, 1.5)),
    ("event-many", |bench| event::emit(bench, 100, 1.2)),
    ("event-unheard", event::unheard),
    ("durable-publish", durable::publish),
    ("durable-set", durable::set),
    ("http-ping", http::warm_ping),
    ("http-echo", http::warm_echo),
    ("http-fresh", http::fresh_ping),
    ("http-follow", follow::row),
    ("hostile", hostile::row),
    ("cli", start::row),
];

fn asked(over_raw: f64, extism_over: Option<f64>) -> Asked {
    Asked { over_raw: Some(over_raw), extism_over }
}

fn main() -> anyhow::Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match words.split_first().map(|(first, rest)| (first.as_str(), rest)) {
        Some((memory::CHILD, rest)) => return memory::child(rest),
        Some((boot::CHILD, rest)) => return boot::child(rest),
        Some((follow::CHILD, rest)) => return follow::child(rest),
        Some((hostile::GOOD, rest)) => return hostile::good_client(rest),
        Some((hostile::HOSTILE, rest)) => return hostile::hostile_client(rest),
        Some((subject::http::CLIENT, rest)) => return subject::http::client(rest),
        _ => {}
    }
    let arguments = Arguments::parse();
    let scratch = tempfile::tempdir()?;
    let build = PathBuf::from(guest::BENCH).join("guest/target");
    let wasm_path = guest::component(&build)?;
    let bench = Bench {
        plan: Plan { rounds: arguments.rounds.max(1), batch: Duration::from_secs_f64(arguments.batch_ms / 1e3) },
        wasm: std::fs::read(&wasm_path)?,
        wasm_path,
        service_wasm: std::fs::read(guest::service_component(&build)?)?,
        extism: Extism::find(arguments.extism.as_deref(), &build)?,
        scratch: scratch.path().to_owned(),
    };
    let mut machine = Machine::describe(bench.extism.is_some());
    println!("Time per call: median, fastest .. slowest round. Ratios: median, least .. most within a round.");
    let wanted = |key: &str| arguments.only.is_empty() || arguments.only.iter().any(|word| key.contains(word.as_str()));
    let mut rows = Vec::new();
    for (_, measure) in ROWS.iter().filter(|(key, _)| wanted(key)) {
        let row = measure(&bench)?;
        print!("{}", row.table());
        rows.push(row);
    }
    machine.finish();
    println!("\n{}", machine.table());
    if let Some(path) = arguments.json {
        std::fs::write(&path, serde_json::to_string_pretty(&Report { machine, rows })?)?;
    }
    Ok(())
}
