//! `plugbay serve`: plugins answer over HTTP, the catalog and files are followed, and signals end it without a loss.

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, ChildStderr};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::harness::assert::assert_contains;
use crate::harness::client::{Client, get, request};
use crate::harness::command::{Plugbay, lines_until, plugin_file};
use crate::harness::guest::feature;
use crate::harness::host::TestPlugin;
use crate::harness::patience::{ends, until};

/// A server that runs, and what it printed when it began to serve.
pub(crate) struct Served {
    child: Child,
    stderr: BufReader<ChildStderr>,
    pub(crate) address: SocketAddr,
    pub(crate) printed: Value,
}

impl Served {
    pub(crate) fn start(arguments: &[&str]) -> Self {
        Served::start_at("127.0.0.1:0", arguments)
    }

    /// A server at this address.
    pub(crate) fn start_at(address: &str, arguments: &[&str]) -> Self {
        Served::of(Plugbay::new([&["serve", "--json", "--address", address], arguments].concat()))
    }

    /// The server of a command with `serve` and `--json`.
    pub(crate) fn of(command: Plugbay) -> Self {
        let mut child = command.start();
        let mut stdout = BufReader::new(child.stdout.take().expect("it is piped"));
        let mut stderr = BufReader::new(child.stderr.take().expect("it is piped"));
        let mut line = String::new();
        stdout.read_line(&mut line).expect("text");
        let printed: Value = serde_json::from_str(&line).unwrap_or_else(|error| {
            let mut rest = String::new();
            let _ = stderr.read_to_string(&mut rest);
            panic!("{error}: {line}{rest}")
        });
        let url = printed["url"].as_str().unwrap_or_else(|| panic!("no URL: {printed}"));
        let address = url.trim_start_matches("http://").trim_start_matches("https://").parse().expect("an address");
        Served { child, stderr, address, printed }
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn send(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).expect("it runs");
    }

    /// Reads standard error until a line has this text, and returns what was read.
    #[track_caller]
    pub(crate) fn printed_until(&mut self, text: &str) -> String {
        lines_until(&mut self.stderr, text, 1)
    }

    /// Ends the server, which is not in the middle of a request.
    #[track_caller]
    pub(crate) fn end(self) {
        self.send(Signal::TERM);
        let (code, rest) = self.ended();
        assert_eq!(code, Some(0), "{rest}");
    }

    /// Waits for the end, and returns the exit code and the rest of standard error.
    pub(crate) fn ended(mut self) -> (Option<i32>, String) {
        let mut rest = String::new();
        self.stderr.read_to_string(&mut rest).expect("text");
        (self.child.wait().expect("the test owns the process").code(), rest)
    }
}

/// A test that fails leaves no server behind.
impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The guest `lifecycle` at `GET /plugins/shop`.
fn shop(version: &str) -> TestPlugin {
    TestPlugin::from(feature::LIFECYCLE)
        .manifest("name", json!("shop"))
        .manifest("version", json!(version))
        .manifest("routes", json!([{ "method": "GET", "path": "/", "actions": ["moments"] }]))
}

fn slow() -> TestPlugin {
    TestPlugin::from(feature::SLEEP)
        .manifest("name", json!("slow"))
        .resource("timeout_seconds", json!(300))
        .manifest("routes", json!([{ "method": "POST", "path": "/", "actions": ["sleep"] }]))
}

async fn version(served: &Served) -> Option<String> {
    get(served.address, "/plugins/shop/status").await.json()["version"].as_str().map(str::to_owned)
}

