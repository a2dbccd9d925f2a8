//! Builds the example plugin. An application would get its plugins as `.wasm` files.

use std::any::Any;
use std::path::{Path, PathBuf};

use plugbay_project::{BuildObserver, Crate, ProjectError};

/// The component that the crate in `directory` is compiled to.
pub(crate) fn component(directory: &Path) -> Result<PathBuf, ProjectError> {
    Crate::open(directory)?.build(&Quiet)
}

/// Shows the compiler's messages only if the build fails.
struct Quiet;

impl BuildObserver for Quiet {
    fn is_quiet(&self) -> bool {
        true
    }

    fn shows_compiler(&self) -> bool {
        false
    }

    fn note(&self, text: &str) {
        eprintln!("{text}");
    }

    fn begin(&self, _: String) -> Box<dyn Any> {
        Box::new(())
    }
}
