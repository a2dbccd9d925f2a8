//! The end of a host: in order, dropped, killed, and with detached processes.

use plugbay_manifest::Supervision;
use plugbay_supervisor::{Order, ProcessState, SupervisorBuilder};

use crate::harness::{PATIENCE, endless, is_alive, shell, supervised, supervised_in, until};

/// The variable that makes the test below a host, which is killed.
const HOST_VARIABLE: &str = "SUPERVISOR_TEST_HOST";

#[tokio::test]
async fn shutdown_ends_all_processes() {
    let all = supervised([endless("a"), endless("b")]);
    all.order("all", Order::Start).await.expect("started");
    let pids: Vec<u32> = all.supervisor.list().into_iter().filter_map(|(status, _)| status.pid).collect();
    all.supervisor.shutdown().await;
    assert_eq!(pids.len(), 2);
    assert!(pids.into_iter().all(|pid| !is_alive(pid)));
    all.supervisor.shutdown().await;
}

#[tokio::test]
async fn dropped_supervisor_kills_its_processes() {
    let all = supervised([endless("web")]);
    all.order("web", Order::Start).await.expect("started");
    let pid = all.wait("web", ProcessState::Running).await.pid.expect("a number");
    drop(all);
    until("it was killed", || !is_alive(pid)).await;
}

#[test]
fn dropped_executor_kills_the_processes() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let (all, pid) = runtime.block_on(async {
        let all = supervised([endless("web")]);
        all.order("web", Order::Start).await.expect("started");
        let pid = all.wait("web", ProcessState::Running).await.pid.expect("a number");
        (all, pid)
    });
    drop(runtime);
    let since = std::time::Instant::now();
    while is_alive(pid) {
        assert!(since.elapsed() < PATIENCE, "it was not killed");
        std::thread::yield_now();
    }
    drop(all);
}

#[tokio::test]
async fn detached_process_is_left_and_found_again() {
    let mut entry = shell("web", "echo output; exec sleep 1000000");
    (entry.detach, entry.autostart) = (true, true);
    entry.logger.stdout = Some("logs/web.log".into());
    let all = supervised([entry.clone()]);
    let pid = all.wait("web", ProcessState::Running).await.pid.expect("a number");
    all.supervisor.shutdown().await;
    assert!(is_alive(pid));
    let log = all.directory.path().join("logs/web.log");
    until("its output is in its file", || std::fs::read_to_string(&log).is_ok_and(|text| text == "output\n")).await;
    let again = supervised_in(all.directory, [entry]);
    let status = again.wait("web", ProcessState::Running).await;
    assert_eq!((status.pid, again.states("web")), (Some(pid), vec![0, 200]), "it is the same process");
    again.order("web", Order::Stop).await.expect("asked to end");
    again.wait("web", ProcessState::Finished).await;
    assert!(!is_alive(pid));
}

/// Is a host if the variable says so: it starts a process with a child, prints their numbers, and waits.
#[tokio::test]
async fn host_for_the_test_below() {
    let Ok(directory) = std::env::var(HOST_VARIABLE) else { return };
    let mut supervision = Supervision::default();
    let script = "/bin/sh -c 'sleep 1000000 & echo $! > child; wait'";
    supervision.processes = vec![plugbay_manifest::ProcessEntry::new("web", script)];
    let builder = SupervisorBuilder::new(supervision).directory(directory.as_ref());
    let supervisor = builder.start().expect("valid");
    supervisor.order("web", Order::Start, "a test").await.expect("started");
    let pid = supervisor.status("web").and_then(|status| status.pid).expect("a number");
    std::fs::write(format!("{directory}/leader"), format!("{pid}\n")).expect("written");
    std::future::pending::<()>().await;
}

#[tokio::test]
async fn processes_end_when_their_host_is_killed() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut host = tokio::process::Command::new(std::env::current_exe().expect("this test"));
    host.args(["--exact", "host_end::host_for_the_test_below"]).env(HOST_VARIABLE, directory.path());
    let mut host = host.kill_on_drop(true).spawn().expect("started");
    let leader = crate::harness::pid_in(&directory.path().join("leader")).await;
    let child = crate::harness::pid_in(&directory.path().join("child")).await;
    assert!(is_alive(leader) && is_alive(child));
    host.kill().await.expect("killed");
    until("the guardian has ended them", || !is_alive(leader) && !is_alive(child)).await;
}
