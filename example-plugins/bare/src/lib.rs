//! A plugin without the SDK: bindings that `wit-bindgen` generates from the contract, and one function.
//!
//! The host requires nothing more. The component exports `plugbay:plugin/actions` and imports only the types of the
//! contract; the manifest is the `plugin.yaml` next to it. Payloads and results are JSON text, for which this plugin
//! needs no JSON library.

mod bindings {
    //! The code that `wit-bindgen` generates.
    #![allow(
        missing_docs,
        unreachable_pub,
        unsafe_code,
        reason = "generated: calls across the sandbox boundary are unsafe"
    )]

    wit_bindgen::generate!({ path: "../../wit", world: "action-provider" });

    #[cfg(target_family = "wasm")]
    export!(Bare with_types_in self);

    #[cfg(target_family = "wasm")]
    use super::Bare;
}

use bindings::exports::plugbay::plugin::actions::Guest;
use bindings::plugbay::plugin::types::Failure;

/// The plugin, whose actions need no state.
#[derive(Debug)]
pub struct Bare;

impl Guest for Bare {
    fn handle(action: String, payload: String) -> Result<String, Failure> {
        match action.as_str() {
            "ping" => Ok(r#"{"status":"ok","message":"pong"}"#.to_owned()),
            "echo" => Ok(payload),
            "length" => Ok(payload.len().to_string()),
            other => Err(Failure {
                code: "unknown_action".to_owned(),
                message: format!("the plugin has no action `{other}`; its actions are: ping, echo, length"),
                details: None,
                status_code: Some(404),
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Bare, Guest as _};

    fn handle(action: &str, payload: &str) -> Result<String, String> {
        Bare::handle(action.to_owned(), payload.to_owned()).map_err(|failure| failure.code)
    }

    #[test]
    fn known_actions_return_json() {
        assert_eq!(handle("ping", "null").as_deref(), Ok(r#"{"status":"ok","message":"pong"}"#));
        assert_eq!(handle("echo", "[1, 2]").as_deref(), Ok("[1, 2]"));
        assert_eq!(handle("length", "\"ü\"").as_deref(), Ok("4"));
    }

    #[test]
    fn unknown_action_is_an_error() {
        assert_eq!(handle("pong", "null"), Err("unknown_action".to_owned()));
    }
}
