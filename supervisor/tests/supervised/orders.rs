//! Orders, the states that they lead to, and the refusals.

use plugbay_manifest::ProcessEntry;
use plugbay_supervisor::{Order, OrderError, ProcessState};

use crate::harness::{endless, shell, supervised};

#[tokio::test]
async fn process_that_ends_by_itself_is_finished_or_errored() {
    let all = supervised([shell("good", "exit 0"), shell("bad", "exit 7"), shell("killed", "kill -SEGV $$")]);
    for (id, state, code, signal) in [
        ("good", ProcessState::Finished, Some(0), None),
        ("bad", ProcessState::Errored, Some(7), None),
        ("killed", ProcessState::Errored, None, Some("SIGSEGV")),
    ] {
        all.order(id, Order::Start).await.expect("started");
        let status = all.wait(id, state).await;
        assert_eq!((status.code, status.signal.as_deref(), status.pid), (code, signal, None), "{id}");
        assert!(status.started.is_some() && status.exited.is_some());
        assert_eq!(all.states(id), [0, 100, 200, state.code()]);
    }
}

#[tokio::test]
async fn event_of_a_change_has_pups_payload_and_the_words_of_its_sample() {
    let all = supervised([endless("web")]);
    all.order("web", Order::Start).await.expect("started");
    let events = all.events_of("process_status_changed");
    assert_eq!((&events[0]["old"], &events[0]["new"]), (&serde_json::Value::Null, &0.into()));
    let running = &events[2];
    assert_eq!((&running["old"], &running["new"]), (&100.into(), &200.into()));
    assert_eq!((&running["processId"], &running["newState"]), (&"web".into(), &"running".into()));
    let status = &running["status"];
    assert_eq!((&status["type"], &status["started"]), (&"process".into(), &"2026-01-01T00:00:00.000Z".into()));
    assert!(status["pid"].as_u64().is_some(), "the number is known when it runs: {status}");
    all.supervisor.shutdown().await;
}

#[tokio::test]
async fn stopped_process_is_finished_with_code_124() {
    let all = supervised([endless("web")]);
    all.order("web", Order::Start).await.expect("started");
    all.order("web", Order::Stop).await.expect("stopped");
    let status = all.wait("web", ProcessState::Finished).await;
    assert_eq!((status.code, status.signal.as_deref()), (Some(124), Some("SIGTERM")));
    assert_eq!(all.states("web"), [0, 100, 200, 250, 300]);
}

#[tokio::test]
async fn orders_that_do_not_fit_the_state_are_refused() {
    let all = supervised([endless("web"), ProcessEntry::new("missing", "/no/such/program")]);
    let id = || "web".to_owned();
    assert_eq!(all.order("web", Order::Stop).await, Err(OrderError::NotRunning { id: id() }));
    all.order("web", Order::Start).await.expect("started");
    assert_eq!(all.order("web", Order::Start).await, Err(OrderError::Running { id: id() }));
    all.order("web", Order::Block).await.expect("blocked");
    assert_eq!(all.order("web", Order::Restart).await, Err(OrderError::Blocked { id: id() }));
    let status = all.supervisor.status("web").expect("a process");
    assert_eq!((status.status, status.blocked), (ProcessState::Running, true), "it continues");
    let unknown = OrderError::Unknown { id: "other".to_owned() };
    assert_eq!(all.order("other", Order::Start).await, Err(unknown));
    let error = all.order("missing", Order::Start).await.expect_err("no such program");
    assert!(error.to_string().contains("process `missing` cannot be started: `/no/such/program`"), "{error}");
    assert_eq!(all.wait("missing", ProcessState::Errored).await.code, None);
    all.supervisor.shutdown().await;
    assert_eq!(all.order("web", Order::Start).await, Err(OrderError::ShuttingDown));
}

#[tokio::test]
async fn blocked_process_starts_once_it_is_unblocked() {
    let mut entry = endless("web");
    entry.autostart = true;
    let all = supervised([entry]);
    all.wait("web", ProcessState::Running).await;
    all.order("web", Order::Block).await.expect("blocked");
    all.order("web", Order::Stop).await.expect("stopped");
    all.wait("web", ProcessState::Finished).await;
    assert_eq!(all.order("web", Order::Start).await, Err(OrderError::Blocked { id: "web".to_owned() }));
    all.order("web", Order::Unblock).await.expect("unblocked");
    all.order("web", Order::Start).await.expect("started");
    all.supervisor.shutdown().await;
}

