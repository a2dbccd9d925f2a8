//! Schedules and watched files.

use std::time::Duration;

use plugbay_manifest::{ProcessEntry, RestartPolicy};
use plugbay_supervisor::{Order, OrderError, ProcessState};

use crate::harness::{Supervised, endless, shell, supervised, supervised_in};

const DAY: Duration = Duration::from_secs(86_400);

#[tokio::test]
async fn cron_starts_a_process_and_announces_the_next_time() {
    let mut entry = shell("job", "exit 0");
    entry.cron = Some("0 3 * * *".to_owned());
    let all = supervised([entry]);
    all.wait("job", ProcessState::Created).await;
    for day in 1..=2 {
        let next = format!("2026-01-0{day}T03:00:00.000Z");
        crate::harness::until("the next time is announced", || {
            all.events_of("process_scheduled").last().is_some_and(|event| event["next"] == *next)
        })
        .await;
        all.clock.advance(if day == 1 { Duration::from_secs(3 * 3_600) } else { DAY });
        all.wait_for("job", |status| status.exited.is_some_and(|exited| exited == all_now(&all.clock))).await;
    }
    assert_eq!(all.states("job"), [0, 100, 200, 300, 100, 200, 300]);
}

fn all_now(clock: &plugbay_supervisor::ManualClock) -> std::time::SystemTime {
    plugbay_supervisor::Clock::now(clock)
}

#[tokio::test]
async fn terminate_pattern_stops_a_process() {
    let mut entry = endless("job");
    entry.terminate = Some("0 4 * * *".to_owned());
    let all = supervised([entry]);
    all.order("job", Order::Start).await.expect("started");
    let announced = all.events_of("process_scheduled_terminate");
    assert_eq!(announced[0]["next"], "2026-01-01T04:00:00.000Z");
    all.clock.advance(Duration::from_secs(4 * 3_600));
    all.wait("job", ProcessState::Finished).await;
    assert_eq!(all.states("job"), [0, 100, 200, 250, 300]);
}

#[tokio::test]
async fn changed_file_restarts_a_process() {
    let directory = tempfile::tempdir().expect("a directory");
    std::fs::create_dir(directory.path().join("src")).expect("created");
    let mut entry = endless("web");
    entry.watch = vec!["src".into()];
    let all = supervised_in(directory, [entry]);
    all.order("web", Order::Start).await.expect("started");
    let first = all.wait("web", ProcessState::Running).await;
    change_until(&all, || all.supervisor.status("web").is_some_and(|status| status.pid != first.pid)).await;
    all.wait_for("web", |status| status.status == ProcessState::Finished).await;
    all.clock.advance(Duration::from_millis(500));
    let second = all.wait_for("web", |status| status.status == ProcessState::Running).await;
    assert!(second.pid != first.pid);
    let event = &all.events_of("process_watch")[0];
    assert_eq!(event["at"], "2026-01-01T00:00:00.000Z");
    all.supervisor.shutdown().await;
}

/// Changes the watched files until a condition holds: a change before the first look at them is not seen.
async fn change_until(all: &Supervised, mut holds: impl FnMut() -> bool) {
    for number in 0..20 {
        std::fs::write(all.directory.path().join(format!("src/{number}.ts")), "x").expect("written");
        let seen = async {
            while !holds() {
                tokio::task::yield_now().await;
            }
        };
        if tokio::time::timeout(Duration::from_secs(15), seen).await.is_ok() {
            return;
        }
    }
    panic!("no change is seen");
}

/// A process that watches the directory `src`, and one that shows that changes are seen.
fn watching(entry: ProcessEntry) -> Supervised {
    let directory = tempfile::tempdir().expect("a directory");
    std::fs::create_dir(directory.path().join("src")).expect("created");
    let (mut entry, mut witness) = (entry, shell("witness", "exit 0"));
    (entry.watch, witness.watch) = (vec!["src".into()], vec!["src".into()]);
    supervised_in(directory, [entry, witness])
}

#[tokio::test]
async fn first_change_starts_a_process_that_is_only_watched() {
    let all = watching(endless("web"));
    all.wait("web", ProcessState::Created).await;
    change_until(&all, || all.supervisor.status("web").is_some_and(|status| status.status == ProcessState::Running))
        .await;
    assert_eq!(all.supervisor.status("web").expect("a process").restarts, 0, "it is not a restart");
    assert_eq!(all.states("web"), [0, 100, 200]);
    all.supervisor.shutdown().await;
}

#[tokio::test]
async fn change_starts_a_process_that_has_ended_and_is_not_restarted_by_its_policy() {
    let mut entry = shell("web", "exit 0");
    (entry.restart, entry.restart_limit) = (Some(RestartPolicy::Error), Some(1));
    let all = watching(entry);
    all.order("web", Order::Start).await.expect("started");
    all.wait("web", ProcessState::Finished).await;
    for _ in 0..2 {
        let count = all.states("web").len();
        change_until(&all, || all.states("web").len() > count).await;
        all.wait_for("web", |status| status.restarts == 1 && status.status == ProcessState::Finished).await;
    }
}

#[tokio::test]
async fn change_does_not_start_a_process_that_was_stopped() {
    let all = watching(endless("web"));
    all.order("web", Order::Stop).await.expect("it is not started by a change any more");
    assert_eq!(all.order("web", Order::Stop).await, Err(OrderError::NotRunning { id: "web".to_owned() }));
    let is_seen = |all: &Supervised| all.supervisor.status("witness").is_some_and(|status| status.started.is_some());
    change_until(&all, || is_seen(&all)).await;
    all.order("web", Order::Unblock).await.expect("nothing to do");
    assert_eq!(all.states("web"), [0]);
    assert!(all.supervisor.logs("web", 100).iter().all(|line| line.text != "File change detected"));
    all.order("web", Order::Start).await.expect("started");
    all.supervisor.shutdown().await;
}

#[tokio::test]
async fn change_leaves_a_blocked_process_as_it_is() {
    let all = watching(endless("web"));
    all.order("web", Order::Start).await.expect("started");
    all.order("web", Order::Block).await.expect("blocked");
    change_until(&all, || all.supervisor.logs("web", 100).iter().any(|line| line.text == "File change detected")).await;
    all.order("web", Order::Block).await.expect("nothing to do");
    assert_eq!(all.states("web"), [0, 100, 200]);
    all.supervisor.shutdown().await;
}
