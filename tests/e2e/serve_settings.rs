//! The settings of `plugbay serve`: the host's file with its variables, certificates, and SIGHUP, which reads them
//! again.

use std::path::PathBuf;

use rustix::process::Signal;
use serde_json::{Value, json};

use super::serve::Served;
use crate::harness::assert::assert_contains;
use crate::harness::client::{get, request};
use crate::harness::command::{Plugbay, plugin_file};
use crate::harness::guest::feature;
use crate::harness::host::TestPlugin;
use crate::harness::patience::until;
use crate::harness::tls::{CertificateFiles, Http2, connect, get_http1};

/// A host's file that a test writes again.
struct Settings(tempfile::TempDir);

impl Settings {
    fn new(contents: Value) -> Self {
        let settings = Settings(tempfile::tempdir().expect("a directory"));
        settings.write(contents);
        settings
    }

    fn write(&self, contents: Value) {
        std::fs::write(self.path(), contents.to_string()).expect("written");
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("plugbay.yaml")
    }

    fn shown(&self) -> String {
        self.path().to_str().expect("UTF-8").to_owned()
    }
}

fn arguments(files: &CertificateFiles) -> [String; 4] {
    let path = |name: &str| files.path(name).to_str().expect("UTF-8").to_owned();
    ["--tls-certificate".to_owned(), path("cert.pem"), "--tls-key".to_owned(), path("key.pem")]
}

/// Ends a server while clients of HTTP/2 in this test can answer it, without which it waits for them for a while.
async fn end(served: Served) {
    tokio::task::spawn_blocking(|| served.end()).await.expect("it ends");
}

#[tokio::test]
async fn session_over_tls_has_a_cookie_for_tls_alone() {
    let files = CertificateFiles::new();
    let tls = arguments(&files);
    let served = Served::start(&[&["--sign-in-link"], tls.each_ref().map(String::as_str).as_slice()].concat());
    let link = served.printed["sign_in"].as_str().expect("a link").to_owned();
    let (base, code) = link.split_once("/-/sign-in#code=").expect("a code");
    assert_eq!(base, format!("https://{}", served.address));
    let stream = connect(served.address, &files.path("root.pem"), &["h2"]).await.expect("a connection");
    let client = Http2::over(stream).await;
    let begun = client.request("POST", "/api/v1/session", json!({ "code": code }).to_string()).await;
    let cookie = begun.header("set-cookie").expect("a cookie");
    assert!(cookie.starts_with("__Host-plugbay-session=pbs_"), "{cookie}");
    assert_contains(cookie, &["; Secure", "; HttpOnly", "; Path=/"]);
    let own = [("cookie", cookie.split(';').next().expect("a value")), ("sec-fetch-site", "same-origin")];
    let who = client.try_request("GET", "/api/v1/session", &own, "").await.expect("an answer").json();
    assert_eq!((&who["consumer"], &who["scopes"]), (&json!("operator"), &json!(["manage"])), "{who}");
    end(served).await;
}

/// Clients of the tools, processes and plugins could not use an address with `http`.
#[tokio::test]
async fn server_over_tls_names_itself_with_https() {
    let files = CertificateFiles::new();
    let plugin = TestPlugin::from(feature::API).manifest("name", json!("watcher"));
    let plugin = plugin_file(plugin.manifest("permissions", json!([{ "resource": "api.read" }])));
    let settings = Settings::new(json!({
        "policy": [{ "resource": "*" }], "mcp": ["*"], "plugins": [{ "url": plugin.path() }],
        "processes": [{ "id": "env", "cmd": "sh -c 'echo url=$PLUGBAY_API_URL'", "autostart": true }],
    }));
    let tls = arguments(&files);
    let host = settings.shown();
    let served = Served::start(&[&["--host-file", &host], tls.each_ref().map(String::as_str).as_slice()].concat());
    let stream = connect(served.address, &files.path("root.pem"), &["h2"]).await.expect("a connection");
    let client = Http2::over(stream).await;

    let wrong = [("authorization", "Bearer pbk_wrong")];
    let refused = client.try_request("POST", "/mcp", &wrong, "").await.expect("an answer");
    assert_eq!(refused.status, 401);
    let metadata = "resource_metadata=\"https://localhost/.well-known/oauth-protected-resource/mcp\"";
    assert_contains(refused.header("www-authenticate").expect("a challenge"), &[metadata]);
    let metadata = client.request("GET", "/.well-known/oauth-protected-resource/mcp", "").await.json();
    assert_eq!(metadata["resource"], "https://localhost/mcp");

    let token = client.request("POST", "/plugins/watcher/actions/token", json!({ "scopes": ["read"] }).to_string());
    let own = format!("https://{}", served.address);
    assert_eq!(token.await.json()["result"]["url"], own);
    let told = until("the variable of the process", async || {
        let lines = client.request("GET", "/logs?processId=env", "").await.text();
        Some(lines.split_once("url=")?.1.split('"').next()?.to_owned())
    });
    assert_eq!(told.await, own);
    end(served).await;
}

