//! `plugbay dev`: a crate is built and loaded again whenever it changes, and errors are shown.

use std::io::{BufReader, Read, Write};
use std::net::TcpStream;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;

use crate::harness::assert::assert_contains;
use crate::harness::build::target_directory;
use crate::harness::command::{Plugbay, lines_until};
use crate::harness::guest::feature;
use crate::harness::host::TestPlugin;

/// The last digest that the command printed.
fn digest(text: &str) -> &str {
    text.rsplit_once("is loaded (").and_then(|(_, rest)| rest.split_once(')')).expect("a digest").0
}

#[test]
fn crate_is_built_and_reloaded_when_it_changes() {
    let directory = tempfile::tempdir().expect("a directory");
    // It already has most dependencies of a new plugin.
    let target = target_directory();
    let plugbay = |arguments: &[&str]| Plugbay::new(arguments).environment("CARGO_TARGET_DIR", &target);
    plugbay(&["new", "greeting"]).directory(directory.path()).run().exits_with(0);
    let source = directory.path().join("greeting/src/lib.rs");
    let code = std::fs::read_to_string(&source).expect("readable");

    let mut dev = plugbay(&["dev", "greeting"]).directory(directory.path()).start();
    let mut stderr = BufReader::new(dev.stderr.take().expect("it is piped"));
    let first = lines_until(&mut stderr, "watching", 1);
    assert_contains(&first, &["greeting 0.1.0 is loaded"]);

    std::fs::write(&source, code.replace("Hello", "Good morning")).expect("written");
    let second = lines_until(&mut stderr, "watching", 1);
    assert_ne!(digest(&first), digest(&second));

    std::fs::write(&source, "fn broken( {}").expect("written");
    let broken = lines_until(&mut stderr, "watching", 1);
    assert_contains(&broken, &["error"]);
    assert!(!broken.contains("is loaded"), "{broken}");

    std::fs::write(&source, &code).expect("written");
    let mended = lines_until(&mut stderr, "watching", 1);
    assert_eq!(digest(&first), digest(&mended));

    kill_process(Pid::from_child(&dev), Signal::INT).expect("it runs");
    let mut rest = String::new();
    stderr.read_to_string(&mut rest).expect("text");
    assert_eq!(dev.wait().expect("the test owns the process").code(), Some(0), "{rest}");
}

#[test]
fn pages_are_served_with_the_settings_of_the_hosts_file() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("plugin.wasm");
    let page = json!({ "pages": [{ "path": "/", "template": {} }] });
    std::fs::write(&file, TestPlugin::from(feature::ECHO).manifest("frontend", page).into_bytes()).expect("written");
    let host_file = directory.path().join("plugbay.yaml");
    // Callers without a token may not call plugins at this address.
    let server = "server: { address: '127.0.0.1:0', anonymous: [read], hosts: [dev.example] }";
    std::fs::write(&host_file, server).expect("written");
    let host_file = host_file.to_str().expect("UTF-8");
    let mut dev = Plugbay::new(["dev", file.to_str().expect("UTF-8"), "--host-file", host_file]).start();
    let mut stderr = BufReader::new(dev.stderr.take().expect("it is piped"));
    let text = lines_until(&mut stderr, "watching", 1);
    let url =
        text.split_once("its pages are at http://").and_then(|(_, rest)| rest.split_once('/')).expect("an address").0;
    let ask = |host: &str| {
        let mut stream = TcpStream::connect(url).expect("it listens");
        let request = format!("GET /api/v1/pages HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).expect("sent");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("text");
        answer
    };
    assert_contains(&ask("dev.example"), &["HTTP/1.1 401"]);
    assert_contains(&ask("other.example"), &["HTTP/1.1 421"]);
    kill_process(Pid::from_child(&dev), Signal::INT).expect("it runs");
    assert_eq!(dev.wait().expect("the test owns the process").code(), Some(0));
}

#[test]
fn log_and_state_go_on_when_a_file_is_replaced() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("plugin.wasm");
    let revision =
        |version: &str| TestPlugin::from(feature::LIFECYCLE).manifest("version", json!(version)).into_bytes();
    std::fs::write(&file, revision("1.0.0")).expect("written");
    let mut dev = Plugbay::new(["dev", file.to_str().expect("UTF-8")]).start();
    let mut stderr = BufReader::new(dev.stderr.take().expect("it is piped"));
    assert_contains(&lines_until(&mut stderr, "watching", 1), &["on_load", "1.0.0 is loaded"]);
    std::fs::write(directory.path().join("next"), revision("2.0.0")).expect("written");
    std::fs::rename(directory.path().join("next"), &file).expect("renamed");
    let text = lines_until(&mut stderr, "watching", 1);
    assert_contains(&text, &["save_state", "on_reload", "on_unload", "2.0.0 is loaded"]);
    kill_process(Pid::from_child(&dev), Signal::TERM).expect("it runs");
    let mut rest = String::new();
    stderr.read_to_string(&mut rest).expect("text");
    assert_eq!(dev.wait().expect("the test owns the process").code(), Some(0), "{rest}");
    assert_contains(&rest, &["on_unload"]);
}
