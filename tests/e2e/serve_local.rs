//! Other commands while `plugbay serve` runs: over its local socket, and over the network with tokens.

use std::io::BufReader;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::PathBuf;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;

use super::serve::Served;
use crate::harness::assert::assert_contains;
use crate::harness::client::{Client, request};
use crate::harness::command::{Plugbay, Ran, lines_until};
use crate::harness::guest::feature;
use crate::harness::host::TestPlugin;
use crate::harness::patience::until;
use crate::harness::skipped;

/// A data directory with the plugin `hello`, and its server.
struct Scene {
    directory: tempfile::TempDir,
}

impl Scene {
    fn new() -> Self {
        let scene = Scene { directory: tempfile::tempdir().expect("a directory") };
        scene.install("1.0.0").exits_with(0);
        scene
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn data(&self) -> String {
        self.path("data").to_str().expect("UTF-8").to_owned()
    }

    fn serve(&self) -> Served {
        Served::start(&["--data-dir", &*self.data()])
    }

    fn command(&self, arguments: &[&str]) -> Plugbay {
        Plugbay::new([arguments, &["--data-dir", &*self.data()]].concat())
    }

    fn run(&self, arguments: &[&str]) -> Ran {
        self.command(arguments).run()
    }

    fn install(&self, version: &str) -> Ran {
        let rate = json!({ "calls": 100, "period_seconds": 60 });
        let plugin = TestPlugin::from(feature::ECHO).manifest("name", json!("hello")).resource("rate_limit", rate);
        let file = self.path("hello.wasm");
        std::fs::write(&file, plugin.manifest("version", json!(version)).into_bytes()).expect("written");
        self.run(&["install", file.to_str().expect("UTF-8"), "--yes"])
    }
}

#[test]
fn commands_change_and_show_what_the_server_runs() {
    let scene = Scene::new();
    assert_contains(&scene.run(&["list"]).exits_with(0).stdout, &["hello", "installed"]);
    let served = scene.serve();
    assert_contains(&scene.run(&["list"]).exits_with(0).stdout, &["1 plugin", "hello", "ready"]);

    let disabled = scene.run(&["disable", "hello"]).exits_with(0);
    assert_contains(&disabled.stderr, &["the host that runs has disabled hello"]);
    assert_contains(&scene.run(&["status", "hello"]).exits_with(0).stdout, &["disabled"]);
    let listed = scene.run(&["list", "--json"]).exits_with(0).json();
    assert_eq!((&listed["plugins"][0]["state"], &listed["plugins"][0]["id"]), (&json!("disabled"), &json!(1)));
    assert_contains(&scene.run(&["enable", "hello"]).exits_with(0).stderr, &["has loaded hello"]);
    assert_contains(&scene.install("2.0.0").exits_with(0).stderr, &["has reloaded hello"]);
    assert_contains(&scene.run(&["rollback", "hello"]).exits_with(0).stderr, &["has reloaded hello"]);
    let status = scene.run(&["status", "hello", "--json"]).exits_with(0).json();
    assert_eq!(status["current"]["version"], "1.0.0");

    assert_contains(&scene.run(&["remove", "hello", "--data"]).exits_with(0).stdout, &["removed hello"]);
    assert_contains(&scene.run(&["list"]).exits_with(0).stdout, &["no plugin"]);
    served.end();
}

#[test]
fn status_and_list_agree_on_a_plugin_that_is_not_installed() {
    let scene = Scene::new();
    let file = scene.path("extra.wasm");
    std::fs::write(&file, TestPlugin::from(feature::ECHO).manifest("name", json!("extra")).into_bytes())
        .expect("written");
    let served = Served::start(&[file.to_str().expect("UTF-8"), "--data-dir", &*scene.data()]);
    let listed = scene.run(&["list", "--json"]).exits_with(0).json();
    for name in ["extra", "hello"] {
        let status = scene.run(&["status", name, "--json"]).exits_with(0).json();
        let plugins = listed["plugins"].as_array().expect("plugins");
        let plugin = plugins.iter().find(|plugin| plugin["name"] == name).expect("it is listed");
        for member in ["state", "version", "id", "digest"] {
            assert_eq!(status[member], plugin[member], "{member} of {name}");
        }
        assert_contains(&scene.run(&["status", name]).exits_with(0).stdout, &[name, "ready"]);
    }
    assert_eq!(scene.run(&["status", "absent", "--json"]).exits_with(2).json()["code"], "not_loaded");
    served.end();
    assert_eq!(scene.run(&["status", "extra", "--json"]).exits_with(2).json()["code"], "not_installed");
}

#[test]
fn socket_is_for_this_user_and_goes_with_the_server() {
    let scene = Scene::new();
    let socket = scene.path("data/plugbay.sock");
    // As a host that was killed leaves it.
    drop(std::os::unix::net::UnixListener::bind(&socket).expect("a socket"));
    let served = scene.serve();
    let metadata = socket.metadata().expect("the socket");
    assert!(metadata.file_type().is_socket());
    assert_eq!(metadata.permissions().mode() & 0o777, 0o600);
    served.end();
    assert!(!socket.exists());
}

#[test]
fn socket_serves_no_other_user_even_if_its_permissions_allow_it() {
    /// The user without rights of most systems.
    const NOBODY: u32 = 65_534;

    if !rustix::process::geteuid().is_root() {
        return skipped("only root can run a command as another user");
    }
    let scene = Scene::new();
    let served = scene.serve();
    let as_nobody = || {
        let command = Plugbay::new(["logs", "--json", "--data-dir", &*scene.data()]).user(NOBODY);
        command.environment("XDG_CACHE_HOME", "/nonexistent").run()
    };
    let allow = |path: PathBuf, mode| {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).expect("it is this user's");
    };
    // The directories let the other user through, and the socket does not.
    allow(scene.directory.path().to_owned(), 0o755);
    allow(scene.path("data"), 0o755);
    let refused = as_nobody().exits_with(2).json();
    assert_ne!(refused["code"], "server_unreachable", "{refused}");
    allow(scene.path("data/plugbay.sock"), 0o666);
    let refused = as_nobody().exits_with(2).json();
    assert_eq!(refused["code"], "server_unreachable", "{refused}");
    scene.run(&["logs", "--json"]).exits_with(0);
    served.end();
}

