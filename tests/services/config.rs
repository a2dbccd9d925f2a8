//! `plugbay:plugin/config`: layers, types, permissions, secrets, and values that survive a restart.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Waker};

use plugbay::compile::CodeCacheLocation;
use plugbay::{Package, Plugin, Policy};
use serde_json::{Value, json};

use crate::harness::assert::{assert_contains, assert_last_denial, assert_load_error};
use crate::harness::audit::RecordedAudit;
use crate::harness::guest::feature;
use crate::harness::host::{Host, TestPlugin, call};

#[tokio::test]
async fn defaults_of_the_schema_are_returned_by_get_and_all() {
    let plugin = Host::new().load(settings()).await;
    assert_eq!(get(&plugin, "retries").await, json!(3));
    assert_eq!(get(&plugin, "endpoint").await, json!({ "absent": true }));
    assert_eq!(call(&plugin, "all").await.expect("it answers"), json!({ "retries": 3, "token": "hunter2" }));
}

#[tokio::test]
async fn options_of_the_host_override_defaults() {
    let host = Host::new();
    let package = settings().package().configure("retries", 5).configure("endpoint", "https://example.org");
    let plugin = host.runtime.load(package).await.expect("the options fit");
    assert_eq!(get(&plugin, "retries").await, json!(5));
    assert_eq!(get(&plugin, "endpoint").await, json!("https://example.org"));
}

#[tokio::test]
async fn files_of_the_plugin_directory_are_layered_by_environment() {
    let directory = tempfile::tempdir().expect("a directory");
    let write = |name: &str, text: &str| std::fs::write(directory.path().join(name), text).expect("written");
    std::fs::create_dir(directory.path().join("config")).expect("created");
    std::fs::write(directory.path().join("plugin.wasm"), settings().into_bytes()).expect("written");
    write("config/default.yaml", "retries: 6\nendpoint: https://default.example\n");
    write("config/production.yaml", "retries: 7\n");
    for (environment, retries) in [(None, 6), (Some("production"), 7), (Some("staging"), 6)] {
        let host = Host::with(|builder| match environment {
            Some(environment) => builder.environment(environment),
            None => builder,
        });
        let plugin = host.runtime.load(directory.path()).await.expect("the files fit");
        assert_eq!(get(&plugin, "retries").await, json!(retries), "{environment:?}");
        assert_eq!(get(&plugin, "endpoint").await, json!("https://default.example"), "{environment:?}");
    }
    let host = Host::with(|builder| builder.environment("production"));
    let package = Package::open(directory.path()).expect("it opens").configure("retries", 8);
    let plugin = host.runtime.load(package).await.expect("the option fits");
    assert_eq!(get(&plugin, "retries").await, json!(8), "options override files");
}

#[tokio::test]
async fn missing_required_value_fails_the_load_by_name() {
    let plugin = settings().manifest("configuration", json!({ "licence_key": { "type": "string", "required": true } }));
    let error = Host::new().try_load(plugin).await.expect_err("it has no value");
    assert_load_error(&error, "feature_config", "invalid_configuration");
    assert_contains(&error.to_string(), &["licence_key", "required"]);
}

#[tokio::test]
async fn every_wrong_option_is_reported_at_once() {
    let package = settings().package().configure("retries", 99).configure("endpont", "x").configure("token", 5);
    let error = Host::new().runtime.load(package).await.expect_err("three options are wrong");
    assert_load_error(&error, "feature_config", "invalid_configuration");
    assert_contains(&error.to_string(), &["retries", "endpont", "`endpoint`", "token"]);
}

#[tokio::test]
async fn set_without_a_request_is_denied_with_the_line_to_add() {
    let host = Host::with(|builder| builder.policy(Policy::allow_all()));
    let plugin = host.load(settings().manifest("permissions", json!([]))).await;
    let answer = set(&plugin, "retries", json!(4)).await;
    let text = answer["error"]["permission_denied"].as_str().unwrap_or_else(|| panic!("not denied: {answer}"));
    assert_contains(text, &["config.retries", "write", "manifest"]);
    assert_eq!(get(&plugin, "retries").await, json!(3));
    assert_eq!(plugin.metrics().denials, 1);
}

#[tokio::test]
async fn set_without_the_operators_grant_is_denied_with_advice() {
    let host = Host::new();
    let plugin = host.load(settings()).await;
    let answer = set(&plugin, "retries", json!(4)).await;
    let text = answer["error"]["permission_denied"].as_str().unwrap_or_else(|| panic!("not denied: {answer}"));
    assert_contains(text, &["write `config.retries`", "operator"]);
    assert_last_denial(&host.runtime, "config.retries", "write");
}

