//! Resident memory of live instances, measured in a separate process for each subject.

use std::process::Command;

use anyhow::{Context, bail, ensure};
use plugbay::manifest::Instances;

use super::Bench;
use crate::report::{Row, Target};
use crate::subject::{executor, plugbay as bay, raw};

/// The argument that starts this program as such a process.
pub const CHILD: &str = "count-memory";
/// Instances that the pool has beyond the measured ones.
const SPARE: u32 = 100;

pub fn row(bench: &Bench, instances: u32, kibibytes_max: Option<f64>) -> anyhow::Result<Row> {
    let mut row = Row::new(format!("resident memory of {instances} idle instances, each called once"), Vec::new());
    for subject in ["raw wasmtime", "plugbay"] {
        let target = kibibytes_max.filter(|_| subject == "plugbay").map(Target::AtMost);
        row = row.fact(format!("{subject}, per instance"), in_child(bench, subject, instances)?, "KiB", target);
    }
    if let Some(extism) = bench.extism.as_ref().filter(|_| instances <= 1_000) {
        let bytes = extism.start("memory", "ping", "null")?.batch(instances)?.as_nanos();
        row = row.fact("extism, per instance", bytes as f64 / 1024.0, "KiB", None);
    }
    Ok(row)
}

fn in_child(bench: &Bench, subject: &str, instances: u32) -> anyhow::Result<f64> {
    let output = Command::new(std::env::current_exe()?)
        .args([CHILD, subject, &instances.to_string()])
        .arg(&bench.wasm_path)
        .output()?;
    ensure!(output.status.success(), "{subject} with {instances}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8(output.stdout)?.trim().parse()?)
}

/// Runs the child process, which creates the instances, calls each one and prints the kibibytes per instance.
pub fn child(arguments: &[String]) -> anyhow::Result<()> {
    let [subject, instances, wasm] = arguments else { bail!("subject, instances, component") };
    let wasm = std::fs::read(wasm)?;
    let per_instance = executor()?.block_on(count(subject, instances.parse()?, &wasm))?;
    println!("{per_instance}");
    Ok(())
}

async fn count(subject: &str, instances: u32, wasm: &[u8]) -> anyhow::Result<f64> {
    let before;
    let after;
    match subject {
        "raw wasmtime" => {
            let plugin = raw::Host::new(instances + SPARE)?.compile(wasm)?;
            // The first instance allocates the memory that all share.
            let mut live = vec![plugin.start().await?];
            live[0].call("ping", "null").await?;
            before = resident_bytes()?;
            for _ in 0..instances {
                let mut instance = plugin.start().await?;
                instance.call("ping", "null").await?;
                live.push(instance);
            }
            after = resident_bytes()?;
        }
        _ => {
            let runtime = bay::runtime(instances + SPARE, None)?;
            let first = runtime.load(bay::package("first", wasm, Instances::Count(1))).await?;
            bay::call(&first, "ping", "null").await?;
            before = resident_bytes()?;
            for n in 0..instances {
                let plugin = runtime.load(bay::package(format!("p{n}"), wasm, Instances::Count(1))).await?;
                bay::call(&plugin, "ping", "null").await?;
            }
            after = resident_bytes()?;
            // All plugins must still be serving.
            for plugin in runtime.plugins() {
                ensure!(
                    bay::call(&plugin, "ping", "null").await? == "\"pong\"",
                    "plugin {} no longer serves",
                    plugin.name()
                );
            }
        }
    }
    Ok((after - before) / f64::from(instances) / 1024.0)
}

/// The resident memory of this process.
fn resident_bytes() -> anyhow::Result<f64> {
    status_bytes("VmRSS:")
}

/// A size in the status of this process, such as `RssAnon:`.
pub fn status_bytes(field: &str) -> anyhow::Result<f64> {
    let status = std::fs::read_to_string("/proc/self/status").context("this row needs Linux")?;
    let line = status.lines().find_map(|line| line.strip_prefix(field)).context("no such size")?;
    let kibibytes: f64 = line.trim().trim_end_matches("kB").trim().parse()?;
    Ok(kibibytes * 1024.0)
}
