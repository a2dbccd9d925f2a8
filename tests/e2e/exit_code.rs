//! Every exit code, with the error as text and as JSON.

use std::path::Path;

use serde_json::{Value, json};

use crate::harness::assert::assert_contains;
use crate::harness::command::{Plugbay, plugin_file};
use crate::harness::core_module::CoreModule;
use crate::harness::guest::{command, component, example, feature, hostile};
use crate::harness::host::TestPlugin;

#[test]
fn answer_exits_with_0() {
    check(feature::ECHO.into(), &["ping"], 0, None);
}

#[test]
fn failure_of_the_plugin_exits_with_1() {
    let failure = r#"{"code": "out_of_stock", "message": "no tea", "details": "{\"left\": 0}"}"#;
    let error = check(feature::FAILURE.into(), &["fail", failure], 1, Some("out_of_stock"));
    assert_eq!((&error["msg"], &error["details"]), (&json!("no tea"), &json!({ "left": 0 })));
}

/// A denial that a plugin passes on exits with 4 (see `example::*_denied`). The error code alone, which any plugin can
/// return, does not.
#[test]
fn faked_denial_exits_with_1() {
    let denial = r#"{"code": "permission_denied", "message": "permission to read `data.a` …"}"#;
    check(feature::FAILURE.into(), &["fail", denial], 1, Some("permission_denied"));
}

#[test]
fn unknown_action_exits_with_1() {
    check(feature::ECHO.into(), &["ehco"], 1, Some("unknown_action"));
    let declared = TestPlugin::from(feature::ECHO).manifest("actions", json!([{ "name": "echo" }]));
    let error = check(declared, &["ehco"], 1, Some("unknown_action"));
    assert_contains(error["msg"].as_str().unwrap_or_default(), &["`echo`"]);
}

#[test]
fn invalid_payload_exits_with_1() {
    let schema = json!([{ "name": "echo", "payload": { "type": "integer" } }]);
    let declared = TestPlugin::from(feature::ECHO).manifest("actions", schema);
    let error = check(declared, &["echo", "\"text\""], 1, Some("validation_error"));
    assert_eq!(error["details"]["problems"].as_array().map(Vec::len), Some(1), "{error}");
}

#[test]
fn payload_mistakes_say_what_to_type() {
    let schema = json!([{ "name": "echo", "payload": { "type": "object" } }]);
    let file = plugin_file(TestPlugin::from(feature::ECHO).manifest("actions", schema));
    let path = file.path().to_str().expect("UTF-8");
    let split = Plugbay::new(["run", path, "echo", "{name:", "Ada}"]).run().exits_with(2);
    assert_contains(&split.stderr, &["the payload is one argument: quote it"]);
    let none = Plugbay::new(["run", path, "echo"]).run().exits_with(1);
    assert_contains(&none.stderr, &["no payload was given", "error[validation_error]"]);
    let deep = format!("{{\"a\":{}{}}}", "[".repeat(200), "]".repeat(200));
    let deep = Plugbay::new(["run", path, "echo", &deep]).run().exits_with(1);
    assert_contains(&deep.stderr, &["error[validation_error]", "nested more than 128 levels deep"]);
    let swapped = Plugbay::new(["run", "echo", path]).run().exits_with(2);
    assert_contains(&swapped.stderr, &["PLUGIN comes before ACTION", &format!("plugbay run {path} echo")]);
    let slip = Plugbay::new(["rnu", path, "echo"]).run().exits_with(2);
    assert_contains(&slip.stderr, &["run"]);
    assert!(slip.stderr.contains("similar"), "{}", slip.stderr);
}

#[test]
fn answer_that_is_not_json_exits_with_1() {
    let not_json = CoreModule::attacking("(i32.store8 (i32.const 64) (i32.const 0x7b)) (i32.const 16)");
    check(TestPlugin::new("attacker", not_json.plugin()), &["attack"], 1, Some("invalid_answer"));
}

#[test]
fn wrong_command_line_exits_with_2() {
    Plugbay::new(["run"]).run().exits_with(2);
    check(feature::ECHO.into(), &["echo", "{not json"], 2, None);
    check(feature::ECHO.into(), &["echo", "--no-such-option"], 2, None);
    Plugbay::new(["--version"]).run().exits_with(0);
    let option = Plugbay::new(["run", "--help"]).run().exits_with(0).stdout;
    assert_eq!(Plugbay::new(["help", "run"]).run().exits_with(0).stdout, option);
}

#[test]
fn unusable_path_exits_with_2() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("file");
    std::fs::write(&file, "").expect("written");
    std::fs::write(directory.path().join("echo.wasm"), feature::ECHO.bytes()).expect("written");
    for line in [
        "new demo --path file/demo",
        "build . --output file/echo.wasm",
        "run echo.wasm ping --data-dir file",
        "run echo.wasm ping --data-dir file/data",
        "check echo.wasm --data-dir file/data",
        "run echo.wasm ping --host-file missing.yaml",
        "run echo.wasm echo @missing.json",
        "test echo.wasm --file missing.yaml",
        "doctor file",
    ] {
        let ran = Plugbay::new(line.split(' ')).directory(directory.path()).run().exits_with(2);
        assert!(ran.stderr.contains("file") || ran.stderr.contains("missing"), "{line}: {}", ran.stderr);
    }
}

