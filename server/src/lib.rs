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
//! request, which the plugin then sees.

#![forbid(unsafe_code)]

pub mod access;
pub mod answer;
mod identity;
mod listen;
mod routes;
mod settings;
mod state;

pub use identity::Identity;
pub use listen::{ConnectionInfo, RequestId, Server};
pub use routes::plugin_routes;
pub use settings::ServerSettings;
pub use state::ServerState;
