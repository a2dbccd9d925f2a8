//! `plugbay check` on manifests of the systems that Plugbay continues, as their own pages have them.

use std::path::Path;

use serde_json::{Value, json};

use crate::harness::assert::assert_contains;
use crate::harness::build::workspace;
use crate::harness::command::{Plugbay, Ran};

/// A directory with these files.
fn plugin(files: &[(&str, &str)]) -> tempfile::TempDir {
    let directory = tempfile::tempdir().expect("a directory");
    for (name, text) in files {
        let path = directory.path().join(name);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("made");
        std::fs::write(path, text).expect("written");
    }
    directory
}

/// A manifest of another system, which the manifest crate reads in its tests.
fn sample(name: &str) -> String {
    let path = workspace().join("manifest/tests/golden").join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn check(path: &Path) -> Ran {
    Plugbay::new(["check", path.to_str().expect("UTF-8")]).run()
}

/// The report for programs, of a plugin that has to be changed.
fn details(path: &Path) -> Value {
    let document = Plugbay::new(["check", path.to_str().expect("UTF-8"), "--json"]).run().exits_with(3).json();
    assert_eq!((&document["status"], &document["code"]), (&json!("error"), &json!("original_manifest")), "{document}");
    document["details"].clone()
}

#[test]
fn plugin_of_xcore_carries_over_without_its_code() {
    let script = "import pathlib; pathlib.Path('ran').touch()";
    let directory = plugin(&[("plugin.yaml", &sample("good/xcore.yaml")), ("src/main.py", script)]);
    let ran = check(directory.path()).exits_with(3);
    assert_contains(
        &ran.stderr,
        &[
            "is a manifest of XCore",
            "the name `my_plugin` and the version 1.0.0",
            "--grant 'db.*:read,write'",
            "other_plugin, another_plugin",
            "--trust my_plugin",
            "API_KEY, DEBUG",
            "must change",
            "`src/main.py` is not run",
        ],
    );
    assert!(!directory.path().join("ran").exists() && !Path::new("ran").exists());
    let by_file = check(&directory.path().join("plugin.yaml")).exits_with(3);
    assert_contains(&by_file.stderr, &["is a manifest of XCore"]);
    assert_eq!(details(directory.path())["system"], "xcore");
}

#[test]
fn plugin_of_nexus_carries_over_without_its_code() {
    let directory = plugin(&[("manifest.json", &sample("good/nexus.json")), ("plugin.py", "raise SystemExit")]);
    let details = details(directory.path());
    assert_eq!(details["system"], "nexus");
    let carries_over = details["carries_over"].to_string();
    assert_contains(&carries_over, &["POST /action", "post_action", "api_key", "user.created", "python_version"]);
    assert_contains(&details["must_change"].to_string(), &["`plugin.py` is not run"]);
}

#[test]
fn plugins_of_dockstat_carry_over_without_their_code() {
    let directory = plugin(&[("manifest.json", &sample("good/dockstat-manifest.json"))]);
    let ran = check(directory.path()).exits_with(3);
    assert_contains(&ran.stderr, &["a manifest of DockStat", "JavaScript is not run", "declare them in the component"]);
    let directory = plugin(&[("plugin.yaml", &sample("good/dockstat-structure.yaml"))]);
    let details = details(directory.path());
    assert_eq!(details["system"], "dockstat");
    let carries_over = details["carries_over"].to_string();
    assert_contains(&carries_over, &["plugin_data", "GET /status", "POST /save", "container.start"]);
}

#[test]
fn manifest_of_a_plugin_of_pup_is_recognised_and_its_name_is_refused() {
    let meta = r#"{ "name": "ExamplePlugin", "version": "1.0.0", "api": "1.0.0", "repository": "https://github.com/user/my-repo" }"#;
    let directory = plugin(&[("plugin.json", meta)]);
    let ran = check(directory.path()).exits_with(3);
    assert_contains(&ran.stderr, &["a manifest of Pup", "name: ", "`PupPlugin` is not run"]);
}

#[test]
fn configuration_of_pup_names_the_plugins_that_have_to_be_components() {
    let page = r#"{
        /* ... */
        "processes": [{ "id": "web", "cmd": "node server.js" }],
        "plugins": [
            /* Local plugin */
            { "url": "file:///full/path/to/plugin/plugin.ts", "options": { "threshold": "512" } }
        ]
    }"#;
    let directory = plugin(&[("pup.json", page)]);
    let ran = check(&directory.path().join("pup.json")).exits_with(3);
    assert_contains(
        &ran.stderr,
        &["the configuration of Pup", "processes: web", "plugin.ts is not run", "its options carry over"],
    );
    let remote = plugin(&[("pup.json", r#"{ "plugins": [{ "url": "jsr:@scope/pup-example-plugin" }] }"#)]);
    assert_contains(&check(remote.path()).exits_with(3).stderr, &["must change", "JavaScript package"]);
}

#[test]
fn command_of_pup_that_needs_a_shell_must_change() {
    let page = r#"{ "processes": [{ "id": "Web", "cmd": "npm run build && node $HOME/server.js" }] }"#;
    let directory = plugin(&[("pup.json", page)]);
    let ran = check(directory.path()).exits_with(3);
    assert_contains(&ran.stderr, &["must change", "processes[0].cmd: `&&` is syntax of a shell", "write `sh -c '…'`"]);
}

#[test]
fn configuration_of_pup_without_plugins_needs_no_change() {
    let directory = plugin(&[("pup.json", r#"{ "processes": [{ "id": "web", "cmd": "node server.js" }] }"#)]);
    let ran = check(directory.path()).exits_with(0);
    assert_contains(&ran.stdout, &["processes: web", "plugbay serve --host-file", "nothing has to change"]);
    let document = Plugbay::new(["check", directory.path().to_str().expect("UTF-8"), "--json"]).run().exits_with(0);
    assert_eq!(document.json()["original"]["must_change"], json!([]));
}

#[test]
fn problems_of_an_original_manifest_are_listed_with_what_must_change() {
    let wrong = "name: My Plugin\nversion: 1.0\nframework_version: '>=2.0'\nentry_point: src/main.py\nrequirs: [a]\n";
    let directory = plugin(&[("plugin.yaml", wrong)]);
    let ran = check(directory.path()).exits_with(3);
    assert_contains(&ran.stderr, &["name: ", "version: ", "did you mean `requires`", "`src/main.py` is not run"]);
}

#[test]
fn manifest_of_plugbay_is_checked_as_ever() {
    let directory = plugin(&[("plugin.yaml", "name: greeter\nversion: 1.0.0\n")]);
    let ran = check(directory.path()).exits_with(3);
    assert!(!ran.stderr.contains("must change"), "{}", ran.stderr);
}
