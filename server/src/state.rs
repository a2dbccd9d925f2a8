//! What all requests of a server share.

use std::sync::{Arc, OnceLock};

use plugbay::Runtime;
use plugbay_node::Node;
use tokio::sync::watch;

use crate::routes::LastActions;
use crate::telemetry::RequestCounters;
use crate::{Changes, ServerSettings};

/// What all requests of a server share. Cheap to clone.
#[derive(Debug, Clone)]
pub struct ServerState(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    runtime: Runtime,
    node: Option<Arc<Node>>,
    settings: ServerSettings,
    changes: Option<Changes>,
    /// The last action of each plugin.
    last_actions: LastActions,
    requests: RequestCounters,
    url: OnceLock<String>,
    /// Whether the server shuts down.
    closing: watch::Sender<bool>,
}

impl ServerState {
    /// The state of a server for the plugins of a runtime.
    pub fn new(runtime: &Runtime, settings: ServerSettings) -> Self {
        ServerState::with(runtime.clone(), None, settings, None)
    }

    /// The state of a server for a plugin that is being written. Its pages follow the changes.
    pub fn with_changes(runtime: &Runtime, settings: ServerSettings, changes: Changes) -> Self {
        ServerState::with(runtime.clone(), None, settings, Some(changes))
    }

    /// The state of a server for a host, whose catalog and data directory it can administer.
    pub fn of_node(node: Arc<Node>, settings: ServerSettings) -> Self {
        ServerState::with(node.runtime.clone(), Some(node), settings, None)
    }

    fn with(runtime: Runtime, node: Option<Arc<Node>>, settings: ServerSettings, changes: Option<Changes>) -> Self {
        let (closing, _) = watch::channel(false);
        ServerState(Arc::new(Shared {
            runtime,
            node,
            settings,
            changes,
            last_actions: LastActions::default(),
            requests: RequestCounters::default(),
            url: OnceLock::new(),
            closing,
        }))
    }

    /// The runtime of the plugins.
    pub fn runtime(&self) -> &Runtime {
        &self.0.runtime
    }

    /// The host, unless the server was made for a runtime alone.
    pub fn node(&self) -> Option<&Arc<Node>> {
        self.0.node.as_ref()
    }

    /// The settings of the server.
    pub fn settings(&self) -> &ServerSettings {
        &self.0.settings
    }

    /// The changes of the plugin that is being written, if there is one.
    pub(crate) fn changes(&self) -> Option<&Changes> {
        self.0.changes.as_ref()
    }

    /// Sets the URL at which people reach the server, for `GET /api/v1/status`. The first one counts.
    pub fn set_url(&self, url: impl Into<String>) {
        let _ = self.0.url.set(url.into());
    }

    /// The URL at which people reach the server. `None` if it was not set.
    pub fn url(&self) -> Option<&str> {
        self.0.url.get().map(String::as_str)
    }

    pub(crate) fn last_actions(&self) -> &LastActions {
        &self.0.last_actions
    }

    /// The counters of the requests of all servers with this state.
    pub(crate) fn requests(&self) -> &RequestCounters {
        &self.0.requests
    }

    /// Announces that the server shuts down, so that answers without an end are ended.
    pub fn close(&self) {
        self.0.closing.send_replace(true);
    }

    /// Returns whether the server shuts down.
    pub fn is_closing(&self) -> bool {
        *self.0.closing.borrow()
    }

    /// Waits until the server shuts down. An answer without an end, such as a stream of events, ends then.
    pub async fn closed(&self) {
        let mut closing = self.0.closing.subscribe();
        // The sender lives as long as this state.
        let _ = closing.wait_for(|closing| *closing).await;
    }
}

impl From<&Runtime> for ServerState {
    fn from(runtime: &Runtime) -> Self {
        ServerState::new(runtime, ServerSettings::default())
    }
}

impl From<&ServerState> for ServerState {
    fn from(state: &ServerState) -> Self {
        state.clone()
    }
}
