//! Schedules and watched files.

use std::time::Duration;

use plugbay_supervisor::{Order, ProcessState};

use crate::harness::{endless, shell, supervised, supervised_in};

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
    let changed = async {
        // A change before the first look at the files is not seen.
        for number in 0.. {
            let file = all.directory.path().join(format!("src/{number}.ts"));
            std::fs::write(file, "x").expect("written");
            let stopped = all.supervisor.wait_for("web", |status| status.pid != first.pid);
            if tokio::time::timeout(Duration::from_secs(2), stopped).await.is_ok() {
                break;
            }
        }
    };
    changed.await;
    all.wait_for("web", |status| status.status == ProcessState::Finished).await;
    all.clock.advance(Duration::from_millis(500));
    let second = all.wait_for("web", |status| status.status == ProcessState::Running).await;
    assert!(second.pid != first.pid);
    let event = &all.events_of("process_watch")[0];
    assert_eq!(event["at"], "2026-01-01T00:00:00.000Z");
    all.supervisor.shutdown().await;
}
