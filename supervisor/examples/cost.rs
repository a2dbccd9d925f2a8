//! Measures what idle processes cost their host, and how soon a crashed one runs again after its delay.
//!
//! `cargo run --release -p plugbay-supervisor --example cost`

use std::time::{Duration, Instant};

use plugbay_manifest::{ProcessEntry, RestartPolicy, Supervision};
use plugbay_supervisor::{ALL, Order, ProcessState, Supervisor, SupervisorBuilder};

/// The number of idle processes.
const PROCESSES: usize = 500;
/// The time for which they are measured.
const MEASURED: Duration = Duration::from_secs(10);
/// The number of crashes, and the delay of a restart.
const CRASHES: usize = 50;
const DELAY: Duration = Duration::from_millis(100);

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let before = (resident_bytes(), descriptors());
    let supervisor = supervisor((0..PROCESSES).map(|number| ProcessEntry::new(format!("p{number}"), "sleep 1000000")))?;
    supervisor.order(ALL, Order::Start, "the measurement").await?;
    let after = (resident_bytes(), descriptors());
    let (cpu, since) = (cpu_time(), Instant::now());
    tokio::time::sleep(MEASURED).await;
    let used = (cpu_time() - cpu).as_secs_f64() / since.elapsed().as_secs_f64() * 100.0;
    let each = (after.0.saturating_sub(before.0)) as f64 / 1024.0 / PROCESSES as f64;
    println!("{PROCESSES} idle processes: {used:.2} % of a core, {each:.1} KiB each in the host");
    println!("descriptors: {} each", (after.1 - before.1) / PROCESSES);
    supervisor.shutdown().await;

    let mut entry = ProcessEntry::new("crash", "false");
    (entry.restart, entry.restart_delay) = (Some(RestartPolicy::Always), Some(DELAY));
    let supervisor = self::supervisor([entry])?;
    supervisor.order("crash", Order::Start, "the measurement").await?;
    let mut late = Vec::new();
    let mut restarts = 0;
    while late.len() < CRASHES {
        let ended = supervisor.wait_for("crash", |status| status.status == ProcessState::Errored);
        let ended = ended.await.and_then(|status| status.exited).ok_or("it has not ended")?;
        let again = supervisor.wait_for("crash", |status| status.restarts > restarts).await.ok_or("no restart")?;
        restarts = again.restarts;
        if let Some(started) = again.started {
            late.push(started.duration_since(ended)?.saturating_sub(DELAY));
        }
    }
    late.sort();
    println!(
        "restart after its delay: median {:?}, worst {:?} of {CRASHES}",
        late[late.len() / 2],
        late[late.len() - 1]
    );
    supervisor.shutdown().await;
    Ok(())
}

fn supervisor(
    processes: impl IntoIterator<Item = ProcessEntry>,
) -> Result<Supervisor, plugbay_supervisor::SupervisorError> {
    let mut supervision = Supervision::default();
    supervision.processes = processes.into_iter().collect();
    SupervisorBuilder::new(supervision).start()
}

fn resident_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
    line.trim().trim_end_matches("kB").trim().parse::<u64>().unwrap_or_default() << 10
}

/// The processor time of this process, from clock ticks of 10 ms.
fn cpu_time() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let (_, rest) = stat.rsplit_once(')').unwrap_or_default();
    let ticks = rest.split_whitespace().skip(11).take(2).filter_map(|ticks| ticks.parse::<u64>().ok()).sum::<u64>();
    Duration::from_millis(ticks * 10)
}

fn descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").map_or(0, Iterator::count)
}
