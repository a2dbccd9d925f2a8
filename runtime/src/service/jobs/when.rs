//! The moments of a job's runs: intervals, dates and cron expressions, and the effect of a clock that jumps.
//!
//! Pure: moments come in and go out as milliseconds since the Unix epoch.
//!
//! - One run makes up for all missed ones: the next one is always after the moment at which this one began.
//! - An interval keeps its grid: a job of every ten minutes that was late once is not late forever.
//! - A cron expression is read in its time zone. A run in the hour that spring leaves out happens when that hour has
//!   passed; a run in the hour that autumn repeats happens once, unless its hour or minute is a wildcard.
//! - If the clock was set back, an interval counts from now. A cron job does not run a second time for the same moment,
//!   unless the clock was set back so far that it must have been wrong before.

use std::sync::Arc;
use std::time::Duration;

use croner::Cron;
use croner::parser::{CronParser, Seconds, Year};
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::store::{JobSchedule, JobState};
use crate::limits::{CRON_BYTES_MAX, JOB_CLOCK_CORRECTION, JOB_INTERVAL_MIN, JOB_MOMENT_MS_MAX};

/// A schedule that was checked and parsed.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum When {
    /// This many milliseconds apart.
    IntervalMs(u64),
    /// Once.
    DateMs(u64),
    /// Whenever the expression matches.
    Cron(Box<CronWhen>),
}

/// A cron expression in a time zone.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct CronWhen {
    cron: Arc<Cron>,
    zone: TimeZone,
}

impl CronWhen {
    fn parse(expression: &str, time_zone: &str) -> Result<Self, String> {
        let bytes = expression.len().max(time_zone.len());
        if bytes > CRON_BYTES_MAX {
            return Err(format!("has {bytes} bytes, and {CRON_BYTES_MAX} are allowed"));
        }
        let zone = if time_zone.is_empty() { "UTC" } else { time_zone };
        let zone = TimeZone::get(zone).map_err(|_| {
            format!("`{zone}` is not in the IANA time zone database; write `Europe/Berlin` or `UTC`, for example")
        })?;
        let parser = CronParser::builder().seconds(Seconds::Optional).year(Year::Disallowed).build();
        let cron = parser.parse(expression).map_err(|error| {
            format!("`{expression}` cannot be read: {error}; write `0 3 * * *` for every day at three, for example")
        })?;
        Ok(CronWhen { cron: Arc::new(cron), zone })
    }

    /// The first moment after `ms` that the expression matches, if there is one. The search for one that does not exist
    /// takes milliseconds.
    fn after(&self, ms: u64) -> Option<u64> {
        let moment = Timestamp::from_millisecond(i64::try_from(ms).ok()?).ok()?.to_zoned(self.zone.clone());
        let next = self.cron.find_next_occurrence(&moment, false).ok()?.timestamp().as_millisecond();
        // The expression fits whole seconds, and the search keeps the fraction that it began with.
        let next = u64::try_from(next - next.rem_euclid(1_000)).ok()?;
        (ms < next && next <= JOB_MOMENT_MS_MAX).then_some(next)
    }
}

impl When {
    /// Checks and parses a schedule.
    ///
    /// # Errors
    /// Why it is not valid.
    pub(super) fn parse(schedule: &JobSchedule) -> Result<Self, String> {
        let least = u64::try_from(JOB_INTERVAL_MIN.as_millis()).unwrap_or(u64::MAX);
        match schedule {
            JobSchedule::IntervalMs(ms) if *ms < least => {
                Err(format!("an interval of {ms} ms is too short: {least} ms are the least"))
            }
            JobSchedule::IntervalMs(ms) | JobSchedule::DateMs(ms) if *ms > JOB_MOMENT_MS_MAX => Err(format!(
                "{ms} ms are too many: {JOB_MOMENT_MS_MAX} are the most, which is the end of the year 9999"
            )),
            JobSchedule::IntervalMs(ms) => Ok(When::IntervalMs(*ms)),
            JobSchedule::DateMs(ms) => Ok(When::DateMs(*ms)),
            JobSchedule::Cron { expression, time_zone } => CronWhen::parse(expression, time_zone)
                .map(|cron| When::Cron(Box::new(cron)))
                .map_err(|reason| format!("the cron expression or its time zone {reason}")),
        }
    }

    /// The first run of a job that is added now; `None` if there will never be one.
    pub(super) fn first(&self, now_ms: u64) -> Option<u64> {
        match self {
            When::IntervalMs(every) => Some(now_ms.saturating_add(*every).min(JOB_MOMENT_MS_MAX)),
            When::DateMs(ms) => Some(*ms),
            When::Cron(cron) => cron.after(now_ms),
        }
    }

    /// The run after one that was due at one moment and began at another; `None` if there is none.
    pub(super) fn after(&self, due_ms: u64, begun_ms: u64) -> Option<u64> {
        match self {
            When::IntervalMs(every) => {
                let missed = begun_ms.saturating_sub(due_ms) / every.max(&1);
                let next = due_ms.saturating_add(every.saturating_mul(missed.saturating_add(1)));
                Some(next.min(JOB_MOMENT_MS_MAX))
            }
            When::DateMs(_) => None,
            When::Cron(cron) => cron.after(begun_ms),
        }
    }

    /// The next run and the covered moment of a job after the clock was set back to `now_ms`; `None` if they stay.
    pub(super) fn after_set_back(&self, state: &JobState, now_ms: u64) -> Option<(Option<u64>, u64)> {
        if state.begun_ms.is_some() {
            return None;
        }
        if state.covered_ms > now_ms.saturating_add(milliseconds(JOB_CLOCK_CORRECTION)) {
            return Some((self.first(now_ms), now_ms));
        }
        match self {
            When::IntervalMs(every) if state.next_ms > Some(now_ms.saturating_add(*every)) => {
                Some((self.first(now_ms), state.covered_ms))
            }
            _ => None,
        }
    }

