//! The errors of commands, and how they are printed: for people on standard error, for programs as JSON on standard
//! output.
//!
//! The library's errors already name the plugin, the limit, and the allowed and observed values. This file adds advice
//! for the command line: the option that helps, details and stack frames.

use std::borrow::Cow;
use std::fmt::Write;
use std::path::{Path, PathBuf};

use plugbay::manifest::ManifestError;
use plugbay::{BuildError, InvokeError, LoadError, LoadFailure};
use plugbay_component_call::{CallError, ComponentError};
use serde::Serialize;
use serde_json::{Value, json};

use crate::output::{Output, RED, indented, plain, shell_word, to_stderr};
use crate::signal::EndSignal;
use crate::units::show_count;
use plugbay_node::{DataDirError, HostFileError, NodeError};
use plugbay_project::ProjectError;
use plugbay_testing::TestFileError;

/// The longest code that is shown after the word `error`.
const CODE_BYTES_SHOWN_MAX: usize = 64;

/// Bytes that are shown of a plugin's error, which may have megabytes. `--json` prints all of it.
const ANSWER_BYTES_SHOWN_MAX: usize = 4 << 10;

/// An import that the host does not offer or did not grant.
#[derive(Debug, Serialize)]
pub(crate) struct RefusedImport {
    pub(crate) import: String,
    /// The permission that it needs; `None` if this host does not offer it.
    pub(crate) permission: Option<String>,
    pub(crate) msg: String,
}

/// A command failed.
#[derive(Debug)]
pub(crate) enum Error {
    /// The command line is wrong.
    Usage(String),
    /// PLUGIN is not a plugin, or its crate does not build.
    Project(Box<ProjectError>),
    /// The crate in this directory has no finished component, and the command does not build.
    NotBuilt(PathBuf),
    /// The plugin cannot be loaded.
    Load(Box<LoadError>),
    /// The host's file is invalid.
    HostFile(ManifestError),
    /// The data directory cannot be used.
    DataDir(DataDirError),
    /// A test file cannot be read, or is invalid.
    TestFile(TestFileError),
    /// Several imports are refused; `check` lists them all.
    Imports {
        /// The plugin.
        plugin: String,
        /// The refused imports.
        refused: Vec<RefusedImport>,
        /// The permissions that the manifest asks for and the operator does not allow.
        not_allowed: Vec<String>,
    },
    /// The action failed.
    Invoke(Box<InvokeError>),
    /// The plugin was denied a host capability in the call, and returned that denial as its error.
    PassedOn(Box<InvokeError>),
    /// A signal ended the command before it was done.
    Signal(EndSignal),
    /// The result cannot be written to standard output.
    Output(std::io::Error),
    /// The function and its arguments do not fit the component.
    Call(Box<CallError>),
    /// The runtime cannot be built.
    Runtime(Box<BuildError>),
    /// An unexpected failure of Plugbay itself.
    Internal(anyhow::Error),
}

impl Error {
    /// The stable name of this kind of error.
    pub(crate) fn code(&self) -> &str {
        match self {
            Error::Usage(_) => "usage",
            Error::Project(error) => error.code(),
            Error::NotBuilt(_) => "not_built",
            Error::Load(error) => error.code(),
            Error::HostFile(_) => "invalid_host_file",
            Error::DataDir(_) => "data_dir_unusable",
            Error::TestFile(TestFileError::Content(_)) => "invalid_test_file",
            Error::TestFile(_) => "usage",
            Error::Imports { refused, .. } if refused.iter().all(|import| import.permission.is_some()) => {
                "permission_denied"
            }
            Error::Imports { .. } => "unknown_import",
            Error::Invoke(error) | Error::PassedOn(error) => error.code(),
            Error::Signal(_) => "interrupted",
            Error::Output(_) => "output_unwritable",
            Error::Call(error) => error.code(),
            Error::Runtime(_) => "runtime_unavailable",
            Error::Internal(_) => "internal_error",
        }
    }

    /// Prints the error as text, or as JSON with `--json`. If standard output cannot be written, it goes to standard
    /// error.
    pub(crate) fn report(&self, output: Output) {
        if !output.json || output.json_result(&self.to_json().to_string()).is_err() {
            to_stderr(&format!("{RED}error{}:{RED:#} {}", self.shown_code(), indented(&plain(&self.text()), "  ")));
        }
    }

