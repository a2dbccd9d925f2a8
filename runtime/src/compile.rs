//! The compilation of components: where it runs, its limits, and the cache of machine code.
//!
//! Compiling is the one stage at which a component costs the host time and memory before any of its limits apply. A
//! component is scanned first and refused if it is known to be expensive. Otherwise it is compiled within
//! [`CompileLimits`]: in this process, where the deadline ends the wait but not the work, or in a child process, which
//! is killed at its deadline and at its memory limit ([`CompileIsolation`]).
//!
//! The crate `plugbay-compile` implements all of this.
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
pub use crate::runtime::CodeCacheLocation;
