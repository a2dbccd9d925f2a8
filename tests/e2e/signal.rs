//! SIGINT, SIGTERM and SIGHUP end the command at any time, after it has unloaded its plugins.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStderr, ChildStdout};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;

use crate::harness::assert::assert_contains;
use crate::harness::command::{Plugbay, lines_until, plugin_file};
use crate::harness::guest::feature;
use crate::harness::host::TestPlugin;

const SIGNALS: [(Signal, i32); 3] = [(Signal::INT, 130), (Signal::TERM, 143), (Signal::HUP, 129)];

/// The signals that the command is to act on here. A SIGHUP that its parent ignores, as under `nohup`, stays ignored.
fn signals() -> impl Iterator<Item = (Signal, i32)> {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let ignored = ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0);
    let ignores_hangup = ignored & 1 == 1;
    if ignores_hangup {
        println!("SKIPPED for SIGHUP: this test runs under nohup, or a parent that ignores it in another way");
    }
    SIGNALS.into_iter().filter(move |(signal, _)| !(ignores_hangup && *signal == Signal::HUP))
}

#[test]
fn signal_ends_a_lingering_process_like_its_timeout() {
    for (signal, _) in signals() {
        let mut process = Process::start("moments", |plugin| plugin, &["--linger", "0"]);
        process.stdout.read_line(&mut String::new()).expect("the answer");
        let (code, rest) = process.ends_by(signal);
        assert_eq!(code, Some(0), "{signal:?}: {rest}");
        assert_contains(&rest, &["on_unload"]);
    }
}

#[test]
fn signal_ends_a_call_with_its_own_code_after_unloading() {
    for (signal, expected) in signals() {
        let scheduler = plugin_file(endless(TestPlugin::from(feature::SCHEDULER)));
        let mut process = Process::of(scheduler, "hang", &[]);
        lines_until(&mut process.stderr, "hanging", 1);
        let (code, rest) = process.ends_by(signal);
        assert_eq!(code, Some(expected), "{rest}");
        assert_contains(&rest, &["error[interrupted]", "unloaded"]);
    }
}

#[test]
fn signal_ends_loading() {
    let sleeps = |plugin: TestPlugin| {
        plugin.manifest("configuration", json!({ "on_load": { "type": "string", "default": "sleep" } }))
    };
    let mut process = Process::start("moments", sleeps, &[]);
    lines_until(&mut process.stderr, "on_load", 1);
    let (code, rest) = process.ends_by(Signal::TERM);
    assert_eq!(code, Some(143), "{rest}");
}

#[test]
fn second_signal_ends_a_slow_unloading() {
    let sleeps = |plugin: TestPlugin| {
        plugin.manifest("configuration", json!({ "on_unload": { "type": "string", "default": "sleep" } }))
    };
    let mut process = Process::start("moments", sleeps, &["--linger", "0"]);
    process.stdout.read_line(&mut String::new()).expect("the answer");
    process.send(Signal::TERM);
    lines_until(&mut process.stderr, "on_unload", 1);
    let (code, rest) = process.ends_by(Signal::INT);
    assert_eq!(code, Some(130), "{rest}");
}

/// A running command, with a plugin that does not end by itself.
struct Process {
    child: Child,
    stdout: BufReader<ChildStdout>,
    stderr: BufReader<ChildStderr>,
    _plugin: tempfile::NamedTempFile,
}

impl Process {
    fn start(action: &str, change: impl Fn(TestPlugin) -> TestPlugin, options: &[&str]) -> Self {
        Process::of(plugin_file(change(endless(TestPlugin::from(feature::LIFECYCLE)))), action, options)
    }

    fn of(plugin: tempfile::NamedTempFile, action: &str, options: &[&str]) -> Self {
        let path = plugin.path().to_str().expect("UTF-8").to_owned();
        let grant = ["--grant", "scheduler.*"];
        let mut child = Plugbay::new([&["run", &path, action], &grant[..], options].concat()).start();
        let stdout = BufReader::new(child.stdout.take().expect("it is piped"));
        let stderr = BufReader::new(child.stderr.take().expect("it is piped"));
        Process { child, stdout, stderr, _plugin: plugin }
    }

    fn send(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).expect("it runs");
    }

    /// Sends the signal, and returns the exit code and the rest of standard error.
    fn ends_by(mut self, signal: Signal) -> (Option<i32>, String) {
        self.send(signal);
        let mut rest = String::new();
        self.stderr.read_to_string(&mut rest).expect("text");
        (self.child.wait().expect("the test owns the process").code(), rest)
    }
}

fn endless(plugin: TestPlugin) -> TestPlugin {
    plugin
        .manifest("permissions", json!([{ "resource": "scheduler.*" }]))
        .resource("max_fuel", json!(1e12 as u64))
        .resource("timeout_seconds", json!(300))
}
