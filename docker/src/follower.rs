//! The follower of one engine: a task that connects, sends events on, and connects again.

use std::collections::HashMap;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use parking_lot::Mutex;
use tokio::sync::mpsc;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{Instant, sleep, sleep_until};

use crate::backoff::Backoff;
use crate::connection::Connection;
use crate::container::Container;
use crate::endpoint::DockerEndpoint;
use crate::error::DockerError;
use crate::event::{DockerEvent, DockerObject};
use crate::json_splitter::JsonSplitter;
use crate::known::Known;
use crate::listing::{Listing, list};
use crate::message::{self, Read};
use crate::metrics::{CpuTime, measure};
use crate::seen::SeenEvents;
use crate::status::DockerStatus;
use crate::stream::EventBytes;
use crate::version::negotiate;

/// The longest message of an event, in bytes. Labels are in it.
const MESSAGE_BYTES_MAX: usize = 256 << 10;
/// The time without a byte after which a stream is replaced by a new one.
const IDLE: Duration = Duration::from_secs(300);
/// The time without an event after which the objects are compared with those that the engine listed, and the longest
/// time until then.
const SETTLE: Duration = Duration::from_millis(300);
const SETTLE_MAX: Duration = Duration::from_secs(5);
/// A connection of this age was a good one, even if it had no event.
const GOOD_AGE: Duration = Duration::from_secs(10);
/// The connections over which containers are measured at the same time.
const MEASURING_MAX: usize = 4;
/// The most containers that are measured.
const MEASURED_MAX: usize = 1_000;

/// Follows an engine until it is dropped.
#[derive(Debug)]
pub struct DockerFollower {
    shared: Arc<Shared>,
    task: AbortHandle,
}

#[derive(Debug)]
struct Shared {
    endpoint: DockerEndpoint,
    status: Mutex<DockerStatus>,
    known: Mutex<Known>,
    cpu_times: Mutex<HashMap<String, CpuTime>>,
}

impl Drop for DockerFollower {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl DockerFollower {
    /// Starts a task that follows the engine and sends its events to `events`. A full queue makes the engine wait. It
    /// has to be called in a Tokio runtime.
    pub fn start(endpoint: DockerEndpoint, events: mpsc::Sender<DockerEvent>) -> Self {
        let status = DockerStatus {
            name: endpoint.name.to_string(),
            url: endpoint.url.to_string(),
            since: now_ns() / 1_000_000,
            ..DockerStatus::default()
        };
        let shared = Arc::new(Shared {
            endpoint,
            status: Mutex::new(status),
            known: Mutex::default(),
            cpu_times: Mutex::default(),
        });
        let following =
            Following { shared: shared.clone(), events, seen: None, is_good: false, warned: Warned::default() };
        DockerFollower { shared, task: tokio::spawn(following.run()).abort_handle() }
    }

    /// The status.
    pub fn status(&self) -> DockerStatus {
        let containers = self.shared.known.lock().containers() as u64;
        DockerStatus { containers, ..self.shared.status.lock().clone() }
    }