#[tokio::test]
async fn denied_key_is_denied_to_get_and_left_out_of_all() {
    let mut policy = Policy::default();
    policy.push("config.retries", None, plugbay::manifest::Effect::Deny);
    let host = Host::with(|builder| builder.policy(policy.with_basics()));
    let plugin = host.load(settings()).await;
    let answer = get(&plugin, "retries").await;
    assert!(answer["error"]["permission_denied"].is_string(), "{answer}");
    assert_eq!(call(&plugin, "all").await.expect("it answers"), json!({ "token": "hunter2" }));
}

#[tokio::test]
async fn set_with_both_grants_is_visible_to_get() {
    let plugin = writing_host().load(settings()).await;
    assert_eq!(set(&plugin, "retries", json!(4)).await, json!("set"));
    assert_eq!(get(&plugin, "retries").await, json!(4));
}

#[tokio::test]
async fn set_of_a_mismatched_value_is_invalid_without_effect() {
    let plugin = writing_host().load(settings()).await;
    for (key, value) in [
        ("retries", json!("many")),
        ("retries", json!(99)),
        ("retries", json!(null)),
        ("unknown", json!(1)),
        ("token", json!({})),
        ("endpoint", json!("x".repeat(70_000))),
    ] {
        let answer = set(&plugin, key, value.clone()).await;
        assert!(answer["error"]["invalid_configuration"].is_string(), "{key}: {answer}");
    }
    let not_json: Value = plugin.call("set_raw", &json!({ "key": "retries", "value": "{" })).await.expect("it answers");
    assert!(not_json["error"]["invalid_configuration"].is_string(), "{not_json}");
    assert_eq!(get(&plugin, "retries").await, json!(3));
}

#[tokio::test]
async fn set_values_survive_a_restart_with_a_data_directory() {
    let data = tempfile::tempdir().expect("a directory");
    let host = || Host::with(|builder| builder.policy(Policy::allow_all()).data_dir(data.path()));
    let first = host();
    let plugin = first.load(settings()).await;
    assert_eq!(set(&plugin, "retries", json!(9)).await, json!("set"));
    drop((plugin, first));
    let second = host();
    let package = settings().package().configure("retries", 5);
    let plugin = second.runtime.load(package).await.expect("the stored value fits");
    assert_eq!(get(&plugin, "retries").await, json!(9), "values that the plugin set override the options");
}

#[tokio::test]
async fn values_set_by_two_processes_are_all_stored() {
    let data = tempfile::tempdir().expect("a directory");
    let host = || Host::with(|builder| builder.policy(Policy::allow_all()).data_dir(data.path()));
    let (first, second) = (host(), host());
    let (one, two) = (first.load(settings()).await, second.load(settings()).await);
    assert_eq!(set(&one, "retries", json!(9)).await, json!("set"));
    assert_eq!(set(&two, "endpoint", json!("https://a.test")).await, json!("set"));
    assert_eq!(get(&two, "retries").await, json!(9), "read again when the other value was set");
    drop((one, two, first, second));
    let third = host();
    let plugin = third.load(settings()).await;
    assert_eq!(get(&plugin, "retries").await, json!(9));
    assert_eq!(get(&plugin, "endpoint").await, json!("https://a.test"));
}

#[tokio::test]
async fn stored_value_that_no_longer_fits_is_kept_but_not_used() {
    let data = tempfile::tempdir().expect("a directory");
    let host = || Host::with(|builder| builder.policy(Policy::allow_all()).data_dir(data.path()));
    let first = host();
    let plugin = first.load(settings()).await;
    assert_eq!(set(&plugin, "retries", json!(9)).await, json!("set"));
    assert_eq!(set(&plugin, "endpoint", json!("https://a.test")).await, json!("set"));
    drop((plugin, first));
    let narrower =
        settings().manifest("configuration", json!({ "retries": { "type": "integer", "default": 3, "max": 5 } }));
    let second = host();
    let plugin = second.load(narrower).await;
    assert_eq!(get(&plugin, "retries").await, json!(3), "the next lower layer");
    drop((plugin, second));
    let plugin = host().load(settings()).await;
    assert_eq!(get(&plugin, "retries").await, json!(9), "it is still stored");
    assert_eq!(get(&plugin, "endpoint").await, json!("https://a.test"));
}

