//! Several plugins in one run of the command: `--with`, the host's file, grants, and the examples `erp-core` and
//! `erp-auth`.

use std::path::Path;

use serde_json::{Value, json};

use crate::harness::assert::assert_contains;
use crate::harness::build::cargo_target_directory;
use crate::harness::command::{Plugbay, Ran, plugin_file};
use crate::harness::guest::{example, feature, hostile};
use crate::harness::host::TestPlugin;

#[test]
fn plugin_loaded_with_it_can_be_called() {
    let ran = run(
        &named("a"),
        &["call", &calling("b", "echo", json!({ "id": 7 })), "--grant", "plugin.b:execute"],
        &[&open("b")],
    );
    assert_eq!(ran.exits_with(0).json(), json!({ "ok": { "id": 7 } }));
}

#[test]
fn call_without_a_grant_is_denied_with_the_line_to_add() {
    let ran = run(&named("a"), &["call", &calling("b", "echo", json!(1)), "--grant", "plugin.b:read"], &[&open("b")]);
    let ran = ran.exits_with(0);
    assert_contains(text(&ran.json()["error"]), &["execute `plugin.b`"]);
    assert_contains(&ran.advice(), &["--grant plugin.b:execute"]);
    let refused = run(&named("a"), &["call", "{}", "--json"], &[&open("b")]).exits_with(4).json();
    assert_eq!(refused["code"], "permission_denied", "{refused}");
    assert_contains(refused["msg"].as_str().unwrap_or_default(), &["plugin.*", "execute"]);
    assert_contains(refused["hint"].as_str().unwrap_or_default(), &["--grant 'plugin.*:execute'"]);
}

#[test]
fn caller_that_is_not_allowed_gets_the_line_to_add() {
    let ran =
        run(&named("a"), &["call", &calling("b", "echo", json!(1)), "--grant", "plugin.b:execute"], &[&named("b")]);
    let ran = ran.exits_with(0);
    assert_eq!(ran.json()["error"]["code"], "permission_denied");
    assert_contains(
        &ran.advice(),
        &["`requires: [b]` to the manifest of `a`", "`allowed_callers: [a]` to that of `b`"],
    );
}

#[test]
fn plugins_are_loaded_after_their_requirements() {
    let requiring = |name: &str, required: &str| open(name).manifest("requires", json!([required]));
    // Each plugin logs that it is loaded; the called one is in the middle of the order.
    let ran = run(&requiring("b", "c"), &["plugins", "--grant", "plugin.*:read"], &[&requiring("a", "b"), &open("c")]);
    let names: Vec<Value> =
        ran.exits_with(0).json().as_array().expect("a list").iter().map(|plugin| plugin[0].clone()).collect();
    assert_eq!(names, ["a", "b", "c"]);
}

#[test]
fn missing_requirement_is_reported_with_chain_and_advice() {
    const TEXT: [&str; 3] = ["ping", "--grant", "plugin.*"];
    const JSON: [&str; 4] = ["ping", "--grant", "plugin.*", "--json"];
    let requiring = |name: &str, required: &str| open(name).manifest("requires", json!([required]));
    let refused = run(&requiring("a", "b"), &JSON, &[]).exits_with(3).json();
    assert_eq!(refused["code"], "missing_requirement");
    assert_contains(refused["msg"].as_str().unwrap_or_default(), &["`b`"]);
    let text = run(&requiring("a", "b"), &TEXT, &[]).exits_with(3).stderr;
    assert_contains(&text, &["cannot load a", "`b`", "--with PLUGIN"]);
    let refused = run(&requiring("a", "b"), &JSON, &[&requiring("b", "c")]).exits_with(3).json();
    assert_eq!(refused["code"], "missing_requirement");
    assert_contains(refused["msg"].as_str().unwrap_or_default(), &["cannot load a", "`c`", "a -> b -> c"]);
    let text = run(&requiring("a", "b"), &TEXT, &[&requiring("b", "c")]).exits_with(3).stderr;
    assert_contains(&text, &["cannot load a", "a -> b -> c", "--with PLUGIN"]);
    let cycle = run(&requiring("a", "b"), &JSON, &[&requiring("b", "a")]).exits_with(3).json();
    assert_eq!(cycle["code"], "requirement_cycle");
    assert_contains(cycle["msg"].as_str().unwrap_or_default(), &["a -> b -> a"]);
    assert_contains(cycle["hint"].as_str().unwrap_or_default(), &["allowed_callers"]);
}

#[test]
fn additional_plugin_that_cannot_be_loaded_is_named() {
    let broken = named("b").manifest("plugbay_version", json!(">=99"));
    let grant = ["ping", "--json", "--grant", "plugin.*"];
    let refused = run(&named("a"), &grant, &[&broken]).exits_with(3).json();
    assert_eq!((&refused["plugin"], &refused["code"]), (&json!("b"), &json!("version_mismatch")));
    let twice = run(&named("a"), &grant, &[&named("a")]).exits_with(2).json();
    assert_contains(twice["msg"].as_str().unwrap_or_default(), &["both called `a`"]);
}

