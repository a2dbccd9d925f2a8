//! Records the events that it receives, reacts as their names specify, and reports the health that its payload sets.

use std::cell::RefCell;

use plugbay_guests::{Failure, Value, failure, json};

thread_local! {
    static HEARD: RefCell<Vec<Value>> = const { RefCell::new(Vec::new()) };
    static HEALTH: RefCell<String> = const { RefCell::new(String::new()) };
}

plugbay_guests::bindings_of_everything!();

use exports::plugbay::plugin::{actions, events, health, lifecycle};

struct Guest;

impl events::Guest for Guest {
    fn on_event(event: events::Event) -> Result<events::Reaction, Failure> {
        let data: Value = serde_json::from_str(&event.data).map_err(|error| failure("not_json", error.to_string()))?;
        let mut reaction = events::Reaction::empty();
        if event.name.ends_with(".stop") {
            reaction |= events::Reaction::STOP;
        }
        if event.name.ends_with(".cancel") {
            reaction |= events::Reaction::CANCEL;
        }
        if event.name.ends_with(".fail") {
            return Err(failure("unwanted", "this event is not for me"));
        }
        if event.name.ends_with(".trap") {
            panic!("panics on this event");
        }
        HEARD.with_borrow_mut(|heard| {
            heard.push(json!({
                "id": event.id, "name": event.name, "pattern": event.pattern, "data": data, "source": event.source,
                "timestamp_ms": event.timestamp_ms, "correlation_id": event.correlation_id,
            }));
        });
        Ok(reaction)
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
            other => plugbay_guests::unknown(other),
        })
    }
}

impl lifecycle::Guest for Guest {
    fn on_load() -> Result<(), Failure> {
        Ok(())
    }

    fn save_state() -> Result<Option<Vec<u8>>, Failure> {
        Ok(None)
    }

    fn on_reload(_: Option<Vec<u8>>) -> Result<(), Failure> {
        Ok(())
    }

    fn on_unload() {}
}

export!(Guest);
