//! Exit codes, by which scripts distinguish failures. `plugbay --help` documents them.

use std::process::ExitCode;

use plugbay::LoadError;
use plugbay::compile::{CompileError, ScanError};
use plugbay::error::{BuildError, InvokeErrorKind, LoadErrorKind};
use plugbay_component_call::CallError;

use crate::error::Error;

/// The exit code of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Success.
    Ok = 0,
    /// The plugin answered an error, or failed a test.
    PluginError = 1,
    /// The command line is wrong.
    Usage = 2,
    /// The plugin cannot be loaded.
    NotLoadable = 3,
    /// Permission denied: while the plugin is loaded, or in a call, if the plugin returns the denial as its error.
    Denied = 4,
    /// A limit was hit.
    Limit = 5,
    /// The plugin trapped.
    Trapped = 6,
    /// Plugbay itself failed (`EX_SOFTWARE` of sysexits.h).
    Internal = 70,
    /// SIGHUP ended it before it was done: 128 plus the signal's number, as in shells.
    HungUp = 129,
    /// SIGINT ended it before it was done.
    Interrupted = 130,
    /// SIGTERM ended it before it was done.
    Terminated = 143,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        ExitCode::from(exit as u8)
    }
}

impl From<&Error> for Exit {
    fn from(error: &Error) -> Self {
        match error {
            Error::Usage(_) | Error::HostFile(_) | Error::DataDir(_) | Error::TestFile(_) | Error::Output(_) => {
                Exit::Usage
            }
            Error::Store(_) | Error::NothingInstalled(_) | Error::HostLock(_) | Error::Key(_) | Error::Token(_) => {
                Exit::Usage
            }
            Error::Catalog(error) => of_catalog(error.code()),
            Error::Server(failure) => of_server(&failure.code),
            Error::Project(_) | Error::NotBuilt(_) | Error::Disabled(_) | Error::Original(_) => Exit::NotLoadable,
            Error::Required { .. } => Exit::Denied,
            Error::Load(error) => of_load(error),
            // An import that this host does not offer cannot be granted.
            Error::Imports { refused, .. } if refused.iter().all(|import| import.permission.is_some()) => Exit::Denied,
            Error::Imports { .. } => Exit::NotLoadable,
            Error::Invoke(error, _) => of_invoke(error.kind()),
            Error::Call(error) => match **error {
                CallError::TooLarge { .. } => Exit::Limit,
                _ => Exit::Usage,
            },
            Error::Runtime(error) => match **error {
                // The directory in PLUGBAY_CACHE_DIR. The default directory never causes an error.
                BuildError::CodeCache(_) => Exit::Usage,
                _ => Exit::Internal,
            },
            Error::Signal(signal) => signal.exit(),
            Error::PassedOn(..) => Exit::Denied,
            Error::Internal(_) => Exit::Internal,
        }
    }
}

/// The exit code of an operation of the catalog, by the code of its error.
fn of_catalog(code: &str) -> Exit {
    match code {
        "unconfirmed" | "plugin_required" | "signature_required" | "private_address" | "access_denied" => Exit::Denied,
        "too_large" => Exit::Limit,
        "invalid_reference"
        | "file_unreadable"
        | "no_registry"
        | "invalid_key"
        | "not_installed"
        | "already_installed"
        | "no_previous_version"
        | "changed_meanwhile"
        | "catalog_full"
        | "catalog_damaged"
        | "catalog_newer"
        | "catalog_busy"
        | "catalog_unavailable"
        | "disk_full"
        | "already_published" => Exit::Usage,
        _ => Exit::NotLoadable,
    }
}

/// The exit code of an operation of a server, by the code of its error.
fn of_server(code: &str) -> Exit {
    match code {
        "unauthenticated" | "invalid_token" | "insufficient_scope" | "too_many_attempts" | "unknown_host" => {
            Exit::Denied
        }
        "server_unreachable" | "invalid_request" | "not_found" | "not_loaded" | "not_supported" => Exit::Usage,
        "host_error" => Exit::Internal,
        code => of_catalog(code),
    }
}

fn of_invoke(error: &InvokeErrorKind) -> Exit {
    match error {
        InvokeErrorKind::UnknownAction { .. }
        | InvokeErrorKind::Validation { .. }
        | InvokeErrorKind::Payload { .. }
        | InvokeErrorKind::Answer { .. }
        | InvokeErrorKind::Reentrant { .. }
        | InvokeErrorKind::Guest { .. } => Exit::PluginError,
        InvokeErrorKind::CallerRefused { .. } => Exit::Denied,
        InvokeErrorKind::PayloadTooLarge { .. }
        | InvokeErrorKind::ResultTooLarge { .. }
        | InvokeErrorKind::RateLimited { .. }
        | InvokeErrorKind::Busy { .. }
        | InvokeErrorKind::Timeout { .. }
        | InvokeErrorKind::OutOfFuel { .. }
        | InvokeErrorKind::MemoryLimit { .. }
        | InvokeErrorKind::StackOverflow { .. }
        | InvokeErrorKind::CallDepth { .. }
        | InvokeErrorKind::ResourceLimit { .. } => Exit::Limit,
        InvokeErrorKind::Trapped { .. } | InvokeErrorKind::PluginFailed { .. } => Exit::Trapped,
        InvokeErrorKind::Contract { .. } | InvokeErrorKind::PluginDisabled | InvokeErrorKind::LoadFailed { .. } => {
            Exit::NotLoadable
        }
        // The enum may grow. An error that is unknown here is not the plugin's fault.
        InvokeErrorKind::NotLoaded | InvokeErrorKind::Unavailable { .. } | InvokeErrorKind::Host { .. } | _ => {
            Exit::Internal
        }
    }
}

fn of_load(error: &LoadError) -> Exit {
    match error.kind() {
        LoadErrorKind::Denied { .. } | LoadErrorKind::NotGranted { .. } | LoadErrorKind::NotTrusted => Exit::Denied,
        LoadErrorKind::Scan(ScanError::Limit { .. }) | LoadErrorKind::MinimumMemory { .. } | LoadErrorKind::Pool(_) => {
            Exit::Limit
        }
        LoadErrorKind::Compile(error) => of_compile(error),
        LoadErrorKind::Engine(_) => Exit::Internal,
        LoadErrorKind::Start(cause) => match of_invoke(cause.kind()) {
            // If `on-load` returns an error, the plugin cannot be loaded.
            Exit::PluginError => Exit::NotLoadable,
            exit => exit,
        },
        // The enum may grow. Each of its variants is a stage at which loading fails.
        _ => Exit::NotLoadable,
    }
}

fn of_compile(error: &CompileError) -> Exit {
    match error {
        CompileError::Timeout { .. } | CompileError::Memory { .. } | CompileError::Busy { .. } => Exit::Limit,
        CompileError::Worker { .. } => Exit::Internal,
        // A component that crashes the compiler cannot be loaded, even if the compiler is at fault.
        CompileError::Invalid { .. } | CompileError::Crashed { .. } | _ => Exit::NotLoadable,
    }
}
