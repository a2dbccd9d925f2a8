//! The bindings of the contract in `wit/`, one set for each world.
//!
//! A component that exports an interface must export all of it, and a plugin need not export every interface of the
//! `plugin` world. So each exportable interface has its own world here, with its own macro, which
//! [`export_plugin!`](crate::export_plugin) calls if the plugin exports the interface.

#![allow(
    missing_docs,
    unreachable_pub,
    unsafe_code,
    reason = "generated: calls across the sandbox boundary are unsafe"
)]

pub mod imports {
    wit_bindgen::generate!({ path: "wit", world: "imports", generate_unused_types: true });
}

pub use imports::plugbay::plugin::events::Event;
pub use imports::plugbay::plugin::types::Failure;

macro_rules! exports {
    ($($module:ident, $world:literal, $macro:literal, [$($interface:literal: $path:path),*];)*) => {$(
        pub mod $module {
            wit_bindgen::generate!({
                path: "wit",
                world: $world,
                with: { $($interface: $path),* },
                pub_export_macro: true,
                export_macro_name: $macro,
                default_bindings_module: "plugbay_sdk::__private::bindings",
            });
        }
    )*};
}

exports! {
    actions, "action-provider", "export_actions",
        ["plugbay:plugin/types@0.2.0": crate::bindings::imports::plugbay::plugin::types];
    lifecycle, "lifecycle-hooks", "export_lifecycle",
        ["plugbay:plugin/types@0.2.0": crate::bindings::imports::plugbay::plugin::types];
    events, "event-subscriber", "export_events",
        ["plugbay:plugin/types@0.2.0": crate::bindings::imports::plugbay::plugin::types,
         "plugbay:plugin/events@0.2.0": crate::bindings::imports::plugbay::plugin::events];
    health, "health-reporter", "export_health",
        ["plugbay:plugin/types@0.2.0": crate::bindings::imports::plugbay::plugin::types];
}
