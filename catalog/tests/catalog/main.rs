//! The catalog from the outside: real files, a real HTTPS server, a real OCI registry, processes that are killed.

mod crash;
mod differences;
mod harness;
mod hostile;
mod links;
mod local;
mod oci;
mod plugin_store;
mod registry;
mod signatures;
mod versions;
