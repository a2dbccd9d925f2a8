//! The events of a Docker engine, or of one that answers Docker's API, such as Podman.
//!
//! A [`DockerFollower`] connects to one engine, sends its events to a queue, and connects again when the connection
//! ends:
//!
//! - It asks for the events since the last one, a little overlapped, and drops those that it has sent before. Proxies
//!   of sockets cut streams that are idle, so this is usual. An idle stream is also replaced from time to time, because
//!   a connection that no longer exists may look like an engine where nothing happens.
//! - An engine remembers a few hundred events, and none across its own restart. After each connection the follower
//!   therefore compares the engine's objects with those that the events led to. A difference becomes a *synthetic*
//!   event, such as `die` for a container that no longer runs.
//! - The version of the API is the highest that both sides know. An event that cannot be read is counted and skipped.
//!
//! ```no_run
//! use plugbay_docker::{DockerEndpoint, DockerFollower};
//! use plugbay_manifest::{DockerEntry, DockerUrl};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let entry = DockerEntry::new("local", DockerUrl::Unix("/var/run/docker.sock".into()));
//! let (sender, mut events) = tokio::sync::mpsc::channel(1_000);
//! let _follower = DockerFollower::start(DockerEndpoint::new(&entry, 1)?, sender);
//! while let Some(event) = events.recv().await {
//!     println!("{} {}", event.topic(), event.payload());
//! }
//! # Ok(())
//! # }
//! ```
//!
//! The crate speaks HTTP with hyper, which the host has already. A follower needs a handful of GET requests, and a
//! client of the whole API (bollard) would add 2 MB of generated types. It knows no plugins and no WebAssembly.

#![forbid(unsafe_code)]

mod backoff;
mod connection;
mod container;
mod endpoint;
mod error;
mod event;
mod follower;
mod json_splitter;
mod known;
mod listing;
mod message;
mod metrics;
mod seen;
mod status;
mod stream;
#[cfg(all(test, unix))]
mod test_engine;
mod version;

pub use container::{Container, ContainerPort, ContainerState};
pub use endpoint::DockerEndpoint;
pub use error::DockerError;
pub use event::{DockerEvent, DockerObject};
pub use follower::DockerFollower;
pub use metrics::ContainerMetrics;
pub use status::DockerStatus;
