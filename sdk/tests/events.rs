//! Publishing, subscriptions at run time and their handlers, in a native build.
#![forbid(unsafe_code)]

use plugbay_sdk::events::{self, SubscriptionId};
use plugbay_sdk::native::{Instance, cancel_events, take_events, take_log};
use plugbay_sdk::prelude::*;

#[derive(Deserialize, Serialize, Schema)]
struct Order {
    id: u64,
}

#[derive(Default)]
struct Shop {
    heard: Vec<String>,
    audit: Option<SubscriptionId>,
}

#[plugin(
    publishes("order.*", "onContainerStart"),
    requires("stock", "erp" = ">=1.2"),
    permissions("events.order.*:publish,subscribe")
)]
impl Shop {
    #[on_load]
    fn load(&mut self) -> Result<()> {
        events::subscribe("order.*").priority(80).add()?;
        self.audit = Some(events::subscribe("audit.**").durable().add()?);
        events::subscribe("day.ended").once().add()?;
        Ok(())
    }

    #[on_event("order.placed", priority = 90)]
    fn placed(&mut self, order: Order) -> Result<()> {
        ensure!(order.id > 0, "no id");
        self.heard.push(format!("placed {}", order.id));
        Ok(())
    }

    #[on_event("order.*", dynamic)]
    fn of_code(&mut self, order: Order, event: &Event) {
        self.heard.push(format!("{} {}", event.subscription(), order.id));
        if order.id == 13 {
            event.stop();
            event.cancel("unlucky");
        }
    }

    #[on_event("order.placed", id = "stored", durable)]
    fn stored(&mut self) {
        self.heard.push("stored".to_owned());
    }

    #[on_event]
    fn other(&mut self, event: &Event) {
        self.heard.push(event.subscription().to_owned());
    }

    #[action]
    fn place(&self, order: Order) -> Result<Option<String>> {
        let checked = emit!("order.check", { "id": order.id })?;
        if checked.cancelled.is_none() {
            events::event("order.placed", &order).target("stock").publish()?;
        }
        Ok(checked.cancelled)
    }

    #[action]
    fn stop_audit(&mut self) -> bool {
        self.audit.take().is_some_and(|id| id.unsubscribe())
    }

    #[action]
    fn heard(&mut self) -> Vec<String> {
        std::mem::take(&mut self.heard)
    }

    #[action]
    fn subscriptions(&self) -> Result<Vec<String>> {
        Ok(events::subscriptions()?.iter().map(|known| format!("{} {}", known.id, known.priority)).collect())
    }
}

fn shop() -> Instance {
    let mut shop = native_instance();
    shop.load().expect("loaded");
    shop
}

#[test]
fn handlers_run_by_priority_and_durable_ones_last() {
    let mut shop = shop();
    let outcome = shop.emit("order.placed", Order { id: 7 });
    assert_eq!((outcome.handlers, outcome.failed, outcome.durable), (2, 0, 1));
    assert_eq!(shop.call("heard", ()).expect("texts"), json!(["placed 7", "#order.* 7", "stored"]));
}

#[test]
fn handler_stops_and_cancels_the_event() {
    let mut shop = shop();
    let outcome = shop.emit("order.placed", Order { id: 13 });
    assert_eq!((outcome.stopped, outcome.cancelled.as_deref()), (true, Some("unlucky")));
    assert_eq!(shop.call("heard", ()).expect("texts"), json!(["placed 13", "#order.* 13"]));
}

#[test]
fn handler_that_fails_is_counted_and_logged() {
    let mut shop = shop();
    let outcome = shop.emit("order.placed", Order { id: 0 });
    assert_eq!((outcome.handlers, outcome.failed), (2, 1));
    assert!(take_log().concat().contains("no id"));
}

#[test]
fn other_subscriptions_go_to_the_handler_without_a_topic() {
    let mut shop = shop();
    shop.emit("audit.login.failed", ());
    assert_eq!(shop.emit("day.ended", ()).handlers, 1);
    assert_eq!(shop.emit("day.ended", ()).handlers, 0, "it was for one event");
    assert_eq!(shop.call("heard", ()).expect("texts"), json!(["#audit.**", "#day.ended"]));
}

#[test]
fn subscription_ends_by_its_id() {
    let mut shop = shop();
    let subscribed = json!(["#order.* 80", "#audit.** 50", "#day.ended 50"]);
    assert_eq!(shop.call("subscriptions", ()).expect("texts"), subscribed);
    assert_eq!(shop.call("stop_audit", ()).expect("ended"), json!(true));
    assert_eq!(shop.emit("audit.login", ()).durable, 0);
    assert_eq!(shop.call("stop_audit", ()).expect("ended before"), json!(false));
}

#[test]
fn publisher_receives_the_reason_of_a_cancelled_event() {
    let mut shop = shop();
    assert_eq!(shop.call("place", Order { id: 7 }).expect("placed"), Value::Null);
    let topics: Vec<_> = take_events().into_iter().map(|(topic, _)| topic).collect();
    assert_eq!(topics, ["order.check", "order.placed"]);
    cancel_events("order.check", "sold out");
    assert_eq!(shop.call("place", Order { id: 7 }).expect("refused"), json!("sold out"));
    assert_eq!(take_events().len(), 1);
}

#[test]
fn manifest_has_topics_and_required_plugins_but_no_dynamic_subscription() {
    let declared = &native_instance().manifest()[1];
    let events = json!({
        "publishes": ["order.*", "container.start"],
        "subscribes": [
            { "topic": "order.placed", "priority": 90, "once": false },
            { "id": "stored", "topic": "order.placed", "priority": 50, "once": false, "durable": true },
        ],
    });
    assert_eq!(declared["events"], events);
    assert_eq!(declared["requires"], json!({ "stock": null, "erp": ">=1.2" }));
}
