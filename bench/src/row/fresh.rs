//! Calls with a new instance for each.

use plugbay::manifest::Instances;
use serde_json::value::RawValue;

use super::{Bench, LIVE_INSTANCES};
use crate::measure::{Subject, interleave};
use crate::report::{Row, Target};
use crate::subject::{executor, plugbay as bay, raw, timed};

pub fn row(
    bench: &Bench,
    action: &'static str,
    payload: &'static str,
    over_raw: f64,
    extism_over: f64,
) -> anyhow::Result<Row> {
    let executor = executor()?;
    let raw_plugin = raw::Host::new(LIVE_INSTANCES)?.compile(&bench.wasm)?;
    let runtime = bay::runtime(LIVE_INSTANCES, None)?;
    let plugin = executor.block_on(runtime.load(bay::package("bench", &bench.wasm, Instances::PerCall)))?;
    let json: &RawValue = serde_json::from_str(payload)?;
    let mut subjects = vec![
        Subject::new("raw wasmtime, tuned pool", |calls| {
            timed(&executor, raw::fresh(&raw_plugin, action, payload, calls))
        }),
        Subject::new("plugbay", |calls| timed(&executor, bay::batch(&plugin, action, json, calls))),
    ];
    if let Some(extism) = &bench.extism {
        let mut pooled = extism.start("fresh-pooled", action, payload)?;
        subjects.push(Subject::new("extism, pooled", move |calls| pooled.batch(calls)));
        let mut plain = extism.start("fresh", action, payload)?;
        subjects.push(Subject::new("extism, as it comes", move |calls| plain.batch(calls)));
    }
    let name = format!("fresh sandbox per call: {action}, payload of {} bytes", payload.len());
    Ok(Row::new(name, interleave(subjects, bench.plan)?)
        .ratio("plugbay", "raw wasmtime, tuned pool", Some(Target::AtMost(over_raw)))
        .ratio("extism, pooled", "plugbay", Some(Target::AtLeast(extism_over)))
        .ratio("extism, as it comes", "plugbay", None))
}
