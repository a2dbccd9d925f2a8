//! The server of `plugbay dev` for the pages of the plugin, which the browser opens again after each change.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use anyhow::Context;
use plugbay_server::access::{Access, AccessOptions, TokenStore};
use plugbay_server::admin::AdminState;
use plugbay_server::{Changes, Server, ServerSettings, ServerState, host_router};
use tokio::net::TcpListener;

use crate::error::Error;
use crate::host::Host;
use crate::sign_in::{DEFAULT_ADDRESS, base_url};

/// A server that runs.
pub(super) struct Pages {
    pub(super) changes: Changes,
    /// The address of the pages, such as `http://127.0.0.1:7070/p/shop/`.
    pub(super) url: String,
    state: ServerState,
}

impl Pages {
    /// Starts the server for a plugin, with the settings of the host's file except for its certificate, and with an
    /// address of the command line before that of the file.
    ///
    /// # Errors
    /// If the address cannot be listened on. The default one falls back to a free port.
    pub(super) async fn serve(host: &Host, plugin: &str, address: Option<SocketAddr>) -> Result<Self, Error> {
        let file = host.file();
        let listener = match address.or(file.server().address) {
            Some(address) => TcpListener::bind(address)
                .await
                .map_err(|error| Error::Usage(format!("cannot listen on {address}: {error}")))?,
            None => match TcpListener::bind(DEFAULT_ADDRESS).await {
                Ok(listener) => listener,
                Err(_) => TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.context("no port is free")?,
            },
        };
        let address = listener.local_addr().context("the socket has no address")?;
        let mut settings = ServerSettings::from(file.server());
        settings.development = true;
        let changes = Changes::new();
        let state = ServerState::with_changes(&host.runtime, settings, changes.clone());
        let tokens = Some(Arc::new(TokenStore::in_memory()?));
        let mut options = AccessOptions::of_file(file.server()).map_err(|error| Error::Usage(error.to_string()))?;
        options.revoked = file.revoked_consumers().to_vec();
        let access = Access::of_address(address, tokens.clone(), &options);
        let access = access.map_err(|error| Error::Usage(error.to_string()))?;
        let base = base_url(address, &file.server().hosts, false);
        state.set_url(&*base);
        let admin = AdminState::new(&state, tokens, host.logs.clone());
        let server = Server::new(&state, host_router(&admin, access));
        tokio::spawn(async move { server.serve(listener).await });
        Ok(Pages { changes, url: format!("{base}/p/{plugin}/"), state })
    }

    /// Ends the streams of the pages, which would delay the end of the process.
    pub(super) fn close(&self) {
        self.state.close();
    }
}
