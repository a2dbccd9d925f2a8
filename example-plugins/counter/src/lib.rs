//! A counter: state that persists between calls, and that a newer revision of the plugin takes over.
//!
//! The state is a struct. Each instance creates one before its first call. `save_state` and `on_reload` pass the count
//! from an older revision to a newer one, so that a reload does not lose it.

use plugbay_sdk::prelude::*;

/// The state for a newer revision. It is passed as JSON, so a later version may add fields with a default.
#[derive(Serialize, Deserialize)]
struct Saved {
    count: u64,
    #[serde(default)]
    revisions: u32,
}

#[derive(Deserialize, Schema)]
struct Step {
    /// The step to add.
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
    /// The number of revisions that have counted.
    revisions: u32,
}

#[derive(Default)]
struct Counter {
    count: u64,
    revisions: u32,
}

#[plugin]
impl Counter {
    /// Adds one or a given step to the count.
    #[action]
    fn increment(&mut self, step: Option<Step>) -> Result<Count> {
        let by = step.map_or(1, |step| step.by);
        let Some(count) = self.count.checked_add(by) else {
            bail!(code = "overflow", "{} + {by} exceeds 64 bits", self.count)
        };
        self.count = count;
        Ok(self.counted())
    }

    /// Returns the count.
    #[action(idempotent, name = "count")]
    fn counted(&self) -> Count {
        Count { count: self.count, revisions: self.revisions }
    }

    /// Resets the count to zero.
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
