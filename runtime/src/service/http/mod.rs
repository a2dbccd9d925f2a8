//! The http service: names, addresses and connections of outgoing requests, and their limits.
//!
//! A host's addresses must be public or named by the operator, and size, time and number of requests are bounded.
//! Cookies and proxies are not supported, and two requests never share a connection. The adapter (`host/http/`) admits
//! each request and translates to `wasi:http`.

pub(crate) mod address;
mod network;
mod target;

use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use http::Request;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

pub(crate) use self::network::{ConnectError, Later, Network, Stream, TraceParent};
pub(crate) use self::target::Target;
use crate::limits::{HTTP_LOOKUPS_MAX, HTTP_REQUESTS_OPEN_MAX};

/// Answers the outgoing requests of plugins in place of the network, after all checks of a request. For tests.
pub trait HttpResponder: Send + Sync + 'static {
    /// Answers a request, whose URI is absolute. A text is an error of the connection, which the plugin receives.
    fn respond(
        &self,
        request: Request<Bytes>,
    ) -> Pin<Box<dyn Future<Output = Result<http::Response<Bytes>, String>> + Send>>;
}

/// Resolves host names in place of the system. The returned addresses are checked like the system's.
pub trait HttpResolver: Send + Sync + 'static {
    /// Returns the addresses of a name, which is lower-case ASCII without a trailing dot.
    fn resolve(&self, host: &str) -> Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send>>;
}

/// The state that the requests of a loaded plugin share.
pub(crate) struct PluginHttp {
    pub(crate) network: Arc<Network>,
    /// Created for the plugin's first request.
    turns: OnceLock<Turns>,
}

/// Permits that bound the requests of a plugin.
struct Turns {
    /// One permit per open request.
    open: Arc<Semaphore>,
    /// One permit per name lookup.
    lookups: Arc<Semaphore>,
}

impl PluginHttp {
    pub(crate) fn new(network: Arc<Network>) -> Self {
        PluginHttp { network, turns: OnceLock::new() }
    }

    fn turns(&self) -> &Turns {
        self.turns.get_or_init(|| Turns {
            open: Arc::new(Semaphore::new(HTTP_REQUESTS_OPEN_MAX)),
            lookups: Arc::new(Semaphore::new(HTTP_LOOKUPS_MAX)),
        })
    }

    /// Returns the distinct addresses of a host.
    ///
    /// # Errors
    /// [`ConnectError`] if the name cannot be looked up.
    pub(crate) async fn lookup(&self, host: &url::Host) -> Result<Vec<IpAddr>, ConnectError> {
        self.network.lookup(host, &self.turns().lookups).await
    }

    /// Takes a permit for an open request of this plugin and one of all plugins'; `None` if there is none.
    pub(crate) fn take_turn(&self) -> Option<[OwnedSemaphorePermit; 2]> {
        let open = self.turns().open.clone();
        Some([open.try_acquire_owned().ok()?, self.network.connections.clone().try_acquire_owned().ok()?])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::{HTTP_CONNECTIONS_MAX, HTTP_TIMEOUT};

    #[test]
    fn open_requests_are_bounded_for_each_plugin_and_for_all_together() {
        let network = Arc::new(Network::new(None, None, None, Vec::new(), HTTP_TIMEOUT));
        let plugins = Vec::from_iter((0..20).map(|_| PluginHttp::new(network.clone())));
        let open = |plugin: &PluginHttp| Vec::from_iter(std::iter::from_fn(|| plugin.take_turn()));
        let mut turns = Vec::from_iter(plugins.iter().map(open));
        assert!(turns.iter().all(|turns| turns.len() <= HTTP_REQUESTS_OPEN_MAX));
        assert_eq!(turns.iter().map(Vec::len).sum::<usize>(), HTTP_CONNECTIONS_MAX);
        let waiting = PluginHttp::new(network);
        assert!(waiting.take_turn().is_none(), "its own turns are not all that counts");
        drop(turns.swap_remove(0));
        assert!(waiting.take_turn().is_some());
    }
}
