//! What makes a component of a plugin: the exports, the state behind them, and the manifest inside the file.

use crate::bindings::Failure;
use crate::bindings::events::exports::plugbay::plugin::events;
use crate::error::Error;
use crate::event::{Event, Reaction};

/// Makes a plugin of the crate: `export_plugin!(PLUGIN: State)`, where `PLUGIN` is a constant of type
/// [`Plugin<State>`](crate::builder::Plugin). A crate does this once.
///
/// A plugin with lifecycle hooks exports `lifecycle`, one with subscriptions `events`, one with a health check
/// `health`: `export_plugin!(PLUGIN: State, lifecycle, health)`. To forget one of them is a compile error.
///
/// A native build has no host to export to. There, the crate gets a function `native_instance()` that returns an
/// [`Instance`](crate::native::Instance) to test.
#[macro_export]
macro_rules! export_plugin {
    ($plugin:path: $state:ty $(, $interface:ident)* $(,)?) => {
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

        /// The plugin as a native build has it, to be tested.
        #[cfg(not(target_family = "wasm"))]
        pub fn native_instance() -> $crate::native::Instance {
            static MANIFEST: [u8; $plugin.section_length()] = $plugin.section();
            static ACTIONS: [$crate::__private::Entry<$state>; $plugin.action_count()] = $plugin.entries();
            static TABLE: $crate::__private::Table<$state> = $plugin.table(&ACTIONS);
            $crate::native::Instance::new(&TABLE, &MANIFEST)
        }
    };
    ($($other:tt)*) => {
        ::core::compile_error! { "name the plugin and the type of its state: `export_plugin!(PLUGIN: State)`" }
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
        ::core::compile_error!("a plugin exports `lifecycle`, `events` and `health`; `actions` it always does")
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
                ::core::option::Option<::std::vec::Vec<u8>>,
                $crate::__private::Failure,
            > {
                $state.with(|slot| $table.save_state(slot)).map_err($crate::__private::failure)
            }

            fn on_reload(
                state: ::core::option::Option<::std::vec::Vec<u8>>,
            ) -> ::core::result::Result<(), $crate::__private::Failure> {
                $state.with(|slot| $table.on_reload(slot, state)).map_err($crate::__private::failure)
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
        impl $crate::__private::bindings::events::exports::plugbay::plugin::events::Guest for $exports {
            fn on_event(
                event: $crate::__private::bindings::events::exports::plugbay::plugin::events::Event,
            ) -> ::core::result::Result<
                $crate::__private::bindings::events::exports::plugbay::plugin::events::Reaction,
                $crate::__private::Failure,
            > {
                let event = $crate::__private::event(event);
                $state
                    .with(|slot| $table.on_event(slot, &event))
                    .map($crate::__private::reaction)
                    .map_err($crate::__private::failure)
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
    // The mistake is reported where the list of kinds is made.
    ($other:ident $($rest:ident)*) => {};
}

/// An error as the contract has it.
pub fn failure(error: Error) -> Failure {
    let (code, message, details, status_code) = error.into_parts();
    Failure { code, message, details, status_code }
}

/// An event as this crate has it.
pub fn event(event: events::Event) -> Event {
    Event {
        id: event.id,
        name: event.name,
        pattern: event.pattern,
        data: event.data,
        source: event.source,
        timestamp_ms: event.timestamp_ms,
        correlation_id: event.correlation_id,
    }
}

/// A reaction as the contract has it.
pub fn reaction(reaction: Reaction) -> events::Reaction {
    let mut flags = events::Reaction::empty();
    flags.set(events::Reaction::STOP, reaction.stop);
    flags.set(events::Reaction::CANCEL, reaction.cancel);
    flags
}
