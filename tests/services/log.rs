//! `plugbay:plugin/log` and the standard streams: lines with their plugin, level and fields, and the limits on them.

use plugbay::log::LogLevel;
use plugbay::{Invocation, Policy};
use serde_json::{Value, json};

use crate::harness::guest::{feature, sdk};
use crate::harness::host::{Host, call};
use crate::harness::limits;

#[tokio::test]
async fn line_arrives_with_plugin_level_target_and_fields() {
    let host = Host::new();
    let plugin = host.load(feature::LOG.into()).await;
    for (name, level) in [
        ("trace", LogLevel::Trace),
        ("debug", LogLevel::Debug),
        ("info", LogLevel::Info),
        ("warn", LogLevel::Warn),
        ("error", LogLevel::Error),
    ] {
        let line =
            json!({ "level": name, "target": "orders", "message": "placed\nin two lines", "fields": { "id": 7 } });
        plugin.call::<Value>("log", &line).await.expect("it answers");
        let line = host.log.lines().pop().expect("it was logged");
        assert_eq!((&*line.plugin, line.level, &*line.target), ("feature_log", level, "orders"));
        assert_eq!(line.message, "placed\nin two lines");
        assert_eq!(line.fields, [("id".to_owned(), "7".to_owned())]);
    }
}

#[tokio::test]
async fn names_of_the_host_come_before_the_target() {
    let host = Host::with(|builder| builder.log_parents(["app", "plugins"]));
    let plugin = host.load(feature::LOG.into()).await;
    for target in ["orders", ""] {
        let line = json!({ "level": "info", "target": target, "message": "placed" });
        plugin.call::<Value>("log", &line).await.expect("it answers");
    }
    let targets: Vec<String> = host.log.lines().iter().map(|line| line.target.clone()).collect();
    assert_eq!(targets, ["app:plugins:orders", "app:plugins"]);
}

#[tokio::test]
async fn line_has_the_id_of_its_call() {
    let host = Host::new();
    let plugin = host.load(feature::LOG.into()).await;
    for id in [Some("order-7"), None, None] {
        let invocation = Invocation::new("log").payload(&json!({ "message": "placed" }));
        let invocation = id.into_iter().fold(invocation, Invocation::request_id);
        plugin.invoke(invocation).await.expect("it answers");
    }
    let ids: Vec<Option<String>> = host.log.lines().iter().map(|line| line.request_id.clone()).collect();
    assert_eq!(ids[0].as_deref(), Some("order-7"));
    assert!(ids[1].is_some() && ids[2].is_some() && ids[1] != ids[2], "each call has one: {ids:?}");
}

#[tokio::test]
async fn printed_lines_are_log_lines() {
    let host = Host::new();
    let plugin = host.load(feature::LOG.into()).await;
    plugin.call::<Value>("print", &json!({ "message": "one\ntwo" })).await.expect("it answers");
    plugin.call::<Value>("eprint", &json!({ "message": "three" })).await.expect("it answers");
    assert_eq!(host.log.messages("stdout"), ["one", "two"]);
    assert_eq!(host.log.messages("stderr"), ["three"]);
    let levels: Vec<LogLevel> = host.log.lines().iter().map(|line| line.level).collect();
    assert_eq!(levels, [LogLevel::Info, LogLevel::Info, LogLevel::Warn]);
    let ids: Vec<Option<String>> = host.log.lines().iter().map(|line| line.request_id.clone()).collect();
    assert!(
        ids[0].is_some() && ids[0] == ids[1] && ids[2].is_some() && ids[1] != ids[2],
        "that of their call: {ids:?}"
    );
}

#[tokio::test]
async fn lines_above_the_rate_are_dropped_and_counted() {
    let host = Host::new();
    let plugin = host.load(feature::LOG.into()).await;
    let count = limits::LOG_LINES_MAX + 500;
    plugin.call::<Value>("log_many", &json!({ "count": count })).await.expect("it answers");
    let logged = host.log.lines().iter().filter(|line| line.message.starts_with("line ")).count() as u64;
    let dropped = plugin.metrics().log_lines_dropped;
    assert_eq!(logged + dropped, u64::from(count));
    assert!(dropped > 0);
}

#[tokio::test]
async fn flood_of_one_plugin_does_not_drop_lines_of_another() {
    let host = Host::new();
    let flooding = host.load(feature::LOG.into()).await;
    let quiet = crate::harness::host::TestPlugin::from(feature::LOG).manifest("name", json!("quiet"));
    let quiet = host.load(quiet).await;
    let count = limits::LOG_LINES_MAX + 500;
    flooding.call::<Value>("log_many", &json!({ "count": count })).await.expect("it answers");
    quiet.call::<Value>("log", &json!({ "message": "still heard" })).await.expect("it answers");
    let lines = host.log.lines();
    assert!(lines.iter().any(|line| line.plugin == "quiet" && line.message == "still heard"));
}

#[tokio::test]
async fn field_that_is_not_json_is_harmless() {
    let host = Host::new();
    let plugin = host.load(feature::LOG.into()).await;
    let field = json!({ "name": "x", "value": "not json \u{1b}[31m" });
    plugin.call::<Value>("log_raw_field", &field).await.expect("it answers");
    assert_eq!(host.log.lines().len(), 1);
}

#[tokio::test]
async fn threshold_is_that_of_the_sink() {
    let plugin = Host::new().load(feature::LOG.into()).await;
    assert_eq!(call(&plugin, "threshold").await.expect("it answers"), json!("Level::Trace"));
}

#[tokio::test]
async fn log_that_the_operator_denies_fails_the_load() {
    let mut policy = Policy::default();
    policy.push("log", None, plugbay::manifest::Effect::Deny);
    let host = Host::with(|builder| builder.policy(policy.with_basics()));
    let error = host.try_load(feature::LOG.into()).await.expect_err("it imports the log");
    assert_eq!(error.code(), "permission_denied", "{error}");
}

#[tokio::test]
async fn lines_of_the_log_and_tracing_crates_are_the_plugins() {
    let host = Host::new();
    let plugin = host.load(sdk::LOG_CRATES.into()).await;
    plugin.call::<()>("speak", &()).await.expect("it speaks");
    let lines = host.log.lines();
    let shown: Vec<_> = lines.iter().map(|line| (line.level, &*line.target, &*line.message)).collect();
    assert_eq!(
        shown,
        [(LogLevel::Warn, "old", "2 left"), (LogLevel::Error, "new", "sold out"), (LogLevel::Trace, "new", "after")]
    );
    let fields = [("id".to_owned(), "7".to_owned()), ("who".to_owned(), "\"Ada\"".to_owned())];
    assert_eq!(lines[1].fields, fields, "those of the span come first");
}