#[tokio::test]
async fn server_elsewhere_is_reached_with_a_token() {
    let scene = Scene::new();
    let served = scene.serve();
    let url = format!("http://{}", served.address);
    let remote = |arguments: &[&str], token: &str| {
        Plugbay::new([arguments, &["--server", &url]].concat()).environment("PLUGBAY_TOKEN", token).run()
    };
    let secret = |scope: &str| {
        let made = scene.run(&["token", "create", "--consumer", "ci", "--scope", scope, "--json"]).exits_with(0).json();
        made["token"].as_str().expect("a token").to_owned()
    };
    assert_contains(&remote(&["list"], "").exits_with(0).stdout, &["hello", "ready"]);
    let refused = remote(&["disable", "hello", "--json"], "").exits_with(4).json();
    assert_eq!(refused["code"], "unauthenticated");
    let refused = remote(&["disable", "hello", "--json"], &secret("read")).exits_with(4).json();
    assert_eq!(refused["code"], "insufficient_scope");
    assert_contains(&remote(&["disable", "hello"], &secret("manage:hello")).exits_with(0).stdout, &["disabled hello"]);
    let called = request(served.address, "POST", "/plugins/hello/actions/echo", "1").await;
    assert_eq!(called.error(), (503, "plugin_disabled".to_owned()));
    let manager = secret("manage");
    let asks = TestPlugin::from(feature::ECHO).manifest("name", json!("sent"));
    let asks = asks.manifest("permissions", json!([{ "resource": "cache.*" }])).into_bytes();
    std::fs::write(scene.path("sent.wasm"), asks).expect("written");
    let file = scene.path("sent.wasm");
    let file = file.to_str().expect("UTF-8");
    let unconfirmed = remote(&["install", file, "--json"], &manager).exits_with(4).json();
    assert_eq!(unconfirmed["code"], "unconfirmed");
    assert_contains(&remote(&["install", file, "--yes"], &manager).exits_with(0).stdout, &["installed sent"]);
    let called = request(served.address, "POST", "/plugins/sent/actions/echo", "1").await;
    assert_eq!(called.json()["result"], 1, "{}", called.text());
    let update = remote(&["update", "sent", file], &manager).exits_with(2).stderr;
    assert_contains(&update, &["plugbay install", "sends it"]);

    let made = remote(&["token", "--consumer", "far", "--json"], &manager).exits_with(0).json();
    let lifetime = made["expires_at"].as_u64().zip(made["created_at"].as_u64()).map(|(end, begin)| end - begin);
    assert_eq!((&made["scopes"], lifetime), (&json!(["read", "call"]), Some(30 * 24 * 3600)), "{made}");
    let kept = remote(&["token", "create", "--consumer", "kept", "--expires-in", "0", "--json"], &manager);
    let kept = kept.exits_with(0).json();
    assert!(kept.get("expires_at").is_none(), "{kept}");
    let id = kept["id"].to_string();
    assert_contains(&remote(&["token", "revoke", &id], &manager).exits_with(0).stdout, &["revoked token", "of kept"]);
    let listed = remote(&["token", "list"], &manager).exits_with(0).stdout;
    assert_contains(&listed, &["far", "read, call", "active", "kept", "revoked"]);
    assert_eq!(listed, scene.run(&["token", "list"]).exits_with(0).stdout);
    served.end();
    assert_eq!(remote(&["list", "--json"], "").exits_with(2).json()["code"], "server_unreachable");
}

