//! Declared tests: files of tests for a plugin in any language, run on a [`TestHost`].
//!
//! `plugbay test` runs them and prints the outcomes. A crate runs its files with [`assert_test_files_pass`].
//! `plugbay schema test` prints the JSON Schema of a file.

mod compare;
mod expect;
mod page;
mod route;
mod run;
mod saved;
mod tool;

use std::path::{Path, PathBuf};
use std::time::Duration;

use plugbay::error::BuildError;
use plugbay::manifest::{Format, ManifestError, TestFile};
use plugbay::{LoadError, Package};
use plugbay_files::{FileError, PluginDirectory, TEXT_FILE_BYTES_MAX};

use crate::build;
use crate::host::{TestHost, TestHostBuilder};
use crate::record::LogLine;

/// The tests of a file.
#[derive(Debug, Clone)]
pub struct DeclaredTests {
    path: PathBuf,
    file: TestFile,
}

/// The error of a test file that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum TestFileError {
    /// The file does not exist or is not text.
    Open {
        /// The path of the file.
        path: PathBuf,
        /// The reason.
        message: String,
    },
    /// The content is not valid; all problems are listed.
    Content(ManifestError),
}

/// The outcome of one declared test.
#[derive(Debug)]
#[non_exhaustive]
pub struct TestOutcome {
    /// The test's name.
    pub name: String,
    /// The first failure; `None` if the test passed.
    pub failure: Option<TestFailure>,
    /// The duration of the test.
    pub duration: Duration,
    /// The log lines of its plugins.
    pub log: Vec<LogLine>,
}

/// The failure of a declared test.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct TestFailure {
    /// The path of the step in the file, such as `tests[0].steps[2]`; empty if the failure concerns the whole test.
    pub step: String,
    /// A sentence that describes the failure.
    pub message: String,
    /// The differences between the expected and the found value, one for each path.
    pub differences: Vec<String>,
    /// The load error, if the plugin could not be loaded unexpectedly.
    pub load_error: Option<LoadError>,
}

/// Provides declared tests with hosts and plugins.
pub trait Surroundings {
    /// The settings of each host. Those of the test itself are applied afterwards.
    ///
    /// # Errors
    /// If the settings cannot be created.
    fn host(&self) -> Result<TestHostBuilder, BuildError> {
        Ok(TestHost::builder())
    }

    /// Opens a plugin that is loaded in addition to the tested one.
    ///
    /// # Errors
    /// The reason why the plugin cannot be opened.
    fn open(&self, path: &Path) -> Result<Package, String> {
        build::open(path)
    }
}

/// The surroundings of tests in a crate.
struct Cargo;

impl Surroundings for Cargo {}

impl DeclaredTests {
    /// Reads a test file of at most 1 MiB, which may be a pipe.
    ///
    /// # Errors
    /// [`TestFileError`] if the file cannot be read or is not valid.
    pub fn read(path: impl Into<PathBuf>) -> Result<Self, TestFileError> {
        let path = path.into();
        let bytes = plugbay_files::read_stream(&path, TEXT_FILE_BYTES_MAX)?;
        let text = plugbay_files::text(&path, bytes)?;
        DeclaredTests::parse(path, &text)
    }

    /// Reads the test files in a plugin's directory: `plugin.test.yaml` (or `.yml`, `.json`, `.toml`) and
    /// `tests/*.test.yaml`, in that order. Each must be a regular file inside the directory, of at most 1 MiB.
    ///
    /// # Errors
    /// [`TestFileError`] if one of them cannot be read or is not valid.
    pub fn read_all(directory: impl AsRef<Path>) -> Result<Vec<Self>, TestFileError> {
        let directory = PluginDirectory::open(directory.as_ref())?;
        let read = |name: PathBuf| {
            let text = directory.read_text(&name, TEXT_FILE_BYTES_MAX)?;
            DeclaredTests::parse(directory.path().join(name), &text)
        };
        test_files(&directory)?.into_iter().map(read).collect()
    }

    fn parse(path: PathBuf, text: &str) -> Result<Self, TestFileError> {
        let format = Format::from_path(&path).unwrap_or(Format::Yaml);
        match TestFile::parse(path.display().to_string(), text, format) {
            Ok(file) => Ok(DeclaredTests { path, file }),
            Err(error) => Err(TestFileError::Content(error)),
        }
    }

    /// The path of the file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The names of the tests, in their order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.file.tests.iter().map(|test| &*test.name)
    }

    /// Runs the selected tests one after another, each in its own host, and reports the outcome of each as soon as it
    /// is known.
    ///
    /// # Errors
    /// [`BuildError`] if no host can be created.
    pub fn run(
        &self,
        package: &Package,
        surroundings: &dyn Surroundings,
        wanted: &dyn Fn(&str) -> bool,
        report: &mut dyn FnMut(&TestOutcome),
    ) -> Result<Vec<TestOutcome>, BuildError> {
        let directory = self.path.parent().unwrap_or(Path::new(""));
        let mut outcomes = Vec::new();
        for test in self.file.tests.iter().filter(|test| wanted(&test.name)) {
            let outcome = run::run(test, package, directory, surroundings)?;
            report(&outcome);
            outcomes.push(outcome);
        }
        Ok(outcomes)
    }
}

