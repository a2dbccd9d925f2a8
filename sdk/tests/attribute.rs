//! `#[plugin]` with every kind of method, called as by the host.
#![forbid(unsafe_code)]

use std::borrow::Cow;

use plugbay_sdk::config;
use plugbay_sdk::log;
use plugbay_sdk::native::{Instance, set_config, take_log};
use plugbay_sdk::prelude::*;

#[derive(Deserialize, Serialize, Schema, Clone, Debug, PartialEq)]
struct Item {
    name: String,
    #[schema(min = 1)]
    count: u32,
}

struct NotDescribed;

impl Serialize for NotDescribed {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> core::result::Result<S::Ok, S::Error> {
        serializer.serialize_str("no schema")
    }
}

#[derive(Deserialize, Schema)]
struct Lent<'a> {
    #[serde(borrow)]
    text: Cow<'a, str>,
}

struct Shop {
    items: Vec<Item>,
    heard: Vec<String>,
}

#[plugin(new = Shop::opened)]
impl Shop {
    const LIMIT: usize = 3;

    fn opened() -> Self {
        Shop { items: Vec::new(), heard: vec!["opened".to_owned()] }
    }

    /// Adds an item.
    ///
    /// Refuses items over the limit.
    #[post("/items", after = ["check"])]
    fn add(&mut self, item: Item) -> Result<usize> {
        ensure!(self.items.len() < Self::LIMIT, code = "full", "the shop has no space for {}", item.name);
        self.items.push(item);
        Ok(self.items.len())
    }

    #[action(idempotent, title = "List items", read_only, open_world = false)]
    #[get("/items")]
    #[get("/all")]
    fn list(&self) -> &[Item] {
        &self.items
    }

    #[action(name = "check")]
    fn is_fine(item: Item, call: &Invocation) -> Result<Item, std::fmt::Error> {
        match call.caller().as_str() {
            "host" if item.name != "bad" => Ok(item),
            _ => Err(std::fmt::Error),
        }
    }

    #[action]
    fn who(&mut self, call: &Invocation) -> String {
        format!("{} {} {:?}", call.caller(), call.request_id(), call.time_left())
    }

    #[action]
    fn clear(&mut self) {
        self.items.clear();
    }

    #[action]
    fn undescribed(&self) -> Result<NotDescribed> {
        Ok(NotDescribed)
    }

    #[action]
    fn unnamed(&self) -> impl Serialize {
        self.heard.join(" ")
    }

    #[action]
    fn length(&self, lent: Lent<'_>) -> usize {
        lent.text.len()
    }

    #[action]
    fn r#type(&self, anything: Value) -> Value {
        anything
    }

    #[cfg(not(test))]
    #[action]
    fn not_here(&self) {}

    #[on_load]
    fn start(&mut self) -> Result<bool> {
        let open: Option<bool> = config::get("open")?;
        log::info!("starting", open = open);
        Ok(open.unwrap_or(true))
    }

    #[save_state]
    fn save(&self) -> Vec<Item> {
        self.items.clone()
    }

    #[on_reload]
    fn resume(&mut self, items: Option<Vec<Item>>) {
        self.items = items.unwrap_or_default();
    }

    #[on_unload]
    fn stop(&mut self) -> Result<()> {
        self.heard.push("closed".to_owned());
        ensure!(self.items.is_empty(), "{} left", self.items.len());
        Ok(())
    }

    #[on_event("order.*", priority = -5, once)]
    fn order(&mut self, item: Item, event: &Event) -> Result<()> {
        self.heard.push(format!("{} {}", event.topic(), item.name));
        event.stop();
        event.cancel("no");
        Ok(())
    }

    #[on_event("day.ended")]
    fn evening(&mut self) {
        self.heard.push("evening".to_owned());
    }

    #[health]
    fn health(&self) -> Health {
        let health = if self.items.is_empty() { Health::unhealthy("sold out") } else { Health::healthy() };
        health.with_metric("items", self.items.len() as f64).with_component("shelf", "full")
    }

    fn not_marked(&self) -> usize {
        self.heard.len()
    }
}

