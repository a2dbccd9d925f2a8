//! The events that were sent lately, and the time from which a new connection asks for events.
//!
//! Engines do not write events in the order of their times: Podman writes `untag` of an image behind `delete`, with an
//! earlier time. A new connection therefore asks for events from before the last one, and those that were sent are
//! recognised by their content.

use std::collections::hash_map::DefaultHasher;
use std::collections::{HashSet, VecDeque};
use std::hash::{Hash, Hasher};

use crate::event::DockerEvent;

/// The events that are remembered.
const EVENTS_MAX: usize = 4_096;
/// The overlap of two connections, in nanoseconds: 2 s.
const OVERLAP_NS: u64 = 2_000_000_000;

#[derive(Debug)]
pub(crate) struct SeenEvents {
    /// Hashes with times, oldest first.
    order: VecDeque<(u64, u64)>,
    hashes: HashSet<u64>,
    /// The time of the last event, or that of the first connection, in nanoseconds since the Unix epoch.
    last_ns: u64,
    /// Events before this time may have been sent and forgotten.
    earliest_ns: u64,
}

impl SeenEvents {
    /// Events are asked for from this time, in nanoseconds since the Unix epoch.
    pub(crate) fn since(start_ns: u64) -> Self {
        SeenEvents { order: VecDeque::new(), hashes: HashSet::new(), last_ns: start_ns, earliest_ns: start_ns }
    }

    /// Whether the event is a new one. It is remembered.
    pub(crate) fn is_new(&mut self, event: &DockerEvent) -> bool {
        // Engines of this decade write it.
        if event.time_ns == 0 {
            return true;
        }
        let hash = hash_of(event);
        if !self.hashes.insert(hash) {
            return false;
        }
        if self.order.len() == EVENTS_MAX
            && let Some((forgotten, time_ns)) = self.order.pop_front()
        {
            self.hashes.remove(&forgotten);
            self.earliest_ns = self.earliest_ns.max(time_ns + 1);
        }
        self.order.push_back((hash, event.time_ns));
        // Not the latest time: after a clock was set back, events of the present would not be asked for.
        self.last_ns = event.time_ns;
        true
    }

    /// The value of `since` of the next connection.
    pub(crate) fn since_parameter(&self) -> String {
        let since = self.last_ns.saturating_sub(OVERLAP_NS);
        let since = if self.last_ns < self.earliest_ns { since } else { since.max(self.earliest_ns) };
        format!("{}.{:09}", since / 1_000_000_000, since % 1_000_000_000)
    }
}

fn hash_of(event: &DockerEvent) -> u64 {
    let mut hasher = DefaultHasher::new();
    (event.time_ns, event.object, &event.action, &event.detail, &event.id, &event.attributes).hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::DockerObject;

    fn event(time_ns: u64, id: &str) -> DockerEvent {
        DockerEvent { time_ns, id: id.to_owned(), ..DockerEvent::new("local", 1, DockerObject::Container, "start") }
    }

    const START: u64 = 1_000_000_000_000;

    #[test]
    fn event_is_new_once() {
        let mut seen = SeenEvents::since(START);
        assert!(seen.is_new(&event(START + 5, "a")) && seen.is_new(&event(START + 5, "b")));
        assert!(!seen.is_new(&event(START + 5, "a")) && !seen.is_new(&event(START + 5, "b")));
        assert!(seen.is_new(&event(START + 4, "a")), "an earlier time is no duplicate");
    }

    #[test]
    fn next_connection_overlaps_the_last() {
        let mut seen = SeenEvents::since(START);
        assert_eq!(seen.since_parameter(), "1000.000000000", "nothing from before the start");
        seen.is_new(&event(START + 5_000_000_007, "a"));
        assert_eq!(seen.since_parameter(), "1003.000000007");
    }

    #[test]
    fn next_connection_begins_behind_forgotten_events() {
        let mut seen = SeenEvents::since(START);
        let count = EVENTS_MAX as u64 + 10;
        (0..count).for_each(|number| assert!(seen.is_new(&event(START + number, "a"))));
        assert_eq!(seen.since_parameter(), "1000.000000010");
    }

    #[test]
    fn clock_that_is_set_back_moves_the_next_connection_back() {
        let mut seen = SeenEvents::since(START);
        seen.is_new(&event(START - 500_000_000_000, "a"));
        assert_eq!(seen.since_parameter(), "498.000000000");
    }
}
