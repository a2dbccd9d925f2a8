//! Hears events and reports its health, without lifecycle hooks. It cancels every event, so that a test sees whether it
//! was handled. The event `listen.forever` is not handled before any deadline.

use plugbay_sdk::events;
use plugbay_sdk::prelude::*;

#[derive(Default)]
struct Listener;

#[plugin]
impl Listener {
    #[on_event("listen.*")]
    fn hear(&mut self, event: &Event) {
        if event.topic() == "listen.forever" {
            std::thread::sleep(std::time::Duration::from_secs(3600));
        }
        event.cancel("heard");
    }

    #[health]
    fn health(&self) -> bool {
        true
    }

    /// Emits an event below the plugin's own name, and returns what became of it.
    #[action]
    fn announce(&self, text: String) -> Result<events::Emitted> {
        events::publish("sdk_listener.queued", &text)?;
        events::emit("sdk_listener.announced", &text)
    }

    #[action]
    fn answer(&self) -> u32 {
        42
    }
}
