//! Retries: of which actions, after which failures, how often and until when.

use std::time::Duration;

use plugbay::{Invocation, InvokeError, Plugin};
use serde_json::{Value, json};

use crate::harness::guest::{Guest, feature};
use crate::harness::host::{Host, TestPlugin};

/// A plugin with three attempts for its idempotent `action`.
async fn retried(guest: Guest, action: &str, backoff_seconds: f64) -> Plugin {
    let actions = json!([{ "name": action, "idempotent": true }, { "name": "once" }]);
    let retry = json!({ "max_attempts": 3, "backoff_seconds": backoff_seconds });
    Host::new().load(TestPlugin::from(guest).manifest("actions", actions).manifest("retry", retry)).await
}

/// Calls `fail_first`, which fails this many times with this status.
async fn fail_first(plugin: &Plugin, times: u64, status: u64) -> Result<u64, InvokeError> {
    plugin
        .call("fail_first", &json!({ "times": times, "code": "no_luck", "message": "try again", "status": status }))
        .await
}

#[tokio::test]
async fn idempotent_action_is_retried_until_it_answers() {
    let plugin = retried(feature::FAILURE, "fail_first", 0.01).await;
    assert_eq!(fail_first(&plugin, 2, 503).await.expect("the third attempt answers"), 3);
    let metrics = plugin.metrics();
    assert_eq!((metrics.calls, metrics.errors.len()), (1, 0), "all attempts count as one call");
    assert!(metrics.fuel > 0 && metrics.busy_seconds >= 0.03, "with its pauses of 10 and 20 ms: {metrics:?}");
}

#[tokio::test]
async fn idempotent_action_is_retried_up_to_the_plugins_attempts() {
    let plugin = retried(feature::FAILURE, "fail_first", 0.001).await;
    let error = fail_first(&plugin, 5, 503).await.expect_err("three attempts are not enough");
    assert_eq!(error.code(), "no_luck");
    assert_eq!(fail_first(&plugin, 5, 503).await.expect("the sixth attempt answers"), 6);
    let metrics = plugin.metrics();
    assert_eq!((metrics.calls, metrics.errors.get("no_luck")), (2, Some(&1)));
}

#[tokio::test]
async fn idempotent_action_that_traps_is_retried_fresh() {
    let plugin = retried(feature::LIFECYCLE, "trap", 0.001).await;
    let error = plugin.call::<Value>("trap", &()).await.expect_err("it always traps");
    assert_eq!(error.code(), "plugin_trapped");
    let metrics = plugin.metrics();
    assert_eq!((metrics.calls, metrics.instances_started), (1, 3));
}

#[tokio::test]
async fn failure_of_the_caller_is_not_retried() {
    let plugin = retried(feature::FAILURE, "fail_first", 0.001).await;
    fail_first(&plugin, 1, 422).await.expect_err("a retry would send the same payload");
    assert_eq!(fail_first(&plugin, 1, 422).await.expect("the second call answers"), 2);
}

#[tokio::test]
async fn action_that_is_not_idempotent_is_not_retried() {
    let plugin = retried(feature::LIFECYCLE, "moments", 0.001).await;
    let error = plugin.call::<Value>("once", &()).await.expect_err("there is no such action");
    assert_eq!(error.code(), "unknown_action");
    let actions = json!([{ "name": "trap" }]);
    let retry = json!({ "max_attempts": 3, "backoff_seconds": 0.001 });
    let plugin = TestPlugin::from(feature::LIFECYCLE).manifest("actions", actions).manifest("retry", retry);
    let plugin = Host::new().load(plugin).await;
    plugin.call::<Value>("trap", &()).await.expect_err("it traps");
    assert_eq!(plugin.metrics().instances_started, 1);
}

#[tokio::test]
async fn no_attempt_begins_after_the_deadline() {
    let plugin = retried(feature::FAILURE, "fail_first", 60.0).await;
    let invocation = Invocation::new("fail_first").timeout(Duration::from_secs(5));
    let payload = json!({ "times": 1, "code": "no_luck", "status": 503 });
    let error =
        plugin.invoke(invocation.payload(&payload)).await.expect_err("the deadline leaves no time for another attempt");
    assert_eq!(error.code(), "no_luck");
    assert!(plugin.metrics().busy_seconds < 5.0, "it did not wait for an attempt that cannot begin");
}
