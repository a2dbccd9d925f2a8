//! The host's side of a compilation in a child process.
//!
//! The child's environment contains only the number of its threads and its task, and it inherits no open file but its
//! three standard streams: Rust's files are closed in children. Its output is bounded. It is killed and reaped when its
//! deadline passes, and killed when the future that waits for it is dropped.

use std::process::{ExitStatus, Stdio};
use std::time::Instant;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, Command};

use super::protocol::{self, Request};
use super::worker::WORKER_VARIABLE;
use super::{CompileError, CompileLimits, MachineCode, WorkerCommand, worker_threads};
use crate::engine::CodeEngine;
use crate::hex;

/// The size of the retained end of the child's standard error: 4 KiB.
const OUTPUT_TAIL_BYTES: usize = 4 << 10;
/// The initial capacity for machine code: 64 MiB. Python and StarlingMonkey have 40.
const CODE_BYTES_EXPECTED: usize = 64 << 20;

/// A component to compile.
pub(super) struct Job<'a> {
    pub(super) command: &'a WorkerCommand,
    pub(super) limits: &'a CompileLimits,
    pub(super) engine: &'a CodeEngine,
    pub(super) component: &'a [u8],
}

/// The result of a child that ended.
struct Ended {
    status: ExitStatus,
    /// The machine code, if the child wrote all that it announced.
    code: Option<Vec<u8>>,
    /// The end of its standard error.
    output: String,
}

impl Job<'_> {
    pub(super) async fn run(&self) -> Result<MachineCode, CompileError> {
        let start = Instant::now();
        let mut child = self.spawn()?;
        match tokio::time::timeout(self.limits.timeout, self.talk(&mut child)).await {
            Ok(ended) => self.judge(ended?, start),
            Err(_) => {
                // Waits for the end too, so that no zombie is left.
                let _ = child.kill().await;
                Err(CompileError::Timeout { allowed: self.limits.timeout, observed: start.elapsed() })
            }
        }
    }

    fn spawn(&self) -> Result<Child, CompileError> {
        let mut command = Command::new(&self.command.program);
        command
            .args(&self.command.arguments)
            .env_clear()
            .env("RAYON_NUM_THREADS", worker_threads().to_string())
            .env(WORKER_VARIABLE, "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        // Windows cannot load its own libraries without this.
        #[cfg(windows)]
        command.envs(std::env::var_os("SystemRoot").map(|root| ("SystemRoot", root)));
        command.spawn().map_err(|error| CompileError::Worker {
            message: format!("cannot start {}: {error}", self.command.program.display()),
        })
    }

    /// Exchanges data with the child, writing and reading concurrently, because either pipe may be full.
    async fn talk(&self, child: &mut Child) -> Result<Ended, CompileError> {
        let (Some(mut stdin), Some(stdout), Some(stderr)) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take())
        else {
            return Err(CompileError::Worker { message: "the child has no pipes".to_owned() });
        };
        let request = self.request().to_line();
        let write = async {
            // A child that ends early does not read everything. Its exit says why.
            if stdin.write_all(&request).await.is_ok() {
                let _ = stdin.write_all(self.component).await;
            }
            drop(stdin);
        };
        let ((), code, output, status) =
            tokio::join!(write, read_code(stdout, self.limits.memory_bytes()), read_tail(stderr), child.wait());
        let status =
            status.map_err(|error| CompileError::Worker { message: format!("cannot wait for it: {error}") })?;
        Ok(Ended { status, code, output })
    }

    fn request(&self) -> Request {
        Request {
            version: protocol::VERSION,
            settings: self.engine.settings,
            fingerprint: hex(&self.engine.fingerprint),
            memory_bytes_max: self.limits.memory_bytes(),
            // Covers all threads, because the deadline is wall-clock time. One second more, so that the deadline takes
            // effect first while the host is alive.
            cpu_seconds_max: (self.limits.timeout.as_secs() + 1).saturating_mul(worker_threads() as u64) + 1,
            component_bytes: self.component.len() as u64,
        }
    }

    fn judge(&self, ended: Ended, start: Instant) -> Result<MachineCode, CompileError> {
        if let (true, Some(code)) = (ended.status.success(), ended.code) {
            return Ok(MachineCode(code));
        }
        let told = ended.output.lines().rev().find_map(|line| serde_json::from_str::<CompileError>(line).ok());
        if let Some(error) = told {
            return Err(error);
        }
        if ended.status.success() {
            let message =
                format!("{} ended without an answer: is it a compile worker?", self.command.program.display());
            return Err(CompileError::Worker { message });
        }
        if let Some(observed) = out_of_memory(&ended.output) {
            return Err(CompileError::Memory { allowed: self.limits.memory_bytes(), observed });
        }
        #[cfg(unix)]
        {
            use std::os::unix::process::ExitStatusExt;
            if ended.status.signal() == Some(rustix::process::Signal::XCPU.as_raw()) {
                return Err(CompileError::Timeout { allowed: self.limits.timeout, observed: start.elapsed() });
            }
        }
        #[cfg(not(unix))]
        let _ = start;
        Err(CompileError::Crashed { how: format!("ended with {}", ended.status), output: ended.output })
    }
}

