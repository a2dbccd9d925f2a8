//! Permissions through the command: requests in the manifest, rules of the operator in the host's file and on the
//! command line, and the texts of denials.

use std::path::Path;

use serde_json::{Value, json};

use crate::harness::assert::assert_contains;
use crate::harness::command::{Plugbay, Ran, plugin_file};
use crate::harness::guest::{Guest, feature, hostile};
use crate::harness::host::TestPlugin;

#[test]
fn first_matching_rule_decides_and_the_default_is_denial() {
    let policy = "policy:
  - { resource: config.secret, effect: deny }
  - { resource: config.s*, actions: [write] }
  - { resource: 'config.pi?', actions: [write] }
  - { resource: config.all }
";
    for (key, allowed) in
        [("secret", false), ("shown", true), ("pin", true), ("pinned", false), ("all", true), ("other", false)]
    {
        check_set(&writer(), Some(policy), &[], key, allowed);
    }
}

#[test]
fn plugin_gets_what_it_requested_and_was_granted() {
    let grant = &["--grant", "config.*:write"];
    let asks = |permissions| TestPlugin::from(feature::CONFIG).manifest("permissions", permissions);
    for (permissions, allowed) in [
        (json!([]), false),
        (json!([{ "resource": "config.a" }]), true),
        (json!([{ "resource": "config.a", "actions": ["read"] }]), false),
        (json!([{ "resource": "config.a", "effect": "deny" }, { "resource": "*" }]), false),
        (json!(["config.write"]), true),
        (json!(["database.read", "events.publish", "config.write"]), true),
    ] {
        check_set(&asks(permissions), None, grant, "a", allowed);
    }
    check_set(&asks(json!(["config.write"])), None, &[], "a", false);
}

#[test]
fn command_line_precedes_the_plugins_entry_and_the_policy() {
    let file = plugin_file(writer());
    let path = file.path().to_str().expect("UTF-8");
    let host_file = format!(
        "plugins:
  - url: {path}
    permissions: [{{ resource: config.mine }}, {{ resource: config.all, effect: deny }}]
  - url: /elsewhere.wasm
    permissions: [{{ resource: config.other }}]
policy: [{{ resource: config.all }}]
"
    );
    let directory = tempfile::tempdir().expect("a directory");
    for (grants, key, allowed) in [
        (&[][..], "mine", true),
        (&[], "all", false),
        (&[], "other", false),
        (&["--grant", "config.all:write"], "all", true),
    ] {
        let ran = run(path, directory.path(), Some(&host_file), grants, "set", &entry(key));
        assert_eq!(ran.exits_with(0).json() == json!("set"), allowed, "{key} {grants:?}");
    }
}

/// The lines of a denial are pasted into a shell, into the manifest and into the host's file.
#[test]
fn pasted_lines_of_a_denial_grant_only_what_was_denied() {
    for key in ["plain", "a b", "a:b:read", "it's \"quoted\"", "a*b", r"back\slash\?", "$HOME `x` #, {y: z}", "ä€"] {
        let text = advice(&writer(), key);
        let (_, rest) = text.split_once("allow it with `--grant ").expect("it names an option to add");
        let (word, rest) = rest.split_once("`, or `").expect("and a rule");
        let (rule, _) = rest.split_once("` at the top of `policy`").expect("and the place for it");
        let grant = shell(word);
        let policy = format!("policy:\n  {rule}\n  - {{ resource: config.*, actions: [write], effect: deny }}\n");

        let text = advice(&TestPlugin::from(feature::CONFIG), key);
        let (_, rest) = text.split_once("add `").expect("it names a rule");
        let (asking, _) = rest.split_once("` at the top of `permissions`").expect("and the place for it");
        for other in [key, "axb", "back\\slash\\x", "other"] {
            check_set(&writer(), None, &["--grant", &grant], other, other == key);
            check_set(&writer(), Some(&policy), &[], other, other == key);
            let answer = set_with_manifest_file(&format!("permissions:\n  {asking}\n"), other);
            assert_eq!(answer == json!("set"), other == key, "{asking} on {other}: {answer}");
        }
    }
}

#[test]
fn only_known_kinds_of_resources_can_be_granted() {
    let plugin = TestPlugin::from(feature::ECHO);
    let file = plugin_file(plugin);
    let path = file.path().to_str().expect("UTF-8");
    for grant in [
        "db.users:read,write",
        "cache.*",
        "data.a b:read",
        "config.retries:write",
        "events.order.placed:publish",
        "scheduler.nightly:write",
        "http.*.example.org:execute",
        "http.example.org:8443",
        "plugin.mailer:execute",
        "process.1:execute",
        "log:write",
        "fs./var/lib:read",
        "env.HOME:read",
        "net.[::1]:443:execute",
        "*",
    ] {
        Plugbay::new(["run", path, "ping", "--grant", grant]).run().exits_with(0);
    }
    for (wrong, hint) in [
        ("database.users:read", "`db`"),
        ("chache.*", "`cache`"),
        ("data:read", "`data.*`"),
        ("data.a:fly", "`fly`"),
        (":read", "no resource"),
        ("fs.srv:read", "absolute"),
        ("fs./srv/../etc:read", "`..`"),
        ("fs.//etc", "empty component"),
    ] {
        let ran = Plugbay::new(["run", path, "ping", "--grant", wrong]).run().exits_with(2);
        assert_contains(&ran.stderr, &["--grant", hint]);
    }
}

