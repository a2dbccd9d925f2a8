//! Compiles WebAssembly components of untrusted authors to machine code.
//!
//! A component passes through these stages:
//!
//! 1. [`scan`] recognises the kind of a file, estimates the cost of compiling it, and refuses a file that exceeds a
//!    limit. Nothing is compiled.
//! 2. A WASI preview 1 command is made a component ([`LegacyError`] is the reason if it cannot be).
//! 3. [`Compiler`] compiles it within a deadline, in this process or in a child process with a memory limit
//!    ([`CompileIsolation`]).
//! 4. [`CodeCache`] stores the machine code, so that the next process can map it into memory.
//!
//! [`CompileContext::compile`] runs stages 2 to 4. [`Engines`] holds the settings that code is compiled with and the
//! memory pool of its instances.
//!
//! This crate knows nothing of plugins: no manifest, no permission, no host function. Its caller runs the compiled code
//! and decides what to run.
//!
//! # `unsafe`
//!
//! Loading machine code is unsafe in wasmtime, since a wrong byte in it can do anything that this process can. The two
//! calls that do it are in `code_cache.rs`, each with its safety argument. SECURITY.md lists every use of `unsafe` in
//! the crates of the host. Crates without one forbid it.

mod code_cache;
mod compiled;
mod compiler;
mod engine;
mod legacy;
pub mod limits;
pub mod scan;
mod section;

pub use code_cache::{CodeCache, CodeCacheError, MappedCode};
pub use compiled::{CodeError, CompileContext, Compiled};
pub use compiler::{
    CompileError, CompileIsolation, CompileLimits, Compiler, WorkerCommand, compile_worker, compile_worker_if_asked,
    is_worker,
};
pub use engine::{CodeEngine, CodeSettings, EngineError, Engines, Memories, Metering, pooled_memories};
pub use legacy::LegacyError;
pub use section::append_custom_section;

/// Encodes bytes as lower-case hexadecimal.
fn hex(bytes: &[u8]) -> String {
    data_encoding::HEXLOWER.encode(bytes)
}
