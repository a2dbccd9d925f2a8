//! Output: lines in the log and in files, and floods.

use plugbay_supervisor::{LogSeverity, Order, ProcessState};

use crate::harness::{shell, supervised, supervised_in};

#[tokio::test]
async fn output_is_logged_by_stream_and_in_files() {
    let mut entry = shell("web", "echo out; echo err >&2; printf \"no line break\"");
    entry.logger.stdout = Some("out.log".into());
    entry.logger.decorate_files = Some(false);
    let all = supervised([entry]);
    all.order("web", Order::Start).await.expect("started");
    all.wait("web", ProcessState::Finished).await;
    let lines = all.supervisor.logs("web", 100);
    let of = |text: &str| {
        let line = lines.iter().find(|line| line.text == text).unwrap_or_else(|| panic!("{text}: {lines:?}"));
        (line.severity, &*line.category)
    };
    assert_eq!(of("out"), (LogSeverity::Log, "stdout"));
    assert_eq!(of("err"), (LogSeverity::Error, "stderr"));
    assert_eq!(of("no line break"), (LogSeverity::Log, "stdout"));
    let file = std::fs::read_to_string(all.directory.path().join("out.log")).expect("a file");
    let mut lines: Vec<&str> = file.lines().collect();
    lines.sort_unstable();
    assert_eq!(lines, ["err", "no line break", "out"]);
    let event = all.events_of("log").into_iter().find(|event| event["text"] == "err").expect("an event");
    let expected = serde_json::json!({
        "severity": "error", "category": "stderr", "text": "err", "processId": "web", "timeStamp": 1_767_225_600_000_u64,
    });
    assert_eq!(event, expected);
}

#[tokio::test]
async fn flood_of_output_is_bounded_and_does_not_stop_the_process() {
    let all = supervised([shell("web", "yes a-line | head -n 300000")]);
    all.order("web", Order::Start).await.expect("started");
    all.wait("web", ProcessState::Finished).await;
    let lines = all.supervisor.logs("web", usize::MAX);
    let shown = lines.iter().filter(|line| line.text == "a-line").count();
    assert!(shown < 300_000, "{shown}");
    assert!(lines.iter().any(|line| line.text.contains("lines of output were dropped")), "{shown}");
}

#[tokio::test]
async fn environment_has_its_variables_and_not_the_secrets_of_the_host() {
    const SECRET: &str = "PLUGBAY_HOST__SECRET";
    if std::env::var_os(SECRET).is_none() {
        // The variable is set for this test alone, which runs in a process of its own.
        let mut again = tokio::process::Command::new(std::env::current_exe().expect("this test"));
        let name = "output::environment_has_its_variables_and_not_the_secrets_of_the_host";
        let ran = again.args(["--exact", name]).env(SECRET, "hunter2").output().await.expect("it runs");
        assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stdout));
        return;
    }
    let mut entry = shell("web", "echo $GREETING, secret=$PLUGBAY_HOST__SECRET; exit 0");
    entry.env = [("GREETING".to_owned(), "hello".to_owned())].into();
    entry.pid_file = Some("web.pid".into());
    let all = supervised([entry]);
    all.order("web", Order::Start).await.expect("started");
    all.wait_for_line("web", "hello, secret=").await;
    all.wait("web", ProcessState::Finished).await;
    assert!(!all.directory.path().join("web.pid").exists(), "the file is removed at the end");
}

#[tokio::test]
async fn lines_of_an_earlier_supervisor_are_found() {
    let first = supervised([shell("web", "echo first")]);
    first.order("web", Order::Start).await.expect("started");
    first.wait("web", ProcessState::Finished).await;
    let lines = first.supervisor.logs("web", usize::MAX);
    assert!(lines.iter().any(|line| line.text == "first"), "{lines:?}");
    first.supervisor.shutdown().await;
    let directory = first.directory;

    let second = supervised_in(directory, [shell("web", "echo second")]);
    assert_eq!(second.supervisor.logs("web", lines.len()), lines, "they are there before anything is started");
    second.order("web", Order::Start).await.expect("started");
    second.wait_for_line("web", "second").await;
    let texts: Vec<String> = second.supervisor.logs("web", usize::MAX).into_iter().map(|line| line.text).collect();
    let position = |text: &str| texts.iter().position(|found| found == text).unwrap_or_else(|| panic!("{texts:?}"));
    assert!(position("first") < position("second"));
}