#[test]
fn denied_import_exits_with_4_and_the_line_to_add() {
    let asks = |guest: Guest, resource: &str| {
        TestPlugin::from(guest).manifest("permissions", json!([{ "resource": resource }]))
    };
    for (guest, import, kind, action) in [
        (feature::DATA, "plugbay:plugin/data", "data", "read"),
        (feature::CACHE, "plugbay:plugin/cache", "cache", "read"),
    ] {
        let unasked = plugin_file(guest.into());
        let asked = plugin_file(asks(guest, &format!("{kind}.*")));
        let told = |file: &tempfile::NamedTempFile, grants: &[&str]| {
            let path = file.path().to_str().expect("UTF-8");
            let ran = Plugbay::new([&["run", path, "ping", "--json"], grants].concat()).run().exits_with(4).json();
            assert_eq!(ran["code"], "permission_denied", "{ran}");
            assert_eq!(
                (&ran["details"]["resource"], &ran["details"]["action"]),
                (&json!(format!("{kind}.*")), &json!(action))
            );
            format!("{} {}", ran["msg"].as_str().unwrap_or_default(), ran["hint"].as_str().unwrap_or_default())
        };
        let rule = format!("{{resource: \"{kind}.*\", actions: [{action}]}}");
        assert_contains(&told(&unasked, &["--grant", &format!("{kind}.*")]), &[import, "manifest", &rule]);
        let text = told(&asked, &[]);
        assert_contains(&text, &[import, "operator", &rule, &format!("--grant '{kind}.*:{action}'")]);
        let path = asked.path().to_str().expect("UTF-8");
        for enough in [format!("{kind}.*:{action}"), format!("{kind}.one:write"), "*".to_owned()] {
            Plugbay::new(["run", path, "ping", "--grant", &enough]).run().exits_with(0);
        }
    }
}

#[test]
fn inspection_lists_the_permission_and_grant_of_each_import() {
    for (guest, import, permission) in [
        (feature::LOG, "plugbay:plugin/log", Some("log:write")),
        (feature::CONFIG, "plugbay:plugin/config", Some("config.*:read")),
        (feature::INVOCATION, "plugbay:plugin/invocation", None),
        (feature::DATA, "plugbay:plugin/data", Some("data.*:read")),
        (feature::CACHE, "plugbay:plugin/cache", Some("cache.*:read")),
        (feature::DB, "plugbay:plugin/db", Some("db.*:read")),
        (feature::PLUGINS, "plugbay:plugin/plugins", Some("plugin.*:execute")),
        (feature::SCHEDULER, "plugbay:plugin/scheduler", Some("scheduler.*:read")),
        (feature::HTTP, "wasi:http/outgoing-handler", Some("http.*:execute")),
        (feature::STANDARDS, "wasi:keyvalue/store", Some("data.*:read")),
        (feature::STANDARDS, "wasi:config/store", Some("config.*:read")),
        (feature::STANDARDS, "wasi:logging/logging", Some("log:write")),
        (hostile::SOCKETS, "wasi:sockets/tcp", Some("net.*:execute")),
        (feature::WASI, "wasi:clocks/monotonic-clock", None),
    ] {
        let file = plugin_file(TestPlugin::from(guest).manifest("permissions", json!([{ "resource": "*" }])));
        let path = file.path().to_str().expect("UTF-8");
        let inspected = |grants: &[&str]| {
            let arguments = [&["inspect", path, "--json"], grants].concat();
            let inspection = Plugbay::new(arguments).run().exits_with(0).json();
            let imports = inspection["imports"].as_array().cloned().unwrap_or_default();
            let found =
                imports.into_iter().find(|found| found["name"].as_str().unwrap_or_default().starts_with(import));
            found.unwrap_or_else(|| panic!("{} does not import {import}: {inspection}", guest.name()))
        };
        let default = ["log:write", "config.*:read"];
        let (without, with) = (inspected(&[]), inspected(&["--grant", "*"]));
        assert_eq!(without["permission"].as_str(), permission, "{without}");
        // Sockets are linked for all plugins and denied at use.
        let is_there = import.starts_with("wasi:sockets") || permission.is_none_or(|one| default.contains(&one));
        assert_eq!(without["granted"], is_there, "{without}");
        assert_eq!((&with["granted"], &with["denial"]), (&json!(true), &Value::Null), "{with}");
    }
}

