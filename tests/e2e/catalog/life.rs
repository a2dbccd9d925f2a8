//! The life of an installed plugin: install, run, update, rollback, disable, enable, remove.

use serde_json::json;

use super::scene::{Scene, hello, named, text};
use crate::harness::assert::assert_contains;
use crate::harness::command::Plugbay;
use crate::harness::guest::feature;
use crate::harness::host::TestPlugin;
use crate::harness::node::plugin;

#[test]
fn installed_plugin_is_listed_shown_and_run_by_its_name() {
    let scene = Scene::new();
    assert_contains(&scene.run(&["list"]).exits_with(0).stdout, &["no plugin is installed"]);
    assert!(!scene.data().exists(), "looking creates nothing");
    let file = scene.file("hello.wasm", hello("1.0.0"));
    let installed = scene.run(&["install", text(&file)]).exits_with(0);
    assert_eq!(installed.stdout, "installed hello 1.0.0 as number 1\n");
    std::fs::remove_file(&file).expect("removed");
    assert_contains(&scene.run(&["list"]).exits_with(0).stdout, &["1 installed plugin", "hello", "1.0.0", text(&file)]);
    let shown = scene.run(&["status", "hello"]).exits_with(0).stdout;
    assert_contains(&shown, &["number", "sha256:", "by no trusted key", "state", "installed"]);
    for name in ["hello", "1"] {
        assert_eq!(scene.run(&["run", name, "ping"]).exits_with(0).stdout, "1\n", "{name}");
    }
    assert_eq!(scene.run(&["inspect", "hello", "--json"]).exits_with(0).json()["manifest"]["name"], "hello");
    scene.run(&["check", "hello"]).exits_with(0);
    let again = scene.file("hello.wasm", hello("1.0.0"));
    assert_contains(&scene.run(&["install", text(&again)]).exits_with(0).stdout, &["installed already, unchanged"]);
}

#[test]
fn permissions_are_confirmed_before_anything_is_stored() {
    let scene = Scene::new();
    let asking = hello("1.0.0").manifest("permissions", json!([{ "resource": "data.*", "actions": ["read"] }]));
    let file = scene.file("hello.wasm", asking);
    let refused = scene.run(&["install", text(&file), "--json"]).exits_with(4);
    let error = refused.json();
    assert_eq!(error["code"], "unconfirmed", "{error}");
    assert_eq!(error["details"]["permissions"][0]["rule"]["resource"], "data.*", "{error}");
    assert_contains(&refused.advice(), &["--yes"]);
    assert!(scene.list().is_empty());
    let installed = scene.run(&["install", text(&file), "--yes"]).exits_with(0);
    assert_contains(&installed.stderr, &["hello 1.0.0 asks for:", "permission", "data.* (read)"]);
    assert_eq!(scene.versions(), [("hello".to_owned(), "1.0.0".to_owned())]);
}

#[test]
fn subscriptions_are_confirmed_like_permissions() {
    let scene = Scene::new();
    let listening = hello("1.0.0").manifest("events", json!({ "subscribes": ["order.*", "hello.own"] }));
    let file = scene.file("hello.wasm", listening);
    let refused = scene.run(&["install", text(&file), "--json"]).exits_with(4).json();
    assert_eq!(refused["details"]["subscribes"], json!(["order.*"]), "{refused}");
    let installed = scene.run(&["install", text(&file), "--yes"]).exits_with(0);
    assert_contains(&installed.stderr, &["events", "order.*"]);
    let shown = scene.run(&["status", "hello"]).exits_with(0).stdout;
    assert_contains(&shown, &["Subscribes to", "order.*", "priority 50", "hello.own"]);
}