/// The names of the test files in a plugin's directory.
fn test_files(directory: &PluginDirectory) -> Result<Vec<PathBuf>, FileError> {
    let names_in = |inside: &str, in_tests: bool| -> Result<Vec<PathBuf>, FileError> {
        let names = directory.names(inside)?.filter_map(|name| name.into_string().ok());
        let names = names.filter(|name| TestFile::is_named(name, in_tests));
        let mut paths: Vec<PathBuf> = names.map(|name| Path::new(inside).join(name)).collect();
        paths.sort();
        Ok(paths)
    };
    let mut files = names_in("", false)?;
    if directory.contains_directory("tests")? {
        files.extend(names_in("tests", true)?);
    }
    Ok(files)
}

/// Returns whether a value contains another: some members of an object, some items of a list, or the same value.
pub(crate) fn contains(value: &serde_json::Value, part: &serde_json::Value) -> bool {
    compare::differences(part, value, compare::Match::Part).is_empty()
}

/// Runs all test files of a plugin's crate or directory, and asserts that every test passes.
///
/// ```no_run
/// #[test]
/// fn declared_tests_pass() {
///     plugbay_testing::assert_test_files_pass(env!("CARGO_MANIFEST_DIR"));
/// }
/// ```
///
/// # Panics
/// If a test fails, a file is missing or not valid, or the plugin cannot be opened.
#[track_caller]
pub fn assert_test_files_pass(plugin: impl AsRef<Path>) {
    let plugin = plugin.as_ref();
    let files = DeclaredTests::read_all(plugin).unwrap_or_else(|error| panic!("{error}"));
    assert!(!files.is_empty(), "{} has no plugin.test.yaml and no tests/*.test.yaml", plugin.display());
    let package = build::open(plugin).unwrap_or_else(|error| panic!("{error}"));
    let mut failed = String::new();
    for tests in files {
        let outcomes = tests.run(&package, &Cargo, &|_| true, &mut |_| {});
        for outcome in outcomes.unwrap_or_else(|error| panic!("{error}")) {
            if outcome.failure.is_some() {
                failed.push_str(&format!("\n{}: {outcome}", tests.path().display()));
            }
        }
    }
    assert!(failed.is_empty(), "declared tests failed:{failed}");
}

impl std::fmt::Display for TestFileError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            TestFileError::Open { path, message } => {
                write!(f, "the test file {} {message}", path.display())
            }
            TestFileError::Content(error) => write!(f, "the test file is not valid:\n{error}"),
        }
    }
}

impl std::error::Error for TestFileError {}

impl From<FileError> for TestFileError {
    fn from(error: FileError) -> Self {
        TestFileError::Open { message: error.problem.to_string(), path: error.path }
    }
}

/// The name; after a failure, also its description and the log.
impl std::fmt::Display for TestOutcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Some(failure) = &self.failure else { return write!(f, "{} … ok", self.name) };
        write!(f, "{} … FAILED\n  {failure}", self.name)?;
        if !self.log.is_empty() {
            f.write_str("\n  log:")?;
        }
        self.log.iter().try_for_each(|line| write!(f, "\n    {}: {line}", line.plugin))
    }
}

impl std::fmt::Display for TestFailure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if !self.step.is_empty() {
            write!(f, "{}: ", self.step)?;
        }
        f.write_str(&self.message.replace('\n', "\n  "))?;
        self.differences.iter().try_for_each(|difference| write!(f, "\n    {difference}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn test_files_are_found_in_the_plugin_and_in_tests() {
        let directory = tempfile::tempdir().expect("a directory");
        std::fs::create_dir(directory.path().join("tests")).expect("made");
        for name in [
            "plugin.test.yaml",
            "plugin.yaml",
            "other.test.yaml",
            "tests/b.test.json",
            "tests/a.test.toml",
            "tests/c.rs",
        ] {
            std::fs::write(directory.path().join(name), "").expect("written");
        }
        let found = test_files(&PluginDirectory::open(directory.path()).expect("it is there")).expect("listed");
        let expected = ["plugin.test.yaml", "tests/a.test.toml", "tests/b.test.json"].map(PathBuf::from);
        assert_eq!(found, expected);
        assert!(DeclaredTests::read_all("/no/such/directory").is_err());
    }

    #[cfg(unix)]
    #[test]
    fn test_file_that_is_not_a_regular_file_is_refused() {
        use std::os::unix::fs::symlink;

        for (target, expected) in [("gone", "does not exist"), ("/etc/passwd", "leads out of the plugin's directory")] {
            let directory = tempfile::tempdir().expect("a directory");
            symlink(target, directory.path().join("plugin.test.yaml")).expect("linked");
            let error = DeclaredTests::read_all(directory.path()).expect_err(target).to_string();
            assert!(error.contains("plugin.test.yaml") && error.contains(expected), "{error}");
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn endless_test_file_is_refused() {
        let error = DeclaredTests::read("/dev/zero").expect_err("it has no end").to_string();
        assert!(error.contains("/dev/zero has more than the 1048576 bytes"), "{error}");
    }
}