#[tokio::test]
async fn undeclared_key_can_be_set_with_additional_configuration() {
    let refused = set(&writing_host().load(settings()).await, "count", json!(1)).await;
    assert!(refused["error"]["invalid_configuration"].is_string(), "{refused}");
    for (field, value) in [("additional_configuration", json!(true)), ("nexus_version", json!(">=0.1"))] {
        let plugin = writing_host().load(settings().manifest(field, value)).await;
        assert_eq!(set(&plugin, "count", json!(1)).await, json!("set"), "{field}");
        assert_eq!(get(&plugin, "count").await, json!(1));
    }
}

#[tokio::test]
async fn set_values_without_a_data_directory_end_with_the_process() {
    let plugin = writing_host().load(settings()).await;
    assert_eq!(set(&plugin, "retries", json!(9)).await, json!("set"));
    let plugin = writing_host().load(settings()).await;
    assert_eq!(get(&plugin, "retries").await, json!(3));
}

#[tokio::test]
async fn values_in_memory_survive_reload_and_unload_until_removed() {
    let host = writing_host();
    let plugin = host.load(settings()).await;
    let neighbour = host.load(settings().manifest("name", json!("neighbour"))).await;
    assert_eq!(set(&plugin, "retries", json!(9)).await, json!("set"));
    host.runtime.reload(settings().package().configure("retries", 5)).await.expect("it reloads");
    assert_eq!(get(&plugin, "retries").await, json!(9), "a reload keeps it, above the options");
    assert!(host.runtime.unload("feature_config").await);
    assert_eq!(get(&host.load(settings()).await, "retries").await, json!(9), "unloading keeps it");
    assert_eq!(get(&neighbour, "retries").await, json!(3));
    assert!(host.runtime.unload("feature_config").await);
    assert!(host.runtime.remove_data("feature_config").await.expect("removed"));
    assert_eq!(get(&host.load(settings()).await, "retries").await, json!(3));
}

/// The new revision has read the stored values when the old one sets another.
#[tokio::test]
async fn value_set_during_a_reload_is_kept_and_seen() {
    for directory in [None, Some(tempfile::tempdir().expect("a directory"))] {
        let host = Host::with(|builder| {
            let builder = builder.policy(Policy::allow_all()).code_cache(CodeCacheLocation::Off);
            match &directory {
                Some(directory) => builder.data_dir(directory.path()),
                None => builder,
            }
        });
        let plugin = host.load(settings()).await;
        let next = settings().manifest("version", json!("0.2.0")).package();
        let mut reload = pin!(host.runtime.reload(next));
        assert!(reload.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending(), "it is being compiled");
        assert_eq!(set(&plugin, "retries", json!(9)).await, json!("set"));
        assert_eq!(set(&plugin, "token", json!("swordfish")).await, json!("set"));
        reload.await.expect("it reloads");
        assert_eq!(plugin.manifest().version.to_string(), "0.2.0");
        assert_eq!(get(&plugin, "retries").await, json!(9), "the new revision sees it");
        let failed = plugin.call::<Value>("fail_with", &"it was swordfish").await.expect_err("it fails");
        assert!(!failed.to_string().contains("swordfish"), "the secret is masked: {failed}");
        assert_eq!(set(&plugin, "endpoint", json!("https://a.test")).await, json!("set"));
        assert!(host.runtime.unload("feature_config").await);
        assert_eq!(get(&host.load(settings()).await, "retries").await, json!(9), "it is still stored");
    }
}

#[tokio::test]
async fn two_plugins_do_not_share_values() {
    let data = tempfile::tempdir().expect("a directory");
    let host = Host::with(|builder| builder.policy(Policy::allow_all()).data_dir(data.path()));
    let one = host.load(settings().manifest("name", json!("one"))).await;
    let two = host.load(settings().manifest("name", json!("two"))).await;
    assert_eq!(set(&one, "retries", json!(1)).await, json!("set"));
    assert_eq!((get(&one, "retries").await, get(&two, "retries").await), (json!(1), json!(3)));
}

#[tokio::test]
async fn secret_reaches_the_plugin_and_is_masked_in_its_log() {
    let host = Host::new();
    let plugin = host.load(settings()).await;
    assert_eq!(get(&plugin, "token").await, json!("hunter2"));
    let length: usize = plugin.call("print_secret", &()).await.expect("it answers");
    assert_eq!(length, "hunter2".len());
    let lines = host.log.lines();
    assert_eq!(lines.len(), 2, "{lines:?}");
    for line in lines.iter() {
        assert!(!format!("{line:?}").contains("hunter2"), "{line:?}");
        assert!(format!("{line:?}").contains("***hidden***"), "{line:?}");
    }
}

