//! The exports of the component, the state behind them, and the embedded manifest.

use crate::bindings::Failure;
use crate::bindings::lifecycle::exports::plugbay::plugin::lifecycle::State;
use crate::builder::SavedState;
use crate::error::Error;

/// Exports the crate's plugin: `export_plugin!(PLUGIN: State)`, where `PLUGIN` is a constant of type
/// [`Plugin<State>`](crate::builder::Plugin). A crate exports one plugin.
///
/// A plugin with lifecycle hooks exports `lifecycle`, one with subscriptions `events`, one with a health check
/// `health`: `export_plugin!(PLUGIN: State, lifecycle, health)`. A missing export is a compile error.
///
/// ```compile_fail,E0428
/// # use plugbay_sdk::prelude::*;
/// # #[derive(Default)] struct Tea;
/// # #[derive(Default)] struct Coffee;
/// #[plugin] impl Tea { #[action] fn brew(&self) {} }
/// #[plugin] impl Coffee { #[action] fn brew(&self) {} } // `A_CRATE_EXPORTS_ONE_PLUGIN` is defined multiple times
/// # fn main() {}
/// ```
///
/// In a native build, it exports nothing and generates a function `native_instance()`, which returns an
/// [`Instance`](crate::native::Instance) for tests.
#[macro_export]
macro_rules! export_plugin {
    ($plugin:path: $state:ty $(, $interface:ident)* $(,)?) => {
        // The name is the error if there are two.
        #[doc(hidden)]
        #[allow(dead_code)]
        const A_CRATE_EXPORTS_ONE_PLUGIN: () = ();

        const _: () = $plugin.check_exports(&[$($crate::__export!(kind $interface)),*]);

        #[cfg(target_family = "wasm")]
        const _: () = {
            #[used]
            #[unsafe(link_section = "plugbay:manifest")]
            static MANIFEST: [u8; $plugin.section_length()] = $plugin.section();

            static ACTIONS: [$crate::__private::Entry<$state>; $plugin.action_count()] = $plugin.entries();
            static TABLE: $crate::__private::Table<$state> = $plugin.table(&ACTIONS);

            ::std::thread_local! {
                static STATE: $crate::__private::Slot<$state> =
                    const { ::core::cell::RefCell::new(::core::option::Option::None) };
            }

            struct Exports;
            $crate::__export!(actions Exports TABLE STATE);
            $($crate::__export!($interface Exports TABLE STATE);)*
        };

        /// An instance of the plugin for native tests.
        #[cfg(not(target_family = "wasm"))]
        pub fn native_instance() -> $crate::native::Instance {
            static MANIFEST: [u8; $plugin.section_length()] = $plugin.section();
            static ACTIONS: [$crate::__private::Entry<$state>; $plugin.action_count()] = $plugin.entries();
            static TABLE: $crate::__private::Table<$state> = $plugin.table(&ACTIONS);
            $crate::native::Instance::new(&TABLE, &MANIFEST)
        }
    };
    ($($other:tt)*) => {
        ::core::compile_error! { "expected the plugin and the type of its state: `export_plugin!(PLUGIN: State)`" }
    };
}

/// One interface of [`export_plugin!`].
#[doc(hidden)]
#[macro_export]
macro_rules! __export {
    (kind lifecycle) => { $crate::builder::Export::Lifecycle };
    (kind events) => { $crate::builder::Export::Events };
    (kind health) => { $crate::builder::Export::Health };
    (kind $other:ident) => {
        ::core::compile_error!("the exports of a plugin are `lifecycle`, `events` and `health`; `actions` is always exported")
    };
    (actions $exports:ident $table:ident $state:ident) => {
        impl $crate::__private::bindings::actions::exports::plugbay::plugin::actions::Guest for $exports {
            fn handle(
                action: ::std::string::String,
                payload: ::std::string::String,
            ) -> ::core::result::Result<::std::string::String, $crate::__private::Failure> {
                $state.with(|slot| $table.handle(slot, &action, &payload)).map_err($crate::__private::failure)
            }
        }
        $crate::__private::bindings::actions::export_actions!(
            $exports with_types_in $crate::__private::bindings::actions
        );
    };
    (lifecycle $exports:ident $table:ident $state:ident) => {
        impl $crate::__private::bindings::lifecycle::exports::plugbay::plugin::lifecycle::Guest for $exports {
            fn on_load() -> ::core::result::Result<(), $crate::__private::Failure> {
                $state.with(|slot| $table.on_load(slot)).map_err($crate::__private::failure)
            }

            fn save_state() -> ::core::result::Result<
                ::core::option::Option<$crate::__private::bindings::lifecycle::exports::plugbay::plugin::lifecycle::State>,
                $crate::__private::Failure,
            > {
                let saved = $state.with(|slot| $table.save_state(slot)).map_err($crate::__private::failure)?;
                ::core::result::Result::Ok(saved.map($crate::__private::state))
            }

            fn on_reload(
                from: ::std::string::String,
                state: ::core::option::Option<
                    $crate::__private::bindings::lifecycle::exports::plugbay::plugin::lifecycle::State,
                >,
            ) -> ::core::result::Result<(), $crate::__private::Failure> {
                let saved = state.map($crate::__private::saved_state);
                $state.with(|slot| $table.on_reload(slot, from, saved)).map_err($crate::__private::failure)
            }

            fn on_unload() {
                $state.with(|slot| $table.on_unload(slot));
            }
        }
        $crate::__private::bindings::lifecycle::export_lifecycle!(
            $exports with_types_in $crate::__private::bindings::lifecycle
        );
    };
    (events $exports:ident $table:ident $state:ident) => {
        impl $crate::__private::bindings::events::exports::plugbay::plugin::event_handler::Guest for $exports {
            fn on_event(
                event: &$crate::__private::bindings::Event,
            ) -> ::core::result::Result<(), $crate::__private::Failure> {
                let event = $crate::__private::event(event);
                $state.with(|slot| $table.on_event(slot, &event)).map_err($crate::__private::failure)
            }
        }
        $crate::__private::bindings::events::export_events!(
            $exports with_types_in $crate::__private::bindings::events
        );
    };
    (health $exports:ident $table:ident $state:ident) => {
        impl $crate::__private::bindings::health::exports::plugbay::plugin::health::Guest for $exports {
            fn check() -> ::core::result::Result<::std::string::String, $crate::__private::Failure> {
                $state.with(|slot| $table.health(slot)).map_err($crate::__private::failure)
            }
        }
        $crate::__private::bindings::health::export_health!(
            $exports with_types_in $crate::__private::bindings::health
        );
    };
    // The arm that lists the kinds reports the mistake.
    ($other:ident $($rest:ident)*) => {};
}

/// Converts an error into the contract's type.
pub fn failure(error: Error) -> Failure {
    let (code, message, details, status_code) = error.into_parts();
    Failure { code, message, details, status_code }
}

/// Converts a handle of an event.
#[cfg(target_family = "wasm")]
pub fn event(event: &crate::bindings::Event) -> crate::Event<'_> {
    crate::Event::from_facts(crate::host::EventFacts::new(event))
}

/// Converts a state into the contract's type.
pub fn state(saved: SavedState) -> State {
    State { format: saved.format, bytes: saved.bytes }
}

/// Converts a state of the contract.
pub fn saved_state(state: State) -> SavedState {
    SavedState { format: state.format, bytes: state.bytes }
}
