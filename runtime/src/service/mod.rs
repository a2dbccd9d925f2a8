//! What the host offers to plugins: one file for each service, with the same parts in the same order (what it keeps, what
//! it does, its host functions, its tests), and one line for each in [`SERVICES`].
//!
//! A service sees its caller's [`PluginContext`] and nothing else of the plugin: grants, not a manifest; a name, not an
//! instance. Host functions never trap a guest for what it asked: a no is a value.

pub(crate) mod audit;
pub(crate) mod cache;
pub(crate) mod careful;
pub(crate) mod config;
pub(crate) mod data;
pub(crate) mod db;
pub(crate) mod directory;
pub(crate) mod environment;
mod flood;
pub(crate) mod home;
pub(crate) mod http;
pub(crate) mod invocation;
pub(crate) mod log;
pub(crate) mod mask;
pub(crate) mod output;
pub(crate) mod plugins;
pub(crate) mod poll;
pub(crate) mod scheduler;
pub(crate) mod socket;
pub(crate) mod sqlite;
pub(crate) mod standard;
pub(crate) mod wasi;

use std::sync::Arc;

use plugbay_manifest::PermissionAction;
use wasmtime::component::{HasSelf, Linker};

use crate::capability::{Denial, Grants};
use crate::clock::Clock;
use crate::limits::{HOST_BYTES_UNTIL_YIELD, HOST_CALL_BYTES};
use crate::plugin::state::{CallState, HostState};

pub(crate) use home::PluginHome;

/// The host's side of the contract, generated from `wit/`.
pub(crate) mod bindings {
    #![allow(missing_docs, unreachable_pub)]
    wasmtime::component::bindgen!({
        path: "wit",
        world: "imports",
        imports: {
            "plugbay:plugin/config.set": async,
            "plugbay:plugin/config.all": async,
            "plugbay:plugin/log.write": async,
            "plugbay:plugin/data": async,
            "plugbay:plugin/cache": async,
            "plugbay:plugin/db": async,
            "plugbay:plugin/scheduler": async,
            "plugbay:plugin/plugins": async,
        },
        with: {
            "plugbay:plugin/db.transaction": crate::service::db::Transaction,
        },
        require_store_data_send: true,
    });
}

/// One line for each service of the contract and for each standard interface that is served.
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
    Service {
        interface: "plugbay:plugin/data",
        permission: Some(("data.*", PermissionAction::Read)),
        link: |linker| bindings::plugbay::plugin::data::add_to_linker::<_, HasSelf<_>>(linker, |state| state),
    },
    Service {
        interface: "plugbay:plugin/cache",
        permission: Some(("cache.*", PermissionAction::Read)),
        link: |linker| bindings::plugbay::plugin::cache::add_to_linker::<_, HasSelf<_>>(linker, |state| state),
    },
    Service {
        interface: "plugbay:plugin/db",
        permission: Some(("db.*", PermissionAction::Read)),
        link: |linker| bindings::plugbay::plugin::db::add_to_linker::<_, HasSelf<_>>(linker, |state| state),
    },
    Service {
        interface: "plugbay:plugin/scheduler",
        permission: Some(("scheduler.*", PermissionAction::Read)),
        link: |linker| bindings::plugbay::plugin::scheduler::add_to_linker::<_, HasSelf<_>>(linker, |state| state),
    },
    Service {
        interface: "wasi:keyvalue/store",
        permission: Some(("data.*", PermissionAction::Read)),
        link: standard::keyvalue::link_store,
    },
    Service {
        interface: "wasi:keyvalue/atomics",
        permission: Some(("data.*", PermissionAction::Write)),
        link: standard::keyvalue::link_atomics,
    },
    Service {
        interface: "wasi:keyvalue/batch",
        permission: Some(("data.*", PermissionAction::Read)),
        link: standard::keyvalue::link_batch,
    },
    Service {
        interface: "wasi:config/store",
        permission: Some(("config.*", PermissionAction::Read)),
        link: |linker| standard::bindings::wasi::config::store::add_to_linker::<_, HasSelf<_>>(linker, |state| state),
    },
    Service {
        interface: "wasi:logging/logging",
        permission: Some(("log", PermissionAction::Write)),
        link: |linker| {
            standard::bindings::wasi::logging::logging::add_to_linker::<_, HasSelf<_>>(linker, |state| state)
        },
    },
    Service { interface: "wasi:http/types", permission: None, link: http::types::link },
    Service {
        interface: "wasi:http/outgoing-handler",
        permission: Some(("http.*", PermissionAction::Execute)),
        link: http::link_handler,
    },
    Service {
        interface: "plugbay:plugin/plugins",
        permission: Some(("plugin.*", PermissionAction::Execute)),
        link: |linker| bindings::plugbay::plugin::plugins::add_to_linker::<_, HasSelf<_>>(linker, |state| state),
    },
];

