//! The HTTP status of an error, for applications that answer requests with plugins' answers.

use super::{InvokeError, InvokeErrorKind};

impl InvokeError {
    /// Returns the HTTP status of this error:
    ///
    /// | Status | Errors |
    /// |---|---|
    /// | 400 | the payload is not JSON |
    /// | 403 | the plugin does not admit the caller |
    /// | 404 | the plugin has no such action |
    /// | 413 | the payload is too large |
    /// | 422 | the payload does not fit the action's schema |
    /// | 429 | the rate limit |
    /// | 503 | the plugin is busy, disabled, failed or not loaded, a lazy one cannot be started, or a backend that |
    /// | | admits calls does not answer |
    /// | 504 | the deadline passed |
    /// | 508 | plugins would wait for one another in a circle, or too many of them |
    /// | the plugin's own | the plugin answered an error with a status from 400 to 599 |
    /// | by its code | the plugin answered an error without one: 400 `invalid_argument`, 403 `permission_denied`, |
    /// | | 404 `not_found` and `unknown_action`, 409 `conflict`, 422 `validation_error`, 503 `unavailable` and `busy` |
    /// | 500 | everything else: traps, other limits, an unusable answer, failures of the host |
    pub fn http_status(&self) -> u16 {
        match self.kind() {
            InvokeErrorKind::Payload { .. } => 400,
            InvokeErrorKind::CallerRefused { .. } => 403,
            InvokeErrorKind::UnknownAction { .. } => 404,
            InvokeErrorKind::PayloadTooLarge { .. } => 413,
            InvokeErrorKind::Validation { .. } => 422,
            InvokeErrorKind::RateLimited { .. } => 429,
            InvokeErrorKind::Busy { .. }
            | InvokeErrorKind::NotLoaded
            | InvokeErrorKind::PluginDisabled
            | InvokeErrorKind::PluginFailed { .. }
            | InvokeErrorKind::LoadFailed { .. }
            | InvokeErrorKind::Unavailable { .. } => 503,
            InvokeErrorKind::Timeout { .. } => 504,
            InvokeErrorKind::Reentrant { .. } | InvokeErrorKind::CallDepth { .. } => 508,
            InvokeErrorKind::Guest { failure } => {
                let own = failure.status_code.filter(|status| (400..600).contains(status));
                own.unwrap_or_else(|| of_code(&failure.code))
            }
            InvokeErrorKind::Answer { .. }
            | InvokeErrorKind::ResultTooLarge { .. }
            | InvokeErrorKind::OutOfFuel { .. }
            | InvokeErrorKind::MemoryLimit { .. }
            | InvokeErrorKind::StackOverflow { .. }
            | InvokeErrorKind::ResourceLimit { .. }
            | InvokeErrorKind::Trapped { .. }
            | InvokeErrorKind::Contract { .. }
            | InvokeErrorKind::Host { .. } => 500,
        }
    }
}

/// The status of a plugin's failure that has none, by its code. A failure of the host that a plugin passes on, such as
/// a denial, has one of these codes too.
fn of_code(code: &str) -> u16 {
    match code {
        "invalid_argument" => 400,
        "permission_denied" => 403,
        "not_found" | "unknown_action" => 404,
        "conflict" => 409,
        "validation_error" => 422,
        "unavailable" | "busy" => 503,
        _ => 500,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Failure;

    #[test]
    fn status_of_a_plugin_is_its_own_if_it_is_one_of_an_error() {
        let check = |code: &str, status_code: Option<u16>, expected: u16| {
            let failure = Failure { status_code, ..Failure::new(code, "x") };
            let error = InvokeError::new("p", "a", InvokeErrorKind::Guest { failure: Box::new(failure) });
            assert_eq!(error.http_status(), expected, "{code} {status_code:?}");
        };
        check("x", Some(404), 404);
        check("not_found", Some(410), 410);
        check("not_found", None, 404);
        check("not_found", Some(200), 404);
        check("x", Some(600), 500);
        check("x", None, 500);
    }
}
