//! The error of compiling a component.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Why a component was not compiled.
#[derive(Debug, Clone, PartialEq, Eq, Error, Serialize, Deserialize)]
#[non_exhaustive]
pub enum CompileError {
    /// The component is not valid WebAssembly, or uses a proposal that this host has disabled.
    #[error("the component is not valid{}: {message}", at(*offset))]
    Invalid {
        /// The validator's message.
        message: String,
        /// The position in bytes from the start of the component, if the validator reported it.
        offset: Option<u64>,
    },
    /// The deadline passed.
    #[error("compiling took longer than the {allowed:?} that are allowed (stopped after {observed:.1?})")]
    Timeout {
        /// The time limit.
        allowed: Duration,
        /// The time until it was stopped.
        observed: Duration,
    },
    /// The compiler needed more memory than its limit.
    #[error("compiling needs more than the {allowed} bytes of memory that are allowed{}", asked_for(*observed))]
    Memory {
        /// The limit, in bytes.
        allowed: u64,
        /// The size of the allocation that failed, in bytes; 0 if it is not known.
        observed: u64,
    },
    /// Other components are being compiled, and none was done in time.
    #[error("{allowed} other components are being compiled, and none was done within {waited:.1?}: try again later")]
    Busy {
        /// The maximum number of concurrent compilations.
        allowed: usize,
        /// How long this compilation waited for its turn.
        waited: Duration,
    },
    /// The compiler crashed.
    #[error("the compiler {how}{}", output_of(output))]
    Crashed {
        /// How it ended, such as `was killed by signal 11`.
        how: String,
        /// The end of its standard error.
        output: String,
    },
    /// The child process could not be started, or is not a compile worker of the same build.
    #[error("cannot compile in a child process: {message}")]
    Worker {
        /// The reason.
        message: String,
    },
}

impl CompileError {
    /// Returns the stable name of this kind of error.
    pub fn code(&self) -> &'static str {
        match self {
            CompileError::Invalid { .. } => "invalid_component",
            CompileError::Timeout { .. } => "compile_timeout",
            CompileError::Memory { .. } => "compile_memory_limit",
            CompileError::Busy { .. } => "busy",
            CompileError::Crashed { .. } => "compiler_crashed",
            CompileError::Worker { .. } => "host_error",
        }
    }

    /// Converts wasmtime's error about a component, with the position in the file if the validator reported it.
    pub(super) fn from_wasmtime(error: &wasmtime::Error) -> Self {
        if let Some(invalid) = error.downcast_ref::<wasmparser::Error>() {
            let (message, offset) = (invalid.message().to_owned(), Some(invalid.offset() as u64));
            return CompileError::Invalid { message, offset };
        }
        // Function bodies are validated while they are compiled, and their errors come as text.
        let cause = error.root_cause().to_string();
        let told =
            cause.strip_prefix("Invalid input WebAssembly code at offset ").and_then(|rest| rest.split_once(": "));
        if let Some((offset, message)) = told
            && let Ok(offset) = offset.parse()
        {
            return CompileError::Invalid { message: message.to_owned(), offset: Some(offset) };
        }
        CompileError::Invalid { message: format!("{error:#}"), offset: None }
    }
}

fn asked_for(observed: u64) -> String {
    if observed == 0 { String::new() } else { format!(" (it asked for {observed} more)") }
}

fn at(offset: Option<u64>) -> String {
    offset.map(|offset| format!(" at byte {offset}")).unwrap_or_default()
}

fn output_of(output: &str) -> String {
    if output.is_empty() { String::new() } else { format!(": {output}") }
}
