//! Plugins served over HTTP, on real sockets.

mod admin;
mod hygiene;
mod observe;
mod openapi;
mod routes;
