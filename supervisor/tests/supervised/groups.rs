//! The end of everything that a process started: SIGTERM and SIGKILL, forks, daemons and held pipes.

use std::time::Duration;

use plugbay_supervisor::{Order, ProcessState};

use crate::harness::{is_alive, pid_in, shell, supervised};

#[tokio::test]
async fn process_that_ignores_sigterm_is_killed_after_its_time() {
    let mut entry = shell("web", "trap \"\" TERM; echo ready; while :; do sleep 1000; done");
    entry.terminate_timeout = Some(Duration::from_secs(5));
    let all = supervised([entry]);
    all.order("web", Order::Start).await.expect("started");
    all.wait_for_line("web", "ready").await;
    all.order("web", Order::Stop).await.expect("asked to end");
    all.wait("web", ProcessState::Stopping).await;
    all.clock.advance(Duration::from_secs(5));
    let status = all.wait("web", ProcessState::Finished).await;
    assert_eq!((status.code, status.signal.as_deref()), (Some(124), Some("SIGKILL")));
}

#[tokio::test]
async fn grace_period_comes_before_the_signal() {
    let mut entry = shell("web", "echo ready; read line < gate; exit 3");
    entry.terminate_grace_period = Some(Duration::from_secs(5));
    let all = supervised([entry]);
    let gate = all.directory.path().join("gate");
    assert!(std::process::Command::new("mkfifo").arg(&gate).status().expect("mkfifo").success());
    all.order("web", Order::Start).await.expect("started");
    all.wait_for_line("web", "ready").await;
    all.order("web", Order::Stop).await.expect("asked to end");
    tokio::task::spawn_blocking(move || std::fs::write(gate, "end\n")).await.expect("written").expect("written");
    let status = all.wait("web", ProcessState::Finished).await;
    assert_eq!((status.code, status.signal), (Some(3), None), "it ended by itself");
}

#[tokio::test]
async fn grandchildren_end_with_the_process() {
    let script =
        "sleep 1000000 & echo $! > one; sh -c \"trap : TERM; echo \\$\\$ > two; while :; do sleep 1; done\" & wait";
    let mut entry = shell("web", script);
    entry.terminate_timeout = Some(Duration::from_millis(300));
    let all = supervised([entry]);
    all.order("web", Order::Start).await.expect("started");
    let (one, two) = (pid_in(&all.directory.path().join("one")).await, pid_in(&all.directory.path().join("two")).await);
    assert!(is_alive(one) && is_alive(two));
    all.order("web", Order::Stop).await.expect("asked to end");
    all.clock.advance(Duration::from_millis(300));
    all.wait("web", ProcessState::Finished).await;
    assert!(!is_alive(one) && !is_alive(two));
}

#[tokio::test]
async fn process_that_leaves_others_behind_ends_with_them() {
    let all = supervised([shell("web", "sleep 1000000 & echo $! > left; exit 0")]);
    all.order("web", Order::Start).await.expect("started");
    let left = pid_in(&all.directory.path().join("left")).await;
    all.wait("web", ProcessState::Finished).await;
    assert!(!is_alive(left));
    all.wait_for_line("web", "Process left 1 other processes behind, which were ended").await;
}

#[tokio::test]
async fn daemon_that_left_the_group_is_ended_with_its_run() {
    // The second one gives itself a name that is not text.
    for rename in ["", "printf \\\\\\\\377 > /proc/\\$\\$/comm;"] {
        let daemon = format!("setsid sh -c \"{rename} echo \\$\\$ > daemon; while :; do sleep 1; done\"");
        let all = supervised([shell("web", &format!("{daemon} & read line < gate"))]);
        let gate = all.directory.path().join("gate");
        assert!(std::process::Command::new("mkfifo").arg(&gate).status().expect("mkfifo").success());
        all.order("web", Order::Start).await.expect("started");
        let daemon = pid_in(&all.directory.path().join("daemon")).await;
        let name = std::fs::read(format!("/proc/{daemon}/comm")).expect("it runs");
        assert_eq!(name, if rename.is_empty() { b"sh\n".as_slice() } else { b"\xff\n" });
        all.order("web", Order::Stop).await.expect("asked to end");
        all.wait("web", ProcessState::Finished).await;
        assert!(!is_alive(daemon));
    }
}

#[tokio::test]
async fn forking_process_is_ended_whole() {
    let script = "trap \"\" TERM; fork() { (fork; sleep 0.01) & sleep 0.01; }; while :; do (sleep 0.05 &) ; done";
    let mut entry = shell("web", script);
    entry.terminate_timeout = Some(Duration::from_secs(1));
    let all = supervised([entry]);
    all.order("web", Order::Start).await.expect("started");
    let leader = all.wait("web", ProcessState::Running).await.pid.expect("a number");
    crate::harness::until("it has forked", || members(leader) > 3).await;
    all.order("web", Order::Stop).await.expect("asked to end");
    all.clock.advance(Duration::from_secs(1));
    all.wait("web", ProcessState::Finished).await;
    assert_eq!(members(leader), 0);
}

/// The number of processes in a group that have not ended.
fn members(group: u32) -> usize {
    let pids = std::fs::read_dir("/proc").expect("a table").flatten();
    pids.filter(|entry| {
        let stat = std::fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
        let Some((_, rest)) = stat.rsplit_once(')') else { return false };
        let fields: Vec<&str> = rest.split_whitespace().collect();
        fields.get(2) == Some(&&*group.to_string()) && !["Z", "X"].contains(&fields[0])
    })
    .count()
}

#[tokio::test]
async fn pipe_that_another_process_holds_does_not_delay_the_end() {
    // The other process has neither the mark nor the group of the run, but its standard output.
    let all = supervised([shell("web", "env -i setsid sleep 1000000 & echo $! > holder; exit 0")]);
    all.order("web", Order::Start).await.expect("started");
    let holder = pid_in(&all.directory.path().join("holder")).await;
    all.wait("web", ProcessState::Finished).await;
    let _ = std::process::Command::new("kill").arg(holder.to_string()).status();
}

#[tokio::test]
async fn usage_counts_the_whole_group() {
    let all = supervised([shell("web", "sleep 1000000 & sleep 1000000 & echo ready; wait")]);
    all.order("web", Order::Start).await.expect("started");
    all.wait_for_line("web", "ready").await;
    let usage = all.supervisor.usage().await["web"];
    assert_eq!(usage.processes, 3);
    assert!(usage.memory_bytes > 0);
    all.supervisor.shutdown().await;
    assert!(all.supervisor.usage().await.is_empty());
}