#[test]
fn plugin_of_the_plugins_directory_is_disabled_and_enabled() {
    let scene = Scene::new();
    plugin(&scene.path("plugins/local"), &named("local"));
    let file = scene.path("plugbay.yaml");
    std::fs::write(&file, "plugins_dir: plugins\n").expect("written");
    let run = |arguments: &[&str]| scene.run(&[arguments, &["--host-file", text(&file)]].concat());
    assert_contains(&run(&["disable", "other"]).exits_with(2).stderr, &["no plugin is installed"]);
    assert!(!scene.data().exists(), "nothing was disabled");
    assert_eq!(run(&["disable", "local"]).exits_with(0).stdout, "disabled local\n");
    assert_contains(&run(&["list"]).exits_with(0).stdout, &["Disabled, and not installed", "local"]);
    assert_contains(&run(&["disable", "other"]).exits_with(2).stderr, &["no installed plugin is called `other`"]);
    let enabled = run(&["enable", "local", "--json"]).exits_with(0).json();
    assert_eq!(enabled["plugin"], json!({ "name": "local", "enabled": true }));
    assert_eq!(run(&["list", "--json"]).exits_with(0).json()["disabled"], json!([]));
}

#[test]
fn disabling_a_required_plugin_names_its_dependents() {
    let scene = Scene::new();
    scene.install(named("base"));
    let file = scene.file("user.wasm", named("user").manifest("requires", json!(["base"])));
    scene.run(&["install", text(&file), "--yes"]).exits_with(0);
    let disabled = scene.run(&["disable", "base"]).exits_with(0);
    assert_contains(&disabled.stderr, &["require `base`", "user"]);
}

#[test]
fn dependents_prevent_a_change_or_are_changed_first() {
    let scene = Scene::new();
    scene.install(named("base"));
    for (name, required) in [("user", "base"), ("top", "user")] {
        let file = scene.file("user.wasm", named(name).manifest("requires", json!([required])));
        scene.run(&["install", text(&file), "--yes"]).exits_with(0);
    }
    for verb in ["disable", "remove"] {
        let refused = scene.run(&[verb, "base", "--dependents", "refuse"]).exits_with(4);
        assert_contains(
            &refused.stderr,
            &["plugin_required", "`base` is required by top, user", "--dependents cascade"],
        );
    }
    let enabled = || scene.list().iter().map(|plugin| plugin["enabled"] == true).collect::<Vec<_>>();
    assert_eq!(enabled(), [true; 3], "nothing was changed");

    let disabled = scene.run(&["disable", "user", "--dependents", "cascade"]).exits_with(0);
    assert_contains(&disabled.stderr, &["disabled top, which requires `user`"]);
    assert_eq!((disabled.stdout.as_str(), enabled()), ("disabled user\n", vec![true, false, false]));
    scene.run(&["disable", "base", "--dependents", "refuse"]).exits_with(0);
    for name in ["base", "user", "top"] {
        scene.run(&["enable", name]).exits_with(0);
    }
    let removed = scene.run(&["remove", "base", "--dependents", "cascade"]).exits_with(0);
    assert_contains(&removed.stderr, &["removed top 0.1.0, which requires `base`", "removed user"]);
    assert!(scene.list().is_empty());
}

#[test]
fn change_of_an_unknown_plugin_leaves_those_alone_that_require_it() {
    let scene = Scene::new();
    scene.install(named("base"));
    let file = scene.file("user.wasm", named("user").manifest("requires", json!(["base"])));
    scene.run(&["install", text(&file), "--yes"]).exits_with(0);
    scene.run(&["remove", "base"]).exits_with(0);
    for verb in ["disable", "remove"] {
        let unknown = scene.run(&[verb, "base", "--dependents", "cascade"]).exits_with(2);
        assert_contains(&unknown.stderr, &["no installed plugin is called `base`"]);
    }
    assert_eq!(scene.list()[0]["enabled"], true);
}

