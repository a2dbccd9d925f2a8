//! Access to the server: the identity behind a request, and its scopes.
//!
//! A request comes from the user who runs the host, over the local socket ([`ConnectionInfo::Local`]), or over the
//! network with a token ([`TokenStore`]) or without one. [`Access`] makes an [`Identity`] of it, which the handlers ask
//! for the [`Scope`] that they need.
//!
//! A plugin has tokens of its own, for a few minutes and while it is loaded ([`PluginTokens`]).
//!
//! The browser of an operator has a session instead of a token: a cookie that it gets for a token or for the code of a
//! link ([`session_routes`]).
//!
//! ```text
//! request ──▶ named host? ──▶ token right? ──▶ Identity ──▶ handler: Identity::require(scope)
//!             host_names.rs   token_store.rs               403 insufficient_scope
//!             403             401, 429
//! ```
//!
//! This module does not decide which plugins a caller may reach beyond its scopes: that is the runtime's admission.

#[cfg(doc)]
use crate::ConnectionInfo;

mod cookie;
mod host_names;
mod identity;
mod layer;
mod plugin_tokens;
mod refusal;
mod rules;
mod scope;
mod secret;
mod session;
mod session_store;
mod token;
mod token_file;
mod token_row;
mod token_store;
mod wrong_tokens;

pub use host_names::HostNames;
pub use identity::Identity;
pub use layer::authenticate;
pub use plugin_tokens::PluginTokens;
pub use refusal::Refusal;
pub use rules::{Access, AccessError, AccessOptions};
pub use scope::{InvalidScope, Scope, ScopeKind};
pub(crate) use session::Credentials;
pub use session::session_routes;
pub use session_store::CODE_LIFETIME;
pub use token::{CreatedToken, NewToken, Token, TokenKind, TokenState};
pub use token_store::{TokenStore, TokenStoreError};