fn shop() -> Instance {
    native_instance()
}

fn event(topic: &str, subscription: &str, data: Value) -> Event<'static> {
    Event::new(topic, data).for_subscription(subscription)
}

#[test]
fn state_lives_between_calls() {
    let mut shop = shop();
    let item = json!({ "name": "pen", "count": 1 });
    assert_eq!(shop.call("add", &item).expect("added"), json!(1));
    assert_eq!(shop.call("add", &item).expect("added"), json!(2));
    assert_eq!(shop.call("list", ()).expect("a list"), json!([item, item]));
    assert_eq!(shop.call("clear", ()).expect("nothing"), Value::Null);
    assert_eq!(shop.call("list", ()).expect("a list"), json!([]));
}

#[test]
fn two_instances_have_two_states() {
    let (mut left, mut right) = (shop(), shop());
    left.call("add", json!({ "name": "pen", "count": 1 })).expect("added");
    assert_eq!(right.call("list", ()).expect("a list"), json!([]));
}

#[test]
fn error_of_an_action_keeps_its_code() {
    let mut shop = shop();
    let item = json!({ "name": "pen", "count": 1 });
    for _ in 0..3 {
        shop.call("add", &item).expect("added");
    }
    assert_eq!(shop.call("add", &item).expect_err("full").to_string(), "full: the shop has no space for pen");
}

#[test]
fn error_of_another_type_becomes_internal_error() {
    let failure = shop().call("check", json!({ "name": "bad", "count": 1 })).expect_err("bad");
    assert_eq!(failure.code(), "internal_error");
}

#[test]
fn unknown_action_names_the_known_ones() {
    let failure = shop().call("lst", ()).expect_err("a typo");
    assert_eq!((failure.code(), failure.status()), ("unknown_action", Some(404)));
    let known = "add, list, check, who, clear, undescribed, unnamed, length, type";
    assert_eq!(failure.message(), format!("the plugin has no action `lst`; its actions are: {known}"));
}

#[test]
fn payload_that_does_not_fit_is_a_validation_error() {
    let failure = shop().call("add", json!({ "name": "pen", "count": "1" })).expect_err("a text");
    assert_eq!(failure.code(), "validation_error");
    assert!(failure.message().starts_with("the payload does not fit at /count: invalid type"), "{failure}");
}

#[test]
fn results_of_all_kinds_are_json() {
    let mut shop = shop();
    assert_eq!(shop.call("who", ()).expect("who"), json!("host native None"));
    assert_eq!(shop.call("undescribed", ()).expect("text"), json!("no schema"));
    assert_eq!(shop.call("unnamed", ()).expect("text"), json!("opened"));
    assert_eq!(shop.call("length", json!({ "text": "abc" })).expect("3"), json!(3));
    assert_eq!(shop.call("length", json!({ "text": "a\n" })).expect("text with an escape is copied"), json!(2));
    assert_eq!(shop.call("type", json!([1])).expect("the same"), json!([1]));
    assert_eq!(Shop::opened().not_marked(), 1);
}

#[test]
fn on_load_that_returns_false_fails_the_load() {
    set_config("open", false);
    let failure = shop().load().expect_err("closed");
    assert_eq!(failure.code(), "load_refused");
    assert_eq!(take_log(), ["INFO starting open=false"]);
    set_config("open", true);
    shop().load().expect("open");
}

#[test]
fn state_is_passed_from_one_revision_to_the_next() {
    let (mut old, mut new, mut fresh) = (shop(), shop(), shop());
    old.call("add", json!({ "name": "pen", "count": 1 })).expect("added");
    let state = old.save_state().expect("saved");
    new.reload(state).expect("taken over");
    assert_eq!(new.call("list", ()).expect("a list"), json!([{ "name": "pen", "count": 1 }]));
    fresh.reload(None).expect("nothing to take over");
    let failure = fresh.reload(Some(b"{}".to_vec().into())).expect_err("no list");
    assert_eq!(failure.code(), "state_mismatch");
}

