//! The compiler, which turns bytes into machine code within a deadline and with bounded memory.
//!
//! Compiling is bounded twice. The preceding [`scan`](crate::scan) refuses files that are known to be expensive; the
//! rest get a deadline here. How effective the deadline is depends on where the compiler runs:
//!
//! - In this process, a compilation cannot be interrupted, and only the scan bounds its memory. The caller gets an
//!   error when the deadline passes; the thread continues until it is done. That suits components whose authors are
//!   trusted not to attack the compiler.
//! - In a child process ([`WorkerCommand`]), the deadline kills it and the operating system bounds its memory. That
//!   suits uploads from strangers. It costs about 10 ms per compiled component, and nothing for cached ones. It is not
//!   the default because it needs a program to run as the child, usually the embedder's own, whose `main` must
//!   cooperate ([`compile_worker_if_asked`]).
//!
//! The child process bounds resources but is not a sandbox: it runs as the same user. Neither way contains a component
//! that takes over the compiler.

mod child;
mod error;
mod protocol;
mod validate;
mod worker;

use std::ffi::OsString;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use wasmtime::Engine;

pub use self::error::CompileError;
pub use self::worker::{compile_worker, compile_worker_if_asked, is_worker};

use crate::engine::CodeEngine;
use crate::limits::{
    COMPILATIONS_MAX, COMPILE_MEMORY_BYTES_DEFAULT, COMPILE_MEMORY_BYTES_MIN, COMPILE_TIMEOUT_DEFAULT,
    WORKER_THREADS_MAX,
};

/// Where components are compiled.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub enum CompileIsolation {
    /// In this process, on a blocking thread. Only the scan bounds the cost of a component.
    #[default]
    InProcess,
    /// In a child process that has a deadline and a memory limit. Starting it needs a tokio runtime with IO enabled.
    ChildProcess(WorkerCommand),
}

/// The command that compiles in a child process: a program whose `main` begins with [`compile_worker_if_asked`].
///
/// ```no_run
/// use std::process::ExitCode;
///
/// use plugbay_compile::{CompileIsolation, CompileLimits, Compiler, WorkerCommand};
///
/// fn main() -> Result<ExitCode, Box<dyn std::error::Error>> {
///     if let Some(code) = plugbay_compile::compile_worker_if_asked() {
///         return Ok(code);
///     }
///     let isolation = CompileIsolation::ChildProcess(WorkerCommand::this_program()?);
///     let compiler = Compiler::new(isolation, CompileLimits::default());
///     // … the application …
/// #   drop(compiler);
///     Ok(ExitCode::SUCCESS)
/// }
/// ```
#[derive(Clone, Debug)]
pub struct WorkerCommand {
    program: PathBuf,
    arguments: Vec<OsString>,
}

impl WorkerCommand {
    /// Creates the command for any program that was built with the same version of this crate.
    pub fn new(program: impl Into<PathBuf>, arguments: impl IntoIterator<Item = impl Into<OsString>>) -> Self {
        WorkerCommand { program: program.into(), arguments: arguments.into_iter().map(Into::into).collect() }
    }

    /// Creates the command for this program itself. Its `main` must begin with [`compile_worker_if_asked`]; otherwise
    /// the child starts as a second instance of the application, which fails when it builds a runtime.
    ///
    /// On Linux the program is the running file, even if it has been replaced since.
    ///
    /// # Errors
    ///
    /// If the operating system does not report the path of this program.
    pub fn this_program() -> std::io::Result<Self> {
        let own = Path::new("/proc/self/exe");
        let program = if cfg!(target_os = "linux") && own.exists() { own.to_owned() } else { std::env::current_exe()? };
        Ok(Self::new(program, [""; 0]))
    }
}

/// Limits for compiling one component.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CompileLimits {
    /// The deadline. Default: [`COMPILE_TIMEOUT_DEFAULT`].
    pub timeout: Duration,
    /// Maximum memory of a child process, in bytes, but at least [`COMPILE_MEMORY_BYTES_MIN`]. Default:
    /// [`COMPILE_MEMORY_BYTES_DEFAULT`]. Not enforced in this process.
    pub memory_bytes_max: u64,
}

