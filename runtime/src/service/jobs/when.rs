//! When a job runs: intervals, moments and cron expressions, and what follows from a clock that jumps.
//!
//! Pure: moments come in and go out as milliseconds since the Unix epoch.
//!
//! - What was missed is made up for by one run: the next one is always after the moment at which this one began.
//! - An interval keeps its grid: a job of every ten minutes that was late once is not late forever.
//! - A cron expression is read in its time zone. What falls into the hour that is left out in spring runs when that
//!   hour has passed; what falls into the hour that comes twice in autumn runs once, unless its hour or minute is a
//!   wildcard.

use std::sync::Arc;

use croner::Cron;
use croner::parser::{CronParser, Seconds, Year};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use super::job::Schedule;
use crate::limits::{CRON_BYTES_MAX, JOB_INTERVAL_MIN, JOB_MOMENT_MS_MAX};

/// When a job runs, as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum When {
    /// This many milliseconds apart.
    IntervalMs(u64),
    /// Once.
    DateMs(u64),
    /// Whenever the expression fits.
    Cron(Box<CronWhen>),
}

/// A cron expression in a time zone. Only what parses is one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "CronText", into = "CronText")]
pub(crate) struct CronWhen {
    text: CronText,
    cron: Arc<Cron>,
    zone: TimeZone,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct CronText {
    expression: String,
    time_zone: String,
}

impl TryFrom<CronText> for CronWhen {
    type Error = String;

    fn try_from(text: CronText) -> Result<Self, String> {
        let bytes = text.expression.len().max(text.time_zone.len());
        if bytes > CRON_BYTES_MAX {
            return Err(format!("has {bytes} bytes, and {CRON_BYTES_MAX} are allowed"));
        }
        let zone = if text.time_zone.is_empty() { "UTC" } else { &text.time_zone };
        let zone = TimeZone::get(zone).map_err(|_| {
            format!("`{zone}` is not in the IANA time zone database; write `Europe/Berlin` or `UTC`, say")
        })?;
        let parser = CronParser::builder().seconds(Seconds::Optional).year(Year::Disallowed).build();
        let cron = parser.parse(&text.expression).map_err(|error| {
            format!("`{}` cannot be read: {error}; write `0 3 * * *` for every day at three, say", text.expression)
        })?;
        Ok(CronWhen { cron: Arc::new(cron), zone, text })
    }
}

impl From<CronWhen> for CronText {
    fn from(cron: CronWhen) -> Self {
        cron.text
    }
}

impl CronWhen {
    /// The first moment after this one at which the expression fits, if there is one.
    fn after(&self, ms: u64) -> Option<u64> {
        let moment = Timestamp::from_millisecond(i64::try_from(ms).ok()?).ok()?.to_zoned(self.zone.clone());
        let next = self.cron.find_next_occurrence(&moment, false).ok()?.timestamp().as_millisecond();
        // The expression fits whole seconds, and the search keeps the fraction that it began with.
        let next = u64::try_from(next - next.rem_euclid(1_000)).ok()?;
        (ms < next && next <= JOB_MOMENT_MS_MAX).then_some(next)
    }
}

impl When {
    /// What a plugin asked for, if it can be.
    pub(crate) fn asked(schedule: Schedule) -> Result<Self, String> {
        let least = u64::try_from(JOB_INTERVAL_MIN.as_millis()).unwrap_or(u64::MAX);
        match schedule {
            Schedule::IntervalMs(ms) if ms < least => {
                Err(format!("an interval of {ms} ms is too short: {least} ms are the least"))
            }
            Schedule::IntervalMs(ms) | Schedule::DateMs(ms) if ms > JOB_MOMENT_MS_MAX => Err(format!(
                "{ms} ms are too many: {JOB_MOMENT_MS_MAX} are the most, which is the end of the year 9999"
            )),
            Schedule::IntervalMs(ms) => Ok(When::IntervalMs(ms)),
            Schedule::DateMs(ms) => Ok(When::DateMs(ms)),
            Schedule::Cron { expression, time_zone } => CronText { expression, time_zone }
                .try_into()
                .map(|cron| When::Cron(Box::new(cron)))
                .map_err(|reason| format!("the cron expression or its time zone {reason}")),
        }
    }

    /// As a plugin sees it.
    pub(crate) fn shown(self) -> Schedule {
        match self {
            When::IntervalMs(ms) => Schedule::IntervalMs(ms),
            When::DateMs(ms) => Schedule::DateMs(ms),
            When::Cron(cron) => {
                let CronText { expression, time_zone } = cron.text;
                Schedule::Cron { expression, time_zone }
            }
        }
    }

    /// The first run of a job that is made now; none where there will never be one.
    pub(crate) fn first(&self, now_ms: u64) -> Option<u64> {
        match self {
            When::IntervalMs(every) => Some(now_ms.saturating_add(*every).min(JOB_MOMENT_MS_MAX)),
            When::DateMs(ms) => Some(*ms),
            When::Cron(cron) => cron.after(now_ms),
        }
    }

    /// The run after one that was due at one moment and began at another; none where there is none.
    pub(crate) fn after(&self, due_ms: u64, begun_ms: u64) -> Option<u64> {
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

    /// The milliseconds between two runs, where they are always the same.
    pub(crate) fn interval_ms(&self) -> Option<u64> {
        match self {
            When::IntervalMs(every) => Some(*every),
            When::DateMs(_) | When::Cron(_) => None,
        }
    }

    /// Whether it runs once.
    pub(crate) fn is_date(&self) -> bool {
        matches!(self, When::DateMs(_))
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    fn cron(expression: &str, time_zone: &str) -> Result<When, String> {
        When::asked(Schedule::Cron { expression: expression.into(), time_zone: time_zone.into() })
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
    fn cron_in_the_hour_that_spring_leaves_out_runs_when_it_has_passed() {
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
    fn cron_in_the_hour_that_autumn_repeats_runs_once_unless_it_is_a_wildcard() {
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
    fn cron_that_cannot_be_read_is_told_why() {
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
            (Schedule::IntervalMs(999), "1000 ms are the least"),
            (Schedule::IntervalMs(u64::MAX), "too many"),
            (Schedule::DateMs(u64::MAX), "too many"),
        ] {
            let error = When::asked(schedule).expect_err(part);
            assert!(error.contains(part), "{error}");
        }
        assert_eq!(When::asked(Schedule::DateMs(0)), Ok(When::DateMs(0)), "the past is at once");
    }

    #[test]
    fn kept_text_is_read_back() {
        for when in [When::IntervalMs(1_000), When::DateMs(7), cron("0 3 * * *", "Europe/Berlin").expect("it parses")] {
            let text = serde_json::to_string(&when).expect("it can be written");
            assert_eq!(serde_json::from_str::<When>(&text).expect(&text), when, "{text}");
        }
        assert!(serde_json::from_str::<When>(r#"{"cron":{"expression":"x","time_zone":""}}"#).is_err());
    }
}
