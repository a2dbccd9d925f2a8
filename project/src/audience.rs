//! Who is told what building does: the command shows it on a terminal, a test shows only what failed.

use std::any::Any;

/// Whoever has a crate built.
pub trait Audience {
    /// Whether nothing but errors is wanted: no notes, no progress.
    fn is_quiet(&self) -> bool;

    /// Whether the compiler's messages go to standard error as they come. Otherwise they are part of the error of a build
    /// that fails, and those of one that succeeds are lost.
    fn shows_compiler(&self) -> bool;

    /// Takes something worth knowing.
    fn note(&self, text: &str);

    /// Something begins that may take long; it ends when the answer is dropped.
    fn begin(&self, what: String) -> Box<dyn Any>;
}
