//! The child process that compiles one component.
//!
//! It limits itself before it reads the component. Its engine has the host's settings but no memory pool, which only
//! instances need and compiled code does not depend on.

use std::io::{self, BufReader, Read, Write};
use std::process::ExitCode;

use wasmtime::Engine;

use super::protocol::{Request, read_component, write_code};
use super::{CompileError, MachineCode, precompile};
use crate::code_cache::fingerprint;
use crate::engine;
use crate::hex;

/// The environment variable of a process that was started to compile a component.
pub(super) const WORKER_VARIABLE: &str = "PLUGBAY_COMPILE_WORKER";

/// Returns whether this process was started to compile a component.
pub fn is_worker() -> bool {
    std::env::var_os(WORKER_VARIABLE).is_some()
}

/// Compiles a component if this process was started for that, and returns the exit code with which it must end; returns
/// `None` in every other process.
///
/// Call it at the beginning of `main` in a program that is its own [`WorkerCommand`](super::WorkerCommand), before
/// anything else is started or opened.
#[must_use = "a process that compiled has to end with this code"]
pub fn compile_worker_if_asked() -> Option<ExitCode> {
    is_worker().then(compile_worker)
}

/// Runs a compile worker, which reads a component from standard input and writes machine code to standard output. This
/// is the whole `main` of such a program.
///
/// The process must do nothing else, and must be started by a host that uses it as its
/// [`WorkerCommand`](super::WorkerCommand). It limits its own memory and processor time permanently.
pub fn compile_worker() -> ExitCode {
    let mut stdout = io::stdout().lock();
    match serve(io::stdin().lock(), bound) {
        Ok(code) => match write_code(&mut stdout, code.as_bytes()) {
            Ok(()) => ExitCode::SUCCESS,
            // The host has ended or has stopped reading: an error message would not reach it.
            Err(_) => ExitCode::FAILURE,
        },
        Err(error) => {
            let line = serde_json::to_string(&error).unwrap_or_default();
            let _ = writeln!(io::stderr().lock(), "{line}");
            ExitCode::FAILURE
        }
    }
}

/// Answers the request on `input`. `bound` is called with it before any of the component is read.
pub(super) fn serve(
    input: impl Read,
    bound: impl FnOnce(&Request) -> Result<(), String>,
) -> Result<MachineCode, CompileError> {
    let worker = |message| CompileError::Worker { message };
    let mut input = BufReader::new(input);
    let request = Request::read(&mut input).map_err(worker)?;
    bound(&request).map_err(worker)?;
    let engine = engine(&request).map_err(worker)?;
    let component = read_component(&mut input, request.component_bytes).map_err(|error| match error.kind() {
        io::ErrorKind::OutOfMemory => {
            CompileError::Memory { allowed: request.memory_bytes_max, observed: request.component_bytes }
        }
        _ => worker(format!("the component cannot be read: {error}")),
    })?;
    precompile(&engine, &component)
}

fn engine(request: &Request) -> Result<Engine, String> {
    let engine = Engine::new(&engine::config(request.settings)).map_err(|error| format!("{error:#}"))?;
    if hex(&fingerprint(&engine)) != request.fingerprint {
        return Err(
            "the worker is another build than its host: it would compile code that the host cannot load".to_owned()
        );
    }
    Ok(engine)
}

/// Limits memory and processor time, and disables core files.
#[cfg(unix)]
fn bound(request: &Request) -> Result<(), String> {
    use rustix::process::{Resource, Rlimit, setrlimit};

    // Linux counts private writable memory here, wherever it was mapped: the memory that a process really takes.
    // Limiting the address space would not do: each thread reserves 64 MiB of it for its heap and uses little of that.
    let memory = if cfg!(target_os = "linux") { Resource::Data } else { Resource::As };
    let limit = |resource, soft, hard| {
        setrlimit(resource, Rlimit { current: Some(soft), maximum: Some(hard) })
            .map_err(|error| format!("cannot limit {resource:?}: {error}"))
    };
    limit(memory, request.memory_bytes_max, request.memory_bytes_max)?;
    // The soft limit ends the process with its own signal; the hard limit applies if the process ignores that.
    limit(Resource::Cpu, request.cpu_seconds_max, request.cpu_seconds_max.saturating_add(1))?;
    limit(Resource::Core, 0, 0)
}

/// Does nothing: other systems have no such limits, so the host's deadline alone bounds the child.
#[cfg(not(unix))]
fn bound(_request: &Request) -> Result<(), String> {
    Ok(())
}
