//! The machine-readable form of a failed action: a stable code, the limit that was hit, a JSON object.

use std::fmt;

use serde::Serialize;

use super::InvokeError;

impl InvokeError {
    /// The stable name of this kind of error; for a guest's failure, the code that the guest chose.
    pub fn code(&self) -> &str {
        match self {
            InvokeError::UnknownAction { .. } => "unknown_action",
            InvokeError::Validation { .. } => "validation_error",
            InvokeError::Payload { .. } => "invalid_payload",
            InvokeError::Answer { .. } => "invalid_answer",
            InvokeError::PayloadTooLarge { .. } => "payload_too_large",
            InvokeError::ResultTooLarge { .. } => "result_too_large",
            InvokeError::RateLimited { .. } => "rate_limit_exceeded",
            InvokeError::Busy { .. } => "busy",
            InvokeError::Timeout { .. } => "timeout",
            InvokeError::OutOfFuel { .. } => "out_of_fuel",
            InvokeError::MemoryLimit { .. } => "memory_limit",
            InvokeError::StackOverflow { .. } => "stack_overflow",
            InvokeError::ResourceLimit { .. } => "resource_limit",
            InvokeError::Denied { .. } => "permission_denied",
            InvokeError::CallerRefused { .. } => "permission_denied",
            InvokeError::Reentrant { .. } => "reentrant_call",
            InvokeError::CallDepth { .. } => "call_depth",
            InvokeError::Trapped { .. } => "plugin_trapped",
            InvokeError::Guest { failure, .. } => &failure.code,
            InvokeError::Contract { .. } => "contract_mismatch",
            InvokeError::NotLoaded { .. } => "not_loaded",
            InvokeError::Host { .. } => "host_error",
        }
    }

    /// Whether the same call may well succeed if it is made again: the instance broke, all were busy, or the plugin
    /// itself says that it failed for a reason of its own (a status of 500 or more).
    pub fn is_transient(&self) -> bool {
        match self {
            InvokeError::Trapped { .. } | InvokeError::Busy { .. } => true,
            InvokeError::Guest { failure, .. } => failure.status_code.is_some_and(|status| status >= 500),
            _ => false,
        }
    }

    /// The limit that was hit, if this is about one.
    pub fn limit(&self) -> Option<LimitHit> {
        let hit = |limit, allowed: String, observed: String| Some(LimitHit { limit, allowed, observed });
        match self {
            InvokeError::PayloadTooLarge { allowed, observed, .. } => {
                hit("payload_bytes", format!("{allowed} bytes"), format!("{observed} bytes"))
            }
            InvokeError::ResultTooLarge { allowed, observed, .. } => {
                hit("result_bytes", format!("{allowed} bytes"), observed_bytes(*observed))
            }
            InvokeError::RateLimited { calls, period, .. } => {
                hit("rate_limit", format!("{calls} calls per {period:?}"), format!("{} calls", u64::from(*calls) + 1))
            }
            InvokeError::Busy { reason, allowed, .. } => {
                hit("concurrency", format!("{allowed} ({reason})"), format!("{}", allowed + 1))
            }
            InvokeError::Timeout { allowed, observed, .. } => {
                hit("timeout", format!("{allowed:?}"), format!("{observed:?}"))
            }
            InvokeError::OutOfFuel { allowed, .. } => {
                hit("max_fuel", format!("{allowed} units"), format!("{allowed} units"))
            }
            InvokeError::MemoryLimit { allowed, observed, .. } => {
                hit("max_memory", format!("{allowed} bytes"), format!("{observed} bytes"))
            }
            InvokeError::StackOverflow { allowed, .. } => {
                hit("wasm_stack", format!("{allowed} bytes"), format!("more than {allowed} bytes"))
            }
            InvokeError::CallDepth { allowed, observed, .. } => {
                hit("call_depth", format!("{allowed} calls"), format!("{observed} calls"))
            }
            InvokeError::ResourceLimit { hit, .. } => Some(hit.clone()),
            _ => None,
        }
    }

    /// The error as the JSON object that actions answer: `{"status":"error","msg","code","details"}`.
    pub fn to_json(&self) -> serde_json::Value {
        let mut object = serde_json::Map::new();
        object.insert("status".into(), "error".into());
        object.insert("msg".into(), self.message().into());
        object.insert("code".into(), self.code().into());
        object.extend(self.details().map(|details| ("details".into(), details)));
        serde_json::Value::Object(object)
    }

    /// The members of the JSON object besides text and code.
    pub(super) fn details(&self) -> Option<serde_json::Value> {
        match self {
            InvokeError::Guest { failure, .. } => failure.details.clone(),
            InvokeError::Validation { problems, .. } => Some(serde_json::json!({ "problems": problems })),
            InvokeError::RateLimited { retry_after, .. } => {
                let mut details = serde_json::json!(self.limit());
                details["retry_after"] = retry_after.as_secs_f64().into();
                Some(details)
            }
            InvokeError::Denied { denial, .. } => serde_json::to_value(denial).ok(),
            InvokeError::CallerRefused { plugin, .. } => Some(serde_json::json!({
                "resource": format!("plugin.{plugin}"), "action": "execute", "refused": "by_callee",
            })),
            InvokeError::Trapped { backtrace, .. } if !backtrace.is_empty() => {
                Some(serde_json::json!({ "backtrace": backtrace }))
            }
            _ => self.limit().and_then(|hit| serde_json::to_value(hit).ok()),
        }
    }

    /// The text for people: a guest's own message without its code, else what `Display` says.
    fn message(&self) -> String {
        match self {
            InvokeError::Guest { failure, .. } => failure.message.clone(),
            other => other.to_string(),
        }
    }
}

/// A limit that was hit: which one, what it allows and what was observed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct LimitHit {
    /// A stable name, such as `max_fuel`.
    pub limit: &'static str,
    /// What it allows, with its unit.
    pub allowed: String,
    /// What was observed, with its unit.
    pub observed: String,
}

/// What a plugin answers when an action fails. [`InvokeError::to_json`] has it as JSON.
#[derive(Debug, Clone, PartialEq)]
pub struct Failure {
    /// What kind of failure, for programs.
    pub code: String,
    /// What happened, for people.
    pub message: String,
    /// More for programs.
    pub details: Option<serde_json::Value>,
    /// The HTTP status that fits, if the plugin named one.
    pub status_code: Option<u16>,
}

impl Failure {
    /// A failure with a code for programs and a message for people, without details or a status.
    pub fn new(code: impl Into<String>, message: impl Into<String>) -> Self {
        Failure { code: code.into(), message: message.into(), details: None, status_code: None }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.message, self.code)
    }
}

/// One way in which a payload does not match its schema.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct PayloadProblem {
    /// A JSON Pointer (RFC 6901) to the value; empty for the payload as a whole.
    pub path: String,
    /// What is wrong with it.
    pub message: String,
}

impl fmt::Display for PayloadProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = if self.path.is_empty() { "(payload)" } else { &self.path };
        write!(f, "{path}: {}", self.message)
    }
}

pub(super) fn bytes_are(count: usize) -> String {
    if count == 1 { "1 byte is".to_owned() } else { format!("{count} bytes are") }
}

pub(super) fn all_units(fuel: u64) -> String {
    if fuel == 1 { "its only unit".to_owned() } else { format!("all of {fuel} units") }
}

pub(super) fn observed_bytes(observed: Option<usize>) -> String {
    match observed {
        Some(bytes) => format!("{bytes} bytes"),
        None => "more bytes than are allowed".to_owned(),
    }
}
