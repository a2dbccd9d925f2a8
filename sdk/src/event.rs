//! Events that reach a plugin.

use serde::Deserialize;

use crate::error::Result;
use crate::payload;

/// An event. The host sets every field but the name and the data, so a plugin cannot forge them.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// Unique among all events of this host.
    pub id: String,
    /// The topic: words with dots between them, such as `order.placed`.
    pub name: String,
    /// The pattern of the subscription that this delivery is for.
    pub pattern: String,
    /// The emitter's data, as JSON.
    pub data: String,
    /// The emitter: a plugin's name, or `host`.
    pub source: String,
    /// Milliseconds since the Unix epoch.
    pub timestamp_ms: u64,
    /// The id that related events share.
    pub correlation_id: Option<String>,
}

impl Event {
    /// The emitter's data, as a Rust value.
    ///
    /// # Errors
    /// `validation_error` if it is not a `T`.
    pub fn data<'de, T: Deserialize<'de>>(&'de self) -> Result<T> {
        payload::parse(&self.data)
    }
}

/// A handler's decision about an event: whether other handlers run, and whether the emitter learns of an objection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reaction {
    /// Handlers of lower priority do not run.
    pub stop: bool,
    /// The emitter learns that a handler objected.
    pub cancel: bool,
}

impl Reaction {
    /// Other handlers run too.
    pub const GO_ON: Reaction = Reaction { stop: false, cancel: false };
    /// Handlers of lower priority do not run.
    pub const STOP: Reaction = Reaction { stop: true, cancel: false };
    /// The emitter learns that this plugin objects; other handlers run too.
    pub const CANCEL: Reaction = Reaction { stop: false, cancel: true };
    /// The emitter learns that this plugin objects, and handlers of lower priority do not run.
    pub const STOP_AND_CANCEL: Reaction = Reaction { stop: true, cancel: true };
}
