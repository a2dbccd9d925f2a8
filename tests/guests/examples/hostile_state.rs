//! Saves a state of the size in its configuration, which a reload would have to hand over.

use plugbay_guests::{Failure, config};

plugbay_guests::bindings_of_everything!();

use exports::plugbay::plugin::{actions, event_handler, health, lifecycle};

struct Guest;

impl lifecycle::Guest for Guest {
    fn on_load() -> Result<(), Failure> {
        Ok(())
    }

    fn save_state() -> Result<Option<lifecycle::State>, Failure> {
        let bytes = config::get("bytes").ok().flatten().and_then(|bytes| bytes.parse().ok()).unwrap_or(0);
        Ok(Some(lifecycle::State { format: 1, bytes: vec![1; bytes] }))
    }

    fn on_reload(_: String, _: Option<lifecycle::State>) -> Result<(), Failure> {
        Ok(())
    }

    fn on_unload() {}
}

impl actions::Guest for Guest {
    fn handle(action: String, payload: String) -> Result<String, Failure> {
        plugbay_guests::dispatch(&action, payload, |action, _| plugbay_guests::unknown(action))
    }
}

impl event_handler::Guest for Guest {
    fn on_event(_: &plugbay_guests::events::Event) -> Result<(), Failure> {
        Ok(())
    }
}

impl health::Guest for Guest {
    fn check() -> Result<String, Failure> {
        Ok("not a report".to_owned())
    }
}

export!(Guest);