    /// The code in brackets, such as `[timeout]`, for searching. It is omitted for a wrong command line, and for an
    /// error of a plugin whose code does not look like one.
    fn shown_code(&self) -> String {
        let code = self.code();
        let is_code = code.len() <= CODE_BYTES_SHOWN_MAX
            && code.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.'));
        if is_code && !matches!(self, Error::Usage(_)) { format!("[{code}]") } else { String::new() }
    }

    fn to_json(&self) -> Value {
        match self {
            Error::Load(error) => error.to_json(),
            Error::Invoke(error) | Error::PassedOn(error) => error.to_json(),
            Error::HostFile(error) | Error::TestFile(TestFileError::Content(error)) => {
                self.json_with(Some(json!(error.problems)))
            }
            Error::Imports { refused, .. } => self.json_with(Some(json!(refused))),
            _ => self.json_with(None),
        }
    }

    fn json_with(&self, details: Option<Value>) -> Value {
        let mut object = json!({ "status": "error", "msg": self.text(), "code": self.code() });
        if let Some(details) = details {
            object["details"] = details;
        }
        object
    }

    /// The text for people: what happened, then advice.
    pub(crate) fn text(&self) -> String {
        match self {
            Error::Usage(message) => message.clone(),
            Error::Project(error) => error.to_string(),
            Error::NotBuilt(directory) => not_built(directory),
            Error::Load(error) => match &error.source {
                LoadFailure::Start(cause) => format!("{}{}", cut(&error.to_string()), what_helps(cause)),
                LoadFailure::Requires { .. } => format!("{error}{LOAD_REQUIREMENT}"),
                LoadFailure::MinimumMemory { .. } => format!("{error}{MORE_MEMORY}"),
                LoadFailure::Denied { denial, not_allowed, .. } => {
                    // The error itself already names the denied use.
                    let denied = format!("{}:{}", denial.grant, denial.action);
                    let rest = if *not_allowed == [denied] { String::new() } else { all_grants(not_allowed) };
                    format!("{error}{rest}")
                }
                _ => error.to_string(),
            },
            Error::HostFile(error) => format!("the host's file is invalid:\n{error}"),
            Error::DataDir(error) => error.to_string(),
            Error::TestFile(error) => error.to_string(),
            Error::Imports { plugin, refused, not_allowed } => {
                let list: String =
                    refused.iter().map(|refused| format!("\n{}: {}", refused.import, refused.msg)).collect();
                let count = refused.len();
                format!("cannot load {plugin}: {count} of its imports are refused{list}{}", all_grants(not_allowed))
            }
            Error::Invoke(error) | Error::PassedOn(error) => format!("{}{}", invoke_text(error), what_helps(error)),
            Error::Signal(signal) => {
                format!("{} ended the command before it was done; its plugins were unloaded", signal.name())
            }
            Error::Output(error) => format!("cannot write the result to standard output: {error}"),
            Error::Call(error) => error.to_string(),
            Error::Runtime(error) => format!("{error}{}", what_helps_the_host(error)),
            Error::Internal(error) => format!("{error:#}"),
        }
    }
}

/// The text for a crate without a finished component. The command does not build, because that runs the crate's code.
fn not_built(directory: &Path) -> String {
    let directory = directory.display().to_string();
    let word = shell_word(&directory);
    format!(
        "{directory} is a Rust crate without a finished component, and this command does not build\n\
         here: `plugbay build {word}` builds it, and so does this command with --build\n\
         building runs the crate's build scripts and macros as you, outside of the sandbox"
    )
}

/// Advice for a missing requirement.
const LOAD_REQUIREMENT: &str =
    "\nhere: load it with `run --with PLUGIN`, or list it under `plugins` in the host's file";

const MORE_MEMORY: &str = "\nhere: --max-memory SIZE replaces the manifest's limit, up to the host file's ceiling";

/// The options that allow everything that a manifest asks for, so that the user need not find them one by one.
fn all_grants(not_allowed: &[String]) -> String {
    if not_allowed.is_empty() {
        return String::new();
    }
    // No ready-made option: it would be pasted without thought.
    if not_allowed.iter().any(|permission| is_everything(permission)) {
        return "\nhere: it asks for everything (`*`); grant what it needs, one by one, such as `--grant data.*:read`; \
                `plugbay inspect` lists what it imports"
            .to_owned();
    }
    let options: String = not_allowed.iter().map(|permission| format!(" {}", grant_option(permission))).collect();
    format!("\nhere: to allow everything that it asks for, add{options}")
}

