//! The library's errors and their texts.
//!
//! There is one error for each operation of an application: building a runtime ([`BuildError`]), loading a plugin
//! ([`LoadError`]) and calling an action ([`InvokeError`]). Each has a text for people that names the plugin and what
//! happened; the latter two also have a stable [`code`](InvokeError::code) for programs. Advice is separate, in a
//! `hint`. Triggers map codes to their own answers, such as exit codes or HTTP statuses, in one exhaustive match.
//!
//! A failure that the plugin itself reports is [`InvokeErrorKind::Guest`]; its instance survives. A limit or a trap
//! costs the plugin its instance, and the next call gets a fresh one. A failure inside the host is
//! [`InvokeErrorKind::Host`]: its details are for the operator's log, never for the guest.

mod answer;
mod config;
mod event;
mod hint;
mod invoke;
mod load;
mod provide;
mod route;
mod status;
mod unload;

use std::fmt;

use plugbay_compile::{CodeCacheError, EngineError};
pub use plugbay_sqlite_memory::SqliteInUse;

pub use self::answer::{Failure, LimitHit, LimitOrigin, PayloadProblem};
pub use self::config::{ConfigProblem, ConfigureError};
pub use self::event::EventError;
pub use self::invoke::{InvokeError, InvokeErrorKind};
pub use self::load::{LoadError, LoadErrorKind};
pub use self::provide::ProvideError;
pub use self::route::{RouteError, RouteErrorKind};
pub use self::unload::UnloadError;

/// Why a runtime cannot be built.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// The engine cannot be made, with or without a memory pool.
    #[error("cannot set up the WebAssembly engine for {instances} live instances: {message}")]
    Engine {
        /// Requested live instances.
        instances: u32,
        /// The engine's message.
        message: String,
    },
    /// The directory for compiled code cannot be used.
    #[error(transparent)]
    CodeCache(#[from] CodeCacheError),
    /// An extension of the application is not valid.
    #[error("the extension `{name}` cannot be offered: {message}")]
    Extension {
        /// The interface, or the resource of an extension that has no interface.
        name: String,
        /// The problem.
        message: String,
    },
    /// This process was started to compile a component for another one, but builds a runtime.
    #[error("this process was started to compile a component: {hint}")]
    CompileWorker {
        /// The remedy. It is a field because an application often prints this error with `Debug` when it cannot start,
        /// and the child process does too.
        hint: &'static str,
    },
}

impl BuildError {
    /// Returns advice on one line, if there is any.
    pub fn hint(&self) -> Option<String> {
        match self {
            BuildError::Engine { .. } => Some(
                "try fewer with `RuntimeBuilder::live_instances`, or raise vm.max_map_count and the address-space limit"
                    .to_owned(),
            ),
            BuildError::CodeCache(_) | BuildError::Extension { .. } | BuildError::CompileWorker { .. } => None,
        }
    }
}

impl From<EngineError> for BuildError {
    fn from(EngineError { instances, message, .. }: EngineError) -> Self {
        BuildError::Engine { instances, message }
    }
}

/// Why the stored data of a plugin cannot be removed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RemoveDataError {
    /// The plugin is loaded.
    #[error("plugin `{plugin}` is loaded: unload it before its data is removed")]
    Loaded {
        /// The plugin.
        plugin: String,
    },
    /// No plugin can have this name.
    #[error("`{name}` is not the name of a plugin: small letters, digits, `-` and `_`, a letter first")]
    Name {
        /// The name.
        name: String,
    },
    /// The directory or a file in it cannot be removed. Some files may have been removed.
    #[error("the data of plugin `{plugin}` cannot be removed: {error}")]
    Io {
        /// The plugin.
        plugin: String,
        /// The file system's error.
        error: std::io::Error,
    },
    /// The backend that stores its data cannot remove it.
    #[error("the data of plugin `{plugin}` cannot be removed: {message}")]
    Unavailable {
        /// The plugin.
        plugin: String,
        /// The error of the backend.
        message: String,
    },
}

/// Joins all problems to one text.
fn listed<T: fmt::Display>(problems: &[T]) -> String {
    problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

fn problem_count(count: usize) -> String {
    if count == 1 { "1 problem".to_owned() } else { format!("{count} problems") }
}

fn binary_size(bytes: u64) -> String {
    match bytes {
        0..1_024 => format!("{bytes} bytes"),
        1_024..1_048_576 => format!("{:.1} KiB", bytes as f64 / 1_024.0),
        _ => format!("{:.1} MiB", bytes as f64 / 1_048_576.0),
    }
}

#[cfg(test)]
mod tests {
    use std::error::Error;
    use std::io;
    use std::path::PathBuf;

    use super::*;
    use plugbay_compile::CompileError;

    /// Printing an error with its sources, as `anyhow` does, must not repeat a text.
    #[test]
    fn text_of_an_error_says_nothing_that_its_source_says_again() {
        let layer = plugbay_manifest::Layer::from_value("m", serde_json::json!({})).expect("an object");
        let manifest = plugbay_manifest::Manifest::from_layers(&[layer]).expect_err("it has no name");
        let not_loaded = InvokeError::new("p", "on_load", InvokeErrorKind::NotLoaded);
        let io = || io::Error::other("the disk is gone");
        let cache = || CodeCacheError::Open { path: PathBuf::from("code"), error: io() };
        let errors: Vec<Box<dyn Error>> = vec![
            Box::new(LoadError::new("p", manifest)),
            Box::new(LoadError::new("p", not_loaded)),
            Box::new(LoadError::new("p", CompileError::Worker { message: "no".into() })),
            Box::new(RemoveDataError::Io { plugin: "p".into(), error: io() }),
            Box::new(BuildError::from(cache())),
            Box::new(cache()),
        ];
        for error in errors {
            let mut text = error.to_string();
            let mut source = error.source();
            while let Some(cause) = source {
                assert!(!text.contains(&cause.to_string()), "{text} | {cause}");
                text = cause.to_string();
                source = cause.source();
            }
        }
    }
}