/// What host calls have cost the host since it last let others run. Fuel measures the guest's own work: a guest can ask
/// for thousands of calls between two yields of its own, and for megabytes in each.
#[derive(Debug, Clone, Default)]
pub(crate) struct HostWork {
    bytes: usize,
}

impl HostWork {
    /// Counts a host call that moved so many bytes. Answers whether it is time to let other tasks run, and the deadline be
    /// looked at.
    pub(crate) fn is_time_to_yield(&mut self, bytes: usize) -> bool {
        self.bytes = self.bytes.saturating_add(HOST_CALL_BYTES).saturating_add(bytes);
        let enough = self.bytes >= HOST_BYTES_UNTIL_YIELD;
        if enough {
            self.bytes = 0;
        }
        enough
    }
}

/// What a guest is told of a bound that it reached, with both of its numbers.
pub(crate) fn over_limit(what: &str, allowed: impl std::fmt::Display, observed: impl std::fmt::Display) -> String {
    format!("{what}: {allowed} allowed, {observed} observed")
}

impl HostState {
    /// Ends a host call that moved so many bytes.
    async fn end_host_call(&mut self, bytes: usize) {
        if self.host_work.is_time_to_yield(bytes) {
            tokio::task::yield_now().await;
        }
    }
}

/// A group of host functions behind one interface.
pub(crate) struct Service {
    /// The interface's name, without its version.
    pub(crate) interface: &'static str,
    /// The kind of resource behind it and what most plugins do with it. To import it, a plugin must be granted some use of
    /// that kind; the functions check the exact resource and action of each call.
    pub(crate) permission: Option<(&'static str, PermissionAction)>,
    /// Puts the functions into a linker.
    pub(crate) link: fn(&mut Linker<HostState>) -> wasmtime::Result<()>,
}

/// What the services know of the plugin that calls them: made once per load, shared by all its instances.
pub(crate) struct PluginContext {
    pub(crate) name: Arc<str>,
    pub(crate) grants: Grants,
    /// What time it is for the guest.
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) log: log::PluginLog,
    pub(crate) config: config::PluginConfig,
    pub(crate) data: data::PluginData,
    pub(crate) cache: cache::PluginCache,
    pub(crate) db: db::PluginDb,
    pub(crate) jobs: scheduler::PluginJobs,
    pub(crate) plugins: plugins::PluginCalls,
    pub(crate) http: http::PluginHttp,
    /// The environment that the guest sees: what its manifest declares, and for trusted plugins what was granted.
    pub(crate) environment: Vec<(String, String)>,
    pub(crate) wasi: wasi::WasiGrants,
    /// Instances that may live in this process, for the message of a plugin that finds no room.
    pub(crate) live_instances: u32,
    pub(crate) audit: audit::PluginAudit,
}

impl PluginContext {
    /// Whether the plugin was granted this use, where nobody knows in which call it happens. It is counted and audited.
    pub(crate) fn check(&self, resource: &str, action: PermissionAction) -> Result<(), Denial> {
        self.checked(resource, action, None)
    }

    /// The same for a use in this call.
    pub(crate) fn check_in(&self, call: &CallState, resource: &str, action: PermissionAction) -> Result<(), Denial> {
        self.checked(resource, action, Some(call))
    }

    /// Whether the plugin was granted this use, for those who will tell of a no themselves: only a yes is counted.
    pub(crate) fn allows(&self, resource: &str, action: PermissionAction) -> bool {
        let allowed = self.grants.check(resource, action).is_ok();
        if allowed {
            self.audit.allow(resource, action, None);
        }
        allowed
    }

    fn checked(&self, resource: &str, action: PermissionAction, call: Option<&CallState>) -> Result<(), Denial> {
        let checked = self.grants.check(resource, action);
        match &checked {
            Ok(()) => self.audit.allow(resource, action, call),
            Err(denial) => self.audit.deny(denial, call),
        }
        checked
    }

    /// Counts and audits a no that was found otherwise.
    fn denied_in(&self, call: &CallState, denial: &Denial) {
        self.audit.deny(denial, Some(call));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn host_work_is_due_after_many_small_calls_or_one_large_one() {
        let mut work = HostWork::default();
        let calls = (1..).find(|_| work.is_time_to_yield(0)).unwrap_or_default();
        assert_eq!(calls, HOST_BYTES_UNTIL_YIELD / HOST_CALL_BYTES);
        assert!(!work.is_time_to_yield(0), "it begins anew");
        assert!(work.is_time_to_yield(usize::MAX));
    }
}
