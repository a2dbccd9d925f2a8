//! `plugbay mcp`: tools over standard streams, of a host of its own and of one that runs.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout};

use serde_json::{Value, json};

use super::serve::Served;
use crate::harness::assert::assert_contains;
use crate::harness::command::{Plugbay, plugin_file};
use crate::harness::guest::feature;
use crate::harness::host::TestPlugin;

/// The guest `echo` as `shop`.
fn shop() -> TestPlugin {
    let actions = json!([{ "name": "echo", "payload": { "type": "object" } }, { "name": "repeat" }]);
    TestPlugin::from(feature::ECHO).manifest("name", json!("shop")).manifest("actions", actions)
}

/// An assistant that started the command.
struct Assistant {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl Assistant {
    fn start(arguments: &[&str]) -> Self {
        let mut child = Plugbay::new([&["mcp"], arguments].concat()).start_with_input();
        let output = BufReader::new(child.stdout.take().expect("it is piped"));
        Assistant { input: child.stdin.take(), child, output }
    }

    fn send(&mut self, message: &Value) {
        writeln!(self.input.as_mut().expect("it is open"), "{message}").expect("it reads");
    }

    /// The result of a request. Notifications before it are skipped.
    #[track_caller]
    fn request(&mut self, method: &str, params: Value) -> Value {
        self.send(&json!({ "jsonrpc": "2.0", "id": method, "method": method, "params": params }));
        loop {
            let mut line = String::new();
            assert!(self.output.read_line(&mut line).expect("text") > 0, "no answer to {method}");
            let answer: Value = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"));
            if answer["id"] == method {
                return answer["result"].clone();
            }
        }
    }

    /// Begins, calls the one tool, and ends.
    #[track_caller]
    fn use_tool(mut self) {
        let client = json!({ "name": "test", "version": "1" });
        let begun = self.request(
            "initialize",
            json!({ "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": client }),
        );
        assert_eq!(begun["serverInfo"]["name"], "plugbay", "{begun}");
        self.send(&json!({ "jsonrpc": "2.0", "method": "notifications/initialized" }));
        let tools = self.request("tools/list", json!({}));
        assert_eq!(tools["tools"][0]["name"], "shop.echo", "{tools}");
        assert_eq!(tools["tools"].as_array().map(Vec::len), Some(1), "{tools}");
        let called = self.request("tools/call", json!({ "name": "shop.echo", "arguments": { "a": 1 } }));
        assert_eq!(called["structuredContent"], json!({ "a": 1 }), "{called}");
        drop(self.input.take());
        assert_eq!(self.child.wait().expect("the test owns the process").code(), Some(0));
    }
}

/// A test that fails leaves no process behind.
impl Drop for Assistant {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn command_is_a_host_with_the_exposed_tools() {
    let file = plugin_file(shop());
    Assistant::start(&[file.path().to_str().expect("UTF-8"), "--expose", "shop.echo"]).use_tool();
}

#[test]
fn host_file_exposes_tools() {
    let directory = tempfile::tempdir().expect("a directory");
    let (host_file, plugin) = (directory.path().join("plugbay.yaml"), directory.path().join("shop.wasm"));
    std::fs::write(&plugin, shop().into_bytes()).expect("written");
    std::fs::write(&host_file, json!({ "mcp": ["shop.e*"], "plugins": [{ "url": "shop.wasm" }] }).to_string())
        .expect("written");
    Assistant::start(&["--host-file", host_file.to_str().expect("UTF-8")]).use_tool();
}

#[test]
fn host_that_runs_answers() {
    let directory = tempfile::tempdir().expect("a directory");
    let data = directory.path().join("data");
    let data = data.to_str().expect("UTF-8");
    let file = plugin_file(shop());
    let file = file.path().to_str().expect("UTF-8");
    let served = Served::start(&[file, "--data-dir", data]);
    Assistant::start(&["--data-dir", data, "--expose", "shop.echo"]).use_tool();
    let ran = Plugbay::new(["mcp", "--data-dir", data]).run();
    assert_contains(&ran.stderr, &["--expose"]);
    let ran = Plugbay::new(["mcp", file, "--data-dir", data]).run().exits_with(2);
    assert_contains(&ran.stderr, &["a host runs on the data directory"]);
    served.end();
}

#[test]
fn nothing_is_exposed_that_the_operator_did_not_name() {
    let file = plugin_file(shop());
    let file = file.path().to_str().expect("UTF-8");
    let ran = Plugbay::new(["mcp", file]).run().exits_with(2);
    assert_contains(&ran.stderr, &["no action is exposed", "--expose"]);
    let ran = Plugbay::new(["mcp", file, "--expose", "shop"]).run().exits_with(2);
    assert_contains(&ran.stderr, &["PLUGIN.ACTION"]);
}
