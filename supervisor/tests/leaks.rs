//! What is left after many starts: no processes, no descriptors, no memory. It is a binary of its own, in which nothing
//! else runs.

#![cfg(target_os = "linux")]

#[path = "supervised/harness.rs"]
#[allow(dead_code, reason = "the other tests use the rest")]
mod harness;

use plugbay_supervisor::{Order, ProcessState};

use harness::{endless, shell, supervised};

fn descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").expect("a table").count()
}

/// The children of this process, zombies among them.
fn children() -> usize {
    let own = std::process::id().to_string();
    let entries = std::fs::read_dir("/proc").expect("a table").flatten();
    let parents = entries.filter_map(|entry| {
        let stat = std::fs::read_to_string(entry.path().join("stat")).ok()?;
        let (_, rest) = stat.rsplit_once(')')?;
        Some(rest.split_whitespace().nth(1)? == own)
    });
    parents.filter(|is_own| *is_own).count()
}

/// The resident memory of this process, in bytes.
fn memory_bytes() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").expect("a status");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("it has a size");
    line.trim().trim_end_matches(" kB").parse::<usize>().expect("a number") << 10
}

#[tokio::test]
async fn thousand_starts_leave_nothing() {
    let all = supervised([shell("job", "sleep 1000000 & exit 0"), endless("web")]);
    let start = async |count: usize| {
        for _ in 0..count {
            all.order("job", Order::Start).await.expect("started");
            all.wait("job", ProcessState::Finished).await;
            // The record of the test grows with each event.
            all.events.lock().expect("not poisoned").clear();
        }
    };
    all.order("web", Order::Start).await.expect("started");
    start(100).await;
    let before = (descriptors(), children(), memory_bytes());
    start(1_000).await;
    let after = (descriptors(), children(), memory_bytes());
    // A thread of the executor may begin or end meanwhile. Leaks would add a thousand.
    assert!(after.0 < before.0 + 10 && after.1 < before.1 + 10, "{before:?} {after:?}");
    // The log of 1,000 starts is in memory: five lines for each.
    assert!(after.2 < before.2 + (16 << 20), "{before:?} {after:?}");
    all.supervisor.shutdown().await;
}