/// The server's limits on open files, soft and hard, if it is started with these.
#[cfg(target_os = "linux")]
fn open_files_of(soft: u64, hard: u64) -> (Served, Vec<u64>) {
    let served = Served::of(Plugbay::new(["serve", "--json", "--address", "127.0.0.1:0"]).open_files(soft, hard));
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", served.id())).expect("it runs");
    let line = limits.lines().find(|line| line.starts_with("Max open files")).expect("a limit").to_owned();
    (served, line.split_whitespace().filter_map(|word| word.parse().ok()).collect())
}

#[cfg(target_os = "linux")]
#[test]
fn limit_on_open_files_is_raised_as_far_as_connections_need() {
    let (served, limits) = open_files_of(256, 4_096);
    assert_eq!(limits, [2_048, 4_096]);
    served.end();
    let (mut served, limits) = open_files_of(256, 600);
    assert_eq!(limits, [600, 600]);
    let note = served.printed_until("max_connections");
    assert_contains(
        &note,
        &["600 open files", "1024 connections need 2048", "`ulimit -n`", "`server.max_connections`"],
    );
    served.end();
}

#[tokio::test]
async fn certificate_is_served_and_read_again() {
    let files = CertificateFiles::new();
    let plugin = plugin_file(TestPlugin::from(feature::ECHO).manifest("name", json!("hello")));
    let tls = arguments(&files);
    let plugin = plugin.path().to_str().expect("UTF-8");
    let mut served = Served::start(&[&[plugin], tls.each_ref().map(String::as_str).as_slice()].concat());
    let root = files.path("root.pem").to_str().expect("UTF-8").to_owned();
    let port = served.address.port();
    let list = |host: &str, rest: &[&str]| {
        Plugbay::new([&["list", "--json", "--server", &format!("https://{host}:{port}")], rest].concat()).run()
    };
    for host in ["localhost", "127.0.0.1"] {
        let listed = list(host, &["--cacert", &root]).exits_with(0).json();
        assert_eq!(listed["plugins"][0]["name"], "hello");
    }
    let unknown = list("localhost", &[]).exits_with(2).json();
    assert_eq!(unknown["code"], "server_unreachable");
    assert_contains(unknown["msg"].as_str().unwrap_or_default(), &["certificate"]);
    let empty = list("localhost", &["--cacert", "/dev/null"]).exits_with(2).json();
    assert_contains(empty["msg"].as_str().unwrap_or_default(), &["--cacert", "/dev/null", "it is not a file"]);

    files.renew();
    served.send(Signal::HUP);
    // The change of the files is seen as well, sooner or later.
    served.printed_until("new connections get the new certificate");
    let stream = connect(served.address, &files.path("root.pem"), &["http/1.1"]).await.expect("the new certificate");
    assert_eq!(get_http1(stream, "/healthz").await.expect("an answer").status, 200);
    files.write_text("cert.pem", "damaged");
    served.send(Signal::HUP);
    served.printed_until("the present certificate stays in use");
    let stream = connect(served.address, &files.path("root.pem"), &["http/1.1"]).await.expect("the old certificate");
    assert_eq!(get_http1(stream, "/healthz").await.expect("an answer").status, 200);
    served.end();
}

#[tokio::test]
async fn certificate_that_changes_is_noticed_without_a_signal() {
    let files = CertificateFiles::new();
    let tls = arguments(&files);
    let mut served = Served::start(tls.each_ref().map(String::as_str).as_slice());
    files.renew();
    served.printed_until("new connections get the new certificate");
    connect(served.address, &files.path("root.pem"), &["h2"]).await.expect("the new certificate");
    served.end();
    std::fs::write(files.path("key.pem"), "").expect("written");
    let refused = Plugbay::new([&["serve"], tls.each_ref().map(String::as_str).as_slice()].concat());
    assert_contains(&refused.run().exits_with(2).stderr, &["key.pem has no private key"]);
}

