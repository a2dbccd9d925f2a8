//! The bindings of the contract in `wit/`, one set for each world.
//!
//! A component that exports an interface has to export all of it, and one that exports less than the whole `plugin`
//! world is complete too. So each exportable interface has a world of its own here, with a macro of its own that
//! [`export_plugin!`](crate::export_plugin) calls where the plugin has use for it.

#![allow(
    missing_docs,
    unreachable_pub,
    unsafe_code,
    reason = "generated: calls across the sandbox's border are unsafe"
)]

pub mod imports {
    wit_bindgen::generate!({ path: "wit", world: "imports", generate_unused_types: true });
}

pub use imports::plugbay::plugin::types::Failure;

macro_rules! exports {
    ($($module:ident, $world:literal, $macro:literal;)*) => {$(
        pub mod $module {
            wit_bindgen::generate!({
                path: "wit",
                world: $world,
                with: { "plugbay:plugin/types@0.1.0": crate::bindings::imports::plugbay::plugin::types },
                pub_export_macro: true,
                export_macro_name: $macro,
                default_bindings_module: "plugbay_sdk::__private::bindings",
            });
        }
    )*};
}

exports! {
    actions, "handles-actions", "export_actions";
    lifecycle, "has-lifecycle", "export_lifecycle";
    events, "hears-events", "export_events";
    health, "tells-health", "export_health";
}
