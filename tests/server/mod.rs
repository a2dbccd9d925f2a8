//! Plugins served over HTTP, on real sockets.

mod admin;
mod admin_events;
mod admin_views;
mod http2;
mod hygiene;
mod incoming;
mod mcp;
mod observe;
mod openapi;
mod pages;
mod plugin_tokens;
mod polls;
mod routes;
mod sdk_routes;
mod session;
mod ui;
