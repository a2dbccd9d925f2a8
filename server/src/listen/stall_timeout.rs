//! A stream that fails if its other end reads nothing for too long.
//!
//! Hyper has no such limit: a client that requests large answers and never reads them would hold them in the server's
//! memory for as long as it likes.

use std::future::Future;
use std::io::{self, ErrorKind, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

/// A stream whose writes fail after they have made no progress for this time.
pub(super) struct StallTimeout<S> {
    stream: S,
    timeout: Duration,
    /// The end of the time, while a write waits. It is made for the first one that does, as few connections have one.
    ends: Option<Pin<Box<Sleep>>>,
    is_waiting: bool,
}

impl<S> StallTimeout<S> {
    pub(super) fn new(stream: S, timeout: Duration) -> Self {
        StallTimeout { stream, timeout, ends: None, is_waiting: false }
    }

    /// Passes on the result of a write, or an error if it has waited too long.
    fn within_time<T>(&mut self, context: &mut Context<'_>, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.is_waiting = false;
            return written;
        }
        let timeout = self.timeout;
        let ends = self.ends.get_or_insert_with(|| Box::pin(tokio::time::sleep(timeout)));
        if !self.is_waiting {
            self.is_waiting = true;
            ends.as_mut().reset(Instant::now() + timeout);
        }
        ready!(ends.as_mut().poll(context));
        Poll::Ready(Err(io::Error::new(ErrorKind::TimedOut, "the client reads nothing")))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for StallTimeout<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for StallTimeout<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.within_time(context, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, parts);
        self.within_time(context, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(context);
        self.within_time(context, flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let shut = Pin::new(&mut self.stream).poll_shutdown(context);
        self.within_time(context, shut)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    const SOON: Duration = Duration::from_millis(50);

    #[tokio::test]
    async fn write_that_is_not_read_fails() {
        let (server, _client) = tokio::io::duplex(16);
        let mut server = StallTimeout::new(server, SOON);
        let error = server.write_all(&[0; 64]).await.expect_err("the buffer is full");
        assert_eq!(error.kind(), ErrorKind::TimedOut);
    }

    #[tokio::test]
    async fn write_that_is_read_slowly_succeeds() {
        let (server, mut client) = tokio::io::duplex(1);
        // Longer than the test may take: only a pause counts, not the whole time.
        let mut server = StallTimeout::new(server, Duration::from_secs(60));
        let reading = async {
            let mut read = [0; 64];
            client.read_exact(&mut read).await
        };
        let (written, read) = tokio::join!(server.write_all(&[7; 64]), reading);
        written.expect("written");
        read.expect("read");
    }
}
