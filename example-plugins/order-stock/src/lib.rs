//! The stock of a shop, which checks each order before all other plugins do: priority 100.
//!
//! It subscribes when it loads. If an item is sold out, it objects with a reason, which the emitter receives, and stops
//! the event, so that no plugin of lower priority handles an order that is refused.

use std::collections::BTreeMap;

use plugbay_sdk::events;
use plugbay_sdk::prelude::*;

#[derive(Deserialize, Schema)]
struct Order {
    order_id: u64,
    item: String,
}

struct Stock {
    items: BTreeMap<String, u32>,
}

impl Default for Stock {
    fn default() -> Self {
        Stock { items: BTreeMap::from([("pen".to_owned(), 1), ("book".to_owned(), 5)]) }
    }
}

#[plugin(permissions("events.order.placed:subscribe"))]
impl Stock {
    #[on_load]
    fn on_load(&self) -> Result<()> {
        events::subscribe("order.placed").priority(100).add()?;
        Ok(())
    }

    #[on_event("order.placed", dynamic)]
    fn on_order_placed(&mut self, order: Order, event: &Event) {
        match self.items.get_mut(&order.item) {
            Some(left) if *left > 0 => *left -= 1,
            _ => {
                log::warn!("sold out", order_id = order.order_id, item = order.item);
                event.cancel(format!("{} is sold out", order.item));
                event.stop();
            }
        }
    }

    /// Returns how many of an item are left.
    #[action(idempotent)]
    fn left(&self, item: String) -> u32 {
        self.items.get(&item).copied().unwrap_or(0)
    }
}
