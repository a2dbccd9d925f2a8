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
    /// | 503 | the plugin is busy, disabled, failed or not loaded, or a backend that admits calls does not answer |
    /// | 504 | the deadline passed |
    /// | 508 | plugins would wait for one another in a circle, or too many of them |
    /// | the plugin's own | the plugin answered an error with a status from 400 to 599; otherwise 500 |
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
            | InvokeErrorKind::Unavailable { .. } => 503,
            InvokeErrorKind::Timeout { .. } => 504,
            InvokeErrorKind::Reentrant { .. } | InvokeErrorKind::CallDepth { .. } => 508,
            InvokeErrorKind::Guest { failure } => {
                failure.status_code.filter(|status| (400..600).contains(status)).unwrap_or(500)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Failure;

    #[test]
    fn status_of_a_plugin_is_its_own_if_it_is_one_of_an_error() {
        let status = |status_code: Option<u16>| {
            let failure = Failure { code: "x".to_owned(), message: "x".to_owned(), details: None, status_code };
            InvokeError::new("p", "a", InvokeErrorKind::Guest { failure: Box::new(failure) }).http_status()
        };
        assert_eq!((status(Some(404)), status(Some(200)), status(Some(600)), status(None)), (404, 500, 500, 500));
    }
}