/// The option that allows this, as it is typed in a shell.
pub(crate) fn grant_option(permission: &str) -> String {
    format!("--grant {}", shell_word(permission))
}

/// The option that lets a plugin run in trusted mode.
pub(crate) fn trust_option(plugin: &str) -> String {
    format!("--trust {}", shell_word(plugin))
}

/// Whether a permission covers all resources of all kinds.
pub(crate) fn is_everything(permission: &str) -> bool {
    let resource = permission.split_once(':').map_or(permission, |(resource, _)| resource);
    !resource.is_empty() && resource.chars().all(|c| c == '*')
}

fn what_helps_the_host(error: &BuildError) -> &'static str {
    match error {
        BuildError::Engine { .. } => {
            "\nhere: `ulimit -v unlimited` raises the address-space limit of this shell; `plugbay doctor` checks the rest"
        }
        BuildError::CodeCache(_) => "\nhere: set PLUGBAY_CACHE_DIR to another directory, or to `off` for no cache",
        _ => "",
    }
}

fn invoke_text(error: &InvokeError) -> String {
    match error {
        InvokeError::Guest { plugin, failure } => {
            format!("plugin `{plugin}` answered an error: {}", cut(&failure.message))
        }
        other => other.to_string(),
    }
}

/// Advice for a failed call: details, frames and the option that raises a limit, each on a line of its own.
fn what_helps(error: &InvokeError) -> String {
    let mut text = String::new();
    match error {
        InvokeError::Guest { failure, .. } => {
            if let Some(details) = &failure.details {
                let _ = write!(text, "\ndetails: {}", cut(&details.to_string()));
            }
        }
        InvokeError::Trapped { backtrace, .. } => {
            for frame in frames_of_its_own(backtrace) {
                let _ = write!(text, "\nat {frame}");
            }
        }
        InvokeError::Timeout { .. } => {
            text.push_str("\nhere: --timeout TIME replaces the manifest's limit, up to the host file's ceiling")
        }
        InvokeError::OutOfFuel { .. } => {
            text.push_str("\nhere: --fuel N replaces the manifest's limit, up to the host file's ceiling")
        }
        InvokeError::MemoryLimit { .. } => text.push_str(MORE_MEMORY),
        _ => {}
    }
    text
}

/// A plugin's text, truncated with a note of its length if it is too long.
fn cut(text: &str) -> Cow<'_, str> {
    if text.len() <= ANSWER_BYTES_SHOWN_MAX {
        return Cow::Borrowed(text);
    }
    let begin = &text[..text.floor_char_boundary(ANSWER_BYTES_SHOWN_MAX)];
    Cow::Owned(format!("{begin}… ({} bytes in all; --json prints them)", show_count(text.len() as u64)))
}

/// The frames without those at the top, in which Rust turns a panic into a trap.
fn frames_of_its_own(backtrace: &[String]) -> &[String] {
    const MACHINERY: [&str; 6] =
        ["abort", "std::", "core::panicking::", "__rustc::", "rust_begin_unwind", "rust_panic"];
    let is_machinery = |frame: &String| MACHINERY.iter().any(|start| frame.starts_with(start));
    let first = backtrace.iter().position(|frame| !is_machinery(frame)).unwrap_or_default();
    &backtrace[first..]
}

/// Conversions from the library's errors. They are boxed, because their size would make every `Result` large.
macro_rules! error_from {
    ($($variant:ident($source:ty)),* $(,)?) => {$(
        impl From<$source> for Error {
            fn from(error: $source) -> Self {
                Error::$variant(Box::new(error))
            }
        }
    )*};
}
error_from!(Project(ProjectError), Load(LoadError), Invoke(InvokeError), Call(CallError), Runtime(BuildError),);

impl From<ComponentError> for Error {
    fn from(error: ComponentError) -> Self {
        match error {
            ComponentError::Call(error) => error.into(),
            ComponentError::Invoke(error) => error.into(),
        }
    }
}

