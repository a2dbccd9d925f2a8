//! The errors of commands, and how they are printed: for people on standard error, for programs as JSON on standard
//! output.
//!
//! The library's errors already name the plugin, the limit, and the allowed and observed values. This file adds details
//! and stack frames, and `advice.rs` the option that helps.

mod from;

use std::borrow::Cow;
use std::fmt::Write;
use std::path::{Path, PathBuf};

use plugbay::error::{BuildError, InvokeErrorKind, LoadErrorKind};
use plugbay::manifest::ManifestError;
use plugbay::policy::Denial;
use plugbay::{InvokeError, LoadError};
use plugbay_component_call::CallError;
use serde::Serialize;
use serde_json::{Value, json};

use crate::advice;
use crate::command::check::original::Original;
use crate::output::{Output, RED, indented, plain, shell_word, to_stderr};
use crate::signal::EndSignal;
use crate::units::show_count;
use plugbay_catalog::signing::SignatureError;
use plugbay_catalog::store::StoreError;
use plugbay_catalog::{CatalogError, CatalogProblem, HostLockError};
use plugbay_node::DataDirError;
use plugbay_project::ProjectError;
use plugbay_server::access::TokenStoreError;
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
    /// What to do about it.
    #[serde(rename = "hint", skip_serializing_if = "Option::is_none")]
    pub(crate) advice: Option<String>,
}

