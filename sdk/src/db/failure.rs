//! The codes of this module's errors.

use crate::error::{Error, error};

/// The code of an error about a stored value that does not match the plugin's type.
pub(super) const MISMATCH: &str = "invalid_data";

/// An error about a request that is not valid and is not sent to the host.
pub(super) fn invalid(message: impl Into<String>) -> Error {
    error(message).with_code("invalid_argument")
}

/// An error about a row that does not exist.
pub(super) fn not_found(message: impl Into<String>) -> Error {
    error(message).with_code("not_found")
}
