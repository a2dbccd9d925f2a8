//! Plugins served over HTTP, on real sockets.

mod admin;
mod http2;
mod hygiene;
mod mcp;
mod observe;
mod openapi;
mod routes;
mod sdk_routes;