#[tokio::test]
async fn restart_ends_the_run_and_begins_another_one() {
    let all = supervised([endless("web")]);
    all.order("web", Order::Start).await.expect("started");
    let first = all.wait("web", ProcessState::Running).await;
    all.order("web", Order::Restart).await.expect("restarted");
    let pending = all.supervisor.status("web").expect("a process").pending_restart_reason;
    assert_eq!(pending.as_deref(), Some("a test"));
    let second = all.wait_for("web", |status| status.pid.is_some() && status.pid != first.pid).await;
    assert_eq!((second.restarts, second.pending_restart_reason), (1, None));
    assert_eq!(all.states("web"), [0, 100, 200, 250, 300, 100, 200]);
    all.supervisor.shutdown().await;
}

#[tokio::test]
async fn start_during_a_stop_begins_when_the_process_has_ended() {
    let all = supervised([endless("web")]);
    all.order("web", Order::Start).await.expect("started");
    all.order("web", Order::Stop).await.expect("stopped");
    all.order("web", Order::Start).await.expect("it will start");
    all.wait_for("web", |status| status.status == ProcessState::Running && status.restarts == 1).await;
    all.supervisor.shutdown().await;
}

#[tokio::test]
async fn orders_to_all_reach_every_process() {
    let all = supervised([endless("a"), endless("b")]);
    all.order("all", Order::Start).await.expect("started");
    assert!(all.supervisor.list().iter().all(|(status, _)| status.status == ProcessState::Running));
    assert!(all.order("all", Order::Start).await.is_err(), "none of them accepts it");
    all.order("a", Order::Stop).await.expect("stopped");
    all.wait("a", ProcessState::Finished).await;
    all.order("all", Order::Start).await.expect("one of them accepts it");
    all.supervisor.shutdown().await;
    assert!(all.supervisor.list().iter().all(|(status, _)| status.status == ProcessState::Finished));
}

#[tokio::test]
async fn overrun_allows_a_second_run_and_the_last_end_counts() {
    let mut entry = shell("job", "read line < gate");
    entry.overrun = true;
    let all = supervised([entry]);
    let gate = all.directory.path().join("gate");
    assert!(std::process::Command::new("mkfifo").arg(&gate).status().expect("mkfifo").success());
    all.order("job", Order::Start).await.expect("started");
    let first = all.wait("job", ProcessState::Running).await.pid;
    all.order("job", Order::Start).await.expect("started again");
    let second = all.supervisor.status("job").expect("a process").pid;
    assert!(second.is_some() && second != first);
    all.order("job", Order::Stop).await.expect("both are stopped");
    all.wait("job", ProcessState::Finished).await;
    assert_eq!(all.states("job"), [0, 100, 200, 100, 200, 250, 300]);
}

#[tokio::test]
async fn cluster_has_numbered_instances_and_a_common_state() {
    let mut entry = shell("web", "echo $PUP_CLUSTER_INSTANCE $PUP_CLUSTER_PORT $PUP_PROCESS_ID; exec sleep 1000000");
    let file = "processes: [{ id: web, cmd: x, cluster: { instances: 2, startPort: 9000 } }]";
    let file = plugbay_manifest::HostFile::parse("a file", file, plugbay_manifest::Format::Yaml).expect("valid");
    entry.cluster = file.supervision.processes[0].cluster.clone();
    let all = supervised([entry]);
    all.order("web", Order::Start).await.expect("started");
    all.wait_for_line("web-1", "0 9000 web-1").await;
    all.wait_for_line("web-2", "1 9001 web-2").await;
    let state = |id: &str| all.supervisor.status(id).expect("a process").status;
    assert_eq!(state("web"), ProcessState::Running);
    all.order("web-2", Order::Stop).await.expect("stopped");
    all.wait("web-2", ProcessState::Finished).await;
    assert_eq!(state("web"), ProcessState::Mixed);
    all.order("web", Order::Block).await.expect("blocked");
    assert!(all.supervisor.status("web").expect("a cluster").blocked);
    assert_eq!(all.supervisor.logs("web", 1).len(), 1, "the lines of all instances");
    all.supervisor.shutdown().await;
}

#[tokio::test]
async fn report_of_a_process_is_in_its_status() {
    let all = supervised([endless("web")]);
    let report = |sender: &str| {
        let memory = serde_json::json!({ "rss": 1, "heapTotal": 2, "heapUsed": 3, "external": 4 });
        let report = serde_json::json!({ "sender": sender, "memory": memory, "sent": "now", "cwd": "/" });
        serde_json::from_value(report).expect("a report")
    };
    assert!(!all.supervisor.report(report("other")));
    assert!(all.supervisor.report(report("web")));
    let status = all.wait_for("web", |status| status.telemetry.is_some()).await;
    assert_eq!(status.telemetry.expect("a report").memory.heap_used, 3.0);
    assert_eq!(all.events_of("process_telemetry")[0]["memory"]["heapTotal"], 2.0);
}
