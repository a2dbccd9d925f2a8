//! How many instances live at once, and how large each may be.

use crate::harness::assert::{assert_contains, assert_load_error};
use crate::harness::core_module::{CoreModule, with_more_modules};
use crate::harness::guest::feature;
use crate::harness::host::{Host, TestPlugin, pings};
use crate::harness::limits;

/// As large as componentize-py makes them.
fn of_many_modules(name: &str) -> TestPlugin {
    TestPlugin::new(name, with_more_modules(CoreModule::default().plugin(), 40))
}

#[tokio::test]
async fn component_of_many_core_modules_runs_in_the_smallest_pool() {
    let host = Host::with(|builder| builder.live_instances(1));
    assert_eq!(pings(&host.load(of_many_modules("many")).await).await, 1);
}

#[tokio::test]
async fn components_of_many_core_modules_run_beside_plain_ones() {
    let host = Host::with(|builder| builder.live_instances(4));
    for plugin in [of_many_modules("one"), of_many_modules("two"), feature::ECHO.into(), of_many_modules("three")] {
        assert_eq!(pings(&host.load(plugin).await).await, 1);
    }
}

#[tokio::test]
async fn component_of_more_core_modules_than_allowed_fails_the_load() {
    let plugin = with_more_modules(CoreModule::default().plugin(), limits::CORE_INSTANCES_MAX);
    let error = Host::new().try_load(TestPlugin::new("many", plugin)).await.expect_err("they are too many");
    assert_load_error(&error, "many", "component_too_large");
    assert_contains(&error.to_string(), &["core module instances", "maximum of 64"]);
}

#[tokio::test]
async fn load_beyond_the_live_instances_is_busy_until_one_is_unloaded() {
    let host = Host::with(|builder| builder.live_instances(1));
    let first = host.load(feature::ECHO.into()).await;
    let second = || TestPlugin::from(feature::ECHO).manifest("name", serde_json::json!("second")).trusted();
    let error = host.try_load(second()).await.expect_err("one lives already");
    assert_load_error(&error, "second", "busy");
    assert_contains(&error.to_string(), &["live instances", "1 allowed"]);
    assert!(host.runtime.unload(&first.name()).await);
    assert_eq!(pings(&host.load(second()).await).await, 1);
}
