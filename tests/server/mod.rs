//! Plugins served over HTTP, on real sockets.

mod hygiene;
mod routes;
