//! The Docker engines of the host's file: each is followed, and its events are published on the bus.
//!
//! An event that no plugin and no stream receives is not made. A plugin whose queue is full makes its engine wait for a
//! while, so a flood of events takes no memory of the host.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use plugbay::error::EventError;
use plugbay::{Event, Runtime};
use plugbay_docker::{DockerEndpoint, DockerError, DockerEvent, DockerFollower, DockerStatus};
use tokio::sync::mpsc;
use tokio::task::AbortHandle;
use tokio::time::MissedTickBehavior;

use crate::{HostFile, Node};

/// The events of one engine that may wait to be published.
const EVENTS_MAX: usize = 1_000;
/// The time between two attempts to publish an event for a plugin whose queue is full, and the number of attempts. The
/// event is lost after the last one, about 30 s later.
const BUSY_DELAY: Duration = Duration::from_millis(50);
const BUSY_ATTEMPTS_MAX: u32 = 600;
/// The topic of measurements.
const METRICS: &str = "container.metrics";

/// The engines of a node.
#[derive(Debug, Default)]
pub(crate) struct NodeDocker {
    endpoints: Vec<DockerEndpoint>,
    following: Mutex<Vec<Following>>,
}

/// An engine that is followed.
#[derive(Debug)]
struct Following {
    follower: Arc<DockerFollower>,
    tasks: [AbortHandle; 2],
}

impl Drop for Following {
    fn drop(&mut self) {
        self.tasks.iter().for_each(AbortHandle::abort);
    }
}

impl NodeDocker {
    /// Reads the files for TLS of the engines.
    pub(crate) fn new(file: &HostFile) -> Result<Self, DockerError> {
        let endpoints = (1..).zip(file.docker()).map(|(number, entry)| DockerEndpoint::new(entry, number));
        Ok(NodeDocker { endpoints: endpoints.collect::<Result<_, _>>()?, following: Mutex::default() })
    }

    /// Ends the followers.
    pub(crate) fn end(&self) {
        self.following.lock().clear();
    }
}

impl Node {
    /// Follows the Docker engines of the host's file from now on, and publishes their events: `container.start`,
    /// `image.pull` and so on, and `container.metrics`. It has to be called in a Tokio runtime, after the plugins were
    /// loaded. An engine that cannot be reached is a warning in the log, and is tried again. A second call begins anew.
    pub fn start_docker(&self) {
        let follow = |endpoint: &DockerEndpoint| {
            let (sender, events) = mpsc::channel(EVENTS_MAX);
            let follower = Arc::new(DockerFollower::start(endpoint.clone(), sender));
            let publishing = tokio::spawn(publish_all(self.runtime.clone(), events)).abort_handle();
            let interval = endpoint.metrics_interval();
            let measuring = tokio::spawn(measure(self.runtime.clone(), follower.clone(), interval)).abort_handle();
            Following { follower, tasks: [publishing, measuring] }
        };
        let following = self.docker.endpoints.iter().map(follow).collect();
        *self.docker.following.lock() = following;
    }

    /// The Docker engines that are followed, in the order of the host's file.
    pub fn docker(&self) -> Vec<DockerStatus> {
        self.docker.following.lock().iter().map(|following| following.follower.status()).collect()
    }
}

async fn publish_all(runtime: Runtime, mut events: mpsc::Receiver<DockerEvent>) {
    while let Some(event) = events.recv().await {
        publish(&runtime, event).await;
    }
}

/// Measures containers while anything receives the measurements.
async fn measure(runtime: Runtime, follower: Arc<DockerFollower>, interval: Duration) {
    let mut interval = tokio::time::interval(interval);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        interval.tick().await;
        if !runtime.has_subscribers(METRICS) {
            continue;
        }
        for event in follower.measure().await {
            // A measurement that a plugin is too slow for is worth nothing later.
            let _ = runtime.publish(Event::new(METRICS, event.payload())).await;
        }
    }
}

/// Publishes an event if anything receives it. A plugin whose queue is full is waited for.
async fn publish(runtime: &Runtime, event: DockerEvent) {
    let topic = event.topic();
    if !runtime.has_subscribers(&topic) {
        return;
    }
    let event = Event::new(&*topic, event.payload());
    for _ in 0..BUSY_ATTEMPTS_MAX {
        match runtime.publish(event.clone()).await {
            Ok(_) => return,
            Err(EventError::Busy { .. }) => tokio::time::sleep(BUSY_DELAY).await,
            Err(error) => return tracing::warn!(topic, %error, "an event of a Docker engine is lost"),
        }
    }
    tracing::warn!(topic, "an event of a Docker engine is lost: a plugin has too many events in its queue");
}
