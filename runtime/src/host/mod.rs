//! The layer between guests and services: the only part of the runtime that names WIT types.
//!
//! Each interface has one adapter, a file of the same name. A host function parses the guest's arguments, checks the
//! grant ([`permissions`]), calls the service, which uses plain Rust types only, and counts the work ([`HostWork`]).
//! [`SERVICES`] has one entry for each interface. Interfaces of the application are in [`extension`].
//!
//! Host functions never trap a guest for its request: a denial is a value.

mod api;
pub(crate) mod cache;
pub(crate) mod call;
mod call_clock;
pub(crate) mod config;
mod context;
pub(crate) mod contract;
pub(crate) mod data;
pub(crate) mod db;
pub(crate) mod directory;
pub(crate) mod environment;
pub(crate) mod event;
mod exchange;
pub(crate) mod extension;
mod failure;
pub(crate) mod http;
mod invocation;
mod limiter;
mod log;
mod metrics;
pub(crate) mod output;
pub(crate) mod permissions;
mod plugins;
pub(crate) mod poll;
mod processes;
mod publishing;
mod scheduler;
pub(crate) mod socket;
mod standard;
mod state;
pub(crate) mod wasi;
mod work;

use plugbay_manifest::PermissionAction;
use wasmtime::component::{HasSelf, Linker};

pub(crate) use self::call::{Call, TimeLimit};
pub(crate) use self::context::PluginContext;
pub(crate) use self::limiter::RefusedGrowth;
pub(crate) use self::permissions::Permissions;
pub(crate) use self::state::{CallState, HostState};
pub(crate) use self::work::HostWork;

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
            "plugbay:plugin/events.[method]event.data": async,
            "plugbay:plugin/events.publish": async,
            "plugbay:plugin/events.emit": async,
            "plugbay:plugin/events.subscribe": async,
            "plugbay:plugin/events.unsubscribe": async,
            "plugbay:plugin/events.subscriptions": async,
            "plugbay:plugin/exchange.request-body": async,
            "plugbay:plugin/exchange.request-previous": async,
            "plugbay:plugin/exchange.response-header": async,
            "plugbay:plugin/exchange.response-body": async,
            "plugbay:plugin/metrics": async,
            "plugbay:plugin/processes": async,
            "plugbay:plugin/api": async,
        },
        with: {
            "plugbay:plugin/db.transaction": crate::host::db::Transaction,
            "plugbay:plugin/events.event": crate::host::event::EventHandle,
        },
        require_store_data_send: true,
    });
}

/// Creates the entry for an interface of the contract, with the kind of resource behind it and its most common action
/// if it requires a permission.
macro_rules! contract {
    ($interface:ident) => {
        contract!($interface, None)
    };
    ($interface:ident, $resource:literal, $usual:ident) => {
        contract!($interface, Some(($resource, PermissionAction::$usual)))
    };
    ($interface:ident, $permission:expr) => {
        Service {
            interface: concat!("plugbay:plugin/", stringify!($interface)),
            permission: $permission,
            link: |linker| bindings::plugbay::plugin::$interface::add_to_linker::<_, HasSelf<_>>(linker, |state| state),
        }
    };
}

/// All services of the contract and all standard interfaces that are served.
pub(crate) const SERVICES: &[Service] = &[
    contract!(invocation),
    contract!(log, "log", Write),
    contract!(config, "config.*", Read),
    contract!(data, "data.*", Read),
    contract!(cache, "cache.*", Read),
    contract!(db, "db.*", Read),
    contract!(scheduler, "scheduler.*", Read),
    contract!(plugins, "plugin.*", Execute),
    contract!(events),
    contract!(exchange),
    contract!(metrics),
    contract!(processes, "process.*", Read),
    contract!(api, "api.*", Execute),
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
];

/// A group of host functions behind one interface.
pub(crate) struct Service {
    /// The interface's name, without its version.
    pub(crate) interface: &'static str,
    /// The kind of resource behind the interface, and its most common action. A plugin may import the interface if it
    /// was granted at least one permission of that kind; the functions check the exact resource and action of each
    /// call.
    pub(crate) permission: Option<(&'static str, PermissionAction)>,
    /// Adds the functions to a linker.
    pub(crate) link: fn(&mut Linker<HostState>) -> wasmtime::Result<()>,
}
