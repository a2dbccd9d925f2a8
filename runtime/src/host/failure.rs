//! The failures of host functions, as guests receive them: one type with a stable code for all interfaces.

use serde_json::{Value, json};

pub(super) use super::bindings::plugbay::plugin::types::Failure;
use crate::capability::Denial;
use crate::service::limit::ReachedLimit;

/// The code of an argument that is not valid.
pub(super) const INVALID_ARGUMENT: &str = "invalid_argument";
/// The code of a limit that was reached.
pub(super) const LIMIT_EXCEEDED: &str = "limit_exceeded";
/// The code of a backend that cannot be reached, read or written.
pub(super) const UNAVAILABLE: &str = "unavailable";

/// Creates a failure without details.
pub(super) fn failure(code: &str, message: impl Into<String>) -> Failure {
    Failure { code: code.to_owned(), message: message.into(), details: None, status_code: None }
}

/// Sets the details of a failure, which are a JSON object.
pub(super) fn with_details(failure: Failure, details: &Value) -> Failure {
    Failure { details: Some(details.to_string()), ..failure }
}

impl From<ReachedLimit> for Failure {
    fn from(limit: ReachedLimit) -> Self {
        let failure = failure(LIMIT_EXCEEDED, limit.to_string());
        match limit.details() {
            Some(details) => with_details(failure, &details),
            None => failure,
        }
    }
}

impl From<Denial> for Failure {
    fn from(denial: Denial) -> Self {
        let details = json!({ "resource": denial.resource, "action": denial.action });
        with_details(failure("permission_denied", denial.to_string()), &details)
    }
}

#[cfg(test)]
mod tests {
    use plugbay_manifest::PermissionAction;

    use super::*;
    use crate::capability::Refused;

    #[test]
    fn denial_names_the_resource_and_the_action_for_programs() {
        let failure: Failure = Denial::of_use("data.a", PermissionAction::Write, Refused::ByOperator).into();
        assert_eq!(failure.code, "permission_denied");
        let details: Value = serde_json::from_str(&failure.details.expect("details")).expect("JSON");
        assert_eq!(details, json!({ "resource": "data.a", "action": "write" }));
    }
}
