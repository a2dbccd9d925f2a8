//! temporary
/// t
#[derive(Debug, thiserror::Error)]
#[error("x")]
pub struct LegacyError;
