//! Changes that are on disk when they return, made by one caller and by 16 at once, which share writes to the disk.

use std::time::{Duration, Instant};

use plugbay::manifest::{Format, Instances, Layer};
use plugbay::{Event, Plugin, Policy, Runtime};
use tokio::runtime::{Builder, Runtime as Executor};

use super::{Bench, LIVE_INSTANCES, service};
use crate::measure::{Subject, interleave};
use crate::report::{Row, Target};

const CALLERS: u32 = 16;
/// The throughput of 16 callers, compared with that of one.
const SPEED_UP: Target = Target::AtLeast(5.0);
/// Long enough for several changes of each caller on a slow disk.
const BATCH: Duration = Duration::from_millis(60);
const TOPIC: &str = "bench.durable";
/// Subscribes to the topic.
const SUBSCRIPTION: &str = r#"{"events": {"subscribes": [{"topic": "bench.durable", "durable": true}]}}"#;

/// Publishing an event that a plugin receives by a durable subscription. It receives the events meanwhile.
pub fn publish(bench: &Bench) -> anyhow::Result<Row> {
    let (executor, runtime, _plugin) = host(bench, "durable-publish")?;
    let publish = |changes: u32| {
        let runtime = runtime.clone();
        async move {
            for _ in 0..changes {
                runtime.publish(Event::new(TOPIC, 0)).await?;
            }
            Ok(())
        }
    };
    row(bench, "event: publish to a durable subscription", &executor, &publish)
}

/// A plugin with 16 instances that stores a value.
pub fn set(bench: &Bench) -> anyhow::Result<Row> {
    let (executor, _runtime, plugin) = host(bench, "durable-set")?;
    let set = |changes: u32| {
        let plugin = plugin.clone();
        async move { service::many(&plugin, "data-set", changes).await }
    };
    row(bench, "service: data.set", &executor, &set)
}

fn host(bench: &Bench, name: &str) -> anyhow::Result<(Executor, Runtime, Plugin)> {
    let executor = Builder::new_multi_thread().enable_time().build()?;
    let runtime = Runtime::builder()
        .live_instances(LIVE_INSTANCES)
        .policy(Policy::allow_all())
        .data_dir(bench.scratch(name))
        .build()?;
    let package = service::package(bench, "durable", Instances::Count(CALLERS))?.manifest(Layer::parse(
        "subscription",
        SUBSCRIPTION,
        Format::Json,
    )?);
    let plugin = executor.block_on(runtime.load(package))?;
    Ok((executor, runtime, plugin))
}

/// Compares one caller with 16. `change` makes a number of changes, one after another.
fn row<F>(bench: &Bench, name: &str, executor: &Executor, change: &impl Fn(u32) -> F) -> anyhow::Result<Row>
where
    F: Future<Output = anyhow::Result<()>> + Send + 'static,
{
    let by = |callers: u32| {
        move |changes: u32| {
            let started = Instant::now();
            let tasks: Vec<_> = (0..callers)
                .map(|caller| executor.spawn(change(changes / callers + u32::from(caller < changes % callers))))
                .collect();
            for task in tasks {
                executor.block_on(task)??;
            }
            Ok(started.elapsed())
        }
    };
    let subjects = vec![Subject::new("1 caller", by(1)), Subject::new("16 callers", by(CALLERS))];
    let samples = interleave(subjects, bench.slower(BATCH))?;
    Ok(Row::new(format!("{name}, on disk when it returns; time per change"), samples).ratio(
        "1 caller",
        "16 callers",
        Some(SPEED_UP),
    ))
}
