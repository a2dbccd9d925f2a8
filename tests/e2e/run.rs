//! `plugbay run`: payloads, results, options, statistics.

use std::fs::File;

use serde_json::json;

use crate::harness::assert::assert_contains;
use crate::harness::command::{Plugbay, plugin_file};
use crate::harness::guest::{Guest, command, feature};
use crate::harness::host::TestPlugin;

#[test]
fn result_alone_is_on_standard_output() {
    let ran = run(feature::LOG, &["print", r#"{"message": "a line of the log"}"#]).exits_with(0);
    assert_eq!(ran.stdout, "null\n");
    assert_contains(&ran.stderr, &["feature_log", "a line of the log"]);
}

#[test]
fn payload_comes_from_an_argument_a_file_or_standard_input() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("payload.json");
    std::fs::write(&path, r#"{"from": "a file"}"#).expect("written");
    let at_file = format!("@{}", path.display());
    assert_eq!(run(feature::ECHO, &["echo", r#"{"from": "here"}"#]).exits_with(0).json(), json!({ "from": "here" }));
    assert_eq!(run(feature::ECHO, &["echo", &at_file]).exits_with(0).json(), json!({ "from": "a file" }));
    assert_eq!(run(feature::ECHO, &["echo"]).exits_with(0).json(), json!(null));
    assert_eq!(run(feature::ECHO, &["echo", "-5"]).exits_with(0).json(), json!(-5));
    let from_stdin = plugbay(feature::ECHO, &["echo", "-"]).stdin(File::open(&path).expect("readable")).run();
    assert_eq!(from_stdin.exits_with(0).json(), json!({ "from": "a file" }));
}

#[test]
fn caller_is_the_command_line() {
    let about = run(feature::INVOCATION, &["about"]).exits_with(0).json();
    assert_eq!(about["caller"], "cli");
}

#[test]
fn statistics_are_on_standard_error() {
    let ran = run(feature::ECHO, &["ping", "--stats"]).exits_with(0);
    assert_eq!(ran.stdout, "1\n");
    assert_contains(&ran.stderr, &["fuel", "memory", "time", "instantiation"]);
}

#[test]
fn quiet_shows_no_log() {
    let ran = run(feature::LOG, &["print", r#"{"message": "a line of the log"}"#, "--quiet"]).exits_with(0);
    assert_eq!(ran.stderr, "");
}

#[test]
fn log_level_hides_lower_levels() {
    let line = r#"{"level": "info", "message": "a line of the log"}"#;
    let ran = run(feature::LOG, &["log", line, "--log-level", "warn"]).exits_with(0);
    assert!(!ran.stderr.contains("a line of the log"), "{}", ran.stderr);
}

#[test]
fn terminal_codes_of_a_plugin_do_not_reach_standard_error() {
    let line = r#"{"message": "red \u001b[31m alert \u0007"}"#;
    let ran = run(feature::LOG, &["log", line]).exits_with(0);
    assert!(!ran.stderr.contains('\u{1b}') && !ran.stderr.contains('\u{7}'), "{:?}", ran.stderr);
    assert_contains(&ran.stderr, &["alert"]);
}

#[test]
fn configuration_is_set_on_the_command_line() {
    let plugin = TestPlugin::from(feature::CONFIG).manifest(
        "configuration",
        json!({ "retries": { "type": "integer", "default": 3 }, "name": { "type": "string" } }),
    );
    let file = plugin_file(plugin);
    let path = file.path().to_str().expect("a path in UTF-8");
    let options = ["--config", "retries=7", "--config", "name=Ada"];
    let arguments = [&["run", path, "all"], &options[..]].concat();
    let answer = Plugbay::new(arguments).run().exits_with(0).json();
    assert_eq!(answer, json!({ "retries": 7, "name": "Ada" }));
}

#[test]
fn numeric_configuration_is_text_if_the_schema_says_so() {
    let declared =
        json!({ "key": { "type": "string" }, "tags": { "type": "array" }, "retries": { "type": "integer" } });
    let file = plugin_file(TestPlugin::from(feature::CONFIG).manifest("configuration", declared));
    let path = file.path().to_str().expect("a path in UTF-8");
    for (given, key, expected) in [
        ("key=12345", "key", json!("12345")),
        ("key=true", "key", json!("true")),
        ("key=\"12\"", "key", json!("12")),
        ("tags=[\"a\"]", "tags", json!(["a"])),
        ("retries=3", "retries", json!(3)),
    ] {
        let answer = Plugbay::new(["run", path, "all", "--config", given]).run().exits_with(0).json();
        assert_eq!(answer[key], expected, "{given}");
    }
}

#[test]
fn relative_home_gets_no_cache() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = feature::ECHO.path();
    let run = Plugbay::new(["run", path.to_str().expect("UTF-8"), "ping"]).directory(directory.path());
    run.environment("HOME", "relative").environment("XDG_CACHE_HOME", "").run().exits_with(0);
    assert_eq!(std::fs::read_dir(directory.path()).expect("readable").count(), 0);
}

#[test]
fn configured_integer_of_many_digits_keeps_them() {
    let file = plugin_file(TestPlugin::from(feature::CONFIG));
    let path = file.path().to_str().expect("a path in UTF-8");
    for (given, expected) in [
        ("n=18446744073709551615", json!(u64::MAX)),
        ("n=12345678901234567890123", json!("12345678901234567890123")),
        ("n=1e5", json!(100_000.0)),
    ] {
        let answer = Plugbay::new(["run", path, "all", "--config", given]).run().exits_with(0).json();
        assert_eq!(answer["n"], expected, "{given}");
    }
}

#[test]
fn unknown_environment_is_noted() {
    let directory = tempfile::tempdir().expect("a directory");
    std::fs::write(directory.path().join("echo.wasm"), feature::ECHO.bytes()).expect("written");
    std::fs::create_dir(directory.path().join("config")).expect("created");
    std::fs::write(directory.path().join("config/production.yaml"), "{}").expect("written");
    let run = |environment: &str| {
        let arguments = ["run", ".", "ping", "--environment", environment];
        Plugbay::new(arguments).directory(directory.path()).run().exits_with(0).stderr
    };
    assert_eq!(run("production"), "");
    assert_contains(&run("prodution"), &["note:", "config/prodution.yaml"]);
}

#[test]
fn unusable_default_cache_is_only_noted() {
    let run = || plugbay(feature::ECHO, &["ping"]);
    let file = tempfile::NamedTempFile::new().expect("a file");
    let below_a_file = file.path().join("cache");
    let ran = run().environment("XDG_CACHE_HOME", &below_a_file).run().exits_with(0);
    assert_contains(&ran.stderr, &["note: compiled code is not cached"]);
    let ran = run().environment("PLUGBAY_CACHE_DIR", &below_a_file).run().exits_with(2);
    assert_contains(&ran.stderr, &["PLUGBAY_CACHE_DIR"]);
}

#[test]
fn granted_write_is_stored_in_the_data_directory() {
    let data = tempfile::tempdir().expect("a directory");
    let plugin = TestPlugin::from(feature::CONFIG)
        .manifest("permissions", json!([{ "resource": "config.*" }]))
        .manifest("configuration", json!({ "retries": { "type": "integer", "default": 3 } }));
    let file = plugin_file(plugin);
    let (path, data) = (file.path().to_str().expect("UTF-8"), data.path().to_str().expect("UTF-8"));
    let set = r#"{"key": "retries", "value": 9}"#;

    let denied = Plugbay::new(["run", path, "set", set, "--data-dir", data]).run().exits_with(0);
    assert_contains(
        denied.json()["error"]["permission_denied"].as_str().expect("no grant allows it"),
        &["config.retries"],
    );
    assert_contains(&denied.advice(), &["--grant config.retries:write"]);

    let grant = ["run", path, "set", set, "--data-dir", data, "--grant", "config.retries:write"];
    assert_eq!(Plugbay::new(grant).run().exits_with(0).json(), "set");
    assert_eq!(Plugbay::new(["run", path, "get", "\"retries\"", "--data-dir", data]).run().exits_with(0).json(), 9);
    assert_eq!(Plugbay::new(["run", path, "get", "\"retries\""]).run().exits_with(0).json(), 3);
}

#[test]
fn plugin_directory_runs() {
    let directory = tempfile::tempdir().expect("a directory");
    std::fs::copy(feature::ECHO.path(), directory.path().join("any.wasm")).expect("copied");
    std::fs::write(directory.path().join("plugin.yaml"), "name: from-directory\nversion: 1.0.0\n").expect("written");
    let answer = Plugbay::new(["run", ".", "echo", "1"]).directory(directory.path()).run();
    assert_eq!(answer.exits_with(0).json(), 1);
}

#[test]
fn legacy_program_runs_with_a_manifest_next_to_it() {
    let directory = tempfile::tempdir().expect("a directory");
    let manifest = "name: old-tool\nversion: 1.0.0\nexecution_mode: legacy\n";
    std::fs::write(directory.path().join("plugin.yaml"), manifest).expect("written");
    for path in [command::PLAIN.path(), command::PLAIN.preview1_path()] {
        std::fs::copy(path, directory.path().join("tool.wasm")).expect("copied");
        let ran = Plugbay::new(["run", ".", "whatever"]).directory(directory.path()).run().exits_with(0);
        assert_eq!(ran.json()["greeting"], "from an ordinary program");
        assert_contains(&ran.stderr, &["about to answer"]);
    }
}

#[cfg(unix)]
#[test]
fn second_run_loads_compiled_code_from_the_cache() {
    use std::os::unix::fs::MetadataExt;

    let cache = tempfile::tempdir().expect("a directory");
    let run = || {
        let path = feature::ECHO.path();
        let arguments = ["run", path.to_str().expect("UTF-8"), "ping"];
        Plugbay::new(arguments).environment("XDG_CACHE_HOME", cache.path()).run().exits_with(0)
    };
    run();
    // Recompiling would replace the cached file.
    let files = || {
        let mut files = Vec::new();
        let mut waiting = vec![cache.path().join("plugbay")];
        while let Some(directory) = waiting.pop() {
            for entry in std::fs::read_dir(directory).expect("it exists") {
                let entry = entry.expect("readable");
                let about = entry.metadata().expect("readable");
                match about.is_dir() {
                    true => waiting.push(entry.path()),
                    false => files.push((entry.path(), about.ino())),
                }
            }
        }
        files.sort();
        files
    };
    let before = files();
    assert!(!before.is_empty());
    run();
    assert_eq!(files(), before);
}

#[cfg(unix)]
#[test]
fn endless_files_are_refused() {
    let never = |arguments: &[&str]| Plugbay::new(arguments).run();
    assert_contains(&never(&["run", "/dev/zero", "x"]).exits_with(3).stderr, &["/dev/zero"]);
    let path = feature::ECHO.path();
    let payload = never(&["run", path.to_str().expect("UTF-8"), "echo", "@/dev/zero"]);
    assert!([2, 5].contains(&payload.exit_code), "{payload:?}");
    let endless = Plugbay::new(["run", path.to_str().expect("UTF-8"), "echo", "-"]);
    let endless = endless.stdin(File::open("/dev/zero").expect("there is one")).run();
    assert!([2, 5].contains(&endless.exit_code), "{endless:?}");
}

#[test]
fn usage_errors_are_reported_before_loading() {
    for (arguments, words) in [
        (vec!["run"], vec!["PLUGIN"]),
        (vec!["run", "/nowhere.wasm"], vec!["ACTION"]),
        (vec!["run", "/nowhere.wasm", "x", "{not json"], vec!["JSON"]),
        (vec!["run", "/nowhere.wasm", "x", "@/no/such/file"], vec!["/no/such/file"]),
        (vec!["run", "/nowhere.wasm", "x", "--timeout", "soon"], vec!["--timeout", "soon"]),
        (vec!["run", "/nowhere.wasm", "x", "--grant", "config.a:fly"], vec!["fly", "write"]),
        (vec!["fly"], vec!["fly"]),
    ] {
        let ran = Plugbay::new(&arguments).run().exits_with(2);
        assert_eq!(ran.stdout, "", "{arguments:?}");
        assert_contains(&ran.stderr, &words);
    }
}

fn run(guest: Guest, arguments: &[&str]) -> crate::harness::command::Ran {
    plugbay(guest, arguments).run()
}

fn plugbay(guest: Guest, arguments: &[&str]) -> Plugbay {
    let path = guest.path();
    Plugbay::new([&["run", path.to_str().expect("a path in UTF-8")], arguments].concat())
}
