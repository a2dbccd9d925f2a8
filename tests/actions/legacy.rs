//! Legacy mode: ordinary WASI programs, as preview 2 components and as preview 1 modules.

use plugbay::{InvokeError, Plugin};
use serde_json::{Value, json};

use crate::harness::assert::{assert_contains, assert_invoke_error};
use crate::harness::guest::command;
use crate::harness::host::{Host, TestPlugin, call};

#[tokio::test]
async fn ordinary_program_answers_with_its_output() {
    for plugin in both(command::PLAIN) {
        let host = Host::new();
        let plugin = host.load(plugin).await;
        for action in ["anything", "at-all"] {
            let answer = call(&plugin, action).await.expect("it prints JSON");
            let expected = json!({ "greeting": "from an ordinary program", "arguments": [plugin.name()] });
            assert_eq!(answer, expected, "the name is its only argument");
        }
        assert_eq!(host.log.messages("stderr"), ["about to answer", "about to answer"]);
    }
}

#[tokio::test]
async fn program_that_reads_its_request_gets_action_and_payload() {
    for plugin in both(command::ACTIONS) {
        let plugin = Host::new().load(plugin).await;
        let order = json!({ "lines": ["tea"], "id": 7 });
        let answer: Value = plugin.call("echo", &order).await.expect("it echoes");
        assert_eq!(answer, order);
    }
}

#[tokio::test]
async fn program_that_prints_nothing_answers_null() {
    for plugin in both(command::ACTIONS) {
        let plugin = Host::new().load(plugin).await;
        assert_eq!(call(&plugin, "silence").await.expect("it ends well"), Value::Null);
    }
}

#[tokio::test]
async fn output_that_is_not_json_is_an_invalid_answer() {
    for plugin in both(command::ACTIONS) {
        let plugin = Host::new().load(plugin).await;
        for action in ["prose", "binary", "binary_text", "two"] {
            let error = call(&plugin, action).await.expect_err("that is not one JSON document");
            assert_eq!(error.code(), "invalid_answer", "{action}: {error}");
        }
    }
}

#[tokio::test]
async fn exit_status_is_a_failure_with_the_last_output() {
    for plugin in both(command::ACTIONS) {
        let plugin = Host::new().load(plugin).await;
        let error = plugin.call::<Value>("exit", &3).await.expect_err("status 3 is a failure");
        assert_eq!(error.code(), "exit_status", "{error}");
        // The C library and the adapter report that it failed, but not the status.
        assert_contains(&error.to_string(), &["ended with a failure", "leaving early"]);
        assert!(!error.to_string().contains("exited with status"), "{error}");
        let error = plugin.call::<Value>("answer_and_exit", &1).await.expect_err("status 1 is a failure");
        assert_eq!(error.to_json()["details"], json!({ "done": false }), "{error}");
    }
}

#[tokio::test]
async fn exit_with_status_zero_is_success() {
    for plugin in both(command::ACTIONS) {
        let plugin = Host::new().load(plugin).await;
        let answer: Value = plugin.call("exit", &0).await.expect("status 0 is success");
        assert_eq!(answer, Value::Null);
    }
}

#[tokio::test]
async fn hostile_program_hits_the_limits_of_a_sandbox() {
    for (action, code) in
        [("panic", "plugin_trapped"), ("spin", "out_of_fuel"), ("sleep", "timeout"), ("hoard", "memory_limit")]
    {
        for plugin in both(command::ACTIONS) {
            let timeout = if action == "sleep" { 0.5 } else { 60.0 };
            let plugin = plugin.resource("timeout_seconds", json!(timeout)).resource("max_memory_mb", json!(8));
            let plugin = Host::new().load(plugin.resource("max_fuel", json!(20_000_000))).await;
            let error = call(&plugin, action).await.expect_err(action);
            assert_invoke_error(&error, &plugin.name(), code);
            alive(&plugin).await;
        }
    }
}

#[tokio::test]
async fn endless_output_of_a_program_is_stopped() {
    for plugin in both(command::ACTIONS) {
        let plugin = Host::new().load(plugin).await;
        let error = call(&plugin, "flood").await.expect_err("the output is over the limit");
        assert_invoke_error(&error, &plugin.name(), "result_too_large");
        alive(&plugin).await;
    }
}

#[tokio::test]
async fn program_sees_no_environment_and_no_files() {
    for plugin in both(command::ACTIONS) {
        let plugin = Host::new().load(plugin).await;
        let seen = call(&plugin, "surroundings").await.expect("it answers");
        assert_eq!(seen, json!({ "environment": 0, "files": 0 }));
    }
}

#[tokio::test]
async fn calls_of_a_program_are_independent() {
    let [component, _] = both(command::ACTIONS);
    let plugin = Host::new().load(component).await;
    let calls: Vec<_> = (0..8)
        .map(|number| {
            let plugin = plugin.clone();
            tokio::spawn(async move { plugin.call::<u64>("echo", &number).await })
        })
        .collect();
    for (number, call) in calls.into_iter().enumerate() {
        assert_eq!(call.await.expect("no panic").expect("it echoes"), number as u64);
    }
}

#[tokio::test]
async fn module_that_is_not_a_command_is_refused() {
    let memory = "(memory (export \"memory\") 1)";
    for (module, words) in [
        ("(module)".to_owned(), "_start"),
        (format!("(module {memory} (func (export \"_start\") (param i32)))"), "_start"),
        (format!("(module (import \"env\" \"secret\" (func)) {memory} (func (export \"_start\")))"), "env"),
        (
            format!(
                "(module (import \"wasi_snapshot_preview1\" \"teleport\" (func)) {memory} (func (export \"_start\")))"
            ),
            "teleport",
        ),
    ] {
        let bytes = wat::parse_str(&module).expect("valid text");
        let plugin = TestPlugin::new("stranger", bytes).manifest("execution_mode", json!("legacy"));
        let error = Host::new().try_load(plugin).await.expect_err("it is not a command");
        assert!(!["host_error", "compiler_crashed"].contains(&error.code()), "{module}: {} {error}", error.code());
        assert_contains(&error.to_string(), &["stranger", words]);
    }
}

async fn alive(plugin: &Plugin) {
    let answer: Result<Value, InvokeError> = plugin.call("echo", &"still there").await;
    assert_eq!(answer.expect("the next call is served"), json!("still there"));
}

/// The same program as a preview 2 component and as a preview 1 module.
fn both(guest: crate::harness::guest::Guest) -> [TestPlugin; 2] {
    let module = std::fs::read(guest.preview1_path()).expect("it was built");
    [TestPlugin::from(guest), TestPlugin::new(guest.name(), module)]
        .map(|plugin| plugin.manifest("execution_mode", json!("legacy")))
}