#[tokio::test]
async fn plugin_is_served_until_a_signal_arrives() {
    for signal in [Signal::TERM, Signal::INT] {
        let file = plugin_file(shop("1.0.0"));
        let served = Served::start(&[file.path().to_str().expect("UTF-8")]);
        let plugin = &served.printed["plugins"][0];
        assert_eq!((&plugin["name"], &plugin["state"]), (&json!("shop"), &json!("ready")), "{}", served.printed);
        assert_eq!(plugin["url"], format!("http://{}/plugins/shop", served.address));
        assert_eq!(get(served.address, "/plugins/shop").await.status, 200);
        served.send(signal);
        let (code, rest) = served.ended();
        assert_eq!(code, Some(0), "{rest}");
        assert_contains(&rest, &["on_unload"]);
    }
}

#[tokio::test]
async fn start_prints_the_routes_and_a_command_that_works() {
    let file = plugin_file(shop("1.0.0"));
    let mut child = Plugbay::new(["serve", file.path().to_str().expect("UTF-8"), "--address", "127.0.0.1:0"]).start();
    let mut stdout = BufReader::new(child.stdout.take().expect("it is piped"));
    let printed = lines_until(&mut stdout, "try: ", 1);
    assert_contains(&printed, &["serving on http://127.0.0.1:", "shop 1.0.0 (ready)", "GET    /plugins/shop\n"]);
    assert_contains(&printed, &["also: dashboard /, docs /docs, metrics /metrics\n"]);
    let (_, url) = printed.split_once("try: curl http://").expect("a command");
    let (authority, path) = url.trim().split_once('/').expect("a path");
    let response = get(authority.parse().expect("an address"), &format!("/{path}")).await;
    assert_eq!(response.status, 200);
    kill_process(Pid::from_child(&child), Signal::TERM).expect("it runs");
    assert_eq!(child.wait().expect("the test owns the process").code(), Some(0));
}

#[tokio::test]
async fn changes_of_the_catalog_are_followed() {
    let directory = tempfile::tempdir().expect("a directory");
    let data = directory.path().join("data");
    let data = data.to_str().expect("UTF-8");
    let plugbay = |arguments: &[&str]| Plugbay::new([arguments, &["--data-dir", data]].concat()).run().exits_with(0);
    let served = Served::start(&["--data-dir", data]);
    let status = async |expected: u16| {
        let status = async || (get(served.address, "/plugins/shop").await.status == expected).then_some(());
        until(format!("status {expected}"), status).await;
    };
    status(404).await;
    let file = plugin_file(shop("1.0.0"));
    plugbay(&["install", file.path().to_str().expect("UTF-8"), "--yes"]);
    status(200).await;
    plugbay(&["disable", "shop"]);
    status(503).await;
    plugbay(&["enable", "shop"]);
    status(200).await;
    plugbay(&["remove", "shop"]);
    status(404).await;
    served.end();
}

#[tokio::test]
async fn file_that_changes_is_reloaded_with_watch() {
    let file = plugin_file(shop("1.0.0"));
    let path: &Path = file.path();
    let served = Served::start(&[path.to_str().expect("UTF-8"), "--watch"]);
    assert_eq!(version(&served).await.as_deref(), Some("1.0.0"));
    std::fs::write(path, shop("2.0.0").into_bytes()).expect("written");
    until("the new version", async || version(&served).await.filter(|version| version == "2.0.0")).await;
    served.end();
}

#[tokio::test]
async fn no_answer_is_cut_by_a_signal_under_load() {
    let file = plugin_file(shop("1.0.0"));
    let served = Served::start(&[file.path().to_str().expect("UTF-8")]);
    let address = served.address;
    let clients = (0..8).map(|_| {
        tokio::spawn(async move {
            let (mut client, mut answers) = (Client::connect(address).await, 0);
            loop {
                client.send("GET /plugins/shop HTTP/1.1\r\nhost: localhost\r\n\r\n").await;
                let Some(response) = client.try_response(false).await else { break };
                assert_eq!(response.status, 200, "{}", response.text());
                answers += 1;
                if response.header("connection") == Some("close") {
                    break;
                }
            }
            // Neither is there a part of an answer.
            (answers, client.rest().await)
        })
    });
    let clients: Vec<_> = clients.collect();
    until("some answers", async || {
        let status = get(address, "/plugins/shop/status").await.json();
        status["action_count"].as_u64().filter(|calls| *calls > 200)
    })
    .await;
    served.send(Signal::TERM);
    for client in clients {
        let (answers, rest) = client.await.expect("no answer is wrong");
        assert!(answers > 0 && rest.is_empty(), "{answers}: {}", String::from_utf8_lossy(&rest));
    }
    let (code, rest) = served.ended();
    assert_eq!(code, Some(0), "{rest}");
}

