//! The machine-readable form of a failed call: a stable code, the exceeded limit, a JSON object.

use std::fmt;

use serde::Serialize;

use super::{InvokeError, InvokeErrorKind};

impl InvokeErrorKind {
    /// Returns the stable name of this kind of error. A plugin cannot choose it: the code of a failure that a plugin
    /// answered is `guest_error`.
    pub fn code(&self) -> &'static str {
        match self {
            InvokeErrorKind::UnknownAction { .. } => "unknown_action",
            InvokeErrorKind::Validation { .. } => "validation_error",
            InvokeErrorKind::Payload { .. } => "invalid_payload",
            InvokeErrorKind::Answer { .. } => "invalid_answer",
            InvokeErrorKind::PayloadTooLarge { .. } => "payload_too_large",
            InvokeErrorKind::ResultTooLarge { .. } => "result_too_large",
            InvokeErrorKind::RateLimited { .. } => "rate_limit_exceeded",
            InvokeErrorKind::Busy { .. } => "busy",
            InvokeErrorKind::Timeout { .. } => "timeout",
            InvokeErrorKind::OutOfFuel { .. } => "out_of_fuel",
            InvokeErrorKind::MemoryLimit { .. } => "memory_limit",
            InvokeErrorKind::StackOverflow { .. } => "stack_overflow",
            InvokeErrorKind::ResourceLimit { .. } => "resource_limit",
            InvokeErrorKind::CallerRefused { .. } => "permission_denied",
            InvokeErrorKind::Reentrant { .. } => "reentrant_call",
            InvokeErrorKind::CallDepth { .. } => "call_depth",
            InvokeErrorKind::Trapped { .. } => "plugin_trapped",
            InvokeErrorKind::Guest { .. } => "guest_error",
            InvokeErrorKind::Contract { .. } => "contract_mismatch",
            InvokeErrorKind::NotLoaded => "not_loaded",
            InvokeErrorKind::PluginDisabled => "plugin_disabled",
            InvokeErrorKind::PluginFailed { .. } => "plugin_failed",
            InvokeErrorKind::LoadFailed { .. } => "load_failed",
            InvokeErrorKind::Unavailable { .. } => "unavailable",
            InvokeErrorKind::Host { .. } => "host_error",
        }
    }
}

impl InvokeError {
    /// Returns the stable name of this kind of error; for a failure that the plugin answered, the code that it chose.
    pub fn code(&self) -> &str {
        match self.kind() {
            InvokeErrorKind::Guest { failure } => &failure.code,
            kind => kind.code(),
        }
    }

    /// Returns whether the same call may succeed if it is repeated: the instance broke, all instances were busy, a
    /// backend of the host did not answer, the plugin waits for its restart or could not be started, or it reported a
    /// failure on its side (a status of 500 or more).
    pub fn is_transient(&self) -> bool {
        match self.kind() {
            InvokeErrorKind::Trapped { .. }
            | InvokeErrorKind::Busy { .. }
            | InvokeErrorKind::LoadFailed { .. }
            | InvokeErrorKind::Unavailable { .. } => true,
            InvokeErrorKind::PluginFailed { retry_after, .. } => retry_after.is_some(),
            InvokeErrorKind::Guest { failure, .. } => failure.status_code.is_some_and(|status| status >= 500),
            _ => false,
        }
    }

    /// Returns the limit that was exceeded, if there is one.
    pub fn limit(&self) -> Option<LimitHit> {
        let hit = |limit, allowed: String, observed: String| Some(LimitHit { limit, allowed, observed });
        match self.kind() {
            InvokeErrorKind::PayloadTooLarge { allowed, observed, .. } => {
                hit("payload_bytes", bytes(*allowed), bytes(*observed))
            }
            InvokeErrorKind::ResultTooLarge { allowed, observed, .. } => {
                hit("result_bytes", bytes(*allowed), observed_bytes(*observed))
            }
            InvokeErrorKind::RateLimited { calls, period, .. } => {
                hit("rate_limit", format!("{calls} calls per {period:?}"), format!("more than {calls} calls"))
            }
            InvokeErrorKind::Busy { reason, allowed, .. } => {
                hit("concurrency", format!("{allowed} ({reason})"), format!("more than {allowed}"))
            }
            InvokeErrorKind::Timeout { allowed, observed, .. } => {
                hit("timeout", format!("{allowed:?}"), format!("{observed:?}"))
            }
            InvokeErrorKind::OutOfFuel { allowed, .. } => {
                hit("max_fuel", format!("{allowed} units"), format!("{allowed} units"))
            }
            InvokeErrorKind::MemoryLimit { allowed, observed, .. } => {
                hit("max_memory", format!("{allowed} bytes"), format!("{observed} bytes"))
            }
            InvokeErrorKind::StackOverflow { allowed, .. } => {
                hit("wasm_stack", format!("{allowed} bytes"), format!("more than {allowed} bytes"))
            }
            InvokeErrorKind::CallDepth { allowed, observed, .. } => {
                hit("call_depth", format!("{allowed} calls"), format!("{observed} calls"))
            }
            InvokeErrorKind::ResourceLimit { hit, .. } => Some(hit.clone()),
            _ => None,
        }
    }

