//! Subscribes when it loads. One subscription has a handler of its own; the other goes to the handler of all other
//! events.

use plugbay_sdk::events;
use plugbay_sdk::prelude::*;

#[derive(Default)]
struct Subscriber {
    seen: Vec<String>,
}

#[plugin]
impl Subscriber {
    #[on_load]
    fn load(&self) -> Result<()> {
        events::subscribe("order.*").priority(80).add()?;
        events::subscribe("container:*").add()?;
        Ok(())
    }

    #[on_event("order.*", dynamic)]
    fn order(&mut self, id: u64, event: &Event) {
        self.see(event);
        event.cancel(format!("{id} is sold out"));
    }

    #[on_event]
    fn other(&mut self, event: &Event) {
        self.see(event);
    }

    #[action]
    fn seen(&self) -> &[String] {
        &self.seen
    }

    #[action]
    fn end(&self, id: String) -> bool {
        events::unsubscribe(id)
    }

    #[action]
    fn trap(&self) {
        panic!("as asked");
    }

    fn see(&mut self, event: &Event) {
        self.seen.push(format!("{} {}", event.topic(), event.subscription()));
    }
}