/// What a server answered to an operation that failed.
#[derive(Debug)]
pub(crate) struct ServerFailure {
    pub(crate) code: String,
    pub(crate) message: String,
    pub(crate) details: Option<Value>,
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
    /// The manifest is one of another system, and the plugin has to be changed.
    Original(Box<Original>),
    /// The plugin cannot be loaded.
    Load(LoadError),
    /// The host's file is invalid.
    HostFile(ManifestError),
    /// The data directory cannot be used.
    DataDir(DataDirError),
    /// The catalog refused or failed an operation.
    Catalog(Box<CatalogError>),
    /// The catalog cannot be opened.
    Store(Box<StoreError>),
    /// The data directory has no catalog.
    NothingInstalled(PathBuf),
    /// The installed plugin is disabled.
    Disabled(String),
    /// Other plugins require the one that was to be disabled or removed.
    Required {
        /// The plugin.
        plugin: String,
        /// The plugins that require it.
        by: Vec<String>,
    },
    /// Another host runs on the data directory, or it cannot be locked.
    HostLock(HostLockError),
    /// A key cannot be used.
    Key(SignatureError),
    /// A token cannot be made, listed or revoked.
    Token(TokenStoreError),
    /// A server refused or failed an operation, or cannot be reached.
    Server(Box<ServerFailure>),
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
    /// The action failed. These uses were denied in the call.
    Invoke(InvokeError, Vec<Denial>),
    /// The plugin was denied a host capability in the call, and returned that denial as its error.
    PassedOn(InvokeError, Vec<Denial>),
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
            Error::Original(_) => "original_manifest",
            Error::Load(error) => error.code(),
            Error::HostFile(_) => "invalid_host_file",
            Error::DataDir(_) => "data_dir_unusable",
            Error::Catalog(error) => error.code(),
            Error::Store(error) => error.code(),
            Error::NothingInstalled(_) => "not_installed",
            Error::Disabled(_) => "plugin_disabled",
            Error::Required { .. } => "plugin_required",
            Error::HostLock(HostLockError::InUse { .. }) => "data_dir_in_use",
            Error::HostLock(_) => "data_dir_unusable",
            Error::Key(error) => error.code(),
            Error::Token(error) => error.code(),
            Error::Server(failure) => failure.code.as_str(),
            Error::TestFile(TestFileError::Content(_)) => "invalid_test_file",
            Error::TestFile(_) => "usage",
            Error::Imports { refused, .. } if refused.iter().all(|import| import.permission.is_some()) => {
                "permission_denied"
            }
            Error::Imports { .. } => "unknown_import",
            Error::Invoke(error, _) | Error::PassedOn(error, _) => error.code(),
            Error::Signal(_) => "interrupted",
            Error::Output(_) => "output_unwritable",
            Error::Call(error) => error.code(),
            Error::Runtime(_) => "runtime_unavailable",
            Error::Internal(_) => "internal_error",
        }
    }

    /// Prints the error as text, or as JSON with `--json`; on standard error if standard output cannot be written.
    pub(crate) fn report(&self, output: Output) {
        if !output.json || output.json_result(&self.to_json().to_string()).is_err() {
            self.report_as_text();
        }
    }

    /// Prints the error as text on standard error, for commands that go on.
    pub(crate) fn report_as_text(&self) {
        to_stderr(&format!("{RED}error{}:{RED:#} {}", self.shown_code(), indented(&plain(&self.text()), "  ")));
    }

    /// The code in brackets, such as `[timeout]`, for searching. It is omitted for a wrong command line, and for an
    /// error of a plugin whose code does not look like one.
    fn shown_code(&self) -> String {
        let code = self.code();
        let is_code = code.len() <= CODE_BYTES_SHOWN_MAX
            && code.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.'));
        if is_code && !matches!(self, Error::Usage(_)) { format!("[{code}]") } else { String::new() }
    }

    /// The error with its advice as `hint`, if there is any.
    fn to_json(&self) -> Value {
        let mut object = self.object();
        let advice = self.advice();
        if !advice.is_empty() {
            object["hint"] = advice.join("\n").into();
        }
        object
    }

    fn object(&self) -> Value {
        match self {
            Error::Load(error) => error.to_json(),
            Error::Invoke(error, _) | Error::PassedOn(error, _) => error.to_json(),
            Error::HostFile(error) | Error::TestFile(TestFileError::Content(error)) => {
                self.json_with(Some(json!(error.problems)))
            }
            Error::Imports { refused, .. } => self.json_with(Some(json!(refused))),
            Error::Original(original) => self.json_with(Some(json!(original))),
            Error::Server(failure) => self.json_with(failure.details.clone()),
            Error::Catalog(error) => self.json_with(match error.problem() {
                CatalogProblem::Unconfirmed(difference) => Some(json!(difference)),
                _ => None,
            }),
            _ => self.json_with(None),
        }
    }

    fn json_with(&self, details: Option<Value>) -> Value {
        let mut object = json!({ "status": "error", "msg": self.message(), "code": self.code() });
        if let Some(details) = details {
            object["details"] = details;
        }
        object
    }

    /// The text for people: what happened, then advice.
    pub(crate) fn text(&self) -> String {
        let advice: String = self.advice().iter().map(|advice| format!("\nhere: {advice}")).collect();
        format!("{}{advice}", self.message())
    }

    /// What happened.
    fn message(&self) -> String {
        match self {
            Error::Usage(message) => message.clone(),
            Error::Project(error) => error.to_string(),
            Error::NotBuilt(directory) => format!(
                "{} is a Rust crate without a finished component, and this command does not build",
                directory.display()
            ),
            Error::Original(original) => original.text(),
            Error::Load(error) => load_text(error),
            Error::HostFile(error) => format!("the host's file is invalid:\n{error}"),
            Error::DataDir(error) => error.to_string(),
            Error::Catalog(error) => error.to_string(),
            Error::Store(error) => error.to_string(),
            Error::NothingInstalled(directory) => {
                format!("no plugin is installed in the data directory {}", directory.display())
            }
            Error::Disabled(plugin) => format!("plugin `{plugin}` is disabled"),
            Error::Required { plugin, by } => format!("plugin `{plugin}` is required by {}", by.join(", ")),
            Error::HostLock(error) => error.to_string(),
            Error::Key(error) => error.to_string(),
            Error::Token(error) => error.to_string(),
            Error::Server(failure) => failure.message.clone(),
            Error::TestFile(error) => error.to_string(),
            Error::Imports { plugin, refused, .. } => {
                let list: String =
                    refused.iter().map(|refused| format!("\n{}: {}", refused.import, refused.msg)).collect();
                format!("cannot load {plugin}: {} of its imports are refused{list}", refused.len())
            }
            Error::Invoke(error, _) | Error::PassedOn(error, _) => {
                format!("{}{}", invoke_text(error), lines_below(error))
            }
            Error::Signal(signal) => {
                format!("{} ended the command before it was done; its plugins were unloaded", signal.name())
            }
            Error::Output(error) => format!("cannot write the result to standard output: {error}"),
            Error::Call(error) => error.to_string(),
            Error::Runtime(error) => error.to_string(),
            Error::Internal(error) => format!("{error:#}"),
        }
    }

    /// What to do about it, one line each.
    fn advice(&self) -> Vec<String> {
        match self {
            Error::NotBuilt(directory) => not_built(directory),
            Error::Load(error) => advice::of_load(error),
            Error::Imports { refused, not_allowed, .. } => advice::of_imports(refused, not_allowed),
            Error::Invoke(error, denials) | Error::PassedOn(error, denials) => advice::of_invoke(error, denials),
            Error::Runtime(error) => advice::of_runtime(error).into_iter().collect(),
            Error::Catalog(error) => advice::of_catalog(error).into_iter().collect(),
            Error::Required { .. } => {
                vec![
                    "--dependents cascade disables or removes these, too, and --dependents keep leaves them alone"
                        .to_owned(),
                ]
            }
            Error::Disabled(plugin) => vec![format!("`plugbay enable {}` enables it", shell_word(plugin))],
            Error::NothingInstalled(_) => vec!["`plugbay install REFERENCE` installs one".to_owned()],
            Error::Usage(_)
            | Error::Project(_)
            | Error::Original(_)
            | Error::HostFile(_)
            | Error::DataDir(_)
            | Error::Store(_)
            | Error::HostLock(_)
            | Error::Key(_)
            | Error::Token(_)
            | Error::Server(_)
            | Error::TestFile(_)
            | Error::Signal(_)
            | Error::Output(_)
            | Error::Call(_)
            | Error::Internal(_) => Vec::new(),
        }
    }
}