#[test]
fn update_shows_permissions_and_limits_that_grow() {
    let scene = Scene::new();
    scene.install(hello("1.0.0"));
    scene.file("hello.wasm", hello("1.1.0"));
    assert_eq!(scene.run(&["update", "hello"]).exits_with(0).stdout, "updated hello 1.0.0 -> 1.1.0\n");
    let more =
        hello("2.0.0").resource("timeout_seconds", json!(60)).manifest("permissions", json!([{ "resource": "log" }]));
    scene.file("hello.wasm", more);
    let refused = scene.run(&["update", "hello"]).exits_with(4);
    assert_contains(&refused.stderr, &["1.1.0 -> 2.0.0", "timeout_seconds 60 s instead of 10 s", "log", "--yes"]);
    assert_eq!(scene.versions()[0].1, "1.1.0");
    let updated = scene.run(&["update", "hello", "--yes", "--json"]).exits_with(0).json();
    assert_eq!((&updated["change"], &updated["plugin"]["id"]), (&json!("updated"), &json!(1)), "the number stays");
    assert_contains(&scene.run(&["update", "hello"]).exits_with(0).stdout, &["unchanged"]);
    let older = scene.file("hello.wasm", hello("1.0.0"));
    let refused = scene.run(&["update", "hello", text(&older)]).exits_with(4);
    assert_contains(&refused.stderr, &["older than 2.0.0"]);
}

#[test]
fn rollback_brings_the_previous_version_back() {
    let scene = Scene::new();
    scene.install(hello("1.0.0"));
    let refused = scene.run(&["rollback", "hello", "--json"]).exits_with(2).json();
    assert_eq!(refused["code"], "no_previous_version");
    scene.install(hello("2.0.0"));
    let back = scene.run(&["rollback", "hello"]).exits_with(0).stdout;
    assert_eq!(back, "hello 1.0.0 is installed again, in place of 2.0.0\n");
    assert_eq!(scene.run(&["inspect", "hello", "--json"]).exits_with(0).json()["manifest"]["version"], "1.0.0");
    scene.run(&["rollback", "hello"]).exits_with(0);
    assert_eq!(scene.versions()[0].1, "2.0.0");
}

#[test]
fn update_and_rollback_name_the_plugins_that_require_another_version() {
    let scene = Scene::new();
    scene.install(hello("1.0.0"));
    let requires = json!([{ "name": "hello", "version": "^1.0" }]);
    let top = scene.file("top.wasm", named("top").manifest("requires", requires));
    assert!(!scene.run(&["install", text(&top), "--yes"]).exits_with(0).stderr.contains("another version"));
    scene.file("hello.wasm", hello("2.0.0"));
    let note = "another version of `hello` cannot be loaded with 2.0.0: `top` (^1.0)";
    assert_contains(&scene.run(&["update", "hello", "--yes"]).exits_with(0).stderr, &[note]);
    assert!(!scene.run(&["rollback", "hello"]).exits_with(0).stderr.contains("another version"));
    assert_contains(&scene.run(&["rollback", "hello"]).exits_with(0).stderr, &[note]);
}

#[test]
fn disabled_plugin_is_not_run_until_it_is_enabled() {
    let scene = Scene::new();
    scene.install(hello("1.0.0"));
    scene.run(&["disable", "hello"]).exits_with(0);
    assert_contains(&scene.run(&["list"]).exits_with(0).stdout, &["disabled"]);
    let refused = scene.run(&["run", "hello", "ping", "--json"]).exits_with(3);
    assert_eq!(refused.json()["code"], "plugin_disabled");
    assert_contains(&refused.advice(), &["plugbay enable hello"]);
    scene.install(hello("1.1.0"));
    assert_eq!(scene.list()[0]["enabled"], false, "an update enables nothing");
    scene.run(&["enable", "hello"]).exits_with(0);
    scene.run(&["run", "hello", "ping"]).exits_with(0);
}

#[test]
fn removed_plugin_is_gone_with_its_versions() {
    let scene = Scene::new();
    scene.install(hello("1.0.0"));
    let dependent = named("top").manifest("requires", json!(["hello"]));
    scene.install(dependent);
    let removed = scene.run(&["remove", "hello"]).exits_with(0);
    assert_eq!(removed.stdout, "removed hello 1.0.0\n");
    assert_contains(&removed.stderr, &["require `hello`", "top"]);
    for command in [&["remove", "hello"][..], &["update", "hello"], &["enable", "hello"], &["run", "hello", "ping"]] {
        let refused = scene.run(&[command, &["--json"]].concat()).json();
        assert_eq!(refused["code"], "not_installed", "{command:?}: {refused}");
    }
    scene.install(hello("1.0.0"));
    assert_eq!(scene.list()[1]["id"], 3, "a number is not used again");
}

