//! Events compared with the plain calls that do the same: one handler, many handlers, and an event that no plugin
//! receives.

use std::cell::RefCell;
use std::time::Duration;

use anyhow::ensure;
use plugbay::manifest::{Format, Instances, Layer};
use plugbay::{Event, Invocation, Policy, Runtime};
use serde_json::Value;

use super::{Bench, LIVE_INSTANCES, service};
use crate::measure::{Plan, Subject, interleave};
use crate::payload;
use crate::report::{Row, Target};
use crate::subject::{executor, timed};

/// The topic of the events.
const TOPIC: &str = "bench.event";
/// The number of plugins that emit in turn.
const EMITTERS: usize = 50;
/// Subscribes to the topic.
const SUBSCRIPTION: &str = r#"{"events": {"subscribes": ["bench.event"]}}"#;

/// An event that `handlers` plugins receive, compared with a plain call of each of them. The handler and the action do
/// the same with 100 bytes of JSON: they parse it and write it again.
pub fn emit(bench: &Bench, handlers: usize, over_calls: f64) -> anyhow::Result<Row> {
    let executor = executor()?;
    let runtime = Runtime::builder().live_instances(LIVE_INSTANCES).policy(Policy::allow_all()).build()?;
    let mut plugins = Vec::new();
    for number in 0..handlers {
        let package = service::package(bench, &format!("handler-{number}"), Instances::Count(1))?
            .manifest(Layer::parse("subscription", SUBSCRIPTION, Format::Json)?);
        plugins.push(executor.block_on(runtime.load(package))?);
    }
    let payload = payload::json_of(100);
    let data: Value = serde_json::from_str(payload)?;
    let outcome = executor.block_on(runtime.emit(Event::new(TOPIC, data.clone())))?;
    ensure!((outcome.handlers, outcome.failed) == (handlers, 0), "{outcome:?}");
    let calls = |calls: u32| {
        timed(&executor, async {
            for _ in 0..calls {
                for plugin in &plugins {
                    plugin.invoke(Invocation::new("echo").payload_json(payload)).await?;
                }
            }
            Ok(())
        })
    };
    let emits = |calls: u32| {
        timed(&executor, async {
            for _ in 0..calls {
                runtime.emit(Event::new(TOPIC, data.clone())).await?;
            }
            Ok(())
        })
    };
    let subjects = vec![Subject::new("calls", calls), Subject::new("emit", emits)];
    let name = format!("event: emit to {handlers} handlers, and as many calls");
    Ok(Row::new(name, interleave(subjects, bench.plan)?).ratio("emit", "calls", Some(Target::AtMost(over_calls))))
}

/// An event that a plugin emits and no plugin receives, compared with another host call that may wait: `cache.get`.
pub fn unheard(bench: &Bench) -> anyhow::Result<Row> {
    let executor = executor()?;
    let runtime = Runtime::builder().live_instances(LIVE_INSTANCES).policy(Policy::allow_all()).build()?;
    let mut plugins = Vec::new();
    for number in 0..EMITTERS {
        let package = service::package(bench, &format!("emitter-{number}"), Instances::Count(1))?;
        let plugin = executor.block_on(runtime.load(package))?;
        executor.block_on(service::many(&plugin, "prepare", 0))?;
        plugins.push(plugin);
    }
    // A plugin may publish 10,000 events a second, so each batch is another plugin's.
    let mut batches = 0;
    let mut in_turn = |action, calls| {
        batches += 1;
        timed(&executor, service::many(&plugins[batches % EMITTERS], action, calls))
    };
    let turns = RefCell::new(&mut in_turn);
    let subjects = vec![
        Subject::new("cache.get", |calls| turns.borrow_mut()("cache", calls)),
        Subject::new("emit", |calls| turns.borrow_mut()("emit", calls)),
    ];
    let plan = Plan { batch: Duration::from_millis(1), ..bench.plan };
    Ok(Row::new("event: emit without a subscription", interleave(subjects, plan)?).difference(
        "emit",
        "cache.get",
        Some(Target::AtMost(300.0)),
    ))
}
