//! The plugin's own metrics, and the host's figures about it.

use plugbay::Plugin;
use plugbay::metrics::OwnMetric;
use serde_json::{Value, json};

use crate::harness::guest::feature;
use crate::harness::host::{Host, TestPlugin};
use crate::harness::limits::METRICS_MAX;

async fn add(plugin: &Plugin, name: &str) -> Value {
    plugin.call("add", &json!({ "name": name, "by": 2 })).await.expect("it answers")
}

async fn snapshot(plugin: &Plugin) -> Value {
    plugin.call("snapshot", &()).await.expect("it answers")
}

#[tokio::test]
async fn counters_and_gauges_appear_in_the_hosts_metrics() {
    let host = Host::new();
    let plugin = host.load(feature::METRICS.into()).await;
    assert_eq!((add(&plugin, "orders").await, add(&plugin, "orders").await), (json!("added"), json!("added")));
    let set = json!({ "name": "queue", "value": 1.5 });
    assert_eq!(plugin.call::<Value>("set", &set).await.expect("it answers"), "set");
    let own = plugin.metrics().own;
    assert_eq!((own["orders"], own["queue"]), (OwnMetric::Counter(4), OwnMetric::Gauge(1.5)));
    let snapshot = snapshot(&plugin).await;
    assert_eq!(snapshot["own"], json!({ "orders": 4, "queue": 1.5 }));
    assert!(snapshot["calls"].as_u64() >= Some(3) && snapshot["uptime_ms"].is_u64(), "{snapshot}");
    assert_eq!(snapshot["errors"], json!({}));
}

#[tokio::test]
async fn own_metrics_outlive_a_reload_and_end_with_the_plugin() {
    let host = Host::new();
    let plugin = host.load(feature::METRICS.into()).await;
    add(&plugin, "orders").await;
    host.runtime.reload(TestPlugin::from(feature::METRICS).package()).await.expect("the reload succeeds");
    add(&plugin, "orders").await;
    assert_eq!(snapshot(&plugin).await["own"], json!({ "orders": 4 }));
    host.runtime.unload("feature_metrics").await;
    drop(plugin);
    let plugin = host.load(feature::METRICS.into()).await;
    assert_eq!(snapshot(&plugin).await["own"], json!({}));
}

#[tokio::test]
async fn metric_with_an_invalid_name_or_beyond_the_limit_is_refused() {
    let plugin = Host::new().load(feature::METRICS.into()).await;
    for name in ["", "Orders", "a-b"] {
        assert!(add(&plugin, name).await["error"]["invalid_argument"].is_string(), "{name}");
    }
    for number in 0..METRICS_MAX {
        add(&plugin, &format!("m{number}")).await;
    }
    assert!(add(&plugin, "more").await["error"]["limit_exceeded"].is_string());
    assert_eq!(add(&plugin, "m0").await, "added");
}
