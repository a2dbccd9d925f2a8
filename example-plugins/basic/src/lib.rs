//! The basic plugin: `ping` answers, `echo` sends back, and every other action is an error.
//!
//! `plugbay run . ping` prints `{"status":"ok","message":"pong"}`. An action that is not here, say `pong`, is the error
//! `unknown_action`: nothing in this file does that.

#![forbid(unsafe_code)]

use plugbay_sdk::prelude::*;

#[derive(Default)]
struct Basic;

#[plugin]
impl Basic {
    /// Says that the plugin is there.
    #[action(idempotent)]
    fn ping(&self) -> Reply {
        ok!({ "message": "pong" })
    }

    /// Sends back whatever it is sent.
    #[action(idempotent)]
    fn echo(&self, anything: Value) -> Reply {
        ok!({ "received": anything })
    }

    #[on_load]
    fn on_load(&mut self) {
        log::info!("loaded");
    }

    #[on_unload]
    fn on_unload(&mut self) {
        log::info!("unloaded");
    }
}
