//! Restarts: policy, delay, limit and what resets it.

use std::time::Duration;

use plugbay_manifest::RestartPolicy;
use plugbay_supervisor::{Order, OrderError, ProcessState};

use crate::harness::{endless, shell, supervised, supervised_in};

#[tokio::test]
async fn process_is_restarted_after_its_delay_and_not_before() {
    let mut entry = shell("web", "exit 1");
    (entry.restart, entry.restart_delay) = (Some(RestartPolicy::Error), Some(Duration::from_secs(20)));
    let all = supervised([entry]);
    all.order("web", Order::Start).await.expect("started");
    all.wait("web", ProcessState::Errored).await;
    all.clock.advance(Duration::from_millis(19_999));
    // Orders are handled in turn with the timer, which has seen the clock by then.
    all.order("web", Order::Unblock).await.expect("nothing to do");
    assert_eq!(all.supervisor.status("web").expect("a process").restarts, 0);
    all.clock.advance(Duration::from_millis(1));
    all.wait_for("web", |status| status.restarts == 1 && status.status == ProcessState::Errored).await;
    assert_eq!(all.states("web"), [0, 100, 200, 400, 100, 200, 400]);
}

#[tokio::test]
async fn process_that_succeeded_is_not_restarted_by_the_policy_for_errors() {
    let mut entry = shell("web", "exit 0");
    (entry.autostart, entry.restart) = (true, Some(RestartPolicy::Error));
    let all = supervised([entry]);
    all.wait("web", ProcessState::Finished).await;
    all.clock.advance(Duration::from_secs(100));
    all.order("web", Order::Unblock).await.expect("nothing to do");
    assert_eq!(all.states("web"), [0, 100, 200, 300]);
}

#[tokio::test]
async fn process_is_given_up_after_its_limit_until_it_is_started() {
    let mut entry = shell("web", "exit 1");
    (entry.autostart, entry.restart_limit) = (true, Some(2));
    entry.restart_delay = Some(Duration::from_secs(1));
    let all = supervised([entry]);
    for restarts in 0..=2 {
        all.wait_for("web", |status| status.restarts == restarts && status.status == ProcessState::Errored).await;
        all.clock.advance(Duration::from_secs(1));
    }
    let status = all.wait("web", ProcessState::Exhausted).await;
    assert_eq!(status.restarts, 2);
    let exhausted = OrderError::Exhausted { id: "web".to_owned() };
    assert_eq!(all.order("web", Order::Restart).await, Err(exhausted));
    all.order("web", Order::Start).await.expect("an operator may start it");
    for restarts in 0..=2 {
        all.wait_for("web", |status| status.restarts == restarts && status.status == ProcessState::Errored).await;
        all.clock.advance(Duration::from_secs(1));
    }
    all.wait("web", ProcessState::Exhausted).await;
}

#[tokio::test]
async fn policy_starts_a_process_once_a_second_at_most() {
    let mut entry = shell("web", "exit 1");
    (entry.autostart, entry.restart_delay) = (true, Some(Duration::ZERO));
    let all = supervised([entry]);
    for restarts in 0..3 {
        all.wait_for("web", |status| status.restarts == restarts && status.status == ProcessState::Errored).await;
        all.clock.advance(Duration::from_millis(999));
        all.order("web", Order::Unblock).await.expect("nothing to do");
        assert_eq!(all.supervisor.status("web").expect("a process").restarts, restarts);
        all.clock.advance(Duration::from_millis(1));
    }
    all.wait_for("web", |status| status.restarts == 3 && status.status == ProcessState::Errored).await;
    all.order("web", Order::Restart).await.expect("an order is carried out at once");
}

#[tokio::test]
async fn process_that_ran_for_a_second_is_restarted_without_a_delay() {
    let mut entry = endless("web");
    (entry.autostart, entry.restart_delay) = (true, Some(Duration::ZERO));
    let all = supervised([entry]);
    let first = all.wait("web", ProcessState::Running).await.pid.expect("a number");
    all.clock.advance(Duration::from_secs(1));
    let killed = std::process::Command::new("kill").args(["-KILL", &first.to_string()]).status();
    assert!(killed.expect("kill runs").success());
    all.wait_for("web", |status| status.restarts == 1 && status.status == ProcessState::Running).await;
    all.supervisor.shutdown().await;
}

