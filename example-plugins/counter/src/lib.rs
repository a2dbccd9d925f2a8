//! A counter: state that lives between calls, and that a newer revision of the plugin takes over.
//!
//! The state is a struct. Each instance has one, made before its first call; `save_state` and `on_reload` carry the
//! count from an older revision to a newer one, so that a reload loses nothing.

use plugbay_sdk::prelude::*;

/// What a newer revision has to know. It is JSON on the way, so a later version may add fields with a default.
#[derive(Serialize, Deserialize)]
struct Saved {
    count: u64,
    #[serde(default)]
    revisions: u32,
}

#[derive(Deserialize, Schema)]
struct Step {
    /// How far to count.
    #[serde(default = "one")]
    #[schema(min = 1, max = 1000)]
    by: u64,
}

fn one() -> u64 {
    1
}

#[derive(Serialize, Schema)]
struct Count {
    count: u64,
    /// How many revisions have counted.
    revisions: u32,
}

#[derive(Default)]
struct Counter {
    count: u64,
    revisions: u32,
}

#[plugin]
impl Counter {
    /// Counts on, by one or by more.
    #[action]
    fn increment(&mut self, step: Option<Step>) -> Result<Count> {
        let by = step.map_or(1, |step| step.by);
        let Some(count) = self.count.checked_add(by) else {
            bail!(code = "overflow", "{} and {by} is too much to count", self.count)
        };
        self.count = count;
        Ok(self.counted())
    }

    /// Tells how far it has counted.
    #[action(idempotent, name = "count")]
    fn counted(&self) -> Count {
        Count { count: self.count, revisions: self.revisions }
    }

    /// Begins again at zero.
    #[action(idempotent)]
    fn reset(&mut self) -> Count {
        self.count = 0;
        self.counted()
    }

    #[on_load]
    fn on_load(&mut self) {
        self.revisions = 1;
        log::info!("counting from zero");
    }

    #[save_state]
    fn save_state(&self) -> Saved {
        Saved { count: self.count, revisions: self.revisions }
    }

    #[on_reload]
    fn on_reload(&mut self, saved: Saved) {
        self.count = saved.count;
        self.revisions = saved.revisions + 1;
        log::info!("counting on", count = self.count, revisions = self.revisions);
    }

    #[on_unload]
    fn on_unload(&mut self) {
        log::info!("stopped counting", count = self.count);
    }
}
