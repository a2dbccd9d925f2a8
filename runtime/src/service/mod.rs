//! What the host offers to plugins: one file for each service, with the same parts in the same order (what it keeps, what
//! it does, its host functions, its tests), and one line for each in [`SERVICES`].
//!
//! A service sees its caller's [`PluginContext`] and nothing else of the plugin: grants, not a manifest; a name, not an
//! instance. Host functions never trap a guest for what it asked: a no is a value.

pub(crate) mod config;
pub(crate) mod environment;
pub(crate) mod invocation;
pub(crate) mod log;
pub(crate) mod mask;
pub(crate) mod output;
pub(crate) mod wasi;

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use plugbay_manifest::PermissionAction;
use wasmtime::component::{HasSelf, Linker};

use crate::capability::Grants;
use crate::limits::HOST_CALL_BYTES_UNTIL_YIELD;
use crate::plugin::state::HostState;

/// The host's side of the contract, generated from `wit/`.
pub(crate) mod bindings {
    #![allow(missing_docs, unreachable_pub)]
    wasmtime::component::bindgen!({
        path: "../wit",
        world: "imports",
        imports: {
            "plugbay:plugin/config.set": async,
            "plugbay:plugin/config.all": async,
            "plugbay:plugin/log.write": async,
        },
        require_store_data_send: true,
    });
}

/// One line for each service of the contract.
pub(crate) const SERVICES: &[Service] = &[
    Service {
        interface: "plugbay:plugin/invocation",
        permission: None,
        link: |linker| bindings::plugbay::plugin::invocation::add_to_linker::<_, HasSelf<_>>(linker, |state| state),
    },
    Service {
        interface: "plugbay:plugin/log",
        permission: Some(("log", PermissionAction::Write)),
        link: |linker| bindings::plugbay::plugin::log::add_to_linker::<_, HasSelf<_>>(linker, |state| state),
    },
    Service {
        interface: "plugbay:plugin/config",
        permission: Some(("config.*", PermissionAction::Read)),
        link: |linker| bindings::plugbay::plugin::config::add_to_linker::<_, HasSelf<_>>(linker, |state| state),
    },
];

/// Lets other tasks run, and the deadline be looked at, after a host call that moved many bytes: fuel measures the guest's
/// work only, and a guest can ask for thousands of such calls between two of its own yields.
async fn yield_after(bytes: usize) {
    if bytes > HOST_CALL_BYTES_UNTIL_YIELD {
        tokio::task::yield_now().await;
    }
}

/// A group of host functions behind one interface.
pub(crate) struct Service {
    /// The interface's name, without its version.
    pub(crate) interface: &'static str,
    /// What a plugin that imports it uses at the least. The functions check the exact resource of each call.
    pub(crate) permission: Option<(&'static str, PermissionAction)>,
    /// Puts the functions into a linker.
    pub(crate) link: fn(&mut Linker<HostState>) -> wasmtime::Result<()>,
}

/// What the services know of the plugin that calls them: made once per load, shared by all its instances.
pub(crate) struct PluginContext {
    pub(crate) name: Arc<str>,
    pub(crate) grants: Grants,
    pub(crate) log: log::PluginLog,
    pub(crate) config: config::PluginConfig,
    /// The environment that the guest sees: what its manifest declares, and for trusted plugins what was granted.
    pub(crate) environment: Vec<(String, String)>,
    pub(crate) wasi: wasi::WasiGrants,
    /// Instances that may live in this process, for the message of a plugin that finds no room.
    pub(crate) live_instances: u32,
    /// Uses that were not granted, since the load.
    pub(crate) denials: AtomicU64,
}