    /// Returns the error as the JSON object that actions answer with: `{"status":"error","msg","code","details"}`.
    pub fn to_json(&self) -> serde_json::Value {
        let mut object = serde_json::Map::new();
        object.insert("status".into(), "error".into());
        object.insert("msg".into(), self.message().into());
        object.insert("code".into(), self.code().into());
        object.extend(self.details().map(|details| ("details".into(), details)));
        serde_json::Value::Object(object)
    }

    /// Returns the details of the JSON object.
    pub(super) fn details(&self) -> Option<serde_json::Value> {
        match self.kind() {
            InvokeErrorKind::Guest { failure, .. } => failure.details.clone(),
            InvokeErrorKind::Validation { problems, .. } => Some(serde_json::json!({ "problems": problems })),
            InvokeErrorKind::RateLimited { retry_after, .. } => {
                let mut details = serde_json::json!(self.limit());
                details["retry_after"] = retry_after.as_secs_f64().into();
                Some(details)
            }
            InvokeErrorKind::PluginFailed { retry_after: Some(after), .. }
            | InvokeErrorKind::LoadFailed { retry_after: after, .. } => {
                Some(serde_json::json!({ "retry_after": after.as_secs_f64() }))
            }
            InvokeErrorKind::CallerRefused { .. } => Some(serde_json::json!({
                "resource": format!("plugin.{}", self.plugin()), "action": "execute", "refused": "by_callee",
            })),
            InvokeErrorKind::Trapped { backtrace, .. } if !backtrace.is_empty() => {
                Some(serde_json::json!({ "backtrace": backtrace }))
            }
            _ => self.limit().and_then(|hit| serde_json::to_value(hit).ok()),
        }
    }

    /// Returns the values of the payload that do not fit: those that do not match the action's schema, or those that
    /// the plugin's own failure lists in its details as `{"problems": [{"path", "message"}]}`. Outsiders may see them.
    pub fn problems(&self) -> Vec<PayloadProblem> {
        match self.kind() {
            InvokeErrorKind::Validation { problems } => problems.clone(),
            InvokeErrorKind::Guest { failure } => {
                let listed = failure.details.as_ref().and_then(|details| details.get("problems")?.as_array());
                let text = |problem: &serde_json::Value, name| Some(problem.get(name)?.as_str()?.to_owned());
                let problem =
                    |problem| Some(PayloadProblem { path: text(problem, "path")?, message: text(problem, "message")? });
                listed.into_iter().flatten().filter_map(problem).collect()
            }
            _ => Vec::new(),
        }
    }

    /// Returns the text for people: a guest's own message without its code, otherwise the `Display` text.
    fn message(&self) -> String {
        match self.kind() {
            InvokeErrorKind::Guest { failure } => failure.message.clone(),
            _ => self.to_string(),
        }
    }
}

/// An exceeded limit, with its allowed and observed values.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct LimitHit {
    /// The stable name of the limit, such as `max_fuel`.
    pub limit: &'static str,
    /// The allowed value, with its unit.
    pub allowed: String,
    /// The observed value, with its unit.
    pub observed: String,
}

/// The origin of a limit, which determines how to raise it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum LimitOrigin {
    /// The plugin's manifest, or the default if the manifest sets none.
    Plugin,
    /// The operator's ceiling, which no manifest can exceed.
    Ceiling,
    /// The caller's deadline for this call.
    Caller,
}

impl LimitOrigin {
    /// Returns the origin of a limit with this ceiling.
    pub(crate) fn below<T: PartialEq>(limit: Option<T>, ceiling: Option<T>) -> Self {
        if limit.is_some() && limit == ceiling { LimitOrigin::Ceiling } else { LimitOrigin::Plugin }
    }
}

/// A failure that a plugin answers with. [`InvokeError::to_json`] has it as JSON.
#[derive(Debug, Clone, PartialEq)]
pub struct Failure {
    /// The code of the failure, for programs.
    pub code: String,
    /// The message, for people.
    pub message: String,
    /// Details, for programs.
    pub details: Option<serde_json::Value>,
    /// The HTTP status, if the plugin set one.
    pub status_code: Option<u16>,
}

impl Failure {
    /// Creates a failure with a code for programs and a message for people, without details or a status.
    pub fn new(code: impl Into<String>, message: impl Into<String>) -> Self {
        Failure { code: code.into(), message: message.into(), details: None, status_code: None }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.message, self.code)
    }
}

/// A mismatch of a payload with its schema.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct PayloadProblem {
    /// A JSON Pointer (RFC 6901) to the value; empty for the payload as a whole.
    pub path: String,
    /// The problem.
    pub message: String,
}

impl fmt::Display for PayloadProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = if self.path.is_empty() { "(payload)" } else { &self.path };
        write!(f, "{path}: {}", self.message)
    }
}

pub(super) fn bytes(count: usize) -> String {
    if count == 1 { "1 byte".to_owned() } else { format!("{count} bytes") }
}

pub(super) fn bytes_are(count: usize) -> String {
    if count == 1 { "1 byte is".to_owned() } else { format!("{count} bytes are") }
}

pub(super) fn all_units(fuel: u64) -> String {
    if fuel == 1 { "its only unit".to_owned() } else { format!("all of {fuel} units") }
}

pub(super) fn observed_bytes(observed: Option<usize>) -> String {
    match observed {
        Some(count) => bytes(count),
        None => "more bytes than are allowed".to_owned(),
    }
}
