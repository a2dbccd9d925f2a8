//! Opens the package of a plugin that a test names. A crate is built first, once for each process.
//!
//! The build uses cargo's own target directory. The cargo that runs the tests does not hold its lock for another
//! target, and concurrent test processes wait for each other's builds.

use std::any::Any;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use parking_lot::Mutex;
use plugbay::Package;
use plugbay::compile::CodeCacheLocation;
use plugbay_project::{BuildObserver, Crate, Source};

/// The path of a built component, or why it was not built. The first test that needs it builds it; the others wait.
type Built = Arc<OnceLock<Result<PathBuf, String>>>;

/// Opens PLUGIN as the command does: a crate, a `.wasm` file or a plugin directory.
pub(crate) fn open(path: &Path) -> Result<Package, String> {
    match Source::locate(path).map_err(|error| error.to_string())? {
        Source::File(path) | Source::Directory(path) => Package::open(path),
        Source::Crate(directory) => {
            let component = component_of(&directory)?;
            Package::open_with_component(directory, component)
        }
    }
    .map_err(|error| error.to_string())
}

fn component_of(directory: &Path) -> Result<PathBuf, String> {
    static BUILT: Mutex<Option<HashMap<PathBuf, Built>>> = Mutex::new(None);
    let key = directory.canonicalize().unwrap_or_else(|_| directory.to_owned());
    let built: Built = BUILT.lock().get_or_insert_default().entry(key).or_default().clone();
    let build = || Crate::open(directory)?.build(&Test);
    built.get_or_init(|| build().map_err(|error| error.to_string())).clone()
}

/// The build observer of a test, which reports failures only.
struct Test;

impl BuildObserver for Test {
    fn is_quiet(&self) -> bool {
        true
    }

    fn shows_compiler(&self) -> bool {
        false
    }

    fn note(&self, text: &str) {
        eprintln!("plugbay-testing: {text}");
    }

    fn begin(&self, _what: String) -> Box<dyn Any> {
        Box::new(())
    }
}

/// The cache of compiled code, shared by test processes: a directory in cargo's target directory, where the test's own
/// executable is.
pub(crate) fn code_cache() -> CodeCacheLocation {
    let program = std::env::current_exe().unwrap_or_default();
    match program.parent() {
        Some(deps) if deps.ends_with("deps") => CodeCacheLocation::Directory(deps.with_file_name(".plugbay-code")),
        _ => CodeCacheLocation::UserDirectory,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn path_without_a_plugin_is_refused_with_the_alternatives() {
        let error = open(Path::new("/no/such/plugin")).expect_err("nothing is there");
        assert!(error.contains("/no/such/plugin") && error.contains("Rust crate"), "{error}");
    }

    #[test]
    fn compiled_code_is_cached_next_to_the_tests() {
        let CodeCacheLocation::Directory(directory) = code_cache() else { panic!("cargo runs this") };
        assert!(directory.ends_with(".plugbay-code"), "{}", directory.display());
    }
}