/// Advice for a crate without a finished component. The command does not build, because that runs the crate's code.
fn not_built(directory: &Path) -> Vec<String> {
    let directory = directory.display().to_string();
    vec![format!(
        "`plugbay build {}` builds it, and so does this command with --build; building runs the crate's build scripts \
         and macros as you, outside of the sandbox",
        shell_word(&directory)
    )]
}

fn invoke_text(error: &InvokeError) -> String {
    match error.failure() {
        Some(failure) => format!("plugin `{}` answered an error: {}", error.plugin(), cut(&failure.message)),
        None => match error.kind() {
            InvokeErrorKind::Validation { problems } => listed(&error.to_string(), problems),
            _ => error.to_string(),
        },
    }
}

/// What belongs to the error of a call, on lines of their own: problems, details, frames.
fn lines_below(error: &InvokeError) -> String {
    let mut text = String::new();
    match error.kind() {
        InvokeErrorKind::Guest { failure } => {
            if let Some(details) = &failure.details {
                let _ = write!(text, "\ndetails: {}", cut(&details.to_string()));
            }
        }
        InvokeErrorKind::Trapped { backtrace, .. } => {
            for frame in frames_of_its_own(backtrace) {
                let _ = write!(text, "\nat {frame}");
            }
        }
        _ => {}
    }
    text
}

/// The error of a load. Several problems are on a line each.
fn load_text(error: &LoadError) -> String {
    match error.kind() {
        LoadErrorKind::Manifest(problems) => listed(&error.to_string(), &problems.problems),
        LoadErrorKind::Configuration { problems } => listed(&error.to_string(), problems),
        LoadErrorKind::Start(cause) => format!("{}{}", cut(&error.to_string()), lines_below(cause)),
        _ => error.to_string(),
    }
}

/// A text that ends with a list of problems, with the problems on lines of their own.
fn listed<T: ToString>(text: &str, problems: &[T]) -> String {
    let problems: Vec<String> = problems.iter().map(ToString::to_string).collect();
    match text.strip_suffix(&problems.join("; ")) {
        Some(begin) => format!("{}\n  {}", begin.trim_end(), problems.join("\n  ")),
        None => text.to_owned(),
    }
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

#[cfg(test)]
mod tests {
    use plugbay::Failure;

    use super::*;

    fn trapped(frames: &[&str]) -> InvokeError {
        let message = "panicked at src/lib.rs:9:5: no".to_owned();
        let backtrace = frames.iter().map(ToString::to_string).collect();
        InvokeError::new("p", "a", InvokeErrorKind::Trapped { message, backtrace })
    }

    fn guest(failure: Failure) -> Error {
        Error::from(InvokeError::new("p", "a", InvokeErrorKind::Guest { failure: Box::new(failure) }))
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
        let shown = |code: &str| guest(Failure::new(code, "no")).shown_code();
        assert_eq!(shown("not_found"), "[not_found]");
        assert_eq!(shown("a\nb"), "");
        assert_eq!(shown(&"x".repeat(65)), "");
        assert_eq!(Error::Usage("no".to_owned()).shown_code(), "");
    }

    #[test]
    fn long_answered_error_is_cut_for_people_and_whole_in_json() {
        let long = "ü".repeat(100_000);
        let failure =
            Failure { code: "x".to_owned(), message: long.clone(), details: Some(json!(long)), status_code: None };
        let error = guest(failure);
        let text = error.text();
        assert!(text.len() < 3 * ANSWER_BYTES_SHOWN_MAX, "{} bytes", text.len());
        assert!(text.contains("(200,000 bytes in all; --json prints them)"), "{text}");
        assert_eq!(error.to_json()["msg"].as_str().map(|text| text.ends_with(&long)), Some(true));
    }

    #[test]
    fn problems_are_on_lines_of_their_own() {
        let text = "its manifest has 2 problems: a: wrong; b: wrong";
        assert_eq!(listed(text, &["a: wrong", "b: wrong"]), "its manifest has 2 problems:\n  a: wrong\n  b: wrong");
        assert_eq!(listed(text, &["c"]), text);
    }

    #[test]
    fn json_of_a_usage_error_has_the_members_of_every_error() {
        let json = Error::Usage("no".to_owned()).to_json();
        assert_eq!(json, json!({ "status": "error", "msg": "no", "code": "usage" }));
    }
}
