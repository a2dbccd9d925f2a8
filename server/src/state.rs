//! What all requests of a server share.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use plugbay::Runtime;
use plugbay_node::Node;
use tokio::sync::watch;

use crate::routes::LastActions;
use crate::telemetry::RequestCounters;
use crate::{Changes, ServerSettings};

/// The time that clients have to receive the last events of the processes of a host.
const TAIL: Duration = Duration::from_millis(200);

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
    phase: watch::Sender<Phase>,
    /// Each open web socket has a receiver. Their connections are no longer the listeners'.
    web_sockets: watch::Sender<()>,
}

/// The phases of a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Open,
    /// The processes of its host end. Requests are answered, so that clients see that.
    Ending,
    Closed,
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
        let (phase, _) = watch::channel(Phase::Open);
        ServerState(Arc::new(Shared {
            runtime,
            node,
            settings,
            changes,
            last_actions: LastActions::default(),
            requests: RequestCounters::default(),
            url: OnceLock::new(),
            phase,
            web_sockets: watch::Sender::new(()),
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

    /// Shuts the server down: no further request is accepted, and answers without an end are ended. If its host has
    /// processes, they are ended before, while the server still answers, so that its clients see that and the processes
    /// can report to it.
    pub fn close(&self) {
        let is_first = self.0.phase.send_if_modified(|phase| {
            let is_first = *phase == Phase::Open;
            if is_first {
                *phase = Phase::Ending;
            }
            is_first
        });
        if !is_first {
            return;
        }
        let with_processes = self.0.node.clone().filter(|node| node.has_processes());
        match (with_processes, tokio::runtime::Handle::try_current()) {
            (Some(node), Ok(executor)) => {
                let state = self.clone();
                executor.spawn(async move {
                    node.end_processes().await;
                    // Clients receive the last events.
                    tokio::time::sleep(TAIL).await;
                    state.0.phase.send_replace(Phase::Closed);
                });
            }
            _ => _ = self.0.phase.send_replace(Phase::Closed),
        }
    }

    /// Returns whether the server shuts down.
    pub fn is_closing(&self) -> bool {
        *self.0.phase.borrow() != Phase::Open
    }

    /// Waits until the server accepts no further request. An answer without an end, such as a stream of events, ends
    /// then.
    pub async fn closed(&self) {
        let mut phase = self.0.phase.subscribe();
        // The sender lives as long as this state.
        let _ = phase.wait_for(|phase| *phase == Phase::Closed).await;
    }

    /// Notes a web socket, which is open until the receiver is dropped.
    pub(crate) fn web_socket(&self) -> watch::Receiver<()> {
        self.0.web_sockets.subscribe()
    }

    /// Waits until no web socket is open.
    pub(crate) async fn web_sockets_ended(&self) {
        self.0.web_sockets.closed().await;
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
