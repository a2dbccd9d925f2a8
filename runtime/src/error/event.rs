//! The error of publishing an event, or of subscribing to events.

/// Why an event is not published, or a subscription not made. No handler has run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EventError {
    /// The topic or the pattern is not valid.
    #[error("{message}")]
    Topic {
        /// The problem.
        message: String,
    },
    /// The queue of a plugin that subscribed to the topic is full.
    #[error("plugin `{plugin}` has too many events in its queue: publish again later")]
    Busy {
        /// The plugin.
        plugin: String,
    },
    /// The plugin has too many subscriptions.
    #[error("plugin `{plugin}` has {allowed} subscriptions, which is the maximum: end one first")]
    TooMany {
        /// The plugin.
        plugin: String,
        /// The maximum.
        allowed: usize,
    },
    /// The event cannot be stored for a durable subscription.
    #[error("the event cannot be stored: {message}")]
    Unavailable {
        /// The problem.
        message: String,
    },
    /// The event would be nested too deeply: handlers publish events that lead to one another.
    #[error(
        "the event `{topic}` would be published by a handler of an event that was published by a handler, and so on, \
             more than {allowed} times"
    )]
    Cycle {
        /// The topic.
        topic: String,
        /// The maximum depth.
        allowed: u32,
    },
}

impl EventError {
    /// Returns the kind of the error, for programs: `invalid_topic`, `busy`, `limit_exceeded`,
    /// `unavailable`, `cycle`.
    pub fn code(&self) -> &'static str {
        match self {
            EventError::Topic { .. } => "invalid_topic",
            EventError::Busy { .. } => "busy",
            EventError::TooMany { .. } => "limit_exceeded",
            EventError::Unavailable { .. } => "unavailable",
            EventError::Cycle { .. } => "cycle",
        }
    }
}
