//! temporary
/// t
#[derive(Debug, thiserror::Error)]
#[error("x")]
pub struct CodeCacheError;
/// t
pub struct CodeCache;
impl CodeCache { 
/// t
pub fn user_directory() -> Option<std::path::PathBuf> { None }
/// t
pub fn open(_: std::path::PathBuf) -> Result<Self, CodeCacheError> { Ok(CodeCache) } }
