//! Converts the error of a call to another plugin into the failure that the caller receives.
//!
//! One exhaustive match maps the library's errors to those of the contract. Actionable texts are passed on. The
//! internals of the host, or of a plugin that broke, are not.

use crate::error::{Failure, InvokeError, InvokeErrorKind};
use crate::host::bindings::plugbay::plugin::{plugins as wit, types};

/// Maximum length of a name quoted in a text, in characters.
const QUOTED_CHARS_MAX: usize = 80;

pub(super) fn from_error(error: &InvokeError) -> wit::Error {
    let text = error.public().into_owned();
    match error.kind() {
        InvokeErrorKind::NotLoaded | InvokeErrorKind::UnknownAction { .. } => wit::Error::NotFound(text),
        InvokeErrorKind::CallerRefused { .. } => wit::Error::Denied(text),
        InvokeErrorKind::Reentrant { .. } => wit::Error::ReentrantCall(text),
        InvokeErrorKind::Validation { .. } | InvokeErrorKind::Payload { .. } => wit::Error::Invalid(from_host(error)),
        InvokeErrorKind::PayloadTooLarge { .. }
        | InvokeErrorKind::RateLimited { .. }
        | InvokeErrorKind::Busy { .. }
        | InvokeErrorKind::CallDepth { .. }
        | InvokeErrorKind::Timeout { .. } => wit::Error::Limit(from_host(error)),
        InvokeErrorKind::ResultTooLarge { .. }
        | InvokeErrorKind::OutOfFuel { .. }
        | InvokeErrorKind::MemoryLimit { .. }
        | InvokeErrorKind::StackOverflow { .. }
        | InvokeErrorKind::ResourceLimit { .. }
        | InvokeErrorKind::PluginFailed { .. } => wit::Error::Broken(from_host(error)),
        InvokeErrorKind::Trapped { .. } => {
            wit::Error::Broken(failure(error.code(), format!("{text}; its log says where")))
        }
        InvokeErrorKind::Answer { .. } | InvokeErrorKind::Contract { .. } | InvokeErrorKind::PluginDisabled => {
            wit::Error::Broken(failure(error.code(), text))
        }
        InvokeErrorKind::Host { .. } => {
            let (plugin, action) = (error.plugin(), error.action());
            tracing::error!(plugin, action, "a plugin's call of a plugin failed: {error}");
            wit::Error::Other(text)
        }
        InvokeErrorKind::Guest { failure } => wit::Error::Failed(from_guest(failure)),
    }
}

/// Passes on the other plugin's own failure unchanged.
fn from_guest(failure: &Failure) -> types::Failure {
    let Failure { code, message, details, status_code } = failure.clone();
    types::Failure { code, message, details: details.map(|details| details.to_string()), status_code }
}

/// Converts an error of the host, with its code, text and numbers.
fn from_host(error: &InvokeError) -> types::Failure {
    let details = error.to_json().get("details").map(ToString::to_string);
    types::Failure { details, ..failure(error.code(), error.public().into_owned()) }
}

pub(super) fn failure(code: &str, message: String) -> types::Failure {
    types::Failure { code: code.to_owned(), message, details: None, status_code: None }
}

/// Creates the error for a limit of the service itself.
pub(super) fn over_limit(message: String, limit: &str, allowed: usize, observed: usize) -> types::Failure {
    let details = serde_json::json!({ "limit": limit, "allowed": allowed, "observed": observed });
    types::Failure { details: Some(details.to_string()), ..failure("limit_exceeded", message) }
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
        let wit::Error::Broken(failure) = from_error(&InvokeError::new("b", "x", trapped)) else {
            panic!("not broken")
        };
        assert_eq!((&*failure.code, failure.details), ("plugin_trapped", None));
        assert!(failure.message.contains("`b`") && !failure.message.contains("hunter2"), "{}", failure.message);
        let host = InvokeError::new("b", "x", InvokeErrorKind::Host { message: "/var/lib".into() });
        assert!(matches!(from_error(&host), wit::Error::Other(text) if !text.contains("/var")));
    }

    #[test]
    fn limit_tells_its_numbers() {
        let busy = InvokeErrorKind::Busy { reason: "calls wait", allowed: 7 };
        let wit::Error::Limit(failure) = from_error(&InvokeError::new("b", "x", busy)) else { panic!("not a limit") };
        assert_eq!(failure.code, "busy");
        assert!(failure.details.is_some_and(|details| details.contains('7')));
    }

    #[test]
    fn quoted_name_is_short_and_harmless() {
        assert_eq!(quoted("a\nb"), "`a\\nb`");
        assert_eq!(quoted(&"x".repeat(1_000)).chars().count(), QUOTED_CHARS_MAX + 3);
    }
}
