//! Confirmations of orders, after all checks: priority 10.

use plugbay_sdk::prelude::*;

#[derive(Deserialize, Schema)]
struct Order {
    order_id: u64,
    user_id: String,
}

#[derive(Default)]
struct Mail {
    confirmed: Vec<u64>,
}

#[plugin]
impl Mail {
    #[on_event("order.placed", priority = 10)]
    fn on_order_placed(&mut self, order: Order) {
        log::info!("order confirmed", order_id = order.order_id, to = order.user_id);
        self.confirmed.push(order.order_id);
    }

    /// Returns the numbers of all confirmed orders.
    #[action(idempotent)]
    fn confirmed(&self) -> &[u64] {
        &self.confirmed
    }
}