#[test]
fn empty_variable_counts_as_unset() {
    let path = feature::ECHO.path();
    let run = || Plugbay::new([Path::new("run"), &path, Path::new("ping")]);
    let names = ["PLUGBAY_LOG", "PLUGBAY_DATA_DIR", "PLUGBAY_HOST_FILE", "PLUGBAY_ENVIRONMENT", "PLUGBAY_CACHE_DIR"];
    names.into_iter().fold(run(), |run, name| run.environment(name, "")).run().exits_with(0);
    let ran = run().environment("PLUGBAY_LOG", "loud").run().exits_with(2);
    assert_contains(&ran.stderr, &["loud", "PLUGBAY_LOG"]);
}

#[test]
fn plugin_that_cannot_be_loaded_exits_with_3() {
    let missing = Plugbay::new(["run", "/nowhere/at/all.wasm", "x"]).run().exits_with(3);
    assert_contains(&missing.stderr, &["/nowhere/at/all.wasm"]);
    for command in ["inspect", "check", "call", "build", "test"] {
        let missing = Plugbay::new([command, "/nowhere/at/all.wasm"]).run().exits_with(3);
        assert_contains(&missing.stderr, &["/nowhere/at/all.wasm"]);
    }
    check(component::GEOMETRY.into(), &["x"], 3, Some("contract_mismatch"));
    check(command::PLAIN.into(), &["x"], 3, Some("contract_mismatch"));
    check(hostile::UNKNOWN_IMPORT.into(), &["x"], 3, Some("unknown_import"));
    let manifest = TestPlugin::from(feature::ECHO).manifest("titel", json!("x"));
    let error = check(manifest, &["ping"], 3, Some("invalid_manifest"));
    assert_contains(&error["msg"].to_string(), &["titel", "title"]);
    let setting = json!({ "key": { "type": "string", "required": true } });
    check(
        TestPlugin::from(feature::CONFIG).manifest("configuration", setting),
        &["all"],
        3,
        Some("invalid_configuration"),
    );
    check(
        TestPlugin::from(feature::ECHO).manifest("plugbay_version", json!(">=99")),
        &["ping"],
        3,
        Some("version_mismatch"),
    );
}