async fn sign_in(served: &Served, link: &str) -> (u16, String) {
    let base = format!("http://{}/-/sign-in#code=", served.address);
    let code = link.trim().strip_prefix(&*base).unwrap_or_else(|| panic!("{link} is not of {base}"));
    let body = json!({ "code": code }).to_string();
    let response = request(served.address, "POST", "/api/v1/session", &body).await;
    (response.status, response.json()["consumer"].as_str().unwrap_or_default().to_owned())
}

#[tokio::test]
async fn link_of_a_running_server_signs_in_once() {
    let scene = Scene::new();
    let served = scene.serve();
    let link = scene.run(&["token", "link", "--consumer", "ada"]).exits_with(0).stdout;
    assert_eq!(sign_in(&served, &link).await, (201, "ada".to_owned()));
    assert_eq!(sign_in(&served, &link).await.0, 401);
    let listed = scene.run(&["token", "list"]).exits_with(0).stdout;
    assert_contains(&listed, &["session", "ada", "manage"]);
    served.end();
}

#[tokio::test]
async fn server_prints_a_link_to_sign_in_if_asked() {
    let scene = Scene::new();
    let data = scene.data();
    for arguments in [&["--sign-in-link", "--data-dir", &*data][..], &["--sign-in-link"]] {
        let served = Served::start(arguments);
        let link = served.printed["sign_in"].as_str().expect("a link").to_owned();
        assert_eq!(sign_in(&served, &link).await, (201, "operator".to_owned()), "{arguments:?}");
        served.end();
    }
    let served = scene.serve();
    assert!(served.printed.get("sign_in").is_none(), "it was not asked for");
    served.end();
}

#[tokio::test]
async fn address_of_the_network_needs_tokens() {
    let scene = Scene::new();
    let refused = scene.run(&["serve", "--address", "0.0.0.0:0"]).exits_with(2);
    assert_contains(&refused.stderr, &["reachable from other machines", "plugbay token create"]);
    let made = scene.run(&["token", "--consumer", "ci", "--json"]).exits_with(0).json();
    let secret = made["token"].as_str().expect("a token");
    let served = Served::start_at("0.0.0.0:0", &["--data-dir", &*scene.data()]);
    let address = ([127, 0, 0, 1], served.address.port()).into();
    let mut client = Client::connect(address).await;
    let call = "/plugins/hello/actions/echo";
    assert_eq!(client.request("POST", call, "", b"1").await.error(), (401, "unauthenticated".to_owned()));
    let bearer = format!("authorization: Bearer {secret}\r\n");
    assert_eq!(client.request("POST", call, &bearer, b"1").await.json()["result"], 1);
    assert_eq!(client.request("GET", "/healthz", "", b"").await.status, 200);
    drop(client);
    served.end();
}