#[test]
fn denials_are_reported_on_standard_error_and_counted() {
    let file = plugin_file(writer());
    let path = file.path().to_str().expect("UTF-8");
    let set = entry("a").to_string();
    let ran = Plugbay::new(["run", path, "set", &set, "--stats"]).run().exits_with(0);
    assert_contains(&ran.stderr, &["[feature_config]", "permission.deny", "config.a", "write", "0 allowed, 1 denied"]);
    let ran = Plugbay::new(["run", path, "set", &set, "--grant", "*", "--stats"]).run().exits_with(0);
    assert_contains(&ran.stderr, &["1 allowed, 0 denied"]);
    assert!(!ran.stderr.contains("permission."), "{}", ran.stderr);
    let ran = Plugbay::new(["run", path, "set", &set, "--grant", "*", "--log-level", "trace"]).run().exits_with(0);
    assert_contains(&ran.stderr, &["permission.allow", "config.a"]);
}

#[test]
fn rule_without_effect_is_noted() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = plugin_file(TestPlugin::from(feature::ECHO));
    let path = file.path().to_str().expect("UTF-8");
    let noted = |policy: &str| {
        let ran = run(path, directory.path(), Some(policy), &["--grant", "*"], "ping", &Value::Null);
        ran.exits_with(0).stderr
    };
    let text = noted("policy: [{ resource: data.* }, { resource: data.a, effect: deny }]\n");
    assert_contains(&text, &["policy[1] (`deny data.a`)", "has no effect, because `allow data.*` is above it"]);
    let text = noted("policy: [{ resource: data.a, effect: deny }, { resource: data.* }]\n");
    assert!(!text.contains("has no effect"), "{text}");
}

/// A plugin with additional configuration, which requests writing all keys.
fn writer() -> TestPlugin {
    TestPlugin::from(feature::CONFIG).manifest("permissions", json!([{ "resource": "config.*" }]))
}

fn entry(key: &str) -> Value {
    json!({ "key": key, "value": 1 })
}

fn set(plugin: &TestPlugin, policy: Option<&str>, grants: &[&str], key: &str) -> Value {
    let file = plugin_file(plugin.clone());
    let directory = tempfile::tempdir().expect("a directory");
    let path = file.path().to_str().expect("UTF-8");
    run(path, directory.path(), policy, grants, "set", &entry(key)).exits_with(0).json()
}

#[track_caller]
fn check_set(plugin: &TestPlugin, policy: Option<&str>, grants: &[&str], key: &str, allowed: bool) {
    let answer = set(plugin, policy, grants, key);
    assert_eq!(answer == json!("set"), allowed, "{key}: {answer} by {grants:?} {policy:?}");
}

/// Calls `set` of a plugin without embedded permissions, in a directory whose manifest has these.
fn set_with_manifest_file(permissions: &str, key: &str) -> Value {
    let directory = tempfile::tempdir().expect("a directory");
    std::fs::copy(feature::CONFIG.path(), directory.path().join("plugin.wasm")).expect("copied");
    let manifest = format!("name: writer\nversion: 1.0.0\n{permissions}");
    std::fs::write(directory.path().join("plugin.yaml"), manifest).expect("written");
    let path = directory.path().to_str().expect("UTF-8");
    run(path, directory.path(), None, &["--grant", "*"], "set", &entry(key)).exits_with(0).json()
}

fn run(path: &str, directory: &Path, host_file: Option<&str>, grants: &[&str], action: &str, payload: &Value) -> Ran {
    let payload = payload.to_string();
    let mut arguments = vec!["run", path, action, &payload];
    arguments.extend(grants);
    let file = directory.join("plugbay.yaml");
    if let Some(text) = host_file {
        std::fs::write(&file, text).expect("written");
        arguments.extend(["--host-file", file.to_str().expect("UTF-8")]);
    }
    Plugbay::new(arguments).run()
}

/// The advice on a denied `set`.
#[track_caller]
fn advice(plugin: &TestPlugin, key: &str) -> String {
    let file = plugin_file(plugin.clone());
    let directory = tempfile::tempdir().expect("a directory");
    let ran = run(file.path().to_str().expect("UTF-8"), directory.path(), None, &[], "set", &entry(key)).exits_with(0);
    assert!(ran.json()["error"]["permission_denied"].is_string(), "not denied: {ran:?}");
    ran.advice()
}

/// Expands one word as a shell does.
fn shell(word: &str) -> String {
    let output = std::process::Command::new("sh").args(["-c", &format!("printf %s {word}")]).output();
    String::from_utf8(output.expect("there is a shell").stdout).expect("UTF-8")
}
