//! Mail to users: confirmations of orders, after all checks (priority 10), and a welcome to new users.

use plugbay_sdk::prelude::*;

#[derive(Deserialize, Schema)]
struct Order {
    order_id: u64,
    user_id: String,
}

#[derive(Deserialize, Schema)]
struct NewUser {
    email: String,
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

    #[on_event("user.created")]
    fn on_user_created(&self, user: NewUser) {
        log::info!("new user created", email = user.email);
    }

    /// Returns the numbers of all confirmed orders.
    #[action(idempotent)]
    fn confirmed(&self) -> &[u64] {
        &self.confirmed
    }
}
