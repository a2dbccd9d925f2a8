//! The benchmark's job as an Extism plugin, with one export for each action, from JSON text to JSON text.

#[path = "../../../guest/src/job.rs"]
mod job;

use extism_pdk::{FnResult, plugin_fn};

fn answer(action: &str, payload: &str) -> FnResult<String> {
    Ok(job::run(action, payload).ok_or_else(|| extism_pdk::Error::msg("the payload is not valid for the action"))?)
}

#[plugin_fn]
pub fn ping(payload: String) -> FnResult<String> {
    answer("ping", &payload)
}

#[plugin_fn]
pub fn echo(payload: String) -> FnResult<String> {
    answer("echo", &payload)
}

#[plugin_fn]
pub fn sha256(payload: String) -> FnResult<String> {
    answer("sha256", &payload)
}

#[plugin_fn]
pub fn scan(payload: String) -> FnResult<String> {
    answer("scan", &payload)
}
