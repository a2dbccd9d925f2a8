//! The stream of events of one connection, read by a task of its own.
//!
//! A request is cancelled if its future is dropped, and the head of the answer may take as long as the first event. So
//! the follower, which waits for other things meanwhile, receives the bytes over a queue.

use bytes::Bytes;
use http_body_util::BodyExt;
use tokio::sync::mpsc;
use tokio::task::AbortHandle;

use crate::connection::{Connection, broken};
use crate::endpoint::DockerEndpoint;
use crate::error::DockerError;

/// The chunks that may wait for the follower, of at most 64 KiB each.
const CHUNKS_MAX: usize = 16;

pub(crate) struct EventBytes {
    chunks: mpsc::Receiver<Result<Bytes, DockerError>>,
    task: AbortHandle,
}

impl Drop for EventBytes {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl EventBytes {
    /// Sends the request on a new connection.
    pub(crate) fn request(endpoint: DockerEndpoint, path: String) -> Self {
        let (sender, chunks) = mpsc::channel(CHUNKS_MAX);
        let task = tokio::spawn(async move {
            let error = read(&endpoint, &path, &sender).await.err().unwrap_or(DockerError::Ended);
            let _ = sender.send(Err(error)).await;
        });
        EventBytes { chunks, task: task.abort_handle() }
    }

    /// The next bytes. The error is the last one. It may be dropped before it is done.
    pub(crate) async fn next(&mut self) -> Result<Bytes, DockerError> {
        self.chunks.recv().await.unwrap_or(Err(DockerError::Ended))
    }
}

async fn read(
    endpoint: &DockerEndpoint,
    path: &str,
    sender: &mpsc::Sender<Result<Bytes, DockerError>>,
) -> Result<(), DockerError> {
    let mut connection = Connection::open(endpoint).await?;
    let mut body = connection.open_stream(path).await?;
    while let Some(frame) = body.frame().await {
        if let Ok(bytes) = frame.map_err(broken)?.into_data() {
            // The follower waits no longer.
            if sender.send(Ok(bytes)).await.is_err() {
                break;
            }
        }
    }
    Ok(())
}