#[tokio::test]
async fn hangup_reads_policy_and_log_level_again() {
    let settings = Settings::new(json!({ "server": { "max_requests": 5 } }));
    let mut served = Served::start(&["--host-file", &settings.shown()]);
    let address = served.address;
    let rules = async || get(address, "/api/v1/policy").await.json()["rules"].clone();
    assert!(!rules().await.to_string().contains("cache.shared"));
    settings.write(json!({
        "server": { "max_requests": 6, "log_level": "warn" }, "policy": [{ "resource": "cache.shared" }],
    }));
    served.send(Signal::HUP);
    let printed = served.printed_until("need a restart");
    assert_contains(&printed, &["the policy has 1 rules", "the log level is warn", "need a restart: server"]);
    assert!(rules().await.to_string().contains("cache.shared"), "{}", rules().await);
    settings.write(json!({ "server": { "max_requests": "many" }, "policy": [{ "resource": "db.orders" }] }));
    served.send(Signal::HUP);
    let printed = served.printed_until("stay as they are");
    assert_contains(&printed, &["server.max_requests"]);
    assert!(!rules().await.to_string().contains("db.orders"));
    served.end();
}

#[tokio::test]
async fn variables_override_the_host_file() {
    let settings = Settings::new(json!({ "server": { "max_body_mb": 2, "development": "maybe" } }));
    let serve = |variables: &[(&str, &str)]| {
        let mut command = Plugbay::new(["serve", "--address", "127.0.0.1:0", "--host-file", &settings.shown()]);
        for (name, value) in variables {
            command = command.environment(name, value);
        }
        command
    };
    let wrong = serve(&[("PLUGBAY_HOST__SERVER__MAX_BODY_MB", "0"), ("PLUGBAY_HOST__SERVR", "1")]).run().exits_with(2);
    let expected = [
        "server.development",
        "the variable PLUGBAY_HOST__SERVER__MAX_BODY_MB: server.max_body_mb",
        "the variable PLUGBAY_HOST__SERVR: servr",
        "did you mean `server`",
    ];
    assert_contains(&wrong.stderr, &expected);
    let right = [("PLUGBAY_HOST__SERVER__DEVELOPMENT", "false"), ("PLUGBAY_HOST__SERVER__ADDRESS", "192.0.2.1:1")];
    // The option takes precedence over the variable, and the port cannot be used.
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let taken = taken.local_addr().expect("it is bound").to_string();
    let mut command = Plugbay::new(["serve", "--address", &taken, "--host-file", &settings.shown()]);
    for (name, value) in right {
        command = command.environment(name, value);
    }
    assert_contains(&command.run().exits_with(2).stderr, &["cannot listen on", &taken]);
}

#[tokio::test]
async fn host_file_says_what_callers_without_a_token_may_do() {
    let settings = Settings::new(json!({ "server": { "anonymous": [], "hosts": ["plugins.example"] } }));
    let mut served = Served::start(&["--host-file", &settings.shown()]);
    served.send(Signal::HUP);
    let printed = served.printed_until("the settings are read again");
    assert_contains(&printed, &["is served to clients with a token only"]);
    assert_eq!(get(served.address, "/api/v1/plugins").await.error(), (401, "unauthenticated".to_owned()));
    let mut client = crate::harness::client::Client::connect(served.address).await;
    for (host, status) in [("plugins.example", 401), ("other.example", 421)] {
        client.send(format!("GET /api/v1/plugins HTTP/1.1\r\nhost: {host}\r\n\r\n")).await;
        assert_eq!(client.response(false).await.status, status, "{host}");
    }
    served.end();
    settings.write(json!({ "server": { "anonymous": ["manage"], "address": "0.0.0.0:0" } }));
    let refused = Plugbay::new(["serve", "--host-file", &settings.shown()]).run().exits_with(2);
    assert_contains(&refused.stderr, &["`manage`", "reachable from other machines"]);
    settings.write(json!({ "server": { "anonymous": ["call"] } }));
    let mut served = Served::start(&["--host-file", &settings.shown()]);
    served.send(Signal::HUP);
    assert_contains(&served.printed_until("read again"), &["without a token have: call"]);
    assert_eq!(request(served.address, "GET", "/api/v1/plugins", "").await.status, 401);
    served.end();
}
