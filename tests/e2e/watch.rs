//! `plugbay run --watch`: plugins that are reloaded while they linger.

use std::io::{BufRead, BufReader};
use std::path::Path;

use serde_json::json;

use crate::harness::assert::assert_contains;
use crate::harness::command::{Plugbay, lines_until, plugin_file};
use crate::harness::guest::feature;
use crate::harness::host::TestPlugin;

fn version(version: &str) -> TestPlugin {
    TestPlugin::from(feature::ECHO).manifest("version", json!(version))
}

/// Replaces a file as a whole.
fn replace(path: &Path, bytes: &[u8]) {
    let new = path.with_extension("new");
    std::fs::write(&new, bytes).expect("written");
    std::fs::rename(new, path).expect("renamed");
}

#[test]
fn lingering_plugin_is_reloaded_when_its_file_changes() {
    let file = plugin_file(version("1.0.0"));
    let path = file.path().to_str().expect("UTF-8");
    let mut process = Plugbay::new(["run", path, "ping", "--linger", "0", "--watch"]).start();
    let mut stdout = BufReader::new(process.stdout.take().expect("it is piped"));
    let mut stderr = BufReader::new(process.stderr.take().expect("it is piped"));
    let mut answer = String::new();
    stdout.read_line(&mut answer).expect("text");
    assert_eq!(answer, "1\n");
    let next = version("2.0.0").into_bytes();
    replace(file.path(), &next);
    assert_contains(&lines_until(&mut stderr, "was reloaded", 1), &["feature_echo"]);
    replace(file.path(), &next[..next.len() / 2]);
    assert_contains(&lines_until(&mut stderr, "serves as before", 1), &["feature_echo"]);
    process.kill().expect("the test owns the process");
    process.wait().expect("it was killed");
}

#[test]
fn watching_needs_a_plugin_that_lingers() {
    let file = plugin_file(version("1.0.0"));
    let path = file.path().to_str().expect("UTF-8");
    assert_contains(&Plugbay::new(["run", path, "ping", "--watch"]).run().exits_with(2).stderr, &["--linger"]);
}
