//! The command line from its start to its result, compared with the smallest host.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::ensure;

use super::Bench;
use crate::guest;
use crate::measure::{Subject, interleave};
use crate::report::{Row, Target};

pub fn row(bench: &Bench) -> anyhow::Result<Row> {
    let (plugbay, smallest) = guest::commands()?;
    let cwasm = bench.scratch("smallest.cwasm");
    ensure!(Command::new(&smallest).arg("compile").args([&bench.wasm_path, &cwasm]).status()?.success());
    let cache = bench.scratch("home");
    std::fs::create_dir_all(&cache)?;
    let subjects = vec![
        Subject::new("smallest wasmtime host", |calls| {
            spawn(calls, || {
                let mut command = Command::new(&smallest);
                command.arg(&cwasm).arg("ping");
                command
            })
        }),
        Subject::new("plugbay run", |calls| spawn(calls, || run(&plugbay, &bench.wasm_path, &cache))),
    ];
    let plan = bench.slower(Duration::from_millis(10));
    Ok(Row::new("command line: start to answer, compiled code cached", interleave(subjects, plan)?).ratio(
        "plugbay run",
        "smallest wasmtime host",
        Some(Target::AtMost(3.0)),
    ))
}

fn run(plugbay: &Path, wasm: &Path, cache: &Path) -> Command {
    let mut command = Command::new(plugbay);
    command.arg("run").arg(wasm).arg("ping").env("XDG_CACHE_HOME", cache);
    command
}

fn spawn(calls: u32, command: impl Fn() -> Command) -> anyhow::Result<Duration> {
    let mut took = Duration::ZERO;
    for _ in 0..calls {
        let mut command = command();
        let started = Instant::now();
        let output = command.output()?;
        took += started.elapsed();
        ensure!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
        ensure!(output.stdout.trim_ascii() == b"\"pong\"", "{command:?} printed {:?}", output.stdout);
    }
    Ok(took)
}