#[test]
fn file_that_is_not_a_plugin_exits_with_3() {
    let directory = tempfile::tempdir().expect("a directory");
    let files: [(&str, &[u8]); 5] = [
        ("empty.wasm", b""),
        ("noise.wasm", &[0x5a; 1000]),
        ("text.wasm", b"(component)"),
        ("native.wasm", b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0"),
        ("cut.wasm", &feature::ECHO.bytes()[..50_000]),
    ];
    for (name, bytes) in files {
        let path = directory.path().join(name);
        std::fs::write(&path, bytes).expect("written");
        let ran = Plugbay::new([Path::new("run"), &path, Path::new("x")]).run().exits_with(3);
        assert_contains(&ran.stderr, &[name]);
        assert_eq!(ran.stdout, "");
    }
}

#[test]
fn on_load_that_fails_exits_with_3() {
    check(behaving("fail"), &["ping"], 3, Some("not_ready"));
}

#[test]
fn denied_import_exits_with_4() {
    check(feature::CACHE.into(), &["x"], 4, Some("permission_denied"));
}

#[test]
fn denied_import_lists_every_missing_grant() {
    let path = example::WEATHER.path();
    let weather = path.to_str().expect("UTF-8");
    let run = ["run", weather, "forget", r#"{"city": "Bern"}"#, "--config", "base_url=http://example.org"];
    let denied = Plugbay::new(run).run().exits_with(4);
    let options = ["--grant", "http.*:execute", "--grant", "cache.weather/*:read,write"];
    assert_contains(&denied.stderr, &["--grant 'http.*:execute' --grant 'cache.weather/*:read,write'"]);
    let json = Plugbay::new([&run[..], &["--json"]].concat()).run().exits_with(4).json();
    assert_eq!(json["details"]["not_allowed"], json!([options[1], options[3]]));
    Plugbay::new([&run[..], &options].concat()).run().exits_with(0);
    let inspected = Plugbay::new([&["inspect", weather], &options[2..]].concat()).run().exits_with(0).stdout;
    assert_contains(&inspected, &["not all granted: --grant 'http.*:execute'\n", "read, write  granted\n"]);
}

#[test]
fn limit_is_raised_where_the_advice_says() {
    let plugin = plugin_file(hostile::INFINITE_LOOP.into());
    let host_file = tempfile::NamedTempFile::with_suffix(".yaml").expect("a file");
    std::fs::write(host_file.path(), "ceilings: { max_fuel: 1000000 }\n").expect("written");
    let (path, file) = (plugin.path().to_str().expect("UTF-8"), host_file.path().to_str().expect("UTF-8"));
    let advice =
        |options: &[&str]| Plugbay::new([&["run", path, "attack"], options].concat()).run().exits_with(5).advice();
    assert_contains(&advice(&["--fuel", "1e6"]), &["--fuel N"]);
    let at_the_ceiling = advice(&["--fuel", "1e12", "--host-file", file]);
    assert!(at_the_ceiling.contains("`ceilings.max_fuel`") && !at_the_ceiling.contains("--fuel"), "{at_the_ceiling}");
}

#[test]
fn every_limit_exits_with_5() {
    let spin = || TestPlugin::from(hostile::INFINITE_LOOP).resource("max_fuel", json!(100_000_000_000_u64));
    check(hostile::INFINITE_LOOP.into(), &["attack", "--fuel", "5e6"], 5, Some("out_of_fuel"));
    check(spin(), &["attack", "--timeout", "200ms"], 5, Some("timeout"));
    check(hostile::SLEEP.into(), &["attack", "--timeout", "200ms"], 5, Some("timeout"));
    check(hostile::MEMORY.into(), &["attack", "--max-memory", "8MiB"], 5, Some("memory_limit"));
    check(hostile::RECURSION.into(), &["attack"], 5, Some("stack_overflow"));
    check(hostile::HANDLES.into(), &["attack"], 5, Some("resource_limit"));
    check(hostile::HUGE_RESULT.into(), &["attack", "5000000", "--fuel", "1e9"], 5, Some("result_too_large"));
    check(hostile::MEMORY.into(), &["ping", "--max-memory", "64KiB"], 5, Some("memory_limit"));
}

#[test]
fn payload_that_is_too_large_exits_with_5() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("payload.json");
    std::fs::write(&path, format!("\"{}\"", "x".repeat(crate::harness::limits::PAYLOAD_BYTES_MAX))).expect("written");
    check(feature::ECHO.into(), &["length", &format!("@{}", path.display())], 5, Some("payload_too_large"));
}

#[test]
fn limit_in_a_lifecycle_call_exits_with_5() {
    check(behaving("hang"), &["ping", "--fuel", "1e7"], 5, Some("out_of_fuel"));
    check(behaving("sleep"), &["ping", "--timeout", "200ms"], 5, Some("timeout"));
}

#[test]
fn component_that_is_too_complex_exits_with_5() {
    let many = CoreModule::default().with(&"(func)".repeat(400_000)).plugin();
    check(TestPlugin::new("costly", many), &["ping"], 5, Some("component_too_large"));
}

#[test]
fn trap_exits_with_6() {
    let error = check(hostile::PANIC.into(), &["attack", "\"the reactor is open\""], 6, Some("plugin_trapped"));
    assert_contains(error["msg"].as_str().unwrap_or_default(), &["the reactor is open", "hostile_panic.rs"]);
    check(behaving("trap"), &["ping"], 6, Some("plugin_trapped"));
    check(
        TestPlugin::new("broken", CoreModule::attacking("(unreachable)").plugin()),
        &["attack"],
        6,
        Some("plugin_trapped"),
    );
}

/// A host that may open too few files is not the plugin's fault.
#[cfg(target_os = "linux")]
#[test]
fn host_that_cannot_work_exits_with_70() {
    let path = feature::ECHO.path();
    let program = env!("CARGO_BIN_EXE_plugbay-e2e");
    let script = format!("ulimit -n 10; exec '{program}' run '{}' ping", path.display());
    let output = std::process::Command::new("sh").args(["-c", &script]).output().expect("there is a shell");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(70), "{stderr}");
    assert_contains(&stderr, &["executor"]);
}

/// Runs the plugin twice, with text and with JSON output, and asserts that both report the same error. Returns the JSON
/// error.
#[track_caller]
fn check(plugin: TestPlugin, arguments: &[&str], exit_code: i32, error_code: Option<&str>) -> Value {
    let file = plugin_file(plugin);
    let path = file.path().to_str().expect("a path in UTF-8");
    let arguments = [&["run", path], arguments].concat();

    let text = Plugbay::new(&arguments).run().exits_with(exit_code);
    let Some(error_code) = error_code else { return Value::Null };
    assert_eq!(text.stdout, "", "an error prints nothing to standard output");

    let json = Plugbay::new([&arguments[..], &["--json"]].concat()).run().exits_with(exit_code).json();
    assert_eq!((&json["status"], &json["code"]), (&json!("error"), &json!(error_code)), "{json}");
    assert!(json["msg"].as_str().is_some_and(|message| !message.is_empty()), "{json}");
    assert_contains(&text.stderr, &[&format!("error[{error_code}]: ")]);
    json
}

fn behaving(on_load: &str) -> TestPlugin {
    TestPlugin::from(feature::LIFECYCLE)
        .manifest("configuration", json!({ "on_load": { "type": "string", "default": on_load } }))
}
