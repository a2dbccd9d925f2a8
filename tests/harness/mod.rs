//! The test harness: builds guests, loads them into hosts, runs the command, and asserts on what comes back.

pub(crate) mod administered;
pub(crate) mod assert;
pub(crate) mod attack;
pub(crate) mod audit;
pub(crate) mod build;
pub(crate) mod client;
pub(crate) mod collector;
pub(crate) mod command;
pub(crate) mod core_module;
pub(crate) mod database;
pub(crate) mod docker_registry;
pub(crate) mod guest;
pub(crate) mod host;
/// The host's bounds. They are no part of the library's interface, so the tests read its table of them.
#[allow(dead_code, unused_imports, reason = "the tests need some of them")]
#[path = "../../runtime/src/limits.rs"]
pub(crate) mod limits;
pub(crate) mod log;
pub(crate) mod node;
pub(crate) mod oci;
pub(crate) mod patience;
#[cfg(unix)]
pub(crate) mod podman;
pub(crate) mod port;
pub(crate) mod processor;
pub(crate) mod server;
pub(crate) mod serving;
pub(crate) mod tls;
pub(crate) mod warehouse;

/// Prints that a test is skipped, past the capture of the tests' output: a run without a tool must not look like one
/// with it. `.ci/run` accepts no such line.
pub(crate) fn skipped(reason: &str) {
    use std::io::Write;

    let _ = writeln!(std::io::stderr(), "\nSKIPPED: {reason}");
}
