//! Cron expressions of processes, in UTC.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use croner::Cron;
use croner::parser::{CronParser, Seconds, Year};
use jiff::Timestamp;
use jiff::tz::TimeZone;

/// A cron expression, and the next moment that it matches.
#[derive(Debug)]
pub(crate) struct Schedule {
    cron: Box<Cron>,
    armed: SystemTime,
    next: Option<SystemTime>,
}

impl Schedule {
    /// Parses an expression of five fields, or of six with seconds.
    ///
    /// # Errors
    /// The problem.
    pub(crate) fn parse(expression: &str) -> Result<Self, String> {
        let parser = CronParser::builder().seconds(Seconds::Optional).year(Year::Disallowed).build();
        let cron = parser.parse(expression).map_err(|error| {
            format!("`{expression}` cannot be read: {error}; write `0 3 * * *` for every day at three, for example")
        })?;
        Ok(Schedule { cron: Box::new(cron), armed: UNIX_EPOCH, next: None })
    }

    /// Finds the first moment after `now`.
    pub(crate) fn arm(&mut self, now: SystemTime) -> Option<SystemTime> {
        self.armed = now;
        self.next = self.after(now);
        self.next
    }

    /// The moment that was found.
    pub(crate) fn next(&self) -> Option<SystemTime> {
        self.next
    }

    /// Whether the moment has come.
    pub(crate) fn is_due(&self, now: SystemTime) -> bool {
        self.next.is_some_and(|next| next <= now)
    }

    /// Whether the clock was set back since the moment was found.
    pub(crate) fn is_outdated(&self, now: SystemTime) -> bool {
        now < self.armed
    }

    fn after(&self, now: SystemTime) -> Option<SystemTime> {
        let now = Timestamp::try_from(now).ok()?.to_zoned(TimeZone::UTC);
        let next = self.cron.find_next_occurrence(&now, false).ok()?.timestamp().as_second();
        // The expression fits whole seconds, and the search keeps the fraction that it began with.
        UNIX_EPOCH.checked_add(Duration::from_secs(u64::try_from(next).ok()?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schedule_finds_whole_seconds_after_now() {
        let now = UNIX_EPOCH + Duration::from_millis(1_767_225_600_123);
        let mut schedule = Schedule::parse("*/20 0 3 * * *").expect("an expression");
        let next = schedule.arm(now).expect("a moment");
        assert_eq!(next, UNIX_EPOCH + Duration::from_secs(1_767_225_600 + 3 * 3_600));
        assert!(!schedule.is_due(now) && schedule.is_due(next) && !schedule.is_outdated(next));
        assert!(schedule.is_outdated(now - Duration::from_secs(1)));
        assert_eq!(schedule.arm(next), Some(next + Duration::from_secs(20)));
    }

    #[test]
    fn expression_that_cannot_be_read_has_a_reason() {
        assert!(Schedule::parse("61 * * * *").expect_err("out of bounds").contains("`61 * * * *` cannot be read"));
    }
}
