//! The start of a host with many plugins, each in a directory and with a component of its own: the first start, which
//! compiles, and the second, from the code cache. Each start is a process of its own.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, bail, ensure};
use plugbay::Plugin;
use serde_json::json;

use super::Bench;
use super::memory::status_bytes;
use crate::report::{Row, Target};
use crate::subject::{executor, plugbay as bay};

/// The argument that starts this program as such a process.
pub const CHILD: &str = "boot-plugins";
/// Clock ticks in a second, in which Linux reports processor time.
const TICKS: f64 = 100.0;
/// The plugins that each plugin requires are among the ten before it.
const REQUIRED_AMONG: usize = 10;

pub fn row(bench: &Bench, plugins: usize) -> anyhow::Result<Row> {
    let directory = bench.scratch("plugins");
    for index in 0..plugins {
        write(&directory.join(name(index)), index, &bench.wasm)?;
    }
    let cache = bench.scratch("boot-code");
    let mut row = Row::new(format!("start of a host with {plugins} plugins"), Vec::new());
    for start in ["first", "second"] {
        let target = |at_most: f64| (start == "second").then_some(Target::AtMost(at_most));
        let Measured { processor, wall, private, code } = in_child(&directory, &cache)?;
        row = row
            .fact(format!("{start} start, processor time"), processor, "s", target(2.0))
            .fact(format!("{start} start, wall-clock time"), wall, "s", None)
            .fact(format!("{start} start, memory of its own per plugin"), private, "KiB", target(100.0))
            .fact(format!("{start} start, mapped files per plugin"), code, "KiB", None);
    }
    Ok(row)
}

/// The cost of a start: seconds, and KiB per plugin.
struct Measured {
    processor: f64,
    wall: f64,
    /// Resident memory that is not of a file.
    private: f64,
    /// Resident pages of files: compiled code, which the system drops when it needs memory.
    code: f64,
}

fn name(index: usize) -> String {
    format!("p{index:03}")
}

fn write(directory: &Path, index: usize, wasm: &[u8]) -> anyhow::Result<()> {
    std::fs::create_dir_all(directory)?;
    let requires = index.checked_sub(1 + index % REQUIRED_AMONG).map(name);
    let manifest = json!({ "name": name(index), "version": "1.0.0", "requires": Vec::from_iter(requires) });
    std::fs::write(directory.join("plugin.json"), manifest.to_string())?;
    // A custom section with a name of its own: kind, size, length of the name, name.
    let section = name(index);
    let length = u8::try_from(section.len())?;
    let component = [wasm, &[0, length + 1, length], section.as_bytes()].concat();
    Ok(std::fs::write(directory.join("plugin.wasm"), component)?)
}

fn in_child(directory: &Path, cache: &Path) -> anyhow::Result<Measured> {
    let output = Command::new(std::env::current_exe()?).arg(CHILD).args([directory, cache]).output()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout)?;
    let numbers = text.split_whitespace().map(str::parse).collect::<Result<Vec<f64>, _>>()?;
    let [processor, wall, private, code] = numbers[..] else { bail!("four numbers: {text}") };
    Ok(Measured { processor, wall, private, code })
}

/// Runs the child process, which loads the plugins of a directory and prints the cost.
pub fn child(arguments: &[String]) -> anyhow::Result<()> {
    let [directory, cache] = arguments else { bail!("directory, cache") };
    let mut directories: Vec<PathBuf> =
        std::fs::read_dir(directory)?.map(|entry| Ok(entry?.path())).collect::<anyhow::Result<_>>()?;
    directories.sort();
    let count = directories.len();
    let runtime = bay::runtime(u32::try_from(count)? + 10, Some(Path::new(cache)))?;
    let sizes = || Ok::<_, anyhow::Error>((status_bytes("RssAnon:")?, status_bytes("RssFile:")?));
    let (before, begun, processor) = (sizes()?, Instant::now(), processor_seconds()?);
    let loaded = executor()?.block_on(runtime.load_all(directories));
    let (wall, processor) = (begun.elapsed().as_secs_f64(), processor_seconds()? - processor);
    ensure!(loaded.errors.is_empty() && loaded.successes.len() == count, "{:?}", loaded.errors);
    ensure!(loaded.successes.iter().all(Plugin::is_loaded), "not all plugins serve");
    let after = sizes()?;
    let [private, code] = [after.0 - before.0, after.1 - before.1].map(|bytes| bytes / count as f64 / 1024.0);
    println!("{processor} {wall} {private} {code}");
    Ok(())
}

/// The processor time of this process, user and system.
pub fn processor_seconds() -> anyhow::Result<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat").context("this row needs Linux")?;
    let fields = stat.rsplit_once(')').context("no name")?.1.split_whitespace().skip(11).take(2);
    Ok(fields.map(str::parse::<f64>).sum::<Result<f64, _>>()? / TICKS)
}
