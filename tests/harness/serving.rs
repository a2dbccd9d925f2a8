//! A host whose plugins are served over HTTP, in the process of the test.

use std::net::SocketAddr;

use axum::Router;
use plugbay_server::{Server, ServerSettings, ServerState, plugin_routes};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::host::Host;
use super::patience::ends;

/// A server on a free port of the loopback address.
pub(crate) struct Serving {
    pub(crate) host: Host,
    pub(crate) address: SocketAddr,
    pub(crate) state: ServerState,
    task: JoinHandle<()>,
}

impl Serving {
    pub(crate) async fn start(host: Host) -> Self {
        Serving::with(host, |_| {}).await
    }

    /// A server with other settings.
    pub(crate) async fn with(host: Host, change: impl FnOnce(&mut ServerSettings)) -> Self {
        Serving::of(host, change, |router| router).await
    }

    /// A server with other settings, and with what an application makes of the routes.
    pub(crate) async fn of(
        host: Host,
        change: impl FnOnce(&mut ServerSettings),
        merge: impl FnOnce(Router) -> Router,
    ) -> Self {
        let mut settings = ServerSettings::default();
        change(&mut settings);
        let state = ServerState::new(&host.runtime, settings);
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let server = Server::new(&state, merge(plugin_routes(&state)));
        let task = tokio::spawn(async move { server.serve(listener).await });
        Serving { host, address, state, task }
    }

    /// Shuts the server down and waits until it has ended.
    pub(crate) async fn close(self) -> Host {
        self.state.close();
        ends(self.task).await.expect("it does not panic");
        self.host
    }
}
