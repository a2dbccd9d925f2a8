//! Actions of plugins as tools of the Model Context Protocol, for assistants.
//!
//! A tool is an action that the operator exposed ([`ServerSettings::exposed`](crate::ServerSettings::exposed)), of a
//! plugin that serves. Its call is a call like any other, with the same admission, schemas, permissions, limits and
//! audit, the caller `mcp` and the identity of the token. The crate `rmcp` speaks the protocol: its stateless revision
//! 2026-07-28 and the older ones with sessions.
//!
//! ```text
//! POST /mcp        http.rs   ─┐
//! GET /mcp/stdio   local.rs  ─┼─▶ server.rs: ToolServer ─▶ tool.rs: which tools ─▶ Plugin::invoke
//! plugbay mcp      stdio     ─┘
//! ```

mod changes;
mod http;
mod local;
mod server;
mod tool;

pub(crate) use self::http::{challenge, mcp_routes};
pub(crate) use self::local::local_routes;
pub use self::server::{ToolServer, standard_streams};
