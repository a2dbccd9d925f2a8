//! Observers of a build: the command shows its progress on a terminal, a test harness shows only failures.

use std::any::Any;

/// An observer of a crate's build.
pub trait BuildObserver {
    /// Whether only errors are wanted: no notes, no progress.
    fn is_quiet(&self) -> bool;

    /// Whether the compiler's messages go to standard error immediately. Otherwise they are part of the error if the
    /// build fails, and are dropped if it succeeds.
    fn shows_compiler(&self) -> bool;

    /// Receives a note for the user.
    fn note(&self, text: &str);

    /// Called when a step begins that may take long. It ends when the returned value is dropped.
    fn begin(&self, what: String) -> Box<dyn Any>;
}
