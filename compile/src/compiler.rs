//! From bytes to machine code, within a deadline and with bounded memory.
//!
//! Compiling is bounded twice. The [`scan`](crate::scan) before it refuses what is known to be expensive; what is left
//! gets a deadline here. How much the deadline is worth depends on where the compiler runs:
//!
//! - In this process, a compilation cannot be interrupted and its memory is not bounded by anything but the scan. The
//!   caller gets an error when the deadline passes; the thread compiles on until it is done. That suits components
//!   whose author is trusted not to attack the compiler.
//! - In a child process ([`WorkerCommand`]), the deadline ends it and the operating system bounds its memory. That
//!   suits uploads of strangers. It costs about 10 ms for each component that is compiled, and nothing for one from the
//!   cache. It needs a program to be the child, which is why it is not the default: usually the embedder's own, and
//!   what that does at its start is the embedder's ([`compile_worker_if_asked`]).
//!
//! The child is a bound on resources and not a sandbox: it runs as the same user. A component that could take over the
//! compiler would be caught by neither way of compiling.

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
    /// In this process, on a thread for blocking work. Only the scan bounds what a component may cost.
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
    /// Any program, as long as it was built with the same version of this crate.
    pub fn new(program: impl Into<PathBuf>, arguments: impl IntoIterator<Item = impl Into<OsString>>) -> Self {
        WorkerCommand { program: program.into(), arguments: arguments.into_iter().map(Into::into).collect() }
    }

    /// This program again. Its `main` has to begin with [`compile_worker_if_asked`]: otherwise the child would be a
    /// second application, which starts like the first one up to where it would build a runtime, and is refused that.
    ///
    /// On Linux that is the file which is running, even where it has been replaced since.
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

/// How much a compilation may cost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CompileLimits {
    /// The deadline. Default: [`COMPILE_TIMEOUT_DEFAULT`].
    pub timeout: Duration,
    /// What a child process may allocate; at least [`COMPILE_MEMORY_BYTES_MIN`] is given. Default:
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

/// Machine code that this host compiled. Nothing else makes one, which is what makes loading it safe.
pub(crate) struct MachineCode(Vec<u8>);

impl MachineCode {
    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// Compiles components, a few at a time.
pub struct Compiler {
    isolation: CompileIsolation,
    limits: CompileLimits,
    turns: Arc<Semaphore>,
}

impl Compiler {
    /// Compiles as `isolation` says, each component within `limits`.
    pub fn new(isolation: CompileIsolation, limits: CompileLimits) -> Self {
        Compiler { isolation, limits, turns: Arc::new(Semaphore::new(COMPILATIONS_MAX)) }
    }

    /// Compiles `component` for an engine.
    pub(crate) async fn compile(&self, engine: &CodeEngine, component: &[u8]) -> Result<MachineCode, CompileError> {
        let turn = self.turn().await?;
        let CodeEngine { engine, settings } = engine;
        match &self.isolation {
            CompileIsolation::InProcess => self.in_process(engine, component, turn).await,
            CompileIsolation::ChildProcess(command) => {
                let job = child::Job { command, limits: &self.limits, settings: *settings, component };
                let code = job.run(engine).await;
                drop(turn);
                code
            }
        }
    }

    /// Validates a component or a core module without compiling it, in this process and within the time that compiling
    /// may take.
    ///
    /// # Errors
    /// [`CompileError::Invalid`] with what is wrong and where, or [`CompileError::Timeout`].
    pub fn validate(&self, bytes: &[u8]) -> Result<(), CompileError> {
        validate::validate(bytes, self.limits.timeout)
    }

    /// Waits for no longer than a compilation may take: the compilation before has ended by then or, in this
    /// process, may never end.
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
            // Held by the thread and not by the caller: one that is over its deadline still takes its turn.
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

/// Validates and compiles.
fn precompile(engine: &Engine, component: &[u8]) -> Result<MachineCode, CompileError> {
    engine.precompile_component(component).map(MachineCode).map_err(|error| CompileError::from_wasmtime(&error))
}

/// How many threads a compiling child gets.
fn worker_threads() -> usize {
    std::thread::available_parallelism().map_or(1, NonZeroUsize::get).min(WORKER_THREADS_MAX)
}

#[cfg(test)]
mod tests;