#[test]
fn on_unload_that_fails_is_logged_and_drops_the_state() {
    let mut shop = shop();
    shop.call("add", json!({ "name": "pen", "count": 1 })).expect("added");
    shop.unload();
    assert_eq!(take_log(), ["ERROR on_unload failed: internal_error: 1 left"]);
    assert_eq!(shop.call("list", ()).expect("a new state"), json!([]));
}

#[test]
fn event_goes_to_the_handler_of_its_pattern() {
    let mut shop = shop();
    let order = event("order.placed", "order.*", json!({ "name": "pen", "count": 1 }));
    shop.event(&order).expect("heard");
    assert_eq!((order.is_stopped(), order.cancelled().as_deref()), (true, Some("no")));
    let evening = event("day.ended", "day.ended", Value::Null);
    shop.event(&evening).expect("heard");
    assert_eq!((evening.is_stopped(), evening.cancelled()), (false, None));
    assert_eq!(shop.call("unnamed", ()).expect("text"), json!("opened order.placed pen evening"));
    let wrong = event("order.placed", "order.*", json!({}));
    assert_eq!(shop.event(&wrong).expect_err("no item").code(), "validation_error");
    let unknown = event("order.placed", "*", json!({}));
    assert_eq!(shop.event(&unknown).expect_err("no handler").code(), "unknown_subscription");
}

#[test]
fn health_check_returns_the_plugins_health() {
    let expected = json!({
        "healthy": false, "message": "sold out", "components": { "shelf": "full" }, "metrics": { "items": 0.0 },
    });
    assert_eq!(shop().health().expect("a check"), expected);
}

#[test]
fn manifest_has_metadata_and_all_declarations() {
    let layers = shop().manifest();
    assert_eq!(layers.len(), 2);
    assert_eq!((&layers[0]["name"], &layers[0]["version"]), (&json!("plugbay-sdk"), &json!(env!("CARGO_PKG_VERSION"))));

    let declared = &layers[1];
    let names: Vec<_> = declared["actions"].as_array().expect("a list").iter().map(|it| it["name"].clone()).collect();
    assert_eq!(names, ["add", "list", "check", "who", "clear", "undescribed", "unnamed", "length", "type"]);
    let item = json!({
        "type": "object",
        "properties": {
            "name": { "type": "string" },
            "count": { "type": "integer", "minimum": 1, "maximum": u32::MAX },
        },
        "required": ["name", "count"],
    });
    let add = json!({
        "name": "add",
        "description": "Adds an item.\n\nRefuses items over the limit.",
        "payload": item,
        "result": { "type": "integer", "minimum": 0, "maximum": usize::MAX },
    });
    assert_eq!(declared["actions"][0], add);
    let list = json!({
        "name": "list", "title": "List items", "result": { "type": "array", "items": item }, "idempotent": true,
        "read_only": true, "open_world": false,
    });
    assert_eq!(declared["actions"][1], list);
    assert_eq!(declared["actions"][5], json!({ "name": "undescribed" }));
    assert_eq!(declared["actions"][6], json!({ "name": "unnamed" }));

    let description = "Adds an item.\n\nRefuses items over the limit.";
    let routes = json!([
        { "method": "POST", "path": "/items", "actions": ["check", "add"], "description": description },
        { "method": "GET", "path": "/items", "actions": ["list"] },
        { "method": "GET", "path": "/all", "actions": ["list"] },
    ]);
    assert_eq!(declared["routes"], routes);
    let subscribes = json!([
        { "topic": "order.*", "priority": -5, "once": true },
        { "topic": "day.ended", "priority": 50, "once": false },
    ]);
    assert_eq!(declared["events"], json!({ "subscribes": subscribes }));
}
