//! Who follows a build: the command shows it on a terminal, a test harness shows only failures.

use std::any::Any;

/// Receives what happens while a crate is built.
pub trait BuildObserver {
    /// Whether only errors are wanted: no notes, no progress.
    fn is_quiet(&self) -> bool;

    /// Whether the compiler's messages go to standard error as they come. Otherwise they are part of the error of a build
    /// that fails, and those of one that succeeds are dropped.
    fn shows_compiler(&self) -> bool;

    /// Receives a note for the user.
    fn note(&self, text: &str);

    /// Something that may take long begins. It ends when the returned value is dropped.
    fn begin(&self, what: String) -> Box<dyn Any>;
}
