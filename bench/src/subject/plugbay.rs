//! Plugbay through its public API, with every limit, permission check and metric, and with a rate limit that is never
//! reached.

use std::hint::black_box;
use std::path::Path;
use std::time::Duration;

use ::plugbay::compile::CodeCacheLocation;
use ::plugbay::manifest::{Instances, RateLimit, Resources};
use ::plugbay::{Invocation, Package, Plugin, Runtime};
use serde_json::Value;
use serde_json::value::RawValue;

/// The highest possible rate limit.
const RATE: RateLimit = RateLimit { calls: u32::MAX, period: Duration::from_secs(60) };

/// A runtime that compiles, or one with a code cache in this directory.
pub fn runtime(live_instances: u32, code_cache: Option<&Path>) -> anyhow::Result<Runtime> {
    let at = code_cache.map_or(CodeCacheLocation::Off, |directory| CodeCacheLocation::Directory(directory.to_owned()));
    Ok(Runtime::builder().live_instances(live_instances).code_cache(at).build()?)
}

/// The package of the benchmark's plugin, under this name.
pub fn package(name: impl Into<String>, wasm: &[u8], instances: Instances) -> Package {
    let resources = Resources { rate_limit: Some(RATE), instances: Some(instances), ..Resources::default() };
    Package::from_bytes(name, wasm).resources(resources)
}

/// Makes one call, from JSON text to JSON text.
pub async fn call(plugin: &Plugin, action: &'static str, payload: &'static str) -> anyhow::Result<String> {
    Ok(plugin.invoke(Invocation::new(action).payload_json(payload)).await?.into_json())
}

/// Runs `calls` calls with a payload that is known to be JSON and an unchecked result, like the baseline. Neither is
/// parsed a second time.
pub async fn batch(plugin: &Plugin, action: &'static str, payload: &RawValue, calls: u32) -> anyhow::Result<()> {
    for _ in 0..calls {
        let invocation = Invocation::new(action).unchecked_answer().payload_raw(payload);
        black_box(plugin.invoke(invocation).await?.into_json());
    }
    Ok(())
}

/// Runs `calls` calls with any text as payload and a result that is guaranteed to be JSON, both of which are checked.
pub async fn batch_checked(
    plugin: &Plugin,
    action: &'static str,
    payload: &'static str,
    calls: u32,
) -> anyhow::Result<()> {
    for _ in 0..calls {
        black_box(call(plugin, action, payload).await?);
    }
    Ok(())
}

/// Runs `calls` calls with values, which serialize the payload and deserialize the result.
pub async fn batch_typed(plugin: &Plugin, action: &str, payload: &Value, calls: u32) -> anyhow::Result<()> {
    for _ in 0..calls {
        black_box(plugin.call::<Value>(action, payload).await?);
    }
    Ok(())
}
