//! Plugbay over HTTP: the routes of plugins as an [`axum::Router`], and a listener that bounds what clients can do.
//!
//! An application that has a server of its own merges the routes into it:
//!
//! ```
//! # fn app() -> Result<axum::Router, plugbay::error::BuildError> {
//! let runtime = plugbay::Runtime::new()?;
//! let app = axum::Router::new().merge(plugbay_server::plugin_routes(&runtime));
//! # Ok(app)
//! # }
//! ```
//!
//! Requests are matched to plugins when they arrive, so the router follows plugins that are loaded, replaced and
//! unloaded. [`Server`] listens on an address with limits on connections, headers, bodies and time. An application's
//! own server needs limits of its own; those on the bodies of requests to plugins are here.
//!
//! The application authenticates its callers in a layer of its own, and adds an [`Identity`] to the extensions of the
//! request, which the plugin then sees. `examples/portal` in the repository is such an application.
//!
//! `plugbay serve` is [`host_router`]: the same routes with the administration of the host ([`admin`]), health and
//! metrics ([`telemetry`]), their description ([`openapi`]) and tools for assistants ([`mcp`]), behind tokens
//! ([`access`]).

#![forbid(unsafe_code)]

pub mod access;
pub mod admin;
pub mod answer;
mod changes;
mod client_tls;
mod host_router;
mod listen;
pub mod mcp;
pub mod openapi;
mod pages;
mod process_variables;
mod routes;
mod settings;
mod state;
pub mod telemetry;
mod ui;

pub use access::Identity;
pub use changes::Changes;
pub use client_tls::client_tls;
pub use host_router::host_router;
pub use listen::{ConnectionInfo, RequestId, Server, TlsCertificate, TlsError};
#[cfg(unix)]
pub use listen::{LOCAL_SOCKET_NAME, LocalSocket};
pub use process_variables::ProcessVariables;
pub use routes::plugin_routes;
pub use settings::ServerSettings;
pub use state::ServerState;