    /// Measures the containers that run, at most 1,000, and returns an event `metrics` of each. A container that ends
    /// meanwhile is left out. The use of processors is known from the second measurement of a container on.
    pub async fn measure(&self) -> Vec<DockerEvent> {
        let base = match &self.shared.status.lock().api_version {
            Some(version) => format!("/v{version}"),
            None => return Vec::new(),
        };
        // Ids become a part of a path.
        let is_id = |container: &Container| container.id.bytes().all(|c| c.is_ascii_alphanumeric());
        let running = self.shared.known.lock().running();
        let running: Vec<Container> = running.into_iter().filter(is_id).take(MEASURED_MAX).collect();
        let mut last = std::mem::take(&mut *self.shared.cpu_times.lock());
        last.retain(|id, _| running.iter().any(|container| container.id == *id));
        let (last, running) = (Arc::new(last), Arc::new(Mutex::new(running)));
        let mut workers = JoinSet::new();
        for _ in 0..MEASURING_MAX.min(running.lock().len()) {
            workers.spawn(measure_some(self.shared.clone(), base.clone(), last.clone(), running.clone()));
        }
        let mut events: Vec<DockerEvent> = workers.join_all().await.into_iter().flatten().collect();
        events.sort_by(|one, other| one.id.cmp(&other.id));
        events
    }
}

/// Measures one container after another, until none is left or the connection breaks.
async fn measure_some(
    shared: Arc<Shared>,
    base: String,
    last: Arc<HashMap<String, CpuTime>>,
    running: Arc<Mutex<Vec<Container>>>,
) -> Vec<DockerEvent> {
    let mut events = Vec::new();
    let Ok(mut connection) = Connection::open(&shared.endpoint).await else { return events };
    loop {
        let Some(container) = running.lock().pop() else { return events };
        match measure(&mut connection, &base, &container.id, last.get(&container.id).copied()).await {
            Ok((metrics, cpu_time)) => {
                shared.cpu_times.lock().insert(container.id.clone(), cpu_time);
                let mut event = shared.event(DockerObject::Container, "metrics", &container.id);
                event.container = Some(container);
                event.metrics = Some(metrics);
                events.push(event);
            }
            // The container has ended.
            Err(DockerError::Status { .. } | DockerError::Answer { .. }) => {}
            Err(error) => {
                tracing::debug!(engine = &*shared.endpoint.name, %error, "containers are not measured");
                return events;
            }
        }
    }
}

impl Shared {
    /// An event of this moment.
    fn event(&self, object: DockerObject, action: &'static str, id: &str) -> DockerEvent {
        let event = DockerEvent::new(self.endpoint.name.clone(), self.endpoint.number, object, action);
        DockerEvent { id: id.to_owned(), time_ns: now_ns(), ..event }
    }
}

/// The problems that were logged, each of which is logged once until it is over.
#[derive(Debug, Default)]
struct Warned {
    unreachable: bool,
    unlisted: bool,
    malformed: bool,
}

struct Following {
    shared: Arc<Shared>,
    events: mpsc::Sender<DockerEvent>,
    /// `None` until the first connection.
    seen: Option<SeenEvents>,
    /// Whether the present connection had an event, or lived for a while.
    is_good: bool,
    warned: Warned,
}

impl Following {
    async fn run(mut self) {
        let mut backoff = Backoff::default();
        loop {
            let begun = Instant::now();
            self.is_good = false;
            let ended = self.follow().await;
            if self.events.is_closed() {
                return;
            }
            if self.is_good || begun.elapsed() >= GOOD_AGE {
                backoff.reset();
            }
            if let Err(error) = ended {
                self.note_end(&error);
                sleep(backoff.delay()).await;
            }
        }
    }

    /// Follows the engine over one connection. `Ok` if it was idle and has to be replaced.
    async fn follow(&mut self) -> Result<(), DockerError> {
        let endpoint = self.shared.endpoint.clone();
        let mut connection = Connection::open(&endpoint).await?;
        let engine = negotiate(&mut connection).await?;
        let base = format!("/v{}", engine.api_version);
        {
            let mut status = self.shared.status.lock();
            status.engine = Some(engine.name);
            status.api_version = Some(engine.api_version);
            status.connections += 1;
        }
        let seen = self.seen.get_or_insert_with(|| SeenEvents::since(engine.time_ns));
        let path = format!("{base}/events?since={}", seen.since_parameter());
        let mut bytes = EventBytes::request(endpoint, path);
        // The list is begun after the stream, so a change is in one of them at least.
        self.shared.known.lock().begin_list();
        let mut listing = pin!(list(&mut connection, &base));
        let (mut is_listing, mut listed) = (true, None);
        let mut splitter = JsonSplitter::new(MESSAGE_BYTES_MAX);
        let mut last_byte = Instant::now();
        let mut compared_by = last_byte;
        loop {
            tokio::select! {
                chunk = bytes.next() => {
                    let chunk = chunk?;
                    self.note_connected();
                    last_byte = Instant::now();
                    for &byte in chunk.iter() {
                        match splitter.push(byte) {
                            None => {}
                            Some(Ok(text)) => match message::read(&self.shared.endpoint, text) {
                                Read::Event(event) => self.receive(*event).await,
                                Read::Ignored => {}
                                Read::Malformed => self.note_malformed("it is not one of Docker's API"),
                            },
                            Some(Err(skipped)) => self.note_malformed(skipped.reason()),
                        }
                    }
                    if self.events.is_closed() {
                        return Ok(());
                    }
                }
                answer = &mut listing, if is_listing => {
                    is_listing = false;
                    self.note_connected();
                    match answer {
                        Ok(list) => listed = Some(list),
                        Err(error) => self.note_unlisted(&error),
                    }
                    // The first comparison makes no events, so it need not wait for those of the stream.
                    let is_first = !self.shared.known.lock().has_compared();
                    compared_by = Instant::now() + if is_first { Duration::ZERO } else { SETTLE_MAX };
                    last_byte = Instant::now();
                }
                () = sleep_until(compared_by.min(last_byte + SETTLE)), if listed.is_some() => {
                    if let Some(list) = listed.take() {
                        self.compare(list).await;
                    }
                }
                () = sleep_until(last_byte + IDLE) => return Ok(()),
            }
        }
    }