#[tokio::test]
async fn no_acknowledged_change_is_lost_by_a_signal_under_load() {
    let directory = tempfile::tempdir().expect("a directory");
    let host_file = directory.path().join("plugbay.yaml");
    std::fs::write(&host_file, "policy: [{ resource: '*' }]\ndata_dir: data\n").expect("written");
    let store = TestPlugin::from(feature::DATA).manifest("name", json!("store"));
    let store = plugin_file(store.manifest("permissions", json!([{ "resource": "data.*" }])));
    let arguments = [store.path().to_str().expect("UTF-8"), "--host-file", host_file.to_str().expect("UTF-8")];
    let served = Served::start(&arguments);
    let address = served.address;
    let acknowledged = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let clients = (0..4).map(|client| {
        let acknowledged = acknowledged.clone();
        tokio::spawn(async move {
            let (mut connection, mut keys) = (Client::connect(address).await, Vec::new());
            loop {
                let key = format!("c{client}/{}", keys.len());
                let body = json!({ "key": key, "value": keys.len() }).to_string();
                let length = body.len();
                let path = "/plugins/store/actions/set";
                let head = format!("POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-length: {length}\r\n\r\n");
                connection.send([head, body].concat()).await;
                let Some(response) = connection.try_response(false).await else { break };
                assert_eq!(response.json()["result"], "set", "{}", response.text());
                keys.push(key);
                acknowledged.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                if response.header("connection") == Some("close") {
                    break;
                }
            }
            keys
        })
    });
    let clients: Vec<_> = clients.collect();
    until("some changes", async || (acknowledged.load(std::sync::atomic::Ordering::Relaxed) > 100).then_some(())).await;
    served.send(Signal::TERM);
    let mut keys = Vec::new();
    for client in clients {
        keys.extend(client.await.expect("no answer is wrong"));
    }
    let (code, rest) = served.ended();
    assert_eq!(code, Some(0), "{rest}");
    let served = Served::start(&arguments);
    for key in keys {
        let got = request(served.address, "POST", "/plugins/store/actions/get", &json!(key).to_string()).await;
        assert!(got.json()["result"].is_u64(), "{key}: {}", got.text());
    }
    served.end();
}

// The request runs beside the test, which waits for lines.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn second_signal_ends_the_server_at_once() {
    let file = plugin_file(slow());
    let mut served = Served::start(&[file.path().to_str().expect("UTF-8")]);
    let address = served.address;
    let running = tokio::spawn(async move {
        let mut client = Client::connect(address).await;
        client.send("POST /plugins/slow HTTP/1.1\r\nhost: localhost\r\ncontent-length: 6\r\n\r\n300000").await;
        client.try_response(false).await
    });
    lines_until(&mut served.stderr, "sleeping", 1);
    served.send(Signal::TERM);
    until("no connection is accepted", async || tokio::net::TcpStream::connect(address).await.err()).await;
    served.send(Signal::INT);
    let (code, rest) = served.ended();
    assert_eq!(code, Some(130), "{rest}");
    assert!(running.await.expect("it does not panic").is_none(), "it has no answer");
}

