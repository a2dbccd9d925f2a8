//! What the handlers of the administration share.

use std::sync::Arc;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use http::StatusCode;
use plugbay::Runtime;
use plugbay_catalog::Catalog;
use plugbay_node::Node;
use tokio::sync::{OnceCell, OwnedSemaphorePermit, Semaphore};

use super::error::AdminError;
use super::feed::EventFeed;
use crate::ServerState;
use crate::access::TokenStore;
use crate::telemetry::LogBuffer;

/// The most web sockets at once.
const WEB_SOCKETS_MAX: usize = 256;

/// What the handlers of the administration share. Cheap to clone.
#[derive(Clone)]
pub struct AdminState(Arc<Shared>);

struct Shared {
    server: ServerState,
    tokens: Option<Arc<TokenStore>>,
    logs: LogBuffer,
    feed: EventFeed,
    /// Free places for web sockets, which the limit of connections does not count.
    web_sockets: Arc<Semaphore>,
    /// Opened at its first use.
    catalog: OnceCell<Catalog>,
    started: Instant,
}

impl AdminState {
    /// The state for a server, the tokens of its data directory, and the log lines of its runtime.
    pub fn new(server: &ServerState, tokens: Option<Arc<TokenStore>>, logs: LogBuffer) -> Self {
        AdminState(Arc::new(Shared {
            server: server.clone(),
            tokens,
            logs,
            feed: EventFeed::new(server.runtime()),
            web_sockets: Arc::new(Semaphore::new(WEB_SOCKETS_MAX)),
            catalog: OnceCell::new(),
            started: Instant::now(),
        }))
    }

    /// The state of the server.
    pub fn server(&self) -> &ServerState {
        &self.0.server
    }

    pub(crate) fn runtime(&self) -> &Runtime {
        self.0.server.runtime()
    }

    pub(crate) fn logs(&self) -> &LogBuffer {
        &self.0.logs
    }

    pub(crate) fn feed(&self) -> &EventFeed {
        &self.0.feed
    }

    pub(crate) fn uptime_seconds(&self) -> f64 {
        self.0.started.elapsed().as_secs_f64()
    }

    /// A place for a web socket.
    pub(super) fn web_socket(&self) -> Result<OwnedSemaphorePermit, AdminError> {
        let message = "the server already has its maximum of web sockets";
        let busy = |_| AdminError::new(StatusCode::SERVICE_UNAVAILABLE, "busy", message);
        self.0.web_sockets.clone().try_acquire_owned().map_err(busy)
    }

    pub(super) fn tokens(&self) -> Result<&Arc<TokenStore>, AdminError> {
        self.0.tokens.as_ref().ok_or_else(|| AdminError::unsupported("tokens", "a data directory"))
    }

    pub(super) fn node(&self) -> Result<&Arc<Node>, AdminError> {
        self.0.server.node().ok_or_else(|| AdminError::unsupported("the catalog", "a host"))
    }

    /// The catalog of the data directory, if there is one or `create`.
    pub(super) async fn catalog(&self, create: bool) -> Result<Option<&Catalog>, AdminError> {
        if let Some(catalog) = self.0.catalog.get() {
            return Ok(Some(catalog));
        }
        let Some(node) = self.0.server.node() else { return Ok(None) };
        if node.data_dir().is_none() || !(create || node.has_catalog()) {
            return Ok(None);
        }
        let open = async {
            let node = node.clone();
            let opened = tokio::task::spawn_blocking(move || node.open_catalog()).await;
            match opened.map_err(|error| AdminError::host(&error))? {
                Ok(Some(catalog)) => Ok(catalog),
                Ok(None) => Err(AdminError::unsupported("the catalog", "a data directory")),
                Err(error) => Err(AdminError::host(&error)),
            }
        };
        self.0.catalog.get_or_try_init(|| open).await.map(Some)
    }

    /// The catalog, which is created if the data directory has none.
    pub(super) async fn needed_catalog(&self) -> Result<&Catalog, AdminError> {
        let catalog = self.catalog(true).await?;
        catalog.ok_or_else(|| AdminError::unsupported("the catalog", "a data directory"))
    }
}

impl std::fmt::Debug for AdminState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AdminState").field("server", &self.0.server).finish_non_exhaustive()
    }
}

/// The time in seconds since 1970.
pub(super) fn now() -> u64 {
    seconds(SystemTime::now())
}

pub(crate) fn seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).map(|since| since.as_secs()).unwrap_or_default()
}