#[tokio::test]
async fn events_and_log_lines_are_followed_until_a_signal() {
    let scene = Scene::new();
    assert_contains(&scene.run(&["events", "--follow"]).exits_with(2).stderr, &["plugbay serve"]);
    let served = scene.serve();
    for (command, path, body, expected) in [
        (&["events", "--follow", "order.*"][..], "/events", r#"{"topic":"order.placed","data":7}"#, "order.placed"),
        (&["logs", "--follow", "-n", "1"], "/api/v1/logs", r#"{"level":"warn","message":"a line"}"#, "a line"),
    ] {
        let mut following = scene.command(command).start();
        let mut stdout = BufReader::new(following.stdout.take().expect("it is piped"));
        // The command may not follow yet, so events are sent until one arrives.
        let sending = async {
            loop {
                request(served.address, "POST", path, body).await;
            }
        };
        let read = tokio::task::spawn_blocking(move || lines_until(&mut stdout, expected, 1));
        tokio::select! {
            text = read => assert_contains(&text.expect("it does not panic"), &[expected]),
            () = sending => {}
        }
        kill_process(Pid::from_child(&following), Signal::TERM).expect("it runs");
        assert_eq!(following.wait().expect("it ends").code(), Some(0));
    }
    served.end();
}

#[tokio::test]
async fn event_of_the_command_reaches_the_plugins_that_run() {
    let scene = Scene::new();
    let emit = |rest: &[&str]| scene.run(&[&["events", "emit"], rest].concat());
    assert_contains(&emit(&["order.placed"]).exits_with(2).stderr, &["no server runs", "plugbay serve"]);
    let file = scene.path("orders.wasm");
    let events = json!({ "subscribes": ["orders.*"] });
    let plugin = TestPlugin::from(feature::EVENTS).manifest("name", json!("orders")).manifest("events", events);
    std::fs::write(&file, plugin.into_bytes()).expect("written");
    let served = Served::start(&[file.to_str().expect("UTF-8"), "--data-dir", &*scene.data()]);
    let published = emit(&["orders.placed", r#"{"total": 12}"#, "--correlation-id", "c-1"]).exits_with(0).stdout;
    let id = published.trim_end().strip_prefix("published ").expect("an id").to_owned();
    let heard = until("the event", async || {
        let heard = request(served.address, "POST", "/plugins/orders/actions/heard", "").await.json();
        let heard = heard["result"].as_array().cloned().unwrap_or_default();
        heard.into_iter().find(|event| event["topic"] == "orders.placed")
    })
    .await;
    let expected = (&json!(id), &json!({ "total": 12 }), &json!("host"));
    assert_eq!((&heard["id"], &heard["data"], &heard["source"]), expected, "{heard}");

    let cancelled = emit(&["orders.cancel", r#"{"reason": "sold out"}"#, "--wait"]).exits_with(0).stdout;
    assert_contains(&cancelled, &[": 1 handler ran\n", "orders.cancel was cancelled: sold out"]);
    let failed = emit(&["orders.fail", "--wait"]).exits_with(0).stdout;
    assert_contains(&failed, &["1 handler ran, 1 failed"]);
    let outcome = emit(&["user.left", "--wait", "--json"]).exits_with(0).json();
    assert_eq!((&outcome["handlers"], &outcome["cancelled"]), (&json!(0), &json!(null)));
    assert_contains(&emit(&["orders.placed", "{"]).exits_with(2).stderr, &["JSON"]);
    assert_contains(&emit(&["a..b"]).exits_with(3).stderr, &["empty word"]);
    served.end();
}

#[test]
fn host_that_runs_follows_a_change_of_dependents() {
    let scene = Scene::new();
    let file = scene.path("user.wasm");
    let user = TestPlugin::from(feature::ECHO).manifest("name", json!("user")).manifest("requires", json!(["hello"]));
    std::fs::write(&file, user.into_bytes()).expect("written");
    scene.run(&["install", file.to_str().expect("UTF-8"), "--yes"]).exits_with(0);
    let served = scene.serve();
    // With `--data` the host removes the plugin.
    let refused = scene.run(&["remove", "hello", "--data", "--dependents", "refuse"]).exits_with(4);
    assert_contains(&refused.stderr, &["plugin_required", "`hello` is required by user"]);
    let disabled = scene.run(&["disable", "hello", "--dependents", "cascade"]).exits_with(0);
    assert_contains(&disabled.stderr, &["disabled user, which requires `hello`", "the host that runs has disabled"]);
    scene.run(&["enable", "hello"]).exits_with(0);
    scene.run(&["enable", "user"]).exits_with(0);
    let removed = scene.run(&["remove", "hello", "--data", "--dependents", "cascade"]).exits_with(0);
    assert_contains(&removed.stderr, &["the host that runs has unloaded"]);
    assert_contains(&scene.run(&["list"]).exits_with(0).stdout, &["no plugin"]);
    served.end();
}

#[tokio::test]
async fn lazy_plugin_of_the_host_file_is_loaded_by_its_first_request() {
    let scene = Scene::new();
    for name in ["idle", "broken"] {
        let fails = json!({ "on_load": { "type": "string", "default": if name == "broken" { "fail" } else { "" } } });
        let plugin = TestPlugin::from(feature::LIFECYCLE).manifest("name", json!(name));
        let plugin = plugin.manifest("configuration", fails).manifest("events", json!({ "subscribes": ["order.*"] }));
        std::fs::write(scene.path(&format!("{name}.wasm")), plugin.into_bytes()).expect("written");
    }
    let file = scene.path("plugbay.yaml");
    let file = file.to_str().expect("UTF-8");
    let text =
        "plugins: [{ url: idle.wasm, lazy: true }, { url: broken.wasm, lazy: true }]\nloggerParents: [lab, api]\n";
    std::fs::write(file, text).expect("written");
    let idle = scene.path("idle.wasm");
    let checked = Plugbay::new(["check", idle.to_str().expect("UTF-8"), "--host-file", file]).run().exits_with(0);
    assert_contains(&checked.stderr, &["lazy", "no events before its first use"]);

    let served = Served::start(&["--host-file", file, "--data-dir", &*scene.data()]);
    let state = |name: &str| {
        let plugins = scene.run(&["list", "--json"]).exits_with(0).json();
        let plugins = plugins["plugins"].as_array().cloned().unwrap_or_default();
        plugins.iter().find(|plugin| plugin["name"] == name).map(|plugin| plugin["state"].clone())
    };
    assert_eq!((state("idle"), state("broken")), (Some(json!("lazy")), Some(json!("lazy"))));
    let health = request(served.address, "GET", "/api/v1/plugins/idle/health", "").await;
    assert_eq!((health.status, state("idle")), (200, Some(json!("lazy"))), "{health:?}");

    let answer = request(served.address, "POST", "/plugins/idle/actions/moments", "").await.json();
    assert_eq!((&answer["result"], state("idle")), (&json!(["on_load"]), Some(json!("ready"))));
    let logged = request(served.address, "GET", "/api/v1/logs?plugin=idle", "").await;
    assert_contains(&logged.text(), &["lab:api:lifecycle", "on_load"]);
    let refused = request(served.address, "POST", "/plugins/broken/actions/moments", "").await;
    assert_eq!(refused.error(), (503, "load_failed".to_owned()));
    assert_eq!(refused.json()["msg"], "Could not load broken - not_ready");
    let shown = request(served.address, "GET", "/api/v1/plugins/broken", "").await.json();
    assert_eq!((&shown["state"], &shown["last_error_code"]), (&json!("lazy"), &json!("not_ready")), "{shown}");
    served.end();
}
