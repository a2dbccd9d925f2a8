//! Standard output and standard error that cannot be written, and log lines of the runtime itself.

use std::io::Read;
use std::process::Command;

use serde_json::json;

use crate::harness::assert::assert_contains;
use crate::harness::command::{Plugbay, plugin_file};
use crate::harness::guest::{feature, hostile};
use crate::harness::host::TestPlugin;

#[test]
fn usage_error_is_printed_without_terminal_codes() {
    for arguments in
        [vec!["fly\u{1b}]0;pwned\u{7}\u{202e}\u{9b}"], vec!["run", "x", "y", "--timeout", "\u{1b}[2J\u{9b}2J"]]
    {
        let stderr = Plugbay::new(&arguments).run().exits_with(2).stderr;
        let obeyed = |c: char| c.is_control() && c != '\n' || c == '\u{202e}';
        assert!(!stderr.contains(obeyed), "{stderr:?}");
        assert!(stderr.starts_with("error: "), "{stderr}");
    }
}

/// Nothing reads the pipe, so it is full after 64 KiB. The call must still end at its deadline.
#[test]
fn full_pipe_at_standard_error_does_not_delay_a_deadline() {
    let flood = TestPlugin::from(hostile::HUGE_LOG_FLOOD).resource("max_fuel", json!(1e12 as u64));
    let file = plugin_file(flood);
    let arguments = ["run", file.path().to_str().expect("UTF-8"), "attack", "60000", "--timeout", "500ms", "--json"];
    let mut process = Plugbay::new(arguments).start();
    let (mut stdout, stderr) = (process.stdout.take().expect("piped"), process.stderr.take().expect("piped"));
    let mut document = String::new();
    stdout.read_to_string(&mut document).expect("text");
    assert_contains(&document, &["\"timeout\""]);
    assert_eq!(process.wait().expect("the test owns the process").code(), Some(5));
    drop(stderr);
}

#[cfg(target_os = "linux")]
#[test]
fn unwritable_output_is_reported_on_standard_error() {
    let echo = feature::ECHO.path();
    let path = echo.to_str().expect("UTF-8");
    for (line, code, words) in [
        (format!("run '{path}' ping"), 2, "standard output"),
        (format!("run '{path}' nope --json -q"), 1, "unknown_action"),
        (format!("inspect '{path}' --json"), 2, "standard output"),
        ("--help".to_owned(), 2, "standard output"),
    ] {
        let (status, stderr) = shell(&format!("{} {line} > /dev/full", program()));
        assert_eq!(status, Some(code), "{line}: {stderr}");
        assert_contains(&stderr, &[words]);
    }
}

#[cfg(target_os = "linux")]
#[test]
fn too_few_descriptors_are_an_error_without_a_panic() {
    let path = feature::ECHO.path();
    for limit in 5..18 {
        let (status, stderr) = shell(&format!("ulimit -n {limit}; {} run '{}' ping", program(), path.display()));
        assert!(matches!(status, Some(0 | 2 | 3 | 5 | 70 | 127)), "{limit}: {status:?} {stderr}");
        assert!(!stderr.contains("panicked"), "{limit}: {stderr}");
    }
}

/// A directory is in the place of the database file.
#[cfg(unix)]
#[test]
fn reason_of_a_host_error_is_on_standard_error() {
    let data = tempfile::tempdir().expect("a directory");
    let plugin = TestPlugin::from(feature::DATA).manifest("permissions", json!([{ "resource": "data.*" }]));
    let home = data.path().join("feature_data/data.sqlite3");
    std::fs::create_dir_all(&home).expect("a directory in the place of a file");
    let ran = crate::harness::command::run_with_data(plugin, data.path(), Some("data.*"), "get", &json!("key"));
    assert_contains(&ran.stderr, &["host error: ", "plugin=feature_data", "data.sqlite3"]);
}

#[cfg(unix)]
#[test]
fn unusable_data_directory_exits_with_2_and_the_reason() {
    let echo = feature::ECHO.path();
    let path = echo.to_str().expect("UTF-8");
    for arguments in
        [["run", path, "ping", "--data-dir", "/proc/plugbay"], ["check", path, "-q", "--data-dir", "/proc/plugbay"]]
    {
        let ran = Plugbay::new(arguments).run().exits_with(2);
        assert_contains(&ran.stderr, &["data directory /proc/plugbay", "cannot be created"]);
    }
}

fn program() -> String {
    format!("exec '{}'", env!("CARGO_BIN_EXE_plugbay-e2e"))
}

fn shell(script: &str) -> (Option<i32>, String) {
    let mut shell = Command::new("sh");
    shell.args(["-c", script]).env("XDG_CACHE_HOME", crate::harness::build::target_directory().join("xdg-cache"));
    let output = shell.output().expect("there is a shell");
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}