#[tokio::test]
async fn secret_is_masked_in_failures_and_trap_reports() {
    let host = Host::new();
    let plugin = host.load(settings()).await;
    for (action, words) in [("fail_with_secret", "failed with"), ("panic_with_secret", "panicked with")] {
        let error = call(&plugin, action).await.expect_err("it does not answer");
        let output = format!("{error} {error:?} {}", error.to_json());
        assert_contains(&output, &[words, "***hidden***"]);
        assert!(!output.contains("hunter2"), "{output}");
    }
    assert!(!format!("{:?} {plugin:?} {:?}", host.log.lines(), plugin.configuration()).contains("hunter2"));
}

#[tokio::test]
async fn secret_of_any_shape_is_masked_in_every_output() {
    for (kind, value, words) in [
        ("string", json!("hunter2-the-key"), vec!["hunter2", "the-key"]),
        ("string", json!("one \"quoted\" word"), vec!["quoted"]),
        ("string", json!("-----BEGIN-----\nMIIBVQ/alpha\nMIIBVQ/omega\n-----END-----"), vec!["MIIB", "alpha", "omega"]),
        ("integer", json!(4_711_471_147_114_711_i64), vec!["471147"]),
        ("object", json!({ "inner": "hunter2-the-key", "more": 1 }), vec!["hunter2", "the-key"]),
        ("array", json!(["hunter2-the-key", 47_114_711]), vec!["hunter2", "47114711"]),
    ] {
        let host = Host::new();
        let setting = json!({ "token": { "type": kind, "secret": true } });
        let package = settings().manifest("configuration", setting).package().configure("token", value);
        let plugin = host.runtime.load(package).await.expect("the token fits");
        call(&plugin, "log_secret_everywhere").await.expect("it answers");
        let mut output = String::new();
        for action in
            ["fail_with_secret", "fail_with_secret_in_code_and_details", "panic_with_secret", "trap_after_secret"]
        {
            let error = call(&plugin, action).await.expect_err("it does not answer");
            output.push_str(&format!("{error} {error:?} {}", error.to_json()));
        }
        output.push_str(&format!("{:?} {plugin:?} {:?}", host.log.lines(), plugin.configuration()));
        output.push_str(&format!("{:?}", plugin.metrics()));
        for word in words {
            assert!(
                !output.contains(word),
                "{kind}: `{word}` at {:?}",
                output.find(word).map(|at| &output[at.saturating_sub(99)..at])
            );
        }
    }
}

#[tokio::test]
async fn secret_set_by_the_plugin_is_masked_like_the_old_one() {
    let host = writing_host();
    let plugin = host.load(settings()).await;
    assert_eq!(set(&plugin, "token", json!("swordfish")).await, json!("set"));
    for word in ["hunter2", "swordfish"] {
        let failed = plugin.call::<Value>("fail_with", &format!("it was {word}")).await.expect_err("it fails");
        assert!(failed.to_string().contains("***hidden***") && !failed.to_string().contains(word), "{failed}");
    }
    let refused = set(&plugin, "token", json!({ "not": "trouts-and-salmons" })).await;
    assert!(
        refused["error"]["invalid_configuration"].is_string() && !refused.to_string().contains("trouts"),
        "{refused}"
    );
}

#[tokio::test]
async fn secret_in_a_denied_key_is_masked_in_the_denial() {
    let mut policy = Policy::default();
    policy.push("config.token", None, plugbay::manifest::Effect::Allow);
    policy.push("config.*", None, plugbay::manifest::Effect::Deny);
    let audit = RecordedAudit::of_everything();
    let host = Host::with(|builder| builder.policy(policy).audit_sink(audit.clone()));
    let plugin = host.load(settings()).await;
    let error = call(&plugin, "ask_for_secret_key").await.expect_err("it is denied");
    assert_contains(&error.to_string(), &["config.***hidden***"]);
    let audited = format!("{:?} {:?}", audit.lines(), host.runtime.audit_trail());
    assert_contains(&audited, &["config.token", "config.***hidden***"]);
    assert!(!format!("{error} {audited}").contains("hunter2"), "{error} {audited}");
}

