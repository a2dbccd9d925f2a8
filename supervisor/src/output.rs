//! The output of a process: bytes of two pipes become lines of a bounded length and rate.
//!
//! Output is always read, so that a process never waits for its supervisor. Lines beyond the rate are counted and
//! dropped. Buffers are on the stack while bytes are read, so that a silent process has none.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, ReadBuf};

/// The longest line, in bytes. The rest of it is dropped.
const LINE_BYTES_MAX: usize = 65_536;
/// The most lines of one stream in a second, and the most bytes of them.
const LINES_PER_SECOND: u32 = 1_000;
const BYTES_PER_SECOND: usize = 4 << 20;
/// The bytes that are read at once.
const READ_BYTES: usize = 8 << 10;

/// Splits bytes into lines.
#[derive(Debug, Default)]
pub(crate) struct LineSplitter {
    partial: Vec<u8>,
    is_cut: bool,
}

impl LineSplitter {
    /// Takes bytes, and gives each line that they complete, without its line break.
    pub(crate) fn feed(&mut self, mut bytes: &[u8], line: &mut impl FnMut(&str)) {
        while let Some(end) = bytes.iter().position(|byte| *byte == b'\n') {
            let (text, rest) = (&bytes[..end], &bytes[end + 1..]);
            bytes = rest;
            if self.partial.is_empty() && !self.is_cut && text.len() <= LINE_BYTES_MAX {
                line(&shown(text));
            } else {
                self.hold(text);
                self.end(line);
            }
        }
        self.hold(bytes);
    }

    /// Gives the last line, which has no line break.
    pub(crate) fn end(&mut self, line: &mut impl FnMut(&str)) {
        if !self.partial.is_empty() || self.is_cut {
            line(&shown(&self.partial));
        }
        *self = LineSplitter::default();
    }

    fn hold(&mut self, text: &[u8]) {
        let left = LINE_BYTES_MAX - self.partial.len();
        self.is_cut |= text.len() > left;
        self.partial.extend_from_slice(&text[..text.len().min(left)]);
    }
}

fn shown(text: &[u8]) -> String {
    let text = text.strip_suffix(b"\r").unwrap_or(text);
    String::from_utf8_lossy(text).into_owned()
}

/// Allows a number of lines in each second.
#[derive(Debug)]
pub(crate) struct LineQuota {
    second: Instant,
    lines: u32,
    bytes: usize,
    dropped: u64,
}

impl LineQuota {
    pub(crate) fn new(now: Instant) -> Self {
        LineQuota { second: now, lines: 0, bytes: 0, dropped: 0 }
    }

    /// Whether a line of this length is within the quota, and the number of lines that were dropped before, once it is.
    pub(crate) fn admit(&mut self, bytes: usize, now: Instant) -> Option<u64> {
        if now.duration_since(self.second) >= Duration::from_secs(1) {
            (self.second, self.lines, self.bytes) = (now, 0, 0);
        }
        if self.lines >= LINES_PER_SECOND || self.bytes >= BYTES_PER_SECOND {
            self.dropped += 1;
            return None;
        }
        self.lines += 1;
        self.bytes += bytes;
        Some(std::mem::take(&mut self.dropped))
    }

    /// The number of lines that were dropped since the last admitted one.
    pub(crate) fn dropped(&self) -> u64 {
        self.dropped
    }
}

/// A line that was read, or the number of lines that were dropped before it.
pub(crate) enum Read<'l> {
    Line(&'l str),
    Dropped(u64),
}

/// Reads a pipe to its end.
pub(crate) async fn read_lines(mut pipe: impl AsyncRead + Unpin, mut sink: impl FnMut(Read<'_>)) {
    let mut splitter = LineSplitter::default();
    let mut quota = LineQuota::new(Instant::now());
    let mut line = |text: &str| {
        let Some(dropped) = quota.admit(text.len(), Instant::now()) else { return };
        if dropped > 0 {
            sink(Read::Dropped(dropped));
        }
        sink(Read::Line(text));
    };
    while poll_fn(|cx| read_some(&mut pipe, cx, &mut splitter, &mut line)).await {}
    splitter.end(&mut line);
    if quota.dropped() > 0 {
        sink(Read::Dropped(quota.dropped()));
    }
}

/// Reads what is there, and returns whether the pipe is open.
fn read_some(
    pipe: &mut (impl AsyncRead + Unpin),
    cx: &mut Context<'_>,
    splitter: &mut LineSplitter,
    line: &mut impl FnMut(&str),
) -> Poll<bool> {
    let mut bytes = [0; READ_BYTES];
    let mut buffer = ReadBuf::new(&mut bytes);
    let read = ready!(Pin::new(pipe).poll_read(cx, &mut buffer));
    splitter.feed(buffer.filled(), line);
    Poll::Ready(read.is_ok() && !buffer.filled().is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(parts: &[&[u8]], expected: &[&str]) {
        let (mut splitter, mut lines) = (LineSplitter::default(), Vec::new());
        let mut line = |text: &str| lines.push(text.to_owned());
        parts.iter().for_each(|part| splitter.feed(part, &mut line));
        splitter.end(&mut line);
        assert_eq!(lines, expected);
    }

    #[test]
    fn lines_are_split_wherever_they_were_cut() {
        check(&[b"a\nb", b"c\r\n", b"\n", b"d"], &["a", "bc", "", "d"]);
        check(&[b"a\xff\n"], &["a\u{fffd}"]);
        check(&[], &[]);
    }

    #[test]
    fn line_without_an_end_is_cut() {
        let long = "x".repeat(LINE_BYTES_MAX);
        check(&[long.as_bytes(), b"yyy", b"z\nnext\n"], &[&long, "next"]);
        check(&[format!("{long}tail\nnext\n").as_bytes()], &[&long, "next"]);
    }

    #[test]
    fn quota_counts_dropped_lines_and_begins_again_each_second() {
        let now = Instant::now();
        let mut quota = LineQuota::new(now);
        assert!((0..LINES_PER_SECOND).all(|_| quota.admit(1, now) == Some(0)));
        assert_eq!((quota.admit(1, now), quota.admit(1, now), quota.dropped()), (None, None, 2));
        let later = now + Duration::from_secs(1);
        assert_eq!((quota.admit(BYTES_PER_SECOND, later), quota.admit(1, later)), (Some(2), None));
    }

    #[tokio::test]
    async fn flood_is_read_to_its_end_with_a_count_of_dropped_lines() {
        let text = "line\n".repeat(100_000);
        let (mut lines, mut dropped) = (0, 0);
        read_lines(text.as_bytes(), |read| match read {
            Read::Line(_) => lines += 1,
            Read::Dropped(count) => dropped += count,
        })
        .await;
        assert_eq!(lines + dropped, 100_000);
        assert!(dropped > 0);
    }
}
