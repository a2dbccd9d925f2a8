//! The status of a follower, for the operator.

use serde::Serialize;

/// The state of the connection to an engine.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct DockerStatus {
    /// The name of the engine in the host's file.
    pub name: String,
    /// The URL of the engine.
    pub url: String,
    /// Whether its events are followed.
    pub connected: bool,
    /// The time since which `connected` has its value, in milliseconds since the Unix epoch.
    pub since: u64,
    /// The reason why the last connection could not be made or ended. `None` while the engine is followed.
    pub error: Option<String>,
    /// The engine's name and version, once it was connected.
    pub engine: Option<String>,
    /// The version of the API that is spoken, once it was connected.
    pub api_version: Option<String>,
    /// The containers that are known.
    pub containers: u64,
    /// The events that were sent on, with synthetic ones.
    pub events: u64,
    /// The synthetic events among them.
    pub synthetic: u64,
    /// The events that were dropped because they had been sent before.
    pub duplicates: u64,
    /// The events that could not be read, or were too large.
    pub malformed: u64,
    /// The connections that were made.
    pub connections: u64,
}