impl From<HostFileError> for Error {
    fn from(error: HostFileError) -> Self {
        match error {
            HostFileError::Content(error) => Error::HostFile(error),
            other => Error::Usage(other.to_string()),
        }
    }
}

impl From<NodeError> for Error {
    fn from(error: NodeError) -> Self {
        match error {
            NodeError::DataDir(error) => Error::DataDir(error),
            NodeError::Build(error) => error.into(),
            other => Error::Usage(other.to_string()),
        }
    }
}

impl From<TestFileError> for Error {
    fn from(error: TestFileError) -> Self {
        Error::TestFile(error)
    }
}

impl From<anyhow::Error> for Error {
    fn from(error: anyhow::Error) -> Self {
        Error::Internal(error)
    }
}

/// Every other I/O error has a variant or a text of its own; only writing results ends here.
impl From<std::io::Error> for Error {
    fn from(error: std::io::Error) -> Self {
        Error::Output(error)
    }
}

#[cfg(test)]
mod tests {
    use plugbay::Failure;

    use super::*;

    fn trapped(frames: &[&str]) -> InvokeError {
        InvokeError::Trapped {
            plugin: "p".to_owned(),
            action: "a".to_owned(),
            message: "panicked at src/lib.rs:9:5: no".to_owned(),
            backtrace: frames.iter().map(ToString::to_string).collect(),
        }
    }

    #[test]
    fn frames_of_a_panic_begin_where_the_plugin_panicked() {
        let frames = ["abort", "__rustc::rust_panic", "core::panicking::panic_fmt", "demo::divide", "std::x"];
        let text = Error::from(trapped(&frames)).text();
        assert!(text.ends_with("no\nat demo::divide\nat std::x"), "{text}");
        let text = Error::from(trapped(&["abort"])).text();
        assert!(text.ends_with("at abort"), "{text}");
    }

    #[test]
    fn code_of_a_plugin_is_shown_if_it_is_well_formed() {
        let guest = |code: &str| {
            let failure = Failure { code: code.to_owned(), message: "no".to_owned(), details: None, status_code: None };
            Error::from(InvokeError::Guest { plugin: "p".to_owned(), failure: failure.into() }).shown_code()
        };
        assert_eq!(guest("not_found"), "[not_found]");
        assert_eq!(guest("a\nb"), "");
        assert_eq!(guest(&"x".repeat(65)), "");
        assert_eq!(Error::Usage("no".to_owned()).shown_code(), "");
    }

    #[test]
    fn long_answered_error_is_cut_for_people_and_whole_in_json() {
        let long = "ü".repeat(100_000);
        let failure =
            Failure { code: "x".to_owned(), message: long.clone(), details: Some(json!(long)), status_code: None };
        let error = Error::from(InvokeError::Guest { plugin: "p".to_owned(), failure: failure.into() });
        let text = error.text();
        assert!(text.len() < 3 * ANSWER_BYTES_SHOWN_MAX, "{} bytes", text.len());
        assert!(text.contains("(200,000 bytes in all; --json prints them)"), "{text}");
        assert_eq!(error.to_json()["msg"].as_str().map(|text| text.ends_with(&long)), Some(true));
    }

    #[test]
    fn limit_names_the_option_that_raises_it() {
        let error = InvokeError::OutOfFuel { plugin: "p".to_owned(), action: "a".to_owned(), allowed: 5 };
        assert!(
            Error::from(error)
                .text()
                .ends_with("here: --fuel N replaces the manifest's limit, up to the host file's ceiling")
        );
    }

    #[test]
    fn request_for_everything_gets_no_line_to_paste() {
        let text = all_grants(&["*".to_owned(), "data.*:read".to_owned()]);
        assert!(text.contains("one by one") && !text.contains("--grant '*'"), "{text}");
        for everything in ["*", "**", "*:read,write"] {
            assert!(is_everything(everything), "{everything}");
        }
        assert!(!is_everything("data.*") && all_grants(&["data.*:read".to_owned()]).contains("--grant 'data.*:read'"));
    }

    #[test]
    fn json_of_a_usage_error_has_the_members_of_every_error() {
        let json = Error::Usage("no".to_owned()).to_json();
        assert_eq!(json, json!({ "status": "error", "msg": "no", "code": "usage" }));
    }
}
