//! A guest's standard output and error: both become log lines, and the end of standard error is added to the report of
//! a trap.
//!
//! All buffers are bounded: a line without an end is logged in pieces, the tail of standard error is a ring, and a
//! legacy plugin's standard output, which is its result, ends at the result limit.

use std::sync::Arc;

use bytes::Bytes;
use parking_lot::{Mutex, MutexGuard};
use tokio::io::AsyncWrite;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamError, StreamResult};

use super::{HostWork, PluginContext};
use crate::audit::mask::Cut;
use crate::caller::RequestId;
use crate::limits::{LOG_LINE_BYTES_MAX, OUTPUT_PERMIT_BYTES, STDERR_TAIL_BYTES};
use crate::service::log::LogLevel;

/// The output of an instance.
#[derive(Clone)]
pub(crate) struct Output(Arc<Mutex<Written>>);

struct Written {
    plugin: Arc<PluginContext>,
    stdout: Sink,
    stderr_line: Vec<u8>,
    stderr_tail: Vec<u8>,
    /// The id of the running call.
    request_id: RequestId,
}

/// The destination of standard output.
enum Sink {
    /// The log, line by line.
    Log(Vec<u8>),
    /// The result of a legacy plugin, up to a limit.
    Result { bytes: Vec<u8>, bytes_max: usize },
}

/// A legacy plugin wrote more to its standard output than a result may have. This ends the plugin.
#[derive(Debug, thiserror::Error)]
#[error("it wrote more than {allowed} bytes to its standard output")]
pub(crate) struct ResultOverflow {
    /// Maximum size of a result, in bytes.
    pub(crate) allowed: usize,
    /// Bytes written when it was stopped.
    pub(crate) observed: usize,
}

impl Output {
    /// Creates an output of which both streams become log lines.
    pub(crate) fn to_log(plugin: Arc<PluginContext>) -> Self {
        Output::new(plugin, Sink::Log(Vec::new()))
    }

    /// Creates an output of which standard output is the result, up to `bytes_max`, and standard error becomes log
    /// lines.
    pub(crate) fn to_result(plugin: Arc<PluginContext>, bytes_max: usize) -> Self {
        Output::new(plugin, Sink::Result { bytes: Vec::new(), bytes_max })
    }

    fn new(plugin: Arc<PluginContext>, stdout: Sink) -> Self {
        Output(Arc::new(Mutex::new(Written {
            plugin,
            stdout,
            stderr_line: Vec::new(),
            stderr_tail: Vec::new(),
            request_id: RequestId::default(),
        })))
    }

    pub(crate) fn stdout(&self) -> GuestStream {
        GuestStream { output: self.clone(), error: false, work: HostWork::default(), rests: false }
    }

    pub(crate) fn stderr(&self) -> GuestStream {
        GuestStream { output: self.clone(), error: true, work: HostWork::default(), rests: false }
    }

    /// Returns the result of a legacy plugin.
    pub(crate) fn take_result(&self) -> Vec<u8> {
        match &mut self.lock().stdout {
            Sink::Log(_) => Vec::new(),
            Sink::Result { bytes, .. } => std::mem::take(bytes),
        }
    }

    /// Logs unterminated lines at the end of a call.
    pub(crate) fn flush(&self) {
        self.lock().flush();
    }

    /// Returns the end of this call's standard error as text, with secrets masked.
    pub(crate) fn stderr_tail(&self) -> String {
        let mut written = self.lock();
        written.flush();
        let text = String::from_utf8_lossy(&written.stderr_tail);
        // The first character may lack bytes, and a secret its beginning.
        let text = text.trim_start_matches(char::REPLACEMENT_CHARACTER);
        let mask = &written.plugin.log.mask;
        let is_cut = written.stderr_tail.len() == STDERR_TAIL_BYTES;
        if is_cut { mask.apply_cut(text, Cut::Start) } else { mask.apply(text) }.into_owned()
    }

    /// Masks the secrets in a text of the guest.
    pub(crate) fn masked(&self, text: &str) -> String {
        self.lock().plugin.log.mask.apply(text).into_owned()
    }

    /// Begins a call: lines have its id from here on, and the report of a trap omits the output of earlier calls.
    pub(crate) fn start_call(&self, request_id: &RequestId) {
        let mut written = self.lock();
        written.stderr_tail.clear();
        written.request_id.follow(request_id);
    }

    fn lock(&self) -> MutexGuard<'_, Written> {
        self.0.lock()
    }
}

