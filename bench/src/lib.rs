//! The benchmark of Plugbay against a native function, raw wasmtime and Extism. `README.md` describes the comparisons
//! and how to read the results.
//!
//! There are two programs. `plugbay-bench` measures the library, and has no server in it, as an application that embeds
//! the library. `plugbay-bench-http` measures the server.

#![expect(missing_docs, reason = "its public items are for the two programs of this package")]

pub mod guest;
pub mod measure;
pub mod payload;
pub mod report;
pub mod row;
pub mod subject;

use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;

use crate::measure::Plan;
use crate::report::{Machine, Report, Row};
use crate::row::Bench;
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
    /// Run only rows whose key contains one of these words.
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
pub type Measure = (&'static str, fn(&Bench) -> anyhow::Result<Row>);

/// The first argument of a process that a row starts, and the function that runs it.
pub type Child = (&'static str, fn(&[String]) -> anyhow::Result<()>);

/// Runs a program of the benchmark: one of its children, or the rows that its arguments select.
///
/// # Errors
/// Whatever a row cannot do, and arguments that select no row.
pub fn run(rows: &[Measure], children: &[Child]) -> anyhow::Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    if let Some((first, rest)) = words.split_first()
        && let Some((_, child)) = children.iter().find(|(name, _)| name == first)
    {
        return child(rest);
    }
    let arguments = Arguments::parse();
    let wanted = |key: &str| arguments.only.is_empty() || arguments.only.iter().any(|word| key.contains(word.as_str()));
    let wanted: Vec<&Measure> = rows.iter().filter(|(key, _)| wanted(key)).collect();
    if wanted.is_empty() {
        let keys: Vec<&str> = rows.iter().map(|(key, _)| *key).collect();
        anyhow::bail!("no row has a key like `{}`; the rows are {}", arguments.only.join(","), keys.join(", "));
    }
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
    let mut measured = Vec::new();
    for (_, measure) in wanted {
        let row = measure(&bench)?;
        print!("{}", row.table());
        measured.push(row);
    }
    machine.finish();
    println!("\n{}", machine.table());
    if let Some(path) = arguments.json {
        std::fs::write(&path, serde_json::to_string_pretty(&Report { machine, rows: measured })?)?;
    }
    Ok(())
}