/// Extracts the size from the standard library's message for a failed allocation, which precedes an abort.
fn out_of_memory(output: &str) -> Option<u64> {
    let (_, after) = output.split_once("memory allocation of ")?;
    let (bytes, _) = after.split_once(" bytes failed")?;
    bytes.parse().ok()
}

/// Reads machine code with its length, which may be as large as the child's memory.
async fn read_code(mut stdout: impl AsyncRead + Unpin, bytes_max: u64) -> Option<Vec<u8>> {
    let length = stdout.read_u64_le().await.ok().filter(|length| *length <= bytes_max)?;
    let mut code = Vec::with_capacity(usize::try_from(length).ok()?.min(CODE_BYTES_EXPECTED));
    stdout.take(length).read_to_end(&mut code).await.ok()?;
    (code.len() as u64 == length).then_some(code)
}

/// Reads everything, so that the child never blocks, and retains the end.
async fn read_tail(mut stderr: impl AsyncRead + Unpin) -> String {
    let mut tail = Vec::new();
    let mut buffer = [0; OUTPUT_TAIL_BYTES];
    while let Ok(read @ 1..) = stderr.read(&mut buffer).await {
        tail.extend_from_slice(&buffer[..read]);
        let excess = tail.len().saturating_sub(OUTPUT_TAIL_BYTES);
        tail.drain(..excess);
    }
    String::from_utf8_lossy(&tail).trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failed_allocation_is_told_from_other_crashes() {
        assert_eq!(out_of_memory("memory allocation of 4096 bytes failed"), Some(4096));
        assert_eq!(out_of_memory("note: x\nmemory allocation of 1 bytes failed\nstack"), Some(1));
        assert_eq!(out_of_memory("thread 'main' has overflowed its stack"), None);
    }

    #[tokio::test]
    async fn code_is_read_only_if_it_is_whole_and_not_too_long() {
        let mut written = Vec::new();
        protocol::write_code(&mut written, b"code").expect("a vector takes it");
        assert_eq!(read_code(&written[..], 4).await.as_deref(), Some(&b"code"[..]));
        assert_eq!(read_code(&written[..], 3).await, None);
        assert_eq!(read_code(&written[..written.len() - 1], 4).await, None);
        assert_eq!(read_code(&written[..7], 4).await, None);
    }

    #[tokio::test]
    async fn tail_of_a_flood_is_its_end() {
        let flood = format!("{}the end\n", "x".repeat(1 << 20));
        let tail = read_tail(flood.as_bytes()).await;
        assert!(tail.ends_with("xthe end"));
        assert!(tail.len() <= OUTPUT_TAIL_BYTES);
    }
}
