//! For each event that it receives, calls an action of another plugin: `recorder` and `record`, unless the event's data
//! name others as `plugin` and `action`. The payload is that of the data, or describes the event.

use plugbay_sdk::prelude::*;
use plugbay_sdk::{Value, json, plugins};

#[derive(Default)]
struct Caller {
    pings: u64,
}

#[plugin]
impl Caller {
    #[on_event("call.*")]
    fn hear(&mut self, event: &Event) -> Result<()> {
        let data: Value = event.data()?;
        let text = |member: &str, default: &str| data[member].as_str().unwrap_or(default).to_owned();
        let description = json!({ "id": event.id(), "attempt": event.attempt(), "data": data });
        let payload = data.get("payload").cloned().unwrap_or(description);
        plugins::call::<Value>(&text("plugin", "recorder"), &text("action", "record"), &payload)?;
        Ok(())
    }

    #[action]
    fn ping(&mut self) -> u64 {
        self.pings += 1;
        self.pings
    }
}
