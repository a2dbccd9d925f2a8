//! What the tests stand on, in the order in which a test uses it.

pub(crate) mod assert;
pub(crate) mod attack;
pub(crate) mod audit;
pub(crate) mod build;
pub(crate) mod command;
pub(crate) mod core_module;
pub(crate) mod database;
pub(crate) mod guest;
pub(crate) mod host;
pub(crate) mod log;
pub(crate) mod processor;
pub(crate) mod server;
