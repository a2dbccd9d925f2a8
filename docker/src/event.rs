//! Events of an engine, with the topics and the data under which a host publishes them.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Map, Value, json};

use crate::container::Container;
use crate::metrics::ContainerMetrics;

/// An event of an engine.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct DockerEvent {
    /// The name of the engine in the host's file.
    pub host: Arc<str>,
    /// The number of the engine.
    pub host_number: u32,
    /// The kind of the object.
    pub object: DockerObject,
    /// Docker's name of the event, such as `start`.
    pub action: String,
    /// The text behind the action, such as `healthy` of `health_status: healthy`.
    pub detail: Option<String>,
    /// The id of the object. Docker names pulled images, volumes and the daemon by their names.
    pub id: String,
    /// The facts that the engine adds. Labels of the object are among them.
    pub attributes: BTreeMap<String, String>,
    /// The time by the clock of the engine, in nanoseconds since the Unix epoch.
    pub time_ns: u64,
    /// Whether the event was concluded from the state of the engine after events were lost.
    pub is_synthetic: bool,
    /// The container, of events of containers.
    pub container: Option<Container>,
    /// A measurement, of events `metrics`.
    pub metrics: Option<ContainerMetrics>,
}

/// The objects whose events are published. Others are ignored, so that an engine cannot choose any topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DockerObject {
    /// The builder of images.
    Builder,
    /// A swarm's configuration.
    Config,
    /// A container.
    Container,
    /// The engine.
    Daemon,
    /// An image.
    Image,
    /// A network.
    Network,
    /// A node of a swarm.
    Node,
    /// A swarm's secret.
    Secret,
    /// A swarm's service.
    Service,
    /// A volume.
    Volume,
}

impl DockerObject {
    const ALL: [DockerObject; 10] = [
        DockerObject::Builder,
        DockerObject::Config,
        DockerObject::Container,
        DockerObject::Daemon,
        DockerObject::Image,
        DockerObject::Network,
        DockerObject::Node,
        DockerObject::Secret,
        DockerObject::Service,
        DockerObject::Volume,
    ];

    /// The first word of the topic.
    pub fn name(self) -> &'static str {
        match self {
            DockerObject::Builder => "builder",
            DockerObject::Config => "config",
            DockerObject::Container => "container",
            DockerObject::Daemon => "daemon",
            DockerObject::Image => "image",
            DockerObject::Network => "network",
            DockerObject::Node => "node",
            DockerObject::Secret => "secret",
            DockerObject::Service => "service",
            DockerObject::Volume => "volume",
        }
    }

    pub(crate) fn from_name(name: &str) -> Option<Self> {
        DockerObject::ALL.into_iter().find(|object| object.name() == name)
    }
}

impl DockerEvent {
    /// An event without a time and with nothing known of the object.
    pub(crate) fn new(host: impl Into<Arc<str>>, host_number: u32, object: DockerObject, action: &str) -> Self {
        DockerEvent {
            host: host.into(),
            host_number,
            object,
            action: action.to_owned(),
            detail: None,
            id: String::new(),
            attributes: BTreeMap::new(),
            time_ns: 0,
            is_synthetic: false,
            container: None,
            metrics: None,
        }
    }

    /// The topic, such as `container.start`.
    pub fn topic(&self) -> String {
        format!("{}.{}", self.object.name(), self.action)
    }

    /// The name of the object: of a container, an image, a volume, whose id it is, or a network.
    pub fn name(&self) -> Option<&str> {
        let id = (self.object == DockerObject::Volume).then_some(&self.id);
        self.attributes.get("name").or(id).map(String::as_str)
    }

    /// The data of the event. `id`, `name`, `hostId` and, of containers, `image`, `state`, `status`, `created`, `ports`
    /// and `labels` are as in DockStat's `ContainerInfo`; events `metrics` have the members of its
    /// `ContainerStatsInfo`. The others are Docker's.
    pub fn payload(&self) -> Value {
        let mut data = Map::new();
        let mut set = |name: &str, value: Value| data.insert(name.to_owned(), value);
        set("id", json!(self.id));
        set("hostId", json!(self.host_number));
        set("host", json!(*self.host));
        match &self.container {
            Some(container) => {
                set("name", json!(container.name));
                set("image", json!(container.image));
                set("state", json!(container.state));
                set("status", json!(container.state));
                set("created", json!(container.created));
                set("ports", json!(container.ports));
                set("labels", json!(container.labels));
            }
            None => {
                set("name", json!(self.name()));
            }
        }
        if let Some(metrics) = &self.metrics {
            metrics.write(&mut set);
        }
        set("action", json!(self.action));
        if let Some(detail) = &self.detail {
            set("detail", json!(detail));
        }
        set("attributes", json!(self.attributes));
        set("time", json!(self.time_ns / 1_000_000));
        set("synthetic", json!(self.is_synthetic));
        Value::Object(data)
    }
}
