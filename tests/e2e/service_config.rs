//! `config` through the command: stored values, and secrets, which no output shows.

use serde_json::json;

use crate::harness::assert::assert_contains;
use crate::harness::command::{Plugbay, Ran, plugin_file};
use crate::harness::guest::feature;
use crate::harness::host::TestPlugin;

const SECRET: &str = "S3CRET-of-the-operator";

#[test]
fn secret_is_in_no_output_of_the_command() {
    let secret = format!("token={SECRET}");
    let config = ["--config", secret.as_str()];
    for (command, rest, codes) in [
        ("run", vec!["print_secret", "--stats"], [0]),
        ("run", vec!["print_secret", "--stats", "--json"], [0]),
        ("run", vec!["print_secret", "--log-level", "trace"], [0]),
        ("run", vec!["log_secret_everywhere"], [0]),
        ("run", vec!["fail_with_secret"], [1]),
        ("run", vec!["fail_with_secret", "--json", "--stats"], [1]),
        ("run", vec!["fail_with_secret_in_code_and_details", "--json"], [1]),
        ("run", vec!["panic_with_secret"], [6]),
        ("run", vec!["panic_with_secret", "--json"], [6]),
        ("run", vec!["trap_after_secret", "--json"], [6]),
        ("check", vec![], [0]),
        ("check", vec!["--json"], [0]),
    ] {
        let rest = if command == "run" { [&rest[..], &config[..]].concat() } else { rest };
        let ran = plugbay(command, &rest);
        assert!(codes.contains(&ran.exit_code), "{rest:?}: {ran:?}");
        let shown = format!("{}{}", ran.stdout, ran.stderr);
        assert!(!shown.contains("S3CRET"), "{command} {rest:?}: {shown}");
        assert!(!shown.contains("default-S3CR"), "{command} {rest:?}: {shown}");
    }
    assert!(!plugbay("inspect", &["--json"]).stdout.contains("S3CRET"));
    assert!(!plugbay("inspect", &[]).stdout.contains("S3CRET"));
}

#[test]
fn secret_of_the_wrong_type_is_refused_without_quoting_it() {
    for value in [r#"token={"S3CRET": 1}"#, "token=[\"S3CRET\"]", "tokn=S3CRET"] {
        let ran = plugbay("run", &["all", "--json", "--config", value]).exits_with(3);
        assert_contains(&ran.stdout, &["invalid_configuration", "token"]);
        assert!(!format!("{}{}", ran.stdout, ran.stderr).contains("S3CRET"), "{ran:?}");
    }
}

#[test]
fn secret_in_a_broken_file_is_not_quoted() {
    let directory = tempfile::tempdir().expect("a directory");
    std::fs::copy(feature::CONFIG.path(), directory.path().join("any.wasm")).expect("copied");
    std::fs::write(directory.path().join("plugin.yaml"), "name: broken\nversion: 1.0.0\n").expect("written");
    std::fs::create_dir(directory.path().join("config")).expect("created");
    for text in ["token: S3CRET\n  bad: [", "token: \"S3CRET", "token: {S3CRET: ", "- S3CRET"] {
        std::fs::write(directory.path().join("config/default.yaml"), text).expect("written");
        let path = directory.path().to_str().expect("UTF-8");
        let ran = Plugbay::new(["run", path, "all", "--json"]).run().exits_with(3);
        assert!(!format!("{}{}", ran.stdout, ran.stderr).contains("S3CRET"), "{ran:?}");
    }
}

#[test]
fn secret_that_was_set_is_masked_in_the_next_process() {
    let data = tempfile::tempdir().expect("a directory");
    let data = data.path().to_str().expect("UTF-8");
    let options = ["--data-dir", data, "--grant", "config.*:write"];
    let set = json!({ "key": "token", "value": SECRET }).to_string();
    assert_eq!(plugbay("run", &[&["set", &set], &options[..]].concat()).exits_with(0).json(), "set");
    let ran = plugbay("run", &[&["fail_with_secret"], &options[..]].concat()).exits_with(1);
    assert_contains(&ran.stderr, &["failed with ***hidden***"]);
    assert!(!ran.stderr.contains("S3CRET"), "{ran:?}");
}

fn plugbay(command: &str, rest: &[&str]) -> Ran {
    let plugin =
        TestPlugin::from(feature::CONFIG).manifest("permissions", json!([{ "resource": "config.*" }])).manifest(
            "configuration",
            json!({ "token": { "type": "string", "secret": true, "default": "default-S3CRET-of-the-author" } }),
        );
    let file = plugin_file(plugin);
    let path = file.path().to_str().expect("UTF-8");
    Plugbay::new([&[command, path], rest].concat()).run()
}