#[test]
fn requirement_is_found_in_the_hosts_file_with_its_options() {
    let directory = tempfile::tempdir().expect("a directory");
    let schema = json!({ "services": { "type": "array" } });
    for (file, plugin) in [
        ("b.wasm", open("b").manifest("configuration", schema)),
        ("unrelated.wasm", open("unrelated").manifest("requires", json!(["absent"]))),
    ] {
        std::fs::write(directory.path().join(file), plugin.into_bytes()).expect("written");
    }
    let host_file = directory.path().join("plugbay.yaml");
    let text = "plugins:\n  - url: b.wasm\n    options: {services: [mailer]}\n  - url: unrelated.wasm\npolicy: [{resource: plugin.*}, {resource: service.*}]\n";
    std::fs::write(&host_file, text).expect("written");
    let options = ["--host-file", host_file.to_str().expect("a path in UTF-8")];
    let requiring = named("a").manifest("requires", json!(["b"]));
    let found = run(&requiring, &[&["find", "\"mailer\""], &options[..]].concat(), &[]).exits_with(0);
    assert_eq!(found.json(), "b");
    let alone = run(&named("a"), &[&["plugins"], &options[..]].concat(), &[]).exits_with(0).json();
    assert_eq!(alone.as_array().map(Vec::len), Some(1), "a plugin that is not required is not loaded: {alone}");
}

#[test]
fn cycle_of_calls_is_an_error_before_its_deadline() {
    let cycling = |name: &str| with_plugins(TestPlugin::from(hostile::CALL_CYCLE), name);
    let arguments = ["attack", r#"["b", "a"]"#, "--grant", "plugin.*:execute"];
    let answer = run(&cycling("a"), &arguments, &[&cycling("b")]).exits_with(0).json();
    assert_eq!(answer["error"]["code"], "reentrant_call");
    let per_call = |name: &str| cycling(name).resource("instances", json!("per_call"));
    let answer = run(&per_call("a"), &arguments, &[&per_call("b")]).exits_with(0).json();
    assert_eq!(answer["error"]["code"], "call_depth", "{answer}");
}

#[test]
fn erp_core_and_erp_auth_call_each_other() {
    let hire = |token: &str| json!({ "token": token, "name": "cy", "roles": ["clerk"] }).to_string();
    let hired = erp("erp-core", &["hire", &hire("t-ada")]).exits_with(0);
    assert_eq!(hired.json(), json!({ "name": "cy", "roles": ["clerk"] }));
    assert_contains(&hired.stderr, &["erp-core", "hired", "ada"]);
    let refused = erp("erp-core", &["hire", &hire("t-bob"), "--json"]).exits_with(1).json();
    assert_eq!(refused["code"], "forbidden");
    let unknown = erp("erp-core", &["employees", r#"{"token": "t-eve"}"#, "--json"]).exits_with(1).json();
    assert_eq!(unknown["code"], "invalid_token", "the code of the called plugin");
    assert_contains(unknown["msg"].as_str().unwrap_or_default(), &["`check_token` of plugin `erp-auth`"]);
}

#[test]
fn erp_auth_calls_back_unless_its_caller_is_waiting() {
    let question = r#"{"employee": "bob", "action": "hire"}"#;
    let core = example::ERP_CORE.directory();
    let with = ["--with", core.to_str().expect("a path in UTF-8")];
    let asked = erp("erp-auth", &[&["may", question], &with[..]].concat()).exits_with(0);
    assert_eq!(asked.json(), json!(false));
    let permission = erp("erp-core", &["permission", r#"{"token": "t-ada", "action": "hire"}"#]).exits_with(0);
    assert_eq!(permission.json(), json!({ "employee": "ada", "allowed": true, "passed_roles": true }));
}

/// Runs one of the two, with the host's file of `erp-core`.
fn erp(name: &str, arguments: &[&str]) -> Ran {
    // Build both first, so that the command has nothing to build.
    for example in [example::ERP_AUTH, example::ERP_CORE] {
        example.path();
    }
    let core = example::ERP_CORE.directory();
    let directory = core.with_file_name(name);
    let host_file = core.join("plugbay.yaml");
    Plugbay::new(
        [Path::new("run"), &directory]
            .iter()
            .map(|part| part.as_os_str())
            .chain(arguments.iter().map(|argument| std::ffi::OsStr::new(*argument))),
    )
    .environment("CARGO_TARGET_DIR", cargo_target_directory())
    .environment("PLUGBAY_HOST_FILE", host_file)
    .run()
}

fn run(plugin: &TestPlugin, arguments: &[&str], with: &[&TestPlugin]) -> Ran {
    let files: Vec<_> = [plugin].iter().chain(with).map(|plugin| plugin_file((*plugin).clone())).collect();
    let paths: Vec<&str> = files.iter().map(|file| file.path().to_str().expect("a path in UTF-8")).collect();
    let beside = paths[1..].iter().flat_map(|path| ["--with", *path]);
    Plugbay::new(["run", paths[0]].into_iter().chain(arguments.iter().copied()).chain(beside)).run()
}

fn named(name: &str) -> TestPlugin {
    TestPlugin::from(feature::PLUGINS)
        .manifest("name", json!(name))
        .manifest("permissions", json!([{ "resource": "plugin.*" }, { "resource": "service.*" }]))
}

/// A plugin that is only called, and does not use the service itself.
fn open(name: &str) -> TestPlugin {
    named(name).manifest("allowed_callers", json!(["*"]))
}

fn with_plugins(plugin: TestPlugin, name: &str) -> TestPlugin {
    plugin
        .manifest("name", json!(name))
        .manifest("permissions", json!([{ "resource": "plugin.*" }, { "resource": "service.*" }]))
        .manifest("allowed_callers", json!(["*"]))
}

fn calling(plugin: &str, action: &str, payload: Value) -> String {
    json!({ "plugin": plugin, "action": action, "payload": payload }).to_string()
}

fn text(error: &Value) -> &str {
    error["text"].as_str().unwrap_or_else(|| panic!("no text: {error}"))
}
