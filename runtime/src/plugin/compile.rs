//! temporary
/// t
#[derive(Debug, thiserror::Error)]
#[error("x")]
pub struct CompileError;
impl CompileError { /// t
 pub fn code(&self) -> &'static str { "x" } }
/// t
#[derive(Debug, Clone)]
pub enum CompileIsolation { /// t
 InProcess }
