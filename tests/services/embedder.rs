//! Objects of the embedder that panic: sinks and a clock.

use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use plugbay::Policy;
use plugbay::audit::{AuditRecord, AuditSink};
use plugbay::clock::Clock;
use plugbay::log::{LogRecord, LogSink};
use serde_json::{Value, json};

use crate::harness::guest::feature;
use crate::harness::host::{Host, TestPlugin, pings};

#[tokio::test]
async fn panicking_sink_loses_only_its_line() {
    struct Broken;
    impl LogSink for Broken {
        fn log(&self, record: &LogRecord<'_>) {
            assert_ne!(record.message, "boom", "a broken sink");
        }
    }
    let host = Host::with(|builder| builder.log_sink(Broken));
    let plugin = host.load(feature::LOG.into()).await;
    assert_eq!(pings(&plugin).await, 1);
    for action in ["log", "print", "eprint"] {
        let answer = plugin.call::<Value>(action, &json!({ "message": "boom" })).await;
        assert_eq!(answer.expect("a broken sink is not the plugin's fault"), Value::Null, "{action}");
    }
    assert_eq!(pings(&plugin).await, 2, "the same instance");
}

#[tokio::test]
async fn panicking_audit_sink_loses_only_its_record() {
    struct Broken;
    impl AuditSink for Broken {
        fn record(&self, _: &AuditRecord<'_>) {
            panic!("a broken sink");
        }

        fn wants_allowed(&self) -> bool {
            true
        }
    }
    let policy = Policy::default().allow("config.open").expect("readable");
    let host = Host::with(|builder| builder.audit_sink(Broken).policy(policy));
    let rules = json!([{ "resource": "config.*", "actions": ["write"] }]);
    let plugin = host.load(TestPlugin::from(feature::CONFIG).manifest("permissions", rules)).await;
    for (key, is_denied) in [("open", false), ("closed", true)] {
        let answer: Value = plugin.call("set", &json!({ "key": key, "value": 1 })).await.expect("it answers");
        assert_eq!(answer["error"]["permission_denied"].is_string(), is_denied, "{answer}");
    }
    assert_eq!(host.runtime.audit_trail().len(), 1, "the runtime still records it");
    let error = host.try_load(TestPlugin::from(feature::DATA)).await.expect_err("it imports data without a grant");
    assert_eq!(error.code(), "permission_denied", "{error}");
}

/// A call that needs the clock fails; the next call that does not need it is served.
#[tokio::test]
async fn panicking_clock_is_a_host_error() {
    struct Broken;
    impl Clock for Broken {
        fn now(&self) -> SystemTime {
            panic!("a broken clock");
        }

        fn sleep_until(&self, _: SystemTime) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
            panic!("a broken clock");
        }
    }
    let host = Host::with(|builder| builder.clock(Broken).policy(Policy::allow_all()));
    let rules = json!([{ "resource": "scheduler.*" }]);
    let plugin = host.load(TestPlugin::from(feature::SCHEDULER).manifest("permissions", rules)).await;
    let job = json!({ "id": "j", "interval_ms": 60_000 });
    let error = plugin.call::<Value>("add", &job).await.expect_err("the call needs the clock");
    assert_eq!(error.code(), "host_error", "{error}");
    assert_eq!(pings(&plugin).await, 1, "a fresh instance");
    assert!(host.runtime.unload(&plugin.name()).await);
}

#[tokio::test]
async fn closures_are_sinks_and_records_print_as_lines() {
    let (lines, denials) = (Arc::new(Mutex::new(Vec::new())), Arc::new(Mutex::new(Vec::new())));
    let (log, audit) = (lines.clone(), denials.clone());
    let host = Host::with(|builder| {
        builder
            .log_sink(move |record: &LogRecord<'_>| log.lock().expect("no panic").push(record.to_string()))
            .audit_sink(move |record: &AuditRecord<'_>| {
                audit.lock().expect("no panic").push(record.resource.to_owned())
            })
    });
    let plugin = host.load(TestPlugin::from(feature::LOG)).await;
    let line = json!({ "level": "warn", "target": "auth", "message": "signed in", "fields": { "user": "Ada" } });
    let _: Value = plugin.call("log", &line).await.expect("it logs");
    let shown = lines.lock().expect("no panic").clone();
    assert_eq!(shown, [r#"[feature_log] WARN auth: signed in user="Ada""#]);
    assert!(denials.lock().expect("no panic").is_empty());
}
