//! Events that reach a plugin.

use serde::Deserialize;

use crate::error::Result;
use crate::payload;

/// Something that happened. The host fills in everything but the name and the data: a plugin cannot forge them.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// Unique among all events of this host.
    pub id: String,
    /// The topic: words with dots between them, such as `order.placed`.
    pub name: String,
    /// The pattern of the subscription that this delivery is for.
    pub pattern: String,
    /// What the emitter said about it, as JSON.
    pub data: String,
    /// Who emitted it: a plugin's name, or `host`.
    pub source: String,
    /// Milliseconds since the Unix epoch.
    pub timestamp_ms: u64,
    /// The id that events of one story share.
    pub correlation_id: Option<String>,
}

impl Event {
    /// What the emitter said about it, as a Rust value.
    ///
    /// # Errors
    /// `validation_error` where it is not a `T`.
    pub fn data<'de, T: Deserialize<'de>>(&'de self) -> Result<T> {
        payload::parse(&self.data)
    }
}

/// What becomes of an event after a handler.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reaction {
    /// Handlers of lower priority do not hear it.
    pub stop: bool,
    /// The emitter is told that somebody objected.
    pub cancel: bool,
}

impl Reaction {
    /// Others hear it too.
    pub const GO_ON: Reaction = Reaction { stop: false, cancel: false };
    /// Handlers of lower priority do not hear it.
    pub const STOP: Reaction = Reaction { stop: true, cancel: false };
    /// The emitter is told that this plugin objects; others hear it too.
    pub const CANCEL: Reaction = Reaction { stop: false, cancel: true };
    /// The emitter is told that this plugin objects, and nobody else hears it.
    pub const STOP_AND_CANCEL: Reaction = Reaction { stop: true, cancel: true };
}