#[tokio::test]
async fn second_signal_does_not_wait_for_a_process() {
    for (signal, expected) in [(Signal::TERM, 143), (Signal::INT, 130)] {
        let directory = tempfile::tempdir().expect("a directory");
        let host_file = directory.path().join("plugbay.yaml");
        let stubborn = json!({
            "id": "stubborn", "autostart": true, "terminateTimeout": 600,
            "cmd": r#"/bin/sh -c 'trap "" TERM; echo ready; while :; do sleep 1000000; done'"#,
        });
        std::fs::write(&host_file, json!({ "processes": [stubborn] }).to_string()).expect("written");
        let mut served = Served::start(&["--host-file", host_file.to_str().expect("UTF-8")]);
        served.printed_until("ready");
        served.send(Signal::TERM);
        let closing = async || (get(served.address, "/readyz").await.status == 503).then_some(());
        until("the server shuts down", closing).await;
        served.send(signal);
        let (code, rest) = ends(tokio::task::spawn_blocking(|| served.ended())).await.expect("it does not panic");
        assert_eq!(code, Some(expected), "{rest}");
    }
}

#[tokio::test]
async fn address_that_cannot_be_used_is_refused() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let taken = taken.local_addr().expect("it is bound").to_string();
    let ran = Plugbay::new(["serve", "--address", &taken]).run().exits_with(2);
    assert_contains(&ran.stderr, &["cannot listen on", &taken]);
    let ran = Plugbay::new(["serve", "--address", "0.0.0.0:0"]).run().exits_with(2);
    assert_contains(&ran.stderr, &["0.0.0.0", "plugbay token create"]);
}

#[tokio::test]
async fn plugin_of_the_command_line_that_cannot_be_loaded_ends_it() {
    let fails = json!({ "on_load": { "type": "string", "default": "fail" } });
    let file = plugin_file(shop("1.0.0").manifest("configuration", fails));
    Plugbay::new(["serve", file.path().to_str().expect("UTF-8"), "--address", "127.0.0.1:0"]).run().exits_with(3);
    let missing = Plugbay::new(["serve", "nothing-here.wasm", "--address", "127.0.0.1:0"]).run();
    assert_eq!(missing.exit_code, 3, "{}", missing.stderr);
}

#[tokio::test]
async fn host_file_sets_the_address_and_limits_of_the_server() {
    let directory = tempfile::tempdir().expect("a directory");
    let host_file = directory.path().join("plugbay.yaml");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let taken = taken.local_addr().expect("it is bound").to_string();
    let text = json!({ "server": { "address": taken, "max_body_mb": 1, "development": true } });
    std::fs::write(&host_file, text.to_string()).expect("written");
    let host_file = host_file.to_str().expect("UTF-8");
    let ran = Plugbay::new(["serve", "--host-file", host_file]).run().exits_with(2);
    assert_contains(&ran.stderr, &[&taken]);
    let plugin = plugin_file(slow());
    let served = Served::start(&[plugin.path().to_str().expect("UTF-8"), "--host-file", host_file]);
    let large = "1".repeat((1 << 20) + 1);
    assert_eq!(request(served.address, "POST", "/plugins/slow", &large).await.error().0, 413);
    served.end();
    std::fs::write(host_file, json!({ "server": { "address": "here", "max_body_mb": 0 } }).to_string())
        .expect("written");
    let ran = Plugbay::new(["serve", "--host-file", host_file]).run().exits_with(2);
    assert_contains(&ran.stderr, &["server.address", "server.max_body_mb"]);
}

#[tokio::test]
async fn options_are_for_the_plugin_of_the_command_line() {
    let file = plugin_file(shop("1.0.0"));
    let path = file.path().to_str().expect("UTF-8");
    let ran = Plugbay::new(["serve", path, path, "--config", "a=1"]).run().exits_with(2);
    assert_contains(&ran.stderr, &["--config"]);
    let served = Served::start(&[path, "--development"]);
    let response = request(served.address, "POST", "/ipc/shop/unknown", "{}").await;
    assert_eq!(response.error().1, "unknown_action");
    served.end();
}
