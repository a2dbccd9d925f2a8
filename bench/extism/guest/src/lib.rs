//! The job as an Extism plugin: one export for each action, a JSON text in, a JSON text out.

#[path = "../../../guest/src/job.rs"]
mod job;

use extism_pdk::{FnResult, plugin_fn};

fn answer(action: &str, payload: &str) -> FnResult<String> {
    Ok(job::run(action, payload).ok_or_else(|| extism_pdk::Error::msg("the payload does not fit"))?)
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
