//! Standard error, written by a thread of its own.
//!
//! A pipe that is not read is full after 64 KiB, and the next write to it blocks. If that were the thread that runs a
//! plugin, its executor would stop, and with it the deadline of the call. So lines are queued, and only the writer
//! thread, which starts with the first line, waits for the reader.
//!
//! [`write`] and [`flush`] wait until the queue is written, so that notes, errors and results stay in order. They stop
//! waiting if the reader reads nothing for a second; the process then ends without writing the rest.

use std::collections::VecDeque;
use std::io::Write;
use std::sync::LazyLock;
use std::thread;
use std::time::Duration;

use parking_lot::{Condvar, Mutex, MutexGuard};

use crate::progress;

/// Queued text in bytes. Log lines beyond it are dropped and counted.
const QUEUE_BYTES_MAX: usize = 4 << 20;
/// The time without progress after which the reader counts as stalled.
const STALLED_AFTER: Duration = Duration::from_secs(1);
/// Bytes of one write. A reader that reads this much is making progress.
const WRITE_BYTES_MAX: usize = 4096;

/// Whether standard error shows styles.
static HAS_STYLES: LazyLock<bool> =
    LazyLock::new(|| anstream::AutoStream::choice(&std::io::stderr()) != anstream::ColorChoice::Never);

/// Lines that are not yet written.
#[derive(Default)]
struct Queue {
    lines: VecDeque<String>,
    bytes: usize,
    /// Lines that were dropped since the last one was queued.
    dropped: u64,
    /// Whether the thread is writing.
    is_writing: bool,
    /// The number of writes, which distinguishes a slow reader from a stalled one.
    writes: u64,
    has_stalled: bool,
    writer: Writer,
}

#[derive(Default, Clone, Copy, PartialEq, Eq)]
enum Writer {
    #[default]
    NotStarted,
    Runs,
    /// The thread cannot be started; the caller that queues a line writes it.
    Missing,
}

static QUEUE: Mutex<Option<Queue>> = Mutex::new(None);
/// Notified when a line is queued, and with each write.
static CHANGED: Condvar = Condvar::new();

/// Queues a line of a log. Never waits: a line that finds the queue full is dropped.
pub(crate) fn log(line: String) {
    let mut guard = lock();
    let queue = guard.get_or_insert_default();
    if queue.bytes + line.len() > QUEUE_BYTES_MAX {
        queue.dropped += 1;
        return;
    }
    queue.push_dropped();
    queue.push(line);
    start(guard);
}

/// Queues a line and waits until it is written, or until the reader has stalled.
pub(crate) fn write(line: String) {
    let mut guard = lock();
    let queue = guard.get_or_insert_default();
    queue.push_dropped();
    queue.push(line);
    start(guard);
    flush();
}

/// Waits until everything queued is written, or until the reader has stalled.
pub(crate) fn flush() {
    let mut guard = lock();
    while let Some(queue) = guard.as_mut().filter(|queue| !queue.is_written() && !queue.has_stalled) {
        if queue.lines.is_empty() && queue.dropped > 0 {
            queue.push_dropped();
        }
        let writes = queue.writes;
        let wait = CHANGED.wait_for(&mut guard, STALLED_AFTER);
        if let Some(queue) = guard.as_mut().filter(|queue| wait.timed_out() && queue.writes == writes) {
            queue.has_stalled = true;
        }
    }
}

impl Queue {
    fn push(&mut self, line: String) {
        self.bytes += line.len();
        self.lines.push_back(line);
        CHANGED.notify_all();
    }

    fn push_dropped(&mut self) {
        let dropped = std::mem::take(&mut self.dropped);
        if dropped > 0 {
            self.push(format!("note: {dropped} lines of the log were dropped, because standard error was not read"));
        }
    }

    /// Takes the lines of the next write: as many as are queued, so that a busy server does not need one for each.
    fn next(&mut self) -> Option<String> {
        let mut text = self.lines.pop_front()?;
        self.bytes -= text.len();
        text.push('\n');
        while let Some(line) = self.lines.pop_front_if(|line| text.len() + line.len() < WRITE_BYTES_MAX) {
            self.bytes -= line.len();
            text.push_str(&line);
            text.push('\n');
        }
        Some(text)
    }

    fn is_written(&self) -> bool {
        self.lines.is_empty() && !self.is_writing && self.dropped == 0
    }
}

fn lock() -> MutexGuard<'static, Option<Queue>> {
    QUEUE.lock()
}

/// Starts the thread with the first line. Without one, the caller writes.
fn start(mut guard: MutexGuard<'static, Option<Queue>>) {
    let Some(queue) = guard.as_mut() else { return };
    if queue.writer == Writer::NotStarted {
        let started = thread::Builder::new().name("stderr".into()).spawn(|| write_lines(true));
        queue.writer = if started.is_ok() { Writer::Runs } else { Writer::Missing };
    }
    let is_missing = queue.writer == Writer::Missing;
    drop(guard);
    if is_missing {
        write_lines(false);
    }
}

/// Writes what is queued, and then waits for more or returns.
fn write_lines(waits: bool) {
    let mut guard = lock();
    loop {
        let queue = guard.get_or_insert_default();
        match queue.next() {
            Some(lines) => {
                queue.is_writing = true;
                drop(guard);
                write_text(&lines);
                guard = lock();
                guard.get_or_insert_default().is_writing = false;
                CHANGED.notify_all();
            }
            None if waits => CHANGED.wait(&mut guard),
            None => return,
        }
    }
}

/// Writes lines, above the spinner. A closed standard error is not an error.
fn write_text(lines: &str) {
    progress::suspended(|| {
        if !*HAS_STYLES {
            // One piece: a stream that strips the styles itself writes each part between two of them apart.
            return write_pieces(&anstream::adapter::strip_str(lines).to_string(), std::io::stderr().lock());
        }
        write_pieces(lines, anstream::stderr().lock());
    });
}

fn write_pieces(mut text: &str, mut stderr: impl Write) {
    while !text.is_empty() {
        let (piece, after) = text.split_at(text.floor_char_boundary(WRITE_BYTES_MAX));
        if stderr.write_all(piece.as_bytes()).is_err() {
            return;
        }
        text = after;
        if let Some(queue) = &mut *lock() {
            queue.writes += 1;
            queue.has_stalled = false;
        }
        CHANGED.notify_all();
    }
}