    /// Whether finding the next run may take long enough to need a thread that may block.
    pub(super) fn is_slow(&self) -> bool {
        matches!(self, When::Cron(_))
    }
}

pub(super) fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    fn cron(expression: &str, time_zone: &str) -> Result<When, String> {
        When::parse(&JobSchedule::Cron { expression: expression.into(), time_zone: time_zone.into() })
    }

    /// The next runs after a local time, as local times with their offset.
    fn check(expression: &str, time_zone: &str, from: (i16, i8, i8, i8), expected: &[&str]) {
        let when = cron(expression, time_zone).unwrap_or_else(|error| panic!("{expression}: {error}"));
        let (year, month, day, hour) = from;
        let start = date(year, month, day).at(hour, 0, 0, 0).in_tz(time_zone).expect("a zone");
        let mut ms = u64::try_from(start.timestamp().as_millisecond()).expect("after 1970");
        let mut found = Vec::new();
        for _ in expected {
            ms = when.after(ms, ms).expect("there is one more");
            let moment = Timestamp::from_millisecond(i64::try_from(ms).expect("small")).expect("a moment");
            let local = moment.in_tz(time_zone).expect("a zone");
            found.push(local.strftime("%m-%dT%H:%M:%S%:z").to_string());
        }
        assert_eq!(found, expected, "{expression} {time_zone}");
    }

    #[test]
    fn cron_in_the_hour_that_spring_leaves_out_runs_after_it() {
        let noon = (2026, 3, 28, 12);
        check("30 2 * * *", "Europe/Berlin", noon, &["03-29T03:00:00+02:00", "03-30T02:30:00+02:00"]);
        check("0 3 * * *", "Europe/Berlin", noon, &["03-29T03:00:00+02:00", "03-30T03:00:00+02:00"]);
        let night = (2026, 3, 29, 0);
        check(
            "15 * * * *",
            "Europe/Berlin",
            night,
            &["03-29T00:15:00+01:00", "03-29T01:15:00+01:00", "03-29T03:15:00+02:00"],
        );
    }

    #[test]
    fn cron_in_the_hour_that_autumn_repeats_runs_once() {
        let night = (2026, 10, 25, 1);
        check("30 2 * * *", "Europe/Berlin", night, &["10-25T02:30:00+02:00", "10-26T02:30:00+01:00"]);
        check(
            "30 * * * *",
            "Europe/Berlin",
            night,
            &["10-25T01:30:00+02:00", "10-25T02:30:00+02:00", "10-25T02:30:00+01:00"],
        );
    }

    #[test]
    fn cron_is_read_in_its_time_zone_and_with_seconds() {
        check("0 3 * * *", "Asia/Kolkata", (2026, 1, 1, 0), &["01-01T03:00:00+05:30"]);
        check("*/20 59 23 * * *", "UTC", (2026, 1, 1, 0), &["01-01T23:59:00+00:00", "01-01T23:59:20+00:00"]);
        let utc = cron("0 3 * * *", "").expect("UTC");
        assert_eq!(utc.first(1_767_225_600_123), Some(1_767_225_600_000 + 3 * 3_600_000), "a whole second");
    }

    #[test]
    fn cron_that_cannot_be_read_has_a_reason() {
        for (expression, zone, part) in [
            ("", "", "cannot be read"),
            ("* * * *", "", "5 or 6 fields"),
            ("61 * * * *", "", "out of bounds"),
            ("0 0 0 1 1 * 2030", "", "5 or 6 fields"),
            ("0 3 * * *", "Europe/Berlim", "IANA"),
            (&"1,".repeat(1_000), "", "2000 bytes"),
            ("0 3 * * *", &"x".repeat(1_000), "1000 bytes"),
        ] {
            let error = cron(expression, zone).expect_err(expression);
            assert!(error.contains(part), "{error}");
        }
    }

    #[test]
    fn cron_that_never_comes_has_no_run() {
        assert_eq!(cron("0 0 30 2 *", "").expect("it parses").first(1_767_225_600_000), None);
    }

    #[test]
    fn cron_far_away_does_not_panic() {
        let when = cron("* * * * * *", "").expect("it parses");
        for ms in [0, JOB_MOMENT_MS_MAX - 1, JOB_MOMENT_MS_MAX, u64::MAX] {
            let _ = when.after(ms, ms);
        }
        assert_eq!(when.after(JOB_MOMENT_MS_MAX, JOB_MOMENT_MS_MAX), None);
    }

    #[test]
    fn interval_that_missed_runs_goes_on_on_its_grid() {
        let every = When::IntervalMs(10_000);
        assert_eq!(every.first(5), Some(10_005));
        assert_eq!(every.after(10_005, 10_006), Some(20_005));
        assert_eq!(every.after(10_005, 20_004), Some(20_005));
        assert_eq!(every.after(10_005, 3_610_010), Some(3_620_005), "360 missed runs are one");
        assert_eq!(every.after(u64::MAX, u64::MAX), Some(JOB_MOMENT_MS_MAX));
    }

    #[test]
    fn schedule_out_of_bounds_is_refused() {
        for (schedule, part) in [
            (JobSchedule::IntervalMs(999), "1000 ms are the least"),
            (JobSchedule::IntervalMs(u64::MAX), "too many"),
            (JobSchedule::DateMs(u64::MAX), "too many"),
        ] {
            let error = When::parse(&schedule).expect_err(part);
            assert!(error.contains(part), "{error}");
        }
        assert_eq!(When::parse(&JobSchedule::DateMs(0)), Ok(When::DateMs(0)), "the past is at once");
    }
}
