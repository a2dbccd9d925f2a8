//! The listener: accepts connections and bounds what clients can do with them.
//!
//! `axum::serve` installs no timer, so a client could send the head of a request for as long as it likes. This loop
//! sets hyper's limits and adds those that hyper lacks: on connections, on those without requests, and on the time that
//! running requests have once the server is shut down. [`front`] bounds the requests.

mod connection;
mod front;
#[cfg(unix)]
mod local;
mod request_id;
mod self_wake;
mod stall_timeout;
mod tls;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;

use self::connection::Connections;
use self::front::Front;
#[cfg(unix)]
pub use self::local::{LOCAL_SOCKET_NAME, LocalSocket};
pub use self::request_id::RequestId;
pub(crate) use self::request_id::WithoutIds;
pub use self::tls::{TlsCertificate, TlsError};
pub(crate) use self::tls::{provider, read_file};
use crate::ServerState;

/// The pause after a connection could not be accepted, such as for a lack of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// The time that a connection without a request has to make room for another one.
const PLACE_TIMEOUT: Duration = Duration::from_secs(1);

/// The answer to a connection above the limit.
const TOO_MANY_CONNECTIONS: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nconnection: close\r\nretry-after: 1\r\n\
    content-type: application/json\r\ncontent-length: 94\r\n\r\n\
    {\"status\":\"error\",\"msg\":\"too many connections\",\"code\":\"busy\",\"detail\":\"too many connections\"}\n";

/// The client at the other end of a connection, as an extension of its requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConnectionInfo {
    /// A client over TCP.
    Tcp(SocketAddr),
    /// A process on this machine over the local socket. Its user is the host's, or the system's administrator.
    Local {
        /// The number of the user.
        user: u32,
    },
}

/// A router that is served with limits. Cheap to clone; clones share the limits.
#[derive(Debug, Clone)]
pub struct Server {
    state: ServerState,
    connections: Arc<Connections>,
    free: Arc<Semaphore>,
}

impl Server {
    /// Creates a server of this router with the settings of the state.
    pub fn new(state: &ServerState, router: Router) -> Self {
        let settings = state.settings();
        let front = Front::new(state.clone(), router);
        Server {
            connections: Arc::new(Connections::new(front, settings)),
            free: Arc::new(Semaphore::new(settings.connections_max.min(Semaphore::MAX_PERMITS))),
            state: state.clone(),
        }
    }

    /// Accepts connections until [`ServerState::close`] is called, then lets running requests end within
    /// [`ServerSettings::shutdown_timeout`](crate::ServerSettings::shutdown_timeout). If the future is dropped, all
    /// connections are closed at once.
    pub async fn serve(&self, listener: TcpListener) {
        self.serve_on(listener).await;
    }

    async fn serve_on(&self, listener: impl Listen) {
        let mut tasks = JoinSet::new();
        let mut closed = std::pin::pin!(self.state.closed());
        loop {
            let accepted = tokio::select! {
                biased;
                () = &mut closed => break,
                Some(_) = tasks.join_next() => continue,
                accepted = listener.accept() => accepted,
            };
            let (stream, info) = match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    tracing::warn!("a connection cannot be accepted: {error}");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            };
            let Some(permit) = self.place().await else {
                listener.refuse(&stream);
                self.state.requests().connection_refused();
                continue;
            };
            let (connections, state) = (self.connections.clone(), self.state.clone());
            let opened = tokio::time::timeout(self.state.settings().header_timeout, listener.open(stream));
            tasks.spawn(async move {
                let (_counted, open) = (state.requests().connection(), connections.register());
                let opened = tokio::select! {
                    opened = opened => opened,
                    () = open.unwanted() => return,
                    () = state.closed() => return,
                };
                match opened {
                    Ok(Ok(stream)) => connections.serve(&open, stream, info, state.closed()).await,
                    Ok(Err(error)) => tracing::debug!("a connection cannot be opened: {error}"),
                    Err(_) => tracing::debug!("a client did not complete its handshake in time"),
                }
                drop(permit);
            });
        }
        drop(listener);
        let drained = async {
            while tasks.join_next().await.is_some() {}
            self.state.web_sockets_ended().await;
        };
        if tokio::time::timeout(self.state.settings().shutdown_timeout, drained).await.is_err() {
            tracing::warn!(connections = tasks.len(), "requests that did not end in time are cut off");
        }
    }

    /// A place for another connection. If there is none, the connection that has been without a request for the longest
    /// time is closed, so that clients that do not use their connections keep no one out.
    async fn place(&self) -> Option<OwnedSemaphorePermit> {
        if let Ok(permit) = self.free.clone().try_acquire_owned() {
            return Some(permit);
        }
        if !self.connections.end_idle() {
            return None;
        }
        tokio::time::timeout(PLACE_TIMEOUT, self.free.clone().acquire_owned()).await.ok()?.ok()
    }
}

/// A socket that accepts connections.
trait Listen {
    /// An accepted connection.
    type Accepted: Send + 'static;
    /// A connection on which a client sends requests.
    type Stream: AsyncRead + AsyncWrite + Unpin + Send + 'static;

    /// Waits for a connection.
    fn accept(&self) -> impl Future<Output = io::Result<(Self::Accepted, ConnectionInfo)>> + Send;

    /// Does what precedes the first request: a handshake, or nothing.
    fn open(&self, stream: Self::Accepted) -> impl Future<Output = io::Result<Self::Stream>> + Send + 'static;

    /// Answers a connection above the limit. A new connection has space for these bytes, so this does not block.
    fn refuse(&self, stream: &Self::Accepted);
}

impl Listen for TcpListener {
    type Accepted = TcpStream;
    type Stream = TcpStream;

    async fn accept(&self) -> io::Result<(TcpStream, ConnectionInfo)> {
        let (stream, address) = TcpListener::accept(self).await?;
        let _ = stream.set_nodelay(true);
        Ok((stream, ConnectionInfo::Tcp(address)))
    }

    fn open(&self, stream: TcpStream) -> impl Future<Output = io::Result<TcpStream>> + Send + 'static {
        std::future::ready(Ok(stream))
    }

    fn refuse(&self, stream: &TcpStream) {
        let _ = stream.try_write(TOO_MANY_CONNECTIONS);
    }
}

#[cfg(test)]
mod tests {
    use super::TOO_MANY_CONNECTIONS;

    #[test]
    fn answer_to_a_connection_above_the_limit_has_its_length() {
        let text = std::str::from_utf8(TOO_MANY_CONNECTIONS).expect("text");
        let (head, body) = text.split_once("\r\n\r\n").expect("a head and a body");
        assert!(head.contains(&format!("content-length: {}", body.len())), "{} bytes", body.len());
        serde_json::from_str::<serde_json::Value>(body).expect("JSON");
    }
}
