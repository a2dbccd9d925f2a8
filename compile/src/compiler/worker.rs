//! The child process that compiles one component.
//!
//! It bounds itself before it looks at the component. Its engine has the host's settings and no memory pool: a pool is
//! for instances, and compiled code does not depend on it.

use std::io::{self, BufReader, Read, Write};
use std::process::ExitCode;

use wasmtime::Engine;

use super::protocol::{Request, read_component, write_code};
use super::{CompileError, MachineCode, precompile};
use crate::code_cache::fingerprint;
use crate::engine;
use crate::hex;

/// Set in the environment of a process that is to compile a component.
pub(super) const WORKER_VARIABLE: &str = "PLUGBAY_COMPILE_WORKER";

/// Whether this process was started to compile a component.
pub fn is_worker() -> bool {
    std::env::var_os(WORKER_VARIABLE).is_some()
}

/// Compiles a component if that is what this process was started for, and returns the exit code to end it with; `None`
/// in every other process.
///
/// For the beginning of `main` in a program that is its own [`WorkerCommand`](super::WorkerCommand), before anything
/// else is started or opened.
#[must_use = "a process that compiled has to end with this code"]
pub fn compile_worker_if_asked() -> Option<ExitCode> {
    is_worker().then(compile_worker)
}

/// The whole `main` of a compile worker: reads a component from standard input and writes machine code to standard
/// output.
///
/// The process must do nothing else, and must be started by a host that has it as its
/// [`WorkerCommand`](super::WorkerCommand). It limits its own memory and processor time for good.
pub fn compile_worker() -> ExitCode {
    let mut stdout = io::stdout().lock();
    match serve(io::stdin().lock(), bound) {
        Ok(code) => match write_code(&mut stdout, code.as_bytes()) {
            Ok(()) => ExitCode::SUCCESS,
            // The host is gone or has stopped reading: an error message would not reach it.
            Err(_) => ExitCode::FAILURE,
        },
        Err(error) => {
            let line = serde_json::to_string(&error).unwrap_or_default();
            let _ = writeln!(io::stderr().lock(), "{line}");
            ExitCode::FAILURE
        }
    }
}

/// Answers the request on `input`; `bound` receives it before anything of the component is read.
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

/// Bounds memory and processor time, and leaves no core file.
#[cfg(unix)]
fn bound(request: &Request) -> Result<(), String> {
    use rustix::process::{Resource, Rlimit, setrlimit};

    // Linux counts private writable memory here, wherever it was mapped: what a process really takes. Its address space
    // is another matter: each thread reserves 64 MiB of that for its heap and never uses most of them.
    let memory = if cfg!(target_os = "linux") { Resource::Data } else { Resource::As };
    let limit = |resource, soft, hard| {
        setrlimit(resource, Rlimit { current: Some(soft), maximum: Some(hard) })
            .map_err(|error| format!("cannot limit {resource:?}: {error}"))
    };
    limit(memory, request.memory_bytes_max, request.memory_bytes_max)?;
    // The soft limit ends the process with a signal of its own; the hard one is for a process that would ignore it.
    limit(Resource::Cpu, request.cpu_seconds_max, request.cpu_seconds_max.saturating_add(1))?;
    limit(Resource::Core, 0, 0)
}

/// Other systems have no such limits: there the host's deadline alone bounds the child.
#[cfg(not(unix))]
fn bound(_request: &Request) -> Result<(), String> {
    Ok(())
}
