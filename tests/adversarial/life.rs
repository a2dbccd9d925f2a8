//! Guests that misbehave in their lifecycle calls: start functions, `on_load`, `save_state`, `on_reload` and
//! `on_unload`.

use plugbay::LoadError;
use serde_json::{Value, json};

use crate::harness::assert::assert_load_error;
use crate::harness::core_module::CoreModule;
use crate::harness::guest::{feature, hostile};
use crate::harness::host::{Host, TestPlugin, pings};
use crate::harness::patience::ends;

#[tokio::test]
async fn endless_start_function_fails_the_load() {
    let error =
        load_fails(CoreModule::default().with("(func $forever (loop $again (br $again))) (start $forever)")).await;
    assert_load_error(&error, "attacker", "out_of_fuel");
}

#[tokio::test]
async fn start_function_that_traps_fails_the_load() {
    let error = load_fails(CoreModule::default().with("(func $broken (unreachable)) (start $broken)")).await;
    assert_load_error(&error, "attacker", "plugin_trapped");
}

#[tokio::test]
async fn start_function_that_grows_its_memory_fails_the_load() {
    let greedy = "(func $greedy (drop (memory.grow (i32.const 60000)))) (start $greedy)";
    assert_load_error(&load_fails(CoreModule::default().with(greedy)).await, "attacker", "memory_limit");
}

#[tokio::test]
async fn endless_initialiser_fails_the_load() {
    let error =
        load_fails(CoreModule::default().with("(func (export \"_initialize\") (loop $again (br $again)))")).await;
    assert_load_error(&error, "attacker", "out_of_fuel");
}

#[tokio::test]
async fn endless_initialiser_in_trusted_mode_fails_the_load() {
    let forever = CoreModule::default().with("(func (export \"_initialize\") (loop $again (br $again)))");
    let plugin = TestPlugin::new("attacker", forever.plugin()).trusted();
    let error =
        Host::new().try_load(plugin.resource("timeout_seconds", json!(0.2))).await.expect_err("it never starts");
    assert_load_error(&error, "attacker", "timeout");
}

#[tokio::test]
async fn failing_on_load_fails_the_load_and_leaves_nothing() {
    for (behaviour, code) in
        [("fail", "not_ready"), ("trap", "plugin_trapped"), ("hang", "out_of_fuel"), ("sleep", "timeout")]
    {
        let host = Host::new();
        let neighbour = host.load(feature::ECHO.into()).await;
        let error = host.try_load(behaving("on_load", behaviour)).await.expect_err("on_load fails");
        assert_load_error(&error, "feature_lifecycle", code);
        assert!(host.runtime.plugin("feature_lifecycle").is_none(), "{behaviour}");
        assert_eq!(pings(&neighbour).await, 1);
        // The name is free again.
        host.load(feature::LIFECYCLE.into()).await;
    }
}

#[tokio::test]
async fn failing_on_unload_does_not_block_unloading() {
    for behaviour in ["fail", "trap", "hang", "sleep"] {
        let host = Host::new();
        let neighbour = host.load(feature::ECHO.into()).await;
        let plugin = host.load(behaving("on_unload", behaviour)).await;
        pings(&plugin).await;
        assert!(ends(host.runtime.unload("feature_lifecycle")).await, "{behaviour}");
        assert!(host.runtime.plugin("feature_lifecycle").is_none(), "{behaviour}");
        let error = plugin.call::<Value>("ping", &()).await.expect_err("it is gone");
        assert_eq!(error.code(), "not_loaded", "{behaviour}: {error}");
        assert_eq!(pings(&neighbour).await, 1);
        host.load(feature::LIFECYCLE.into()).await;
    }
}

#[tokio::test]
async fn failing_reload_leaves_the_old_revision_serving() {
    for moment in ["save_state", "on_reload"] {
        for behaviour in ["fail", "trap", "hang", "sleep"] {
            let host = Host::new();
            let plugin = host.load(behaving("save_state", if moment == "save_state" { behaviour } else { "" })).await;
            let total: u64 = plugin.call("add", &5).await.expect("it adds");
            assert_eq!(total, 5);
            let newer = behaving("on_reload", if moment == "on_reload" { behaviour } else { "" });
            let reloaded = host.runtime.reload(newer.package()).await;
            assert!(reloaded.is_err(), "{moment} {behaviour}");
            let total: Result<u64, _> = plugin.call("add", &1).await;
            let total = total.unwrap_or_else(|error| panic!("{moment} {behaviour}: {error}"));
            // A trap or a timeout in `save_state` costs the old instance and its state, but the old revision still
            // serves.
            let lost = moment == "save_state" && behaviour != "fail";
            assert_eq!(total, if lost { 1 } else { 6 }, "{moment} {behaviour}");
        }
    }
}

#[tokio::test]
async fn state_over_the_limit_is_not_handed_over() {
    let host = Host::new();
    let setting = json!({ "bytes": { "type": "integer", "default": 64 << 20 } });
    let plugin =
        TestPlugin::from(hostile::STATE).manifest("configuration", setting).resource("max_memory_mb", json!(256));
    let plugin = plugin.resource("max_fuel", json!(5_000_000_000_u64));
    host.load(plugin.clone()).await;
    let error = host.runtime.reload(plugin.package()).await.expect_err("a state of 64 MiB is over the limit");
    assert_load_error(&error, "hostile_state", "result_too_large");
    assert_eq!(pings(&host.runtime.plugin("hostile_state").expect("the old one serves")).await, 1);
}

#[tokio::test]
async fn malformed_health_report_is_an_invalid_answer() {
    let host = Host::new();
    let setting = json!({ "bytes": { "type": "integer", "default": 0 } });
    let plugin = host.load(TestPlugin::from(hostile::STATE).manifest("configuration", setting)).await;
    let error = plugin.health().await.expect_err("`not a report` is not JSON");
    assert_eq!(error.code(), "invalid_answer", "{error}");
    assert_eq!(pings(&plugin).await, 1);
}

fn behaving(moment: &str, behaviour: &str) -> TestPlugin {
    let setting = |name: &str| {
        let default = if name == moment { behaviour } else { "" };
        json!({ "type": "string", "default": default })
    };
    TestPlugin::from(feature::LIFECYCLE)
        .manifest(
            "configuration",
            json!({
                "on_load": setting("on_load"), "on_unload": setting("on_unload"),
                "save_state": setting("save_state"), "on_reload": setting("on_reload"),
            }),
        )
        .resource("timeout_seconds", json!(0.3))
        .resource("max_fuel", json!(5_000_000))
}

async fn load_fails(module: CoreModule) -> LoadError {
    let host = Host::new();
    let neighbour = host.load(feature::ECHO.into()).await;
    let plugin = TestPlugin::new("attacker", module.plugin()).resource("max_fuel", json!(50_000_000));
    let error = host.try_load(plugin).await.expect_err("it never starts");
    assert_eq!(pings(&neighbour).await, 1);
    assert!(host.runtime.plugin("attacker").is_none());
    error
}