#[tokio::test]
async fn endless_new_keys_are_refused_at_the_bound() {
    let plugin = writing_host().load(settings().manifest("configuration", json!({}))).await;
    for index in 0..256 {
        assert_eq!(set(&plugin, &format!("key{index}"), json!(1)).await, json!("set"));
    }
    let answer = set(&plugin, "one more", json!(1)).await;
    assert_contains(
        answer["error"]["invalid_configuration"].as_str().unwrap_or_default(),
        &["config_keys", "256", "257"],
    );
    assert_eq!(set(&plugin, "key0", json!(2)).await, json!("set"), "a stored key may change");
    let long = json!("x".repeat(60_000));
    let mut answer = json!("set");
    for index in 0..20 {
        answer = set(&plugin, &format!("key{index}"), long.clone()).await;
    }
    assert_contains(
        answer["error"]["invalid_configuration"].as_str().unwrap_or_default(),
        &["config_bytes", "1048576"],
    );
    let answer = get(&plugin, &"k".repeat(513)).await;
    assert_contains(
        answer["error"]["invalid_configuration"].as_str().unwrap_or_default(),
        &["config_key_bytes", "512", "513"],
    );
}

#[cfg(unix)]
#[tokio::test]
async fn set_values_are_stored_for_this_user_only() {
    use std::os::unix::fs::PermissionsExt;
    let data = tempfile::tempdir().expect("a directory");
    let host = Host::with(|builder| builder.policy(Policy::allow_all()).data_dir(data.path()));
    let plugin = host.load(settings()).await;
    assert_eq!(set(&plugin, "token", json!("swordfish")).await, json!("set"));
    let mode = |path: &str| std::fs::metadata(data.path().join(path)).expect("it exists").permissions().mode() & 0o777;
    assert_eq!((mode("feature_config"), mode("feature_config/config.json")), (0o700, 0o600));
}

#[tokio::test]
async fn hostile_file_of_values_is_refused_soon() {
    let directory = tempfile::tempdir().expect("a directory");
    std::fs::create_dir(directory.path().join("config")).expect("created");
    std::fs::write(directory.path().join("plugin.wasm"), settings().into_bytes()).expect("written");
    let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..20 {
        let inner = format!("*a{}, ", level - 1).repeat(10);
        bomb.push_str(&format!("a{level}: &a{level} [{inner}]\n"));
    }
    for text in [bomb, "[".repeat(100_000), "x".repeat(2 << 20), "- a list".to_owned()] {
        std::fs::write(directory.path().join("config/default.yaml"), text).expect("written");
        Host::new().runtime.load(directory.path()).await.expect_err("it is not a mapping of keys to values");
    }
}

#[tokio::test]
async fn secret_of_the_wrong_type_is_refused_without_quoting_it() {
    let setting = json!({ "token": { "type": "string", "secret": true, "pattern": "^[a-z]+$" } });
    let package = settings().manifest("configuration", setting).package().configure("token", "S3CRET-VALUE");
    let error = Host::new().runtime.load(package).await.expect_err("the token does not fit");
    assert_eq!(error.code(), "invalid_configuration");
    assert!(!error.to_string().contains("S3CRET") && !error.to_json().to_string().contains("S3CRET"), "{error}");
}

#[tokio::test]
async fn manifest_without_a_schema_accepts_any_option() {
    let package = settings().manifest("configuration", json!({})).package().configure("anything", json!([1, 2]));
    let plugin = Host::new().runtime.load(package).await.expect("no schema restricts it");
    assert_eq!(get(&plugin, "anything").await, json!([1, 2]));
}

/// A plugin whose schema has a default, an optional value and a secret, and which requests writing all keys.
fn settings() -> TestPlugin {
    TestPlugin::from(feature::CONFIG).manifest("permissions", json!([{ "resource": "config.*" }])).manifest(
        "configuration",
        json!({
            "retries": { "type": "integer", "default": 3, "min": 0, "max": 10 },
            "endpoint": { "type": "string" },
            "token": { "type": "string", "secret": true, "default": "hunter2" },
        }),
    )
}

fn writing_host() -> Host {
    Host::with(|builder| builder.policy(Policy::allow_all()))
}

async fn get(plugin: &Plugin, key: &str) -> Value {
    plugin.call("get", key).await.expect("it answers")
}

async fn set(plugin: &Plugin, key: &str, value: Value) -> Value {
    plugin.call("set", &json!({ "key": key, "value": value })).await.expect("it answers")
}
