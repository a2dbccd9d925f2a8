//! A node: the plugins of a host's file, of its catalog and of its directory of plugins, loaded together.

mod boot;
mod docker;
mod installed;
mod many;
mod plugin_store;
#[cfg(target_os = "linux")]
mod processes;
mod refresh;
mod remote;
