//! Connections: hyper's settings, and the end of connections without requests.

use std::collections::HashMap;
use std::convert::Infallible;
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use axum::body::Body;
use bytes::Bytes;
use http_body::{Frame, SizeHint};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::Notify;

use super::ConnectionInfo;
use super::front::Front;
use super::self_wake::SelfWake;
use super::stall_timeout::StallTimeout;
use crate::ServerSettings;

/// The smallest buffer that hyper reads with.
const HEADER_BYTES_MIN: usize = 8 << 10;
/// The most requests at once on one connection of HTTP/2.
const STREAMS_MAX: u32 = 100;

/// Serves connections.
#[derive(Debug)]
pub(super) struct Connections {
    builder: Builder<TokioExecutor>,
    front: Arc<Front>,
    idle_timeout: Duration,
    write_timeout: Duration,
    open: Mutex<HashMap<u64, Arc<Activity>>>,
    /// The number of connections so far.
    accepted: AtomicU64,
    started: Instant,
}

impl Connections {
    pub(super) fn new(front: Front, settings: &ServerSettings) -> Self {
        let header_bytes = settings.header_bytes_max.max(HEADER_BYTES_MIN);
        let mut builder = Builder::new(TokioExecutor::new());
        // Hyper's own limit would make a timer for each request. The one of the connection takes its place.
        builder
            .http1()
            .timer(TokioTimer::new())
            .header_read_timeout(None)
            .max_buf_size(header_bytes)
            .max_headers(settings.headers_max);
        builder
            .http2()
            .timer(TokioTimer::new())
            .max_concurrent_streams(STREAMS_MAX)
            .max_header_list_size(u32::try_from(header_bytes).unwrap_or(u32::MAX))
            .keep_alive_interval(settings.header_timeout)
            .keep_alive_timeout(settings.header_timeout);
        Connections {
            builder,
            front: Arc::new(front),
            idle_timeout: settings.header_timeout,
            write_timeout: settings.write_timeout,
            open: Mutex::default(),
            accepted: AtomicU64::new(0),
            started: Instant::now(),
        }
    }

    /// Registers an accepted connection until what it returns is dropped.
    pub(super) fn register(self: &Arc<Self>) -> OpenConnection {
        let number = self.accepted.fetch_add(1, Ordering::Relaxed);
        let activity = Arc::new(Activity { used: AtomicU64::new(self.micros()), ..Activity::default() });
        self.open.lock().insert(number, activity.clone());
        OpenConnection { connections: self.clone(), number, activity }
    }

    /// The time since the server started, in microseconds.
    fn micros(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    /// The time that a connection may still be without a request; zero once it is over.
    fn idle_left(&self, activity: &Activity) -> Duration {
        if activity.is_running() {
            return self.idle_timeout;
        }
        let idle = self.micros().saturating_sub(activity.used.load(Ordering::Relaxed));
        self.idle_timeout.saturating_sub(Duration::from_micros(idle))
    }

    /// Asks the connection to end that has been without a request for the longest time. Returns whether there is one.
    pub(super) fn end_idle(&self) -> bool {
        let open = self.open.lock();
        let idle = open.values().filter(|activity| !activity.is_running());
        let longest = idle.min_by_key(|activity| activity.used.load(Ordering::Relaxed));
        longest.inspect(|activity| activity.unwanted.notify_one()).is_some()
    }

    /// Serves a connection until the client or the server ends it. Once `closed` is ready, running requests are
    /// completed and no other is accepted.
    pub(super) async fn serve(
        &self,
        open: &OpenConnection,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        info: ConnectionInfo,
        closed: impl Future<Output = ()>,
    ) {
        let activity = &open.activity;
        let service = service_fn(|request| {
            let (front, running) = (self.front.clone(), Running::begin(open));
            async move {
                // Boxed: a connection that waits for a request or an event would carry the size of its future.
                let response = Box::pin(front.answer(request, info)).await;
                Ok::<_, Infallible>(response.map(|body| Body::new(CountedBody { body, _running: running })))
            }
        });
        let stream = TokioIo::new(StallTimeout::new(stream, self.write_timeout));
        let connection = pin!(self.builder.serve_connection_with_upgrades(stream, service));
        let mut connection = SelfWake::new(connection);
        let (mut closed, mut is_closing) = (pin!(closed), false);
        let mut idle = pin!(tokio::time::sleep(self.idle_timeout));
        loop {
            tokio::select! {
                biased;
                ended = &mut connection => {
                    if let Err(error) = ended {
                        tracing::debug!("a connection ended: {error}");
                    }
                    return;
                }
                () = &mut closed, if !is_closing => {
                    is_closing = true;
                    connection.future.as_mut().graceful_shutdown();
                }
                () = activity.unwanted.notified() => {
                    if !activity.is_running() {
                        return;
                    }
                }
                () = &mut idle => {
                    let left = self.idle_left(activity);
                    if left.is_zero() {
                        return;
                    }
                    idle.as_mut().reset(tokio::time::Instant::now() + left);
                }
            }
        }
    }
}

/// An accepted connection, among those that are open.
#[derive(Debug)]
pub(super) struct OpenConnection {
    connections: Arc<Connections>,
    number: u64,
    activity: Arc<Activity>,
}

impl OpenConnection {
    /// Waits until another connection needs the place of this one.
    pub(super) async fn unwanted(&self) {
        self.activity.unwanted.notified().await;
    }
}

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.connections.open.lock().remove(&self.number);
    }
}

/// Whether a connection is used.
#[derive(Debug, Default)]
struct Activity {
    running: AtomicUsize,
    /// The end of its last request, or its start; in microseconds after that of the server.
    used: AtomicU64,
    unwanted: Notify,
}

impl Activity {
    fn is_running(&self) -> bool {
        self.running.load(Ordering::Acquire) > 0
    }
}

/// A request that runs, until the last byte of its answer is sent.
struct Running {
    connections: Arc<Connections>,
    activity: Arc<Activity>,
}

impl Running {
    fn begin(open: &OpenConnection) -> Self {
        open.activity.running.fetch_add(1, Ordering::Relaxed);
        Running { connections: open.connections.clone(), activity: open.activity.clone() }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.activity.used.store(self.connections.micros(), Ordering::Relaxed);
        self.activity.running.fetch_sub(1, Ordering::Release);
    }
}

/// The body of an answer, whose request is running until it has been sent.
struct CountedBody {
    body: Body,
    _running: Running,
}

impl http_body::Body for CountedBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
