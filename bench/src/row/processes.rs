//! A supervisor of many processes: what an idle one costs, and how soon one that was killed runs again.

use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use plugbay_manifest::{ProcessEntry, RestartPolicy, Supervision};
use plugbay_supervisor::{ProcessState, ProcessStatus, Supervisor, SupervisorBuilder};

use super::Bench;
use super::boot::processor_seconds;
use super::memory::status_bytes;
use crate::measure::Spread;
use crate::report::{Row, Target};
use crate::subject::executor;

/// The argument that starts this program as the host of the processes.
pub const CHILD: &str = "supervise";
const PROCESSES: usize = 500;
/// The time over which the processor's time of the idle host is taken.
const IDLE: Duration = Duration::from_secs(10);
const KILLED: usize = 50;

pub fn row(_: &Bench) -> anyhow::Result<Row> {
    let output = Command::new(std::env::current_exe()?).arg(CHILD).output()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout)?;
    let numbers = text.split_whitespace().map(str::parse).collect::<Result<Vec<f64>, _>>()?;
    let [memory, core, median, slowest] = numbers[..] else { bail!("four numbers: {text}") };
    Ok(Row::new(format!("supervisor of {PROCESSES} idle processes"), Vec::new())
        .fact("memory of a process in the host", memory, "KiB", Some(Target::AtMost(10.0)))
        .fact("share of a core", core, "%", Some(Target::AtMost(1.0)))
        .fact("from SIGKILL to the next run, median", median, "ms", Some(Target::AtMost(20.0)))
        .fact("from SIGKILL to the next run, slowest", slowest, "ms", Some(Target::AtMost(20.0))))
}

/// Runs the child process, which prints the cost.
pub fn child(_: &[String]) -> anyhow::Result<()> {
    executor()?.block_on(async {
        let mut supervision = Supervision::default();
        supervision.processes = (0..PROCESSES)
            .map(|index| {
                let mut entry = ProcessEntry::new(name(index), "sleep 1000");
                (entry.autostart, entry.restart) = (true, Some(RestartPolicy::Always));
                entry.restart_delay = Some(Duration::ZERO);
                entry
            })
            .collect();
        let before = status_bytes("RssAnon:")?;
        let supervisor = SupervisorBuilder::new(supervision).start()?;
        for index in 0..PROCESSES {
            running(&supervisor, index, None).await?;
        }
        let memory = (status_bytes("RssAnon:")? - before) / PROCESSES as f64 / 1024.0;
        let processor = processor_seconds()?;
        tokio::time::sleep(IDLE).await;
        let core = (processor_seconds()? - processor) / IDLE.as_secs_f64() * 100.0;
        let mut restarts = Vec::new();
        for index in 0..KILLED {
            let pid = running(&supervisor, index, None).await?;
            let begun = Instant::now();
            ensure!(Command::new("kill").args(["-KILL", &pid.to_string()]).status()?.success(), "kill {pid}");
            running(&supervisor, index, Some(pid)).await?;
            restarts.push(begun.elapsed().as_secs_f64() * 1_000.0);
        }
        let Spread { median, max, .. } = Spread::of(restarts);
        println!("{memory} {core} {median} {max}");
        supervisor.shutdown().await;
        Ok(())
    })
}

fn name(index: usize) -> String {
    format!("p{index}")
}

/// Waits until a process runs with another number than this one, and returns its number.
async fn running(supervisor: &Supervisor, index: usize, not: Option<u32>) -> anyhow::Result<u32> {
    let is_new =
        |status: &ProcessStatus| status.status == ProcessState::Running && status.pid.is_some() && status.pid != not;
    let status = supervisor.wait_for(&name(index), is_new).await;
    status.and_then(|status| status.pid).context("the process is gone")
}
