//! Containers as events describe them.

use std::collections::BTreeMap;

use serde::Serialize;

/// A container, in the shape of DockStat's `ContainerInfo`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Container {
    /// The full id.
    pub id: String,
    /// The name, without a slash.
    pub name: String,
    /// The image, as its creator named it.
    pub image: String,
    /// The state.
    pub state: ContainerState,
    /// The time of its creation, in seconds since the Unix epoch.
    pub created: u64,
    /// The ports. They are known of containers that the engine has listed.
    pub ports: Vec<ContainerPort>,
    /// The labels.
    pub labels: BTreeMap<String, String>,
}

/// A port of a container.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct ContainerPort {
    /// The port inside of the container.
    pub private_port: u16,
    /// The port of the machine, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub public_port: Option<u16>,
    /// `tcp`, `udp` or `sctp`.
    pub r#type: String,
}

/// The state of a container. An engine's finer ones are mapped to these.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ContainerState {
    /// It has not been started.
    Created,
    /// It runs.
    Running,
    /// It is paused.
    Paused,
    /// It ran and ended.
    Exited,
}

impl ContainerState {
    /// The state by an engine's word for it.
    pub(crate) fn of_engine(word: &str) -> Self {
        match word.to_ascii_lowercase().as_str() {
            "running" | "stopping" => ContainerState::Running,
            "paused" => ContainerState::Paused,
            "created" | "configured" | "initialized" => ContainerState::Created,
            _ => ContainerState::Exited,
        }
    }

    /// The state behind an action. `None` if the action does not change it.
    pub(crate) fn after(action: &str) -> Option<Self> {
        match action {
            "create" => Some(ContainerState::Created),
            "start" | "restart" | "unpause" => Some(ContainerState::Running),
            "pause" => Some(ContainerState::Paused),
            "die" | "stop" => Some(ContainerState::Exited),
            _ => None,
        }
    }

    /// The actions that lead from this state to another one.
    pub(crate) fn actions_to(self, other: ContainerState) -> &'static [&'static str] {
        use ContainerState::{Created, Exited, Paused, Running};

        match (self, other) {
            (Created | Exited, Running) => &["start"],
            (Created | Exited, Paused) => &["start", "pause"],
            (Created, Exited) => &["start", "die"],
            (Running | Paused, Exited) => &["die"],
            (Running, Paused) => &["pause"],
            (Paused, Running) => &["unpause"],
            _ => &[],
        }
    }
}
