//! Shared code of the guests: the bindings of the contract, and macros that implement it.
//!
//! The guests do not use the SDK, so that their tests exercise the host alone. Guests that test the SDK use it instead
//! of this crate.

/// Bindings for plugins that export actions and nothing else.
pub mod actions_only {
    wit_bindgen::generate!({
        inline: "
            package plugbay:guests;
            world actions-only {
                include plugbay:plugin/imports@0.2.0;
                include plugbay:plugin/action-provider@0.2.0;
            }
        ",
        path: "../../wit",
        pub_export_macro: true,
        default_bindings_module: "plugbay_guests::actions_only",
        generate_all,
    });
}

pub mod http;
pub mod sql;

use std::cell::Cell;

pub use actions_only::plugbay::plugin::types::Failure;
pub use actions_only::plugbay::plugin::{
    api, cache, config, data, events, exchange, invocation, log, metrics, plugins, processes, scheduler,
};
pub use serde_json::{Value, json};

thread_local! {
    static CALLS: Cell<u64> = const { Cell::new(0) };
}

/// Creates a failure without details.
pub fn failure(code: &str, message: impl Into<String>) -> Failure {
    Failure { code: code.to_owned(), message: message.into(), details: None, status_code: None }
}

/// Converts a failure of a host function to `{"error": {code: message}}`.
pub fn error(failure: Failure) -> Value {
    json!({ "error": { failure.code: failure.message } })
}

/// Converts a failure of a host function to JSON, with all of its fields.
pub fn whole_error(failure: Failure) -> Value {
    let details = failure.details.and_then(|details| serde_json::from_str::<Value>(&details).ok());
    json!({
        "code": failure.code, "text": failure.message, "details": details, "status": failure.status_code,
    })
}

/// Returns the failure for an action that the guest does not have.
pub fn unknown(action: &str) -> Result<Value, Failure> {
    Err(failure("unknown_action", format!("no action `{action}`")))
}

/// Runs an action. `ping` returns the number of pings that this instance has received, so that a test can distinguish a
/// fresh instance from an old one. The guest handles every other action.
pub fn dispatch(
    action: &str,
    payload: String,
    handle: impl FnOnce(&str, Value) -> Result<Value, Failure>,
) -> Result<String, Failure> {
    if action == "ping" {
        CALLS.set(CALLS.get() + 1);
        return Ok(CALLS.get().to_string());
    }
    let payload = serde_json::from_str(&payload).map_err(|error| failure("not_json", error.to_string()))?;
    handle(action, payload).map(|answer| answer.to_string())
}

/// Generates bindings for a plugin with all exports, in the calling crate: a crate can hold the export macros of one
/// world only.
#[macro_export]
macro_rules! bindings_of_everything {
    () => {
        wit_bindgen::generate!({
            world: "plugbay:plugin/plugin",
            path: "../../wit",
            with: {
                "plugbay:plugin/types@0.2.0": plugbay_guests::actions_only::plugbay::plugin::types,
                "plugbay:plugin/log@0.2.0": plugbay_guests::log,
                "plugbay:plugin/config@0.2.0": plugbay_guests::config,
                "plugbay:plugin/invocation@0.2.0": plugbay_guests::invocation,
                "plugbay:plugin/plugins@0.2.0": plugbay_guests::plugins,
                "plugbay:plugin/events@0.2.0": plugbay_guests::events,
            },
        });
    };
}

/// Implements a plugin with a function from an action and its payload to an answer.
#[macro_export]
macro_rules! actions {
    ($handle:expr) => {
        struct Guest;

        impl $crate::actions_only::exports::plugbay::plugin::actions::Guest for Guest {
            fn handle(action: String, payload: String) -> Result<String, $crate::Failure> {
                $crate::dispatch(&action, payload, $handle)
            }
        }

        $crate::actions_only::export!(Guest with_types_in $crate::actions_only);
    };
}

/// Implements a plugin with a function that runs when the action `attack` is called, with its payload.
#[macro_export]
macro_rules! attack {
    ($attack:expr) => {
        $crate::actions!(|action, payload| match action {
            "attack" => {
                let attack: fn($crate::Value) -> $crate::Value = $attack;
                Ok(attack(payload))
            }
            other => $crate::unknown(other),
        });
    };
}
