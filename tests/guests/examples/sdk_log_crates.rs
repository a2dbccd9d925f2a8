//! A plugin whose libraries log through the `log` and `tracing` crates.

use plugbay_sdk::prelude::*;

#[derive(Default)]
struct Forwarded;

#[plugin]
impl Forwarded {
    #[action]
    fn speak(&mut self) {
        log_crate::warn!(target: "old", "{} left", 2);
        let order = tracing::info_span!("order", id = 7);
        order.in_scope(|| tracing::error!(target: "new", who = "Ada", "sold out"));
        tracing::trace!(target: "new", "after");
    }
}