#[tokio::test]
async fn default_delay_is_ten_seconds_or_half_a_second_with_watched_files() {
    for (watch, delay) in [(vec![], Duration::from_secs(10)), (vec!["src".into()], Duration::from_millis(500))] {
        let mut entry = shell("web", "read line < go");
        (entry.autostart, entry.watch) = (true, watch);
        let directory = tempfile::tempdir().expect("a directory");
        let go = directory.path().join("go");
        assert!(std::process::Command::new("mkfifo").arg(&go).status().expect("mkfifo runs").success());
        let all = supervised_in(directory, [entry]);
        all.wait("web", ProcessState::Running).await;
        all.clock.advance(Duration::from_secs(1));
        tokio::task::spawn_blocking(move || std::fs::write(go, "end\n").expect("written")).await.expect("it ended");
        all.wait("web", ProcessState::Finished).await;
        all.clock.advance(delay - Duration::from_millis(1));
        all.order("web", Order::Unblock).await.expect("nothing to do");
        assert_eq!(all.supervisor.status("web").expect("a process").restarts, 0, "{delay:?}");
        all.clock.advance(Duration::from_millis(1));
        all.wait_for("web", |status| status.restarts == 1 && status.status == ProcessState::Running).await;
        all.supervisor.shutdown().await;
    }
}

#[tokio::test]
async fn stop_by_an_operator_holds() {
    let mut entry = endless("web");
    (entry.autostart, entry.restart_delay) = (true, Some(Duration::ZERO));
    let all = supervised([entry]);
    all.wait("web", ProcessState::Running).await;
    all.order("web", Order::Stop).await.expect("stopped");
    all.wait("web", ProcessState::Finished).await;
    all.clock.advance(Duration::from_secs(100));
    all.order("web", Order::Unblock).await.expect("nothing to do");
    assert_eq!(all.states("web"), [0, 100, 200, 250, 300]);
}

#[tokio::test]
async fn stop_cancels_a_planned_restart() {
    let mut entry = shell("web", "exit 1");
    entry.autostart = true;
    let all = supervised([entry]);
    all.wait("web", ProcessState::Errored).await;
    all.order("web", Order::Stop).await.expect("the restart is cancelled");
    all.clock.advance(Duration::from_secs(100));
    assert_eq!(all.order("web", Order::Stop).await, Err(OrderError::NotRunning { id: "web".to_owned() }));
    assert_eq!(all.states("web"), [0, 100, 200, 400]);
}

#[tokio::test]
async fn program_that_does_not_exist_is_tried_again_up_to_the_limit() {
    let mut entry = plugbay_manifest::ProcessEntry::new("web", "/no/such/program");
    (entry.autostart, entry.restart_limit, entry.restart_delay) = (true, Some(1), Some(Duration::ZERO));
    let all = supervised([entry]);
    for restarts in 0..=1 {
        all.wait_for("web", |status| status.restarts == restarts && status.status == ProcessState::Errored).await;
        all.clock.advance(Duration::from_secs(1));
    }
    all.wait("web", ProcessState::Exhausted).await;
    assert_eq!(all.states("web"), [0, 100, 400, 100, 400, 450]);
}

#[tokio::test]
async fn run_that_takes_too_long_is_stopped_and_the_policy_restarts_it() {
    let mut entry = endless("web");
    (entry.autostart, entry.restart_delay) = (true, Some(Duration::ZERO));
    entry.timeout = Some(Duration::from_secs(60));
    let all = supervised([entry]);
    let first = all.wait("web", ProcessState::Running).await;
    all.clock.advance(Duration::from_secs(60));
    all.wait_for("web", |status| status.pid.is_some() && status.pid != first.pid).await;
    assert_eq!(all.states("web"), [0, 100, 200, 250, 300, 100, 200]);
    all.supervisor.shutdown().await;
}
