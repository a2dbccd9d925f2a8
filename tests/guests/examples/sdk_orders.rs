//! A plugin written with the SDK's attributes: typed actions, hooks, events, health, log, configuration, panics.

use plugbay_sdk::config;
use plugbay_sdk::prelude::*;

/// What is ordered.
#[derive(Serialize, Deserialize, Schema)]
struct Order {
    /// How many.
    #[schema(min = 1, max = 100)]
    count: u32,
    item: String,
    #[serde(default)]
    express: bool,
}

#[derive(Default)]
struct Orders {
    placed: Vec<Order>,
    heard: Vec<String>,
}

#[plugin(permissions("data.orders:read"))]
impl Orders {
    #[on_load]
    fn load(&mut self) -> Result<()> {
        if config::get::<bool>("closed")?.unwrap_or(false) {
            bail!(code = "closed", "the shop is closed");
        }
        log::info!("open for {} orders", 100, shop = "tea");
        Ok(())
    }

    /// Places an order.
    #[action]
    fn place(&mut self, order: Order) -> Result<usize> {
        ensure!(order.item != "coffee", code = "out_of_stock", "no {} left", order.item);
        log::debug!("placed", item = %order.item, count = order.count);
        self.placed.push(order);
        Ok(self.placed.len())
    }

    /// Lists all orders.
    #[get("/orders")]
    #[action(idempotent)]
    fn list(&self) -> &[Order] {
        &self.placed
    }

    #[action]
    fn divide(&mut self, numbers: (i64, i64)) -> i64 {
        // Panics if the divisor is zero.
        numbers.0 / numbers.1
    }

    #[action]
    fn parse(&mut self, text: String) -> Result<u8> {
        Ok(text.parse()?)
    }

    #[action]
    fn refuse(&mut self) -> Result<()> {
        Err(error("not like this").with_code("teapot").with_status(418).with_details(json!({ "short": true })))
    }

    #[action]
    fn about(&self, call: &Invocation) -> Value {
        json!({ "caller": call.caller(), "has_deadline": call.time_left().is_some() })
    }

    #[action(name = "remember-me")]
    fn renamed(&mut self) -> bool {
        true
    }

    #[on_event("order.*", priority = 80)]
    fn hear(&mut self, event: &Event, order: Order) {
        self.heard.push(format!("{} {}", event.topic(), order.item));
    }

    #[on_event("onContainerStart")]
    fn container_started(&mut self, event: &Event) {
        self.heard.push(event.topic().to_owned());
    }

    #[action]
    fn heard(&self) -> &[String] {
        &self.heard
    }

    #[save_state]
    fn save(&self) -> &[Order] {
        &self.placed
    }

    #[on_reload]
    fn take_over(&mut self, placed: Vec<Order>) {
        self.placed = placed;
    }

    #[health]
    fn health(&self) -> bool {
        self.placed.len() < 100
    }
}
