//! The basic plugin: `ping` returns pong, `echo` returns its payload, and every other action is an error.
//!
//! `plugbay run . ping` prints `{"status":"ok","message":"pong"}`. An unknown action, such as `pong`, is the error
//! `unknown_action`, without any code for it in this file.

#![forbid(unsafe_code)]

use plugbay_sdk::prelude::*;

#[derive(Default)]
struct Basic;

#[plugin]
impl Basic {
    /// Returns "pong".
    #[action(idempotent)]
    fn ping(&self) -> Reply {
        ok!({ "message": "pong" })
    }

    /// Returns its payload.
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
