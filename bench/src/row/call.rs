//! Calls into a warm instance.

use anyhow::ensure;
use plugbay::manifest::Instances;
use serde_json::Value;
use serde_json::value::RawValue;

use super::{Bench, LIVE_INSTANCES};
use crate::measure::{Subject, interleave};
use crate::report::{Row, Target};
use crate::subject::{executor, native, plugbay as bay, raw, timed};

/// The targets of a row.
#[derive(Clone, Copy, Default)]
pub struct Asked {
    pub over_raw: Option<f64>,
    pub extism_over: Option<f64>,
}

/// An action with JSON text as payload and result.
pub fn text(bench: &Bench, action: &'static str, payload: &'static str, asked: Asked) -> anyhow::Result<Row> {
    let executor = executor()?;
    let raw_host = raw::Host::new(LIVE_INSTANCES)?;
    let raw_plugin = raw_host.compile(&bench.wasm)?;
    let mut instance = executor.block_on(raw_plugin.start())?;
    let mut checked = executor.block_on(raw_plugin.start())?;
    let runtime = bay::runtime(LIVE_INSTANCES, None)?;
    let plugin = executor.block_on(runtime.load(bay::package("bench", &bench.wasm, Instances::Count(1))))?;

    let expected = native::call(action, payload)?;
    ensure!(executor.block_on(instance.call(action, payload))? == expected, "raw wasmtime returned a different result");
    ensure!(executor.block_on(bay::call(&plugin, action, payload))? == expected, "Plugbay returned a different result");

    let json: &RawValue = serde_json::from_str(payload)?;
    let mut subjects = vec![
        Subject::new("native", |calls| native::batch(action, payload, calls)),
        Subject::new("raw wasmtime", |calls| timed(&executor, raw::warm(&mut instance, action, payload, calls))),
        Subject::new("raw wasmtime, JSON checked", |calls| {
            timed(&executor, raw::warm_checked(&mut checked, action, payload, calls))
        }),
        Subject::new("plugbay", |calls| timed(&executor, bay::batch(&plugin, action, json, calls))),
        Subject::new("plugbay, JSON checked", |calls| {
            timed(&executor, bay::batch_checked(&plugin, action, payload, calls))
        }),
    ];
    if let Some(extism) = &bench.extism {
        let mut peer = extism.start("warm", action, payload)?;
        subjects.push(Subject::new("extism", move |calls| peer.batch(calls)));
    }
    let name = match payload.len() {
        4 if payload == "null" => format!("warm call: {action}"),
        length => format!("warm call: {action}, payload of {length} bytes"),
    };
    Ok(Row::new(name, interleave(subjects, bench.plan)?)
        .ratio("plugbay", "raw wasmtime", asked.over_raw.map(Target::AtMost))
        .ratio("plugbay, JSON checked", "raw wasmtime, JSON checked", asked.over_raw.map(Target::AtMost))
        .ratio("raw wasmtime", "native", None)
        .ratio("plugbay", "native", None)
        .ratio("extism", "plugbay", asked.extism_over.map(Target::AtLeast)))
}

/// An action with values, for which both subjects serialize the payload and deserialize the result with serde.
pub fn typed(bench: &Bench, action: &'static str, payload: &'static str, over_raw: Option<f64>) -> anyhow::Result<Row> {
    let executor = executor()?;
    let raw_host = raw::Host::new(LIVE_INSTANCES)?;
    let mut instance = executor.block_on(raw_host.compile(&bench.wasm)?.start())?;
    let runtime = bay::runtime(LIVE_INSTANCES, None)?;
    let plugin = executor.block_on(runtime.load(bay::package("bench", &bench.wasm, Instances::Count(1))))?;
    let value: Value = serde_json::from_str(payload)?;
    let subjects = vec![
        Subject::new("raw wasmtime", |calls| {
            timed(&executor, async {
                for _ in 0..calls {
                    let answer = instance.call_owned(action, serde_json::to_string(&value)?).await?;
                    std::hint::black_box(serde_json::from_str::<Value>(&answer)?);
                }
                Ok(())
            })
        }),
        Subject::new("plugbay", |calls| timed(&executor, bay::batch_typed(&plugin, action, &value, calls))),
    ];
    let name = format!("warm call with values: {action}, payload of {} bytes", payload.len());
    Ok(Row::new(name, interleave(subjects, bench.plan)?).ratio("plugbay", "raw wasmtime", over_raw.map(Target::AtMost)))
}
