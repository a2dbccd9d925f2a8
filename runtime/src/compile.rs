//! How components are compiled: where, within which limits, and where machine code is stored.
//!
//! Compiling is the one stage at which a component costs the host time and memory before any of its limits hold. A
//! component is scanned first and refused if it is known to be expensive. What passes is compiled within
//! [`CompileLimits`]: in this process, where the deadline ends the wait and not the work, or in a child process, which
//! is ended at its deadline and at its memory limit ([`CompileIsolation`]).
//!
//! All of it is implemented in the crate `plugbay-compile`.
//!
//! ```no_run
//! use std::process::ExitCode;
//!
//! use plugbay::Runtime;
//! use plugbay::compile::{CompileIsolation, WorkerCommand};
//!
//! fn main() -> Result<ExitCode, Box<dyn std::error::Error>> {
//!     if let Some(code) = plugbay::compile::compile_worker_if_asked() {
//!         return Ok(code);
//!     }
//!     let isolation = CompileIsolation::ChildProcess(WorkerCommand::this_program()?);
//!     let runtime = Runtime::builder().compile_isolation(isolation).build()?;
//!     // … the application …
//! #   drop(runtime);
//!     Ok(ExitCode::SUCCESS)
//! }
//! ```

pub use plugbay_compile::scan::ScanError;
pub use plugbay_compile::{
    CodeCache, CodeCacheError, CompileError, CompileIsolation, CompileLimits, LegacyError, WorkerCommand,
    compile_worker, compile_worker_if_asked,
};

pub use crate::limits::{Quantity, ScanLimits};
