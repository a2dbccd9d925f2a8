//! Machine code of WebAssembly components whose authors are not trusted.
//!
//! A component goes through these stages, in this order:
//!
//! 1. [`scan`] recognises what a file is, counts what compiling it would cost, and refuses what is over a limit.
//!    Nothing is compiled.
//! 2. A WASI preview 1 command is made a component ([`LegacyError`] says why one cannot be).
//! 3. [`Compiler`] compiles it within a deadline, in this process or in a child process with a memory limit
//!    ([`CompileIsolation`]).
//! 4. [`CodeCache`] stores the machine code, so that the next process maps it into memory.
//!
//! [`CompileContext::compile`] is stages 2 to 4. [`Engines`] has the settings that the code is compiled with and the
//! memory pool that its instances live in.
//!
//! This crate knows nothing of plugins: no manifest, no permission, no host function. Running what it compiled is up to
//! its caller, as is the choice of what to run.
//!
//! # `unsafe`
//!
//! Loading machine code is unsafe in wasmtime, since a wrong byte in it can do anything that this process can. The two
//! calls that do it are in `code_cache.rs`, with the argument beside each. SECURITY.md lists every use of `unsafe` in
//! the crates of the host. Those without one forbid it.

mod code_cache;
mod compiled;
mod compiler;
mod engine;
mod legacy;
pub mod limits;
pub mod scan;
mod section;

pub use code_cache::{CodeCache, CodeCacheError};
pub use compiled::{CodeError, CompileContext, Compiled};
pub use compiler::{
    CompileError, CompileIsolation, CompileLimits, Compiler, WorkerCommand, compile_worker, compile_worker_if_asked,
    is_worker,
};
pub use engine::{CodeEngine, CodeSettings, EngineError, Engines, Memories, Metering, pooled_memories};
pub use legacy::LegacyError;
pub use section::append_custom_section;

/// Lower-case hexadecimal.
fn hex(bytes: &[u8]) -> String {
    data_encoding::HEXLOWER.encode(bytes)
}
