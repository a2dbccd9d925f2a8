//! Converts the error of a call to another plugin into the failure that the caller receives.
//!
//! One exhaustive match maps the library's errors to those of the contract. Actionable texts are passed on. The
//! internals of the host, or of a plugin that broke, are not.

use serde_json::{Value, json};

use crate::error::{self, InvokeError, InvokeErrorKind};
use crate::host::failure::{Failure, failure, with_details};

/// Maximum length of a name quoted in a text, in characters.
const QUOTED_CHARS_MAX: usize = 80;

/// The member of the details that says whose failure it is. Only the host sets it.
const BY: &str = "by";

/// Converts the error of a call for the caller.
pub(super) fn from_error(error: &InvokeError) -> Failure {
    let text = error.public().into_owned();
    match error.kind() {
        InvokeErrorKind::Guest { failure } => from_guest(failure),
        InvokeErrorKind::NotLoaded | InvokeErrorKind::UnknownAction { .. } => by_host("not_found", text, json!({})),
        // Of a trap, the caller learns nothing but that it happened.
        InvokeErrorKind::Trapped { .. } => by_callee(error, format!("{text}; its log says where"), json!({})),
        InvokeErrorKind::Answer { .. } | InvokeErrorKind::Contract { .. } | InvokeErrorKind::PluginDisabled => {
            by_callee(error, text, json!({}))
        }
        InvokeErrorKind::Host { .. } => {
            let (plugin, action) = (error.plugin(), error.action());
            tracing::error!(plugin, action, "a plugin's call of a plugin failed: {error}");
            by_host("internal_error", text, json!({}))
        }
        // The counter's failure is in the host's log already.
        InvokeErrorKind::Unavailable { .. } => by_callee(error, text, json!({})),
        InvokeErrorKind::RateLimited { retry_after, .. } => {
            let mut details = details(error);
            details["retry_after_ms"] = u64::try_from(retry_after.as_millis()).unwrap_or(u64::MAX).into();
            by_callee(error, text, details)
        }
        InvokeErrorKind::CallerRefused { .. }
        | InvokeErrorKind::Reentrant { .. }
        | InvokeErrorKind::Validation { .. }
        | InvokeErrorKind::Payload { .. }
        | InvokeErrorKind::PayloadTooLarge { .. }
        | InvokeErrorKind::Busy { .. }
        | InvokeErrorKind::CallDepth { .. }
        | InvokeErrorKind::Timeout { .. }
        | InvokeErrorKind::ResultTooLarge { .. }
        | InvokeErrorKind::OutOfFuel { .. }
        | InvokeErrorKind::MemoryLimit { .. }
        | InvokeErrorKind::StackOverflow { .. }
        | InvokeErrorKind::ResourceLimit { .. }
        | InvokeErrorKind::PluginFailed { .. }
        | InvokeErrorKind::LoadFailed { .. } => by_callee(error, text, details(error)),
    }
}

/// The details of the error: its limit, or the problems of the payload.
fn details(error: &InvokeError) -> Value {
    match error.to_json().get_mut("details").map(Value::take) {
        Some(details @ Value::Object(_)) => details,
        _ => json!({}),
    }
}

/// Passes on the other plugin's own failure. A member of its details that the host alone may set is removed.
fn from_guest(failure: &error::Failure) -> Failure {
    let error::Failure { code, message, mut details, status_code } = failure.clone();
    if let Some(Value::Object(details)) = &mut details {
        details.remove(BY);
    }
    Failure { code, message, details: details.map(|details| details.to_string()), status_code }
}

/// A failure of the host about a call, with the plugin and the action that were called.
fn by_callee(error: &InvokeError, message: String, mut details: Value) -> Failure {
    details["plugin"] = error.plugin().into();
    details["action"] = error.action().into();
    by_host(error.code(), message, details)
}

/// A failure of the host.
pub(super) fn by_host(code: &str, message: impl Into<String>, mut details: Value) -> Failure {
    details[BY] = "host".into();
    with_details(failure(code, message), &details)
}

/// Quotes a name chosen by a guest, so that the text stays short and on one line.
pub(super) fn quoted(name: &str) -> String {
    let start: String = name.chars().take(QUOTED_CHARS_MAX).flat_map(char::escape_debug).collect();
    if name.chars().nth(QUOTED_CHARS_MAX).is_some() { format!("`{start}…`") } else { format!("`{start}`") }
}

/// Lists the names that exist, for the message of a `not-found`.
pub(super) fn listed(names: &[String]) -> String {
    if names.is_empty() {
        "there is none that you may see".to_owned()
    } else {
        format!("there are: {}", names.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_a_broken_plugin_do_not_reach_its_caller() {
        let trapped = InvokeErrorKind::Trapped {
            message: "panicked at src/lib.rs:1:1: hunter2".into(),
            backtrace: vec!["b::inner".into()],
        };
        let failure = from_error(&InvokeError::new("b", "x", trapped));
        assert_eq!(failure.code, "plugin_trapped");
        assert!(!failure.details.expect("details").contains("inner"));
        assert!(failure.message.contains("`b`") && !failure.message.contains("hunter2"), "{}", failure.message);
        let host = from_error(&InvokeError::new("b", "x", InvokeErrorKind::Host { message: "/var/lib".into() }));
        assert!(host.code == "internal_error" && !host.message.contains("/var"), "{host:?}");
    }

    #[test]
    fn limit_has_its_numbers_and_is_the_hosts() {
        let busy = InvokeErrorKind::Busy { reason: "calls wait", allowed: 7 };
        let failure = from_error(&InvokeError::new("b", "x", busy));
        assert_eq!(failure.code, "busy");
        let details: Value = serde_json::from_str(&failure.details.expect("details")).expect("JSON");
        assert!(details["allowed"].as_str().is_some_and(|allowed| allowed.contains('7')), "{details}");
        assert_eq!(
            (&details["by"], &details["plugin"], &details["action"]),
            (&json!("host"), &json!("b"), &json!("x"))
        );
    }

    #[test]
    fn failure_of_a_plugin_cannot_pose_as_one_of_the_host() {
        let own =
            error::Failure { details: Some(json!({ "by": "host", "left": 0 })), ..error::Failure::new("busy", "no") };
        let failure = from_error(&InvokeError::new("b", "x", InvokeErrorKind::Guest { failure: Box::new(own) }));
        assert_eq!(failure.details.as_deref(), Some(r#"{"left":0}"#));
    }

    #[test]
    fn quoted_name_is_short_and_harmless() {
        assert_eq!(quoted("a\nb"), "`a\\nb`");
        assert_eq!(quoted(&"x".repeat(1_000)).chars().count(), QUOTED_CHARS_MAX + 3);
    }
}
