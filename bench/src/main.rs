//! The benchmark of the library.

use plugbay_bench::row::call::Asked;
use plugbay_bench::row::service::Service;
use plugbay_bench::row::threads::Serving;
use plugbay_bench::row::{boot, call, durable, event, fresh, load, memory, service, start, threads};
use plugbay_bench::{Measure, payload, run};

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
    ("cli", start::row),
];

fn asked(over_raw: f64, extism_over: Option<f64>) -> Asked {
    Asked { over_raw: Some(over_raw), extism_over }
}

fn main() -> anyhow::Result<()> {
    run(ROWS, &[(memory::CHILD, memory::child), (boot::CHILD, boot::child)])
}