    /// Sends an event on if it is a new one.
    async fn receive(&mut self, mut event: DockerEvent) {
        let is_new =
            self.seen.as_mut().is_none_or(|seen| seen.is_new(&event)) && self.shared.known.lock().note(&mut event);
        if !is_new {
            self.shared.status.lock().duplicates += 1;
            return;
        }
        self.is_good = true;
        self.send(event).await;
    }

    async fn send(&mut self, event: DockerEvent) {
        {
            let mut status = self.shared.status.lock();
            status.events += 1;
            status.synthetic += u64::from(event.is_synthetic);
        }
        // A closed queue ends the task.
        let _ = self.events.send(event).await;
    }

    async fn compare(&mut self, list: Listing) {
        self.warned.unlisted = false;
        let shared = self.shared.clone();
        let events = shared.known.lock().compare(list, |object, action, id| shared.event(object, action, id));
        if !events.is_empty() {
            let (engine, count) = (&*shared.endpoint.name, events.len());
            tracing::info!(engine, count, "events of the Docker engine were lost and are concluded from its state");
        }
        for event in events {
            self.send(event).await;
        }
    }

    fn note_connected(&mut self) {
        let mut status = self.shared.status.lock();
        if status.connected {
            return;
        }
        (status.connected, status.error, status.since) = (true, None, now_ns() / 1_000_000);
        let version = status.engine.as_deref().unwrap_or_default();
        if std::mem::take(&mut self.warned.unreachable) {
            tracing::info!(engine = status.name, version, "the events of the Docker engine are followed again");
        } else {
            tracing::debug!(engine = status.name, version, "the events of the Docker engine are followed");
        }
    }

    fn note_end(&mut self, error: &DockerError) {
        let mut status = self.shared.status.lock();
        let was_connected = std::mem::take(&mut status.connected);
        if was_connected {
            status.since = now_ns() / 1_000_000;
        }
        status.error = Some(error.to_string());
        let (engine, url) = (status.name.as_str(), status.url.as_str());
        // Proxies cut streams often, so only an engine that cannot be connected to again is worth a warning.
        match was_connected || self.warned.unreachable {
            true => tracing::debug!(engine, url, %error, "the Docker engine is connected to again"),
            false => {
                self.warned.unreachable = true;
                tracing::warn!(
                    engine,
                    url,
                    "the events of the Docker engine are not followed: {error}; it is tried again"
                );
            }
        }
    }

    fn note_unlisted(&mut self, error: &DockerError) {
        if !std::mem::replace(&mut self.warned.unlisted, true) {
            let engine = &*self.shared.endpoint.name;
            tracing::warn!(
                engine,
                "lost events of the Docker engine cannot be noticed, because its objects are not listed: {error}"
            );
        }
    }

    fn note_malformed(&mut self, reason: &'static str) {
        self.shared.status.lock().malformed += 1;
        if !std::mem::replace(&mut self.warned.malformed, true) {
            let engine = &*self.shared.endpoint.name;
            tracing::warn!(
                engine,
                "an event of the Docker engine is skipped: {reason}; further ones are counted in its status"
            );
        }
    }
}

fn now_ns() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(now.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(all(test, unix))]
#[path = "follower_tests.rs"]
mod tests;
