//! Orders that other plugins check: `create_order` emits `order.placed` and waits for the handlers of all plugins.
//!
//! Any of them may object, and the order is refused with its reason. The example plugins `order-stock` and `order-mail`
//! subscribe to the event; this one does not know them.

use plugbay_sdk::events;
use plugbay_sdk::prelude::*;

#[derive(Deserialize, Serialize, Schema)]
struct NewOrder {
    user_id: String,
    item: String,
    #[schema(min = 0)]
    amount: f64,
}

/// An order as the handlers of `order.placed` receive it.
#[derive(Serialize, Schema)]
struct Order {
    order_id: u64,
    #[serde(flatten)]
    order: NewOrder,
}

#[derive(Default)]
struct Shop {
    orders: u64,
}

#[plugin(publishes("order.*"), permissions("events.order.*:publish"))]
impl Shop {
    /// Places an order and returns its number.
    #[action]
    fn create_order(&mut self, order: NewOrder) -> Result<u64> {
        let order_id = self.orders + 1;
        let placed = events::emit("order.placed", &Order { order_id, order })?;
        if let Some(reason) = placed.cancelled {
            emit!("order.refused", { "order_id": order_id, "reason": reason })?;
            bail!(code = "refused", "order {order_id} is refused: {reason}");
        }
        self.orders = order_id;
        log::info!("accepted", order_id = order_id, handlers = placed.handlers);
        // Nothing depends on the handlers of this one, so it is queued.
        events::publish("order.accepted", &order_id)?;
        Ok(order_id)
    }
}
