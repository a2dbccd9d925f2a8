//! Limits: what a manifest requests, what it gets by default, and how the operator's ceilings cut it.

use std::time::Duration;

use plugbay::manifest::{Instances, Resources};
use plugbay::{Ceilings, Limits, Package};
use serde_json::json;

use crate::harness::guest::feature;
use crate::harness::host::{Host, TestPlugin};

#[tokio::test]
async fn manifest_without_limits_gets_the_defaults() {
    let plugin = Host::new().runtime.load(feature::ECHO.path()).await.expect("a component is a plugin");
    assert_eq!(plugin.limits(), Limits::default());
}

#[tokio::test]
async fn limit_below_the_default_is_granted() {
    let plugin = TestPlugin::from(feature::ECHO)
        .resource("max_fuel", json!(1_000_000))
        .resource("max_memory_mb", json!(4))
        .resource("timeout_seconds", json!(0.5))
        .resource("instances", json!(3));
    let limits = Host::new().load(plugin).await.limits();
    assert_eq!((limits.fuel, limits.memory_bytes), (Some(1_000_000), 4 << 20));
    assert_eq!((limits.timeout, limits.instances), (Some(Duration::from_millis(500)), Instances::Count(3)));
}

#[tokio::test]
async fn limit_above_the_ceiling_is_cut_to_the_ceiling() {
    let ceilings = Ceilings {
        fuel: Some(1_000_000_000),
        memory_bytes: Some(16 << 20),
        timeout: Some(Duration::from_secs(1)),
        instances: 2,
        ..Ceilings::default()
    };
    let host = Host::with(|builder| builder.ceilings(ceilings));
    for asked in [0_u64, 1_000_000] {
        let plugin = TestPlugin::from(feature::ECHO)
            .manifest("name", json!(format!("asks_{asked}")))
            .resource("max_fuel", json!(asked * 1_000_000))
            .resource("max_memory_mb", json!(if asked == 0 { 0 } else { 4096 }))
            .resource("timeout_seconds", json!(if asked == 0 { 0 } else { 3600 }))
            .resource("instances", json!(if asked == 0 { 2 } else { 100 }));
        let limits = host.load(plugin).await.limits();
        assert_eq!((limits.fuel, limits.memory_bytes), (Some(1_000_000_000), 16 << 20), "{asked}");
        assert_eq!((limits.timeout, limits.instances), (Some(Duration::from_secs(1)), Instances::Count(2)), "{asked}");
    }
}

#[tokio::test]
async fn limits_of_the_host_replace_those_of_the_manifest() {
    let resources =
        Resources { max_fuel: Some(5_000_000), timeout: Some(Duration::from_secs(2)), ..Resources::default() };
    let package: Package =
        TestPlugin::from(feature::ECHO).resource("max_memory_mb", json!(7)).package().resources(resources);
    let limits = Host::new().runtime.load(package).await.expect("it loads").limits();
    assert_eq!(
        (limits.fuel, limits.timeout, limits.memory_bytes),
        (Some(5_000_000), Some(Duration::from_secs(2)), 7 << 20)
    );
}