impl CompileLimits {
    fn memory_bytes(&self) -> u64 {
        self.memory_bytes_max.max(COMPILE_MEMORY_BYTES_MIN)
    }
}

impl Default for CompileLimits {
    fn default() -> Self {
        CompileLimits { timeout: COMPILE_TIMEOUT_DEFAULT, memory_bytes_max: COMPILE_MEMORY_BYTES_DEFAULT }
    }
}

/// Machine code that this host compiled. Only the compiler can construct it, which is what makes loading it safe.
pub(crate) struct MachineCode(Vec<u8>);

impl MachineCode {
    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// A compiler of components, with a bounded number of concurrent compilations.
pub struct Compiler {
    isolation: CompileIsolation,
    limits: CompileLimits,
    turns: Arc<Semaphore>,
}

impl Compiler {
    /// Creates a compiler with this isolation, and these limits for each component.
    pub fn new(isolation: CompileIsolation, limits: CompileLimits) -> Self {
        Compiler { isolation, limits, turns: Arc::new(Semaphore::new(COMPILATIONS_MAX)) }
    }

    /// Compiles `component` for an engine.
    pub(crate) async fn compile(&self, engine: &CodeEngine, component: &[u8]) -> Result<MachineCode, CompileError> {
        let turn = self.turn().await?;
        match &self.isolation {
            CompileIsolation::InProcess => self.in_process(&engine.engine, component, turn).await,
            CompileIsolation::ChildProcess(command) => {
                let job = child::Job { command, limits: &self.limits, engine, component };
                let code = job.run().await;
                drop(turn);
                code
            }
        }
    }

    /// Validates a component or a core module without compiling it, in this process and within the time limit for
    /// compilation.
    ///
    /// # Errors
    /// [`CompileError::Invalid`] with the problem and its position, or [`CompileError::Timeout`].
    pub fn validate(&self, bytes: &[u8]) -> Result<(), CompileError> {
        validate::validate(bytes, self.limits.timeout)
    }

    /// Waits at most as long as a compilation may take: by then the previous compilation has ended or, in this process,
    /// may never end.
    async fn turn(&self) -> Result<OwnedSemaphorePermit, CompileError> {
        match tokio::time::timeout(self.limits.timeout, self.turns.clone().acquire_owned()).await {
            Ok(Ok(turn)) => Ok(turn),
            _ => Err(CompileError::Busy { allowed: COMPILATIONS_MAX, waited: self.limits.timeout }),
        }
    }

    async fn in_process(
        &self,
        engine: &Engine,
        component: &[u8],
        turn: OwnedSemaphorePermit,
    ) -> Result<MachineCode, CompileError> {
        let (engine, component) = (engine.clone(), component.to_vec());
        let start = Instant::now();
        let compiling = tokio::task::spawn_blocking(move || {
            // Held by the thread, not by the caller: a compilation past its deadline still occupies its turn.
            let _turn = turn;
            precompile(&engine, &component)
        });
        match tokio::time::timeout(self.limits.timeout, compiling).await {
            Ok(Ok(compiled)) => compiled,
            Ok(Err(panic)) => Err(CompileError::Crashed { how: "panicked".to_owned(), output: panic.to_string() }),
            Err(_) => Err(CompileError::Timeout { allowed: self.limits.timeout, observed: start.elapsed() }),
        }
    }
}

/// Validates and compiles a component.
fn precompile(engine: &Engine, component: &[u8]) -> Result<MachineCode, CompileError> {
    engine.precompile_component(component).map(MachineCode).map_err(|error| CompileError::from_wasmtime(&error))
}

/// The number of threads of a compiling child.
fn worker_threads() -> usize {
    std::thread::available_parallelism().map_or(1, NonZeroUsize::get).min(WORKER_THREADS_MAX)
}

#[cfg(test)]
mod tests;
