//! Fields of the configuration that change how a process runs, and the destinations of its output.

use std::time::Duration;

use plugbay_manifest::{RestartPolicy, Supervision};
use plugbay_supervisor::{Order, ProcessState};

use crate::harness::{endless, is_alive, pid_in, shell, supervised, supervised_in, supervised_with, until};

#[tokio::test]
async fn directory_path_and_pid_file_are_those_of_the_entry() {
    let mut entry = shell("web", "pwd; echo path=$PATH; exec sleep 1000000");
    (entry.cwd, entry.path, entry.pid_file) = (Some("app".into()), Some("/opt/extra".into()), Some("web.pid".into()));
    entry.env = [("PATH".to_owned(), "/usr/bin:/bin".to_owned())].into();
    let directory = tempfile::tempdir().expect("a directory");
    std::fs::create_dir(directory.path().join("app")).expect("created");
    let all = supervised_in(directory, [entry]);
    all.order("web", Order::Start).await.expect("started");
    let pid = all.wait("web", ProcessState::Running).await.pid.expect("a number");
    assert_eq!(pid_in(&all.directory.path().join("web.pid")).await, pid);
    let app = all.directory.path().join("app").canonicalize().expect("it exists");
    all.wait_for_line("web", app.to_str().expect("UTF-8")).await;
    all.wait_for_line("web", "path=/usr/bin:/bin:/opt/extra").await;
    all.supervisor.shutdown().await;
}

#[tokio::test]
async fn output_goes_to_the_files_of_the_process_or_of_all() {
    let (plain, mut own) = (shell("plain", "echo out; echo err >&2"), shell("own", "echo out; echo err >&2"));
    (own.logger.stdout, own.logger.stderr) = (Some("logs/own.log".into()), Some("logs/own-errors.log".into()));
    own.logger.decorate_files = Some(false);
    let mut supervision = Supervision::default();
    supervision.processes = vec![plain, own];
    supervision.logger.processes.stdout = Some("all.log".into());
    let all = supervised_with(tempfile::tempdir().expect("a directory"), supervision);
    all.order("all", Order::Start).await.expect("started");
    all.wait("plain", ProcessState::Finished).await;
    all.wait("own", ProcessState::Finished).await;
    let read = |name: &str| {
        let text = std::fs::read_to_string(all.directory.path().join(name)).expect("a file");
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        lines.sort_unstable();
        lines
    };
    let moment = "2026-01-01T00:00:00.000Z";
    assert_eq!(read("all.log"), [format!("{moment} [plain:stderr] err"), format!("{moment} [plain:stdout] out")]);
    assert_eq!((read("logs/own.log"), read("logs/own-errors.log")), (vec!["out".to_owned()], vec!["err".to_owned()]));
}

#[tokio::test]
async fn times_to_end_of_the_whole_file_apply() {
    let mut supervision = Supervision::default();
    supervision.processes = vec![shell("web", "trap \"\" TERM; echo ready; while :; do sleep 1000; done")];
    supervision.terminate_grace_period = Some(Duration::from_secs(3));
    supervision.terminate_timeout = Some(Duration::from_secs(5));
    let all = supervised_with(tempfile::tempdir().expect("a directory"), supervision);
    all.order("web", Order::Start).await.expect("started");
    all.wait_for_line("web", "ready").await;
    let pid = all.wait("web", ProcessState::Running).await.pid.expect("a number");
    all.order("web", Order::Stop).await.expect("asked to end");
    for left in [Duration::from_secs(3), Duration::from_millis(4_999)] {
        all.clock.advance(left);
        all.order("web", Order::Unblock).await.expect("nothing to do");
        assert!(is_alive(pid) && all.supervisor.status("web").expect("a process").status == ProcessState::Stopping);
    }
    all.clock.advance(Duration::from_millis(1));
    assert_eq!(all.wait("web", ProcessState::Finished).await.signal.as_deref(), Some("SIGKILL"));
}

#[tokio::test]
async fn files_that_do_not_fit_the_watcher_are_not_watched() {
    let (mut others, mut fitting) = (endless("others"), shell("fitting", "exit 0"));
    (others.watch, fitting.watch) = (vec!["others".into()], vec!["fitting".into()]);
    let mut supervision = Supervision::default();
    supervision.processes = vec![others, fitting];
    supervision.watcher.exts = vec!["rs".to_owned()];
    supervision.watcher.matching = vec!["**/a*".to_owned()];
    supervision.watcher.skip = vec!["**/skipped/**".to_owned()];
    supervision.watcher.interval = Duration::from_millis(50);
    let directory = tempfile::tempdir().expect("a directory");
    for name in ["fitting", "others/skipped"] {
        std::fs::create_dir_all(directory.path().join(name)).expect("created");
    }
    let all = supervised_with(directory, supervision);
    let changes = || all.supervisor.logs("fitting", 100).iter().filter(|line| line.category == "watcher").count();
    for expected in 1..=2 {
        // A change before the first look at the files is not seen.
        for number in 0..20 {
            for name in ["others/a.ts", "others/b.rs", "others/skipped/a.rs", "fitting/a.rs"] {
                std::fs::write(all.directory.path().join(name), "x".repeat(number + expected)).expect("written");
            }
            let seen = until("a change is seen", || changes() >= expected);
            if tokio::time::timeout(Duration::from_secs(15), seen).await.is_ok() {
                break;
            }
        }
    }
    assert_eq!(all.states("others"), [0]);
}

#[tokio::test]
async fn limit_of_zero_allows_no_restart() {
    let mut entry = shell("web", "exit 1");
    (entry.autostart, entry.restart_limit) = (true, Some(0));
    let all = supervised([entry]);
    all.wait("web", ProcessState::Errored).await;
    all.clock.advance(Duration::from_secs(10));
    all.wait("web", ProcessState::Exhausted).await;
    assert_eq!(all.states("web"), [0, 100, 200, 400, 450]);
}

#[tokio::test]
async fn start_by_its_schedule_begins_a_new_count_of_restarts() {
    let mut entry = shell("job", "exit 1");
    (entry.cron, entry.restart, entry.restart_limit) =
        (Some("0 3 * * *".to_owned()), Some(RestartPolicy::Error), Some(1));
    let all = supervised([entry]);
    // Its schedule begins before the first order is handled.
    all.order("job", Order::Unblock).await.expect("nothing to do");
    for hours in [3, 24] {
        all.clock.advance(Duration::from_secs(hours * 3_600));
        for restarts in 0..=1 {
            all.wait_for("job", |status| status.restarts == restarts && status.status == ProcessState::Errored).await;
            all.clock.advance(Duration::from_secs(10));
        }
        all.wait("job", ProcessState::Exhausted).await;
    }
}

#[tokio::test]
async fn process_that_exits_with_124_is_finished() {
    let mut entry = shell("web", "exit 124");
    entry.restart = Some(RestartPolicy::Error);
    let all = supervised([entry]);
    all.order("web", Order::Start).await.expect("started");
    assert_eq!(all.wait("web", ProcessState::Finished).await.code, Some(124));
    all.clock.advance(Duration::from_secs(100));
    all.order("web", Order::Unblock).await.expect("nothing to do");
    assert_eq!(all.states("web"), [0, 100, 200, 300]);
}