#[test]
fn required_plugins_are_taken_from_the_catalog() {
    let scene = Scene::new();
    scene.install(hello("1.0.0"));
    let top = named("top").manifest("requires", json!(["hello"]));
    let file = scene.file("top.wasm", top.clone());
    scene.run(&["run", text(&file), "ping"]).exits_with(0);
    scene.install(top);
    scene.run(&["run", "top", "ping"]).exits_with(0);
    scene.run(&["disable", "hello"]).exits_with(0);
    let failed = scene.run(&["run", "top", "ping"]).exits_with(3);
    assert_contains(&failed.stderr, &["`hello` is required and installed, but disabled", "plugbay enable hello"]);
}

#[test]
fn data_stays_unless_its_removal_is_asked_for() {
    let scene = Scene::new();
    let keeper = || {
        TestPlugin::from(feature::DATA)
            .manifest("name", json!("keeper"))
            .manifest("permissions", json!([{ "resource": "data.*" }]))
    };
    scene.install(keeper());
    let run = |action: &str, payload: serde_json::Value| {
        scene.run(&["run", "keeper", action, &payload.to_string(), "--grant", "data.*"]).exits_with(0).json()
    };
    run("set", json!({ "key": "a", "value": 1 }));
    scene.run(&["remove", "keeper"]).exits_with(0);
    scene.install(keeper());
    assert_eq!(run("get", json!("a")), 1, "the data of a removed plugin stays");
    let removed = scene.run(&["remove", "keeper", "--data", "--json"]).exits_with(0).json();
    assert_eq!(removed["data_removed"], true);
    assert!(!scene.data().join("keeper").exists());
    scene.install(keeper());
    assert_eq!(run("get", json!("a")), json!({ "absent": true }));
    scene.run(&["remove", "keeper"]).exits_with(0);
    let left = scene.run(&["remove", "keeper", "--data"]).exits_with(0).stdout;
    assert_contains(&left, &["removed the data of keeper, which was not installed"]);
    scene.run(&["remove", "keeper", "--data"]).exits_with(2);
}

#[test]
fn broken_plugin_is_not_installed() {
    let scene = Scene::new();
    let (module, text_file) = (scene.path("module.wasm"), scene.path("text.wasm"));
    std::fs::write(&module, b"\0asm\x01\0\0\0").expect("written");
    std::fs::write(&text_file, b"not WebAssembly").expect("written");
    for (path, code) in [(&module, "contract"), (&text_file, "no_component")] {
        let refused = scene.run(&["install", text(path), "--json"]).exits_with(3).json();
        assert!(refused["code"].as_str().is_some_and(|found| found.contains(code)), "{refused}");
    }
    let missing = scene.run(&["install", "missing.wasm", "--json"]).exits_with(2);
    assert_eq!(missing.json()["code"], "file_unreadable");
    assert_contains(&missing.advice(), &["NAMESPACE:NAME"]);
    assert!(scene.list().is_empty());
}

#[test]
fn command_without_a_data_directory_says_how_to_name_one() {
    for command in [&["list"][..], &["install", "x.wasm"], &["enable", "x"], &["status"]] {
        let refused = Plugbay::new(command).run().exits_with(2);
        assert_contains(&refused.stderr, &["--data-dir", "PLUGBAY_DATA_DIR", "data_dir"]);
    }
    let scene = Scene::new();
    let refused = scene.run(&["enable", "hello", "--json"]).exits_with(2).json();
    assert_eq!(refused["code"], "not_installed");
    assert!(!scene.data().exists(), "a misspelt directory is not created");
}