impl Written {
    fn write(&mut self, error: bool, bytes: &[u8]) -> Result<(), ResultOverflow> {
        if error {
            keep_tail(&mut self.stderr_tail, bytes);
            log_lines(&self.plugin, &self.request_id, LogLevel::Warn, "stderr", &mut self.stderr_line, bytes);
            return Ok(());
        }
        match &mut self.stdout {
            Sink::Log(line) => log_lines(&self.plugin, &self.request_id, LogLevel::Info, "stdout", line, bytes),
            Sink::Result { bytes: result, bytes_max } => {
                let observed = result.len().saturating_add(bytes.len());
                if observed > *bytes_max {
                    return Err(ResultOverflow { allowed: *bytes_max, observed });
                }
                result.extend_from_slice(bytes);
            }
        }
        Ok(())
    }

    fn flush(&mut self) {
        if let Sink::Log(line) = &mut self.stdout {
            flush_line(&self.plugin, &self.request_id, LogLevel::Info, "stdout", line);
        }
        flush_line(&self.plugin, &self.request_id, LogLevel::Warn, "stderr", &mut self.stderr_line);
    }
}

/// Logs every complete line of `bytes`, and buffers the rest.
fn log_lines(
    plugin: &PluginContext,
    request_id: &RequestId,
    level: LogLevel,
    target: &str,
    line: &mut Vec<u8>,
    bytes: &[u8],
) {
    for piece in bytes.split_inclusive(|&byte| byte == b'\n') {
        let room = LOG_LINE_BYTES_MAX.saturating_sub(line.len());
        let ends = piece.ends_with(b"\n");
        let text = &piece[..piece.len() - usize::from(ends)];
        line.extend_from_slice(&text[..text.len().min(room)]);
        if ends {
            flush_line(plugin, request_id, level, target, line);
        }
    }
}

fn flush_line(plugin: &PluginContext, request_id: &RequestId, level: LogLevel, target: &str, line: &mut Vec<u8>) {
    let text = String::from_utf8_lossy(line);
    let text = text.trim_end();
    if !text.is_empty() && plugin.permissions.check("log", plugbay_manifest::PermissionAction::Write).is_ok() {
        plugin.log.write_in(|| Some(request_id.get()), level, target, text, &[]);
    }
    line.clear();
}

/// Retains the last [`STDERR_TAIL_BYTES`].
fn keep_tail(tail: &mut Vec<u8>, bytes: &[u8]) {
    let bytes = &bytes[bytes.len().saturating_sub(STDERR_TAIL_BYTES)..];
    let excess = (tail.len() + bytes.len()).saturating_sub(STDERR_TAIL_BYTES);
    tail.drain(..excess);
    tail.extend_from_slice(bytes);
}

/// A stream as WASI sees it. It is never a terminal, and it is ready as soon as other tasks have run.
#[derive(Clone)]
pub(crate) struct GuestStream {
    output: Output,
    error: bool,
    work: HostWork,
    /// Whether it has written enough that other tasks run first. Until the guest waits for it, it permits no more
    /// bytes.
    rests: bool,
}

impl IsTerminal for GuestStream {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for GuestStream {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(self.clone())
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }
}

impl OutputStream for GuestStream {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        if self.rests || bytes.len() > OUTPUT_PERMIT_BYTES {
            return Err(StreamError::trap("wrote more than was permitted"));
        }
        self.rests = self.work.is_time_to_yield(bytes.len());
        self.output.lock().write(self.error, &bytes).map_err(|overflow| StreamError::Trap(overflow.into()))
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(if self.rests { 0 } else { OUTPUT_PERMIT_BYTES })
    }
}

#[wasmtime_wasi::async_trait]
impl Pollable for GuestStream {
    async fn ready(&mut self) {
        if std::mem::take(&mut self.rests) {
            tokio::task::yield_now().await;
        }
    }
}

impl AsyncWrite for GuestStream {
    fn poll_write(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
        bytes: &[u8],
    ) -> std::task::Poll<std::io::Result<usize>> {
        let written = self.output.lock().write(self.error, bytes);
        std::task::Poll::Ready(written.map(|()| bytes.len()).map_err(std::io::Error::other))
    }

    fn poll_flush(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<std::io::Result<()>> {
        std::task::Poll::Ready(Ok(()))
    }

    fn poll_shutdown(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<std::io::Result<()>> {
        std::task::Poll::Ready(Ok(()))
    }
}
