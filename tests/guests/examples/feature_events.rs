//! Records the events that it receives, reacts as their names specify, and reports the health that its payload sets.
//! When it starts, it subscribes (to one event each if `once` is set, durably if `durable` is) and ends subscriptions
//! as its configuration says, and fails if that says `fails`. If `recorder` is set, it passes the data of each event on
//! to the plugin of this name.

use std::cell::RefCell;

use plugbay_guests::{Failure, Value, config, events, failure, json, plugins};

thread_local! {
    static HEARD: RefCell<Vec<Value>> = const { RefCell::new(Vec::new()) };
    static HEALTH: RefCell<String> = const { RefCell::new(String::new()) };
}

plugbay_guests::bindings_of_everything!();

use exports::plugbay::plugin::{actions, event_handler, health, lifecycle};

struct Guest;

/// The topic, the pattern or the id of a subscription in a payload.
fn topic(payload: &Value) -> &str {
    payload["topic"].as_str().unwrap_or_default()
}

fn options(payload: &Value) -> Option<String> {
    payload.get("options").map(Value::to_string)
}

fn answer(answer: Result<String, Failure>) -> Result<Value, Failure> {
    answer.map(Value::from)
}

fn setting(key: &str) -> Value {
    let json = config::get(key).ok().flatten();
    json.and_then(|json| serde_json::from_str::<Value>(&json).ok()).unwrap_or_default()
}

fn start() -> Result<(), Failure> {
    let texts = |key: &str| setting(key).as_array().cloned().unwrap_or_default();
    let (once, durable) = (setting("once") == true, setting("durable") == true);
    let options = json!({ "priority": 1, "once": once, "durable": durable }).to_string();
    for topic in texts("subscribes") {
        events::subscribe(topic.as_str().unwrap_or_default(), Some(&options))?;
    }
    for id in texts("unsubscribes") {
        events::unsubscribe(id.as_str().unwrap_or_default());
    }
    if setting("fails") == true { Err(failure("unwilling", "it does not start")) } else { Ok(()) }
}

/// Publishes `count` events with data of `bytes` bytes. Returns how many were accepted, and the code of the first
/// failure.
fn publish_many(payload: &Value) -> Value {
    let number = |key: &str| payload[key].as_u64().unwrap_or_default();
    let data = Value::from("x".repeat(number("bytes") as usize)).to_string();
    for accepted in 0..number("count") {
        if let Err(error) = events::publish(topic(payload), &data, None) {
            return json!([accepted, error.code]);
        }
    }
    json!([number("count"), null])
}

impl event_handler::Guest for Guest {
    fn on_event(event: &events::Event) -> Result<(), Failure> {
        let data: Value =
            serde_json::from_str(&event.data()).map_err(|error| failure("not_json", error.to_string()))?;
        let topic = event.topic();
        if topic.ends_with(".stop") {
            event.stop();
        }
        if topic.ends_with(".cancel") {
            event.cancel(data["reason"].as_str().unwrap_or("not now"));
            event.cancel("a second reason");
        }
        if topic.ends_with(".fail") {
            return Err(failure("unwanted", "this event is not for me"));
        }
        if topic.ends_with(".storm") {
            // Publishes what it receives, twice.
            for _ in 0..2 {
                events::publish(&topic, &event.data(), None)?;
            }
        }
        if topic.ends_with(".trap") {
            panic!("panics on this event");
        }
        if setting("recorder") == true {
            plugins::call("recorder", "record", &event.data())?;
        }
        HEARD.with_borrow_mut(|heard| {
            heard.push(json!({
                "id": event.id(), "topic": topic, "subscription": event.subscription(), "data": data,
                "source": event.source(), "timestamp_ms": event.timestamp_ms(),
                "correlation_id": event.correlation_id(), "attempt": event.attempt(),
            }));
        });
        Ok(())
    }
}

impl health::Guest for Guest {
    fn check() -> Result<String, Failure> {
        let health = HEALTH.with_borrow(String::clone);
        match health.as_str() {
            "" => Ok(r#"{"healthy": true}"#.to_owned()),
            "failing" => Err(failure("database_gone", "the database does not answer")),
            "trapping" => panic!("the health check panics"),
            report => Ok(report.to_owned()),
        }
    }
}

impl actions::Guest for Guest {
    fn handle(action: String, payload: String) -> Result<String, Failure> {
        plugbay_guests::dispatch(&action, payload, |action, payload| match action {
            "heard" => Ok(HEARD.with_borrow(|heard| json!(heard))),
            "be" => {
                HEALTH.set(payload.as_str().unwrap_or_default().to_owned());
                Ok(Value::Null)
            }
            "publish" => {
                answer(events::publish(topic(&payload), &payload["data"].to_string(), options(&payload).as_deref()))
            }
            "emit" => {
                let outcome = events::emit(topic(&payload), &payload["data"].to_string(), options(&payload).as_deref());
                outcome.map(|json| serde_json::from_str(&json).unwrap_or_default())
            }
            "publish_many" => Ok(publish_many(&payload)),
            "trap" => panic!("the action `trap` traps"),
            "subscribe" => answer(events::subscribe(topic(&payload), options(&payload).as_deref())),
            "unsubscribe" => Ok(json!(events::unsubscribe(topic(&payload)))),
            "subscriptions" => Ok(serde_json::from_str(&events::subscriptions()).unwrap_or_default()),
            other => plugbay_guests::unknown(other),
        })
    }
}

impl lifecycle::Guest for Guest {
    fn on_load() -> Result<(), Failure> {
        start()
    }

    fn save_state() -> Result<Option<lifecycle::State>, Failure> {
        Ok(None)
    }

    fn on_reload(_: String, _: Option<lifecycle::State>) -> Result<(), Failure> {
        start()
    }

    fn on_unload() {}
}

export!(Guest);
