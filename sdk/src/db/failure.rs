//! The codes of this module's errors.

use crate::error::{Error, error};

/// A stored value is not what the plugin's type says.
pub(super) const MISMATCH: &str = "invalid_data";

/// What was asked for makes no sense, and the host was not asked.
pub(super) fn invalid(message: impl Into<String>) -> Error {
    error(message).with_code("invalid_argument")
}

/// There is no such row.
pub(super) fn not_found(message: impl Into<String>) -> Error {
    error(message).with_code("not_found")
}
