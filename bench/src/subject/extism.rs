//! Extism, in a separate process because it links another wasmtime. The process runs one batch for each line of its
//! input, so that its batches are interleaved with those of the other subjects.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, ensure};

use crate::guest;

/// The program that `bench/extism` builds, and the module that it runs.
pub struct Extism {
    program: PathBuf,
    module: PathBuf,
}

impl Extism {
    /// Finds the program, or prints a notice that Extism is not measured.
    pub fn find(program: Option<&Path>, build_directory: &Path) -> anyhow::Result<Option<Self>> {
        let program = program.map_or_else(default_program, Path::to_owned);
        if !program.is_file() {
            eprintln!(
                "\n*** Extism is NOT measured: {} does not exist. `just bench-extism` builds it. ***\n",
                program.display()
            );
            return Ok(None);
        }
        Ok(Some(Extism { program, module: guest::extism_module(build_directory)? }))
    }

    /// Starts a process for one subject. `mode` selects the kind of call, and `payload` is one line of JSON.
    pub fn start(&self, mode: &str, action: &str, payload: &str) -> anyhow::Result<Peer> {
        let mut child = Command::new(&self.program)
            .arg(&self.module)
            .args([mode, action])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("{} cannot be started", self.program.display()))?;
        let requests = child.stdin.take().context("no pipe to it")?;
        let answers = BufReader::new(child.stdout.take().context("no pipe from it")?);
        let mut peer = Peer { requests: Some(requests), answers, child };
        let first = peer.ask(payload)?;
        let expected = super::native::call(action, payload)?;
        ensure!(first == expected, "Extism returned {first} for {action}");
        Ok(peer)
    }
}

/// The path at which `cargo build` places the program.
fn default_program() -> PathBuf {
    let target =
        std::env::var_os("CARGO_TARGET_DIR").map_or(Path::new(guest::BENCH).join("extism/target"), PathBuf::from);
    target.join("release/plugbay-bench-extism")
}

/// A running process, which ends on drop.
pub struct Peer {
    requests: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
    child: Child,
}

impl Peer {
    pub fn batch(&mut self, calls: u32) -> anyhow::Result<Duration> {
        let nanos = self.ask(&calls.to_string())?;
        Ok(Duration::from_nanos(nanos.parse().with_context(|| format!("Extism printed {nanos:?}"))?))
    }

    fn ask(&mut self, line: &str) -> anyhow::Result<String> {
        let requests = self.requests.as_mut().context("the pipe is closed")?;
        writeln!(requests, "{line}")?;
        requests.flush()?;
        let mut answer = String::new();
        ensure!(self.answers.read_line(&mut answer)? > 0, "Extism's process ended");
        Ok(answer.trim_end().to_owned())
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        drop(self.requests.take());
        let _ = self.child.wait();
    }
}
