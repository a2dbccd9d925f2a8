//! Outgoing requests through the command: granted, denied, over a limit, and shown by `inspect`.

use serde_json::{Value, json};

use crate::harness::assert::assert_contains;
use crate::harness::command::{Plugbay, Ran, plugin_file};
use crate::harness::guest::{feature, sdk};
use crate::harness::host::TestPlugin;
use crate::harness::limits;
use crate::harness::server::{Answer, Server};

#[test]
fn granted_host_answers() {
    let server = Server::start(|_| Answer::text("hello"));
    let asked = json!({ "url": format!("http://{}/", server.authority()) });
    let answer = fetch(&asked, &["--grant", &format!("http.{}:execute", server.authority())]).exits_with(0).json();
    assert_eq!((&answer["status"], &answer["text"]), (&json!(200), &json!("hello")));
    assert_eq!(server.received().len(), 1);
}

#[test]
fn plugin_without_any_host_exits_with_the_line_to_add() {
    let ran = fetch(&json!({ "url": "http://api.example.org/" }), &[]).exits_with(4);
    assert_contains(&ran.stderr, &["wasi:http/outgoing-handler", "http.*", "execute", "--grant 'http.*:execute'"]);
}

#[test]
fn host_without_a_grant_is_denied_with_the_line_to_add() {
    let server = Server::start(|_| Answer::text("secret"));
    let resource = format!("http.{}", server.authority());
    let asked = json!({ "url": format!("http://{}/?key=S3CRET", server.authority()) });
    let ran = fetch(&asked, &["--grant", "http.api.example.org:execute", "--json"]);
    let denied = ran.json();
    assert_eq!(denied["code"], "permission_denied", "{denied}");
    assert_contains(denied["msg"].as_str().unwrap_or_default(), &[&resource, "execute"]);
    assert_contains(denied["hint"].as_str().unwrap_or_default(), &[&format!("--grant {resource}:execute")]);
    // The line is also in the log, for plugins written without the SDK.
    assert_contains(&ran.stderr, &["sdk_http", &resource, &format!("--grant {resource}:execute")]);
    assert!(!format!("{ran:?}").contains("S3CRET"), "{ran:?}");
    assert!(server.received().is_empty());
}

#[test]
fn address_of_this_machine_is_refused_under_a_pattern() {
    let server = Server::start(|_| Answer::text("secret"));
    let asked = json!({ "url": format!("http://{}/", server.authority()) });
    let ran = fetch(&asked, &["--grant", "http.*:execute", "--json"]);
    assert_eq!(ran.json()["code"], "permission_denied");
    let grant = format!("--grant http.{}:execute", server.authority());
    assert_contains(&ran.stderr, &["127.0.0.1 is a loopback address", &grant]);
    assert!(server.received().is_empty());
    fetch(&asked, &["--grant", "http.*:execute", "--grant", &grant["--grant ".len()..]]).exits_with(0);
}

#[test]
fn response_over_the_limit_is_refused_with_its_numbers() {
    let server = Server::start(|_| {
        let length = limits::HTTP_RESPONSE_BYTES_MAX + 1;
        Answer::Bytes(format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n").into())
    });
    let asked = json!({ "url": format!("http://{}/", server.authority()) });
    let grant = format!("http.{}:execute", server.authority());
    let ran = fetch(&asked, &["--grant", &grant, "--json"]);
    let refused = ran.json();
    assert_eq!(refused["code"], "limit_exceeded", "{refused}");
    assert_contains(&ran.stderr, &["16777217 bytes", "16777216 are allowed"]);
}

#[test]
fn inspect_shows_the_permission_of_the_import() {
    let file = plugin_file(client(TestPlugin::from(feature::HTTP)));
    let path = file.path().to_str().expect("a path in UTF-8");
    let import = |arguments: &[&str]| -> Value {
        let shown = Plugbay::new([&["inspect", path, "--json"], arguments].concat()).run().exits_with(0).json();
        let imports = shown["imports"].as_array().cloned().unwrap_or_default();
        let found = imports
            .into_iter()
            .find(|import| import["name"].as_str().is_some_and(|name| name.starts_with("wasi:http/outgoing-handler@")));
        found.expect("it imports it")
    };
    let denied = import(&[]);
    assert_eq!((&denied["permission"], &denied["granted"]), (&json!("http.*:execute"), &json!(false)));
    assert_contains(denied["denial"].as_str().unwrap_or_default(), &["execute `http.*`", "operator"]);
    assert_eq!(import(&["--grant", "http.api.example.org"])["granted"], true);
}

fn client(plugin: TestPlugin) -> TestPlugin {
    plugin.manifest("permissions", json!([{ "resource": "http.*", "actions": ["execute"] }]))
}

fn fetch(asked: &Value, arguments: &[&str]) -> Ran {
    let file = plugin_file(client(TestPlugin::from(sdk::HTTP)));
    let path = file.path().to_str().expect("a path in UTF-8");
    Plugbay::new([&["run", path, "fetch", &asked.to_string()], arguments].concat()).run()
}
