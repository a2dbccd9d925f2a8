//! Checks that a column can hold its declared default.
//!
//! The database makes the same checks for every value. Without the checks here, the table would be created and every
//! row that uses the default would be refused; with them, the author gets the error.

use serde_json::Value;

use crate::part::column::{Column, ColumnKind};
use crate::problem::quoted;
use crate::read::kind_of;

/// Returns the problem with the default of a column that is not a foreign key. For foreign keys, the referenced column
/// decides.
pub(crate) fn wrong_default(column: &Column, default: &Value) -> Option<String> {
    let expected = match column.kind {
        ColumnKind::Json => return None,
        ColumnKind::ForeignKey if default.is_i64() || default.is_string() => return None,
        ColumnKind::ForeignKey => "an integer or a string",
        ColumnKind::Id | ColumnKind::CreatedAt | ColumnKind::UpdatedAt => {
            return Some("the host fills this column: remove the default".to_owned());
        }
        ColumnKind::Integer if default.is_i64() => return None,
        ColumnKind::Integer => "an integer",
        ColumnKind::Timestamp if default.is_i64() => return None,
        ColumnKind::Timestamp => {
            "milliseconds since 1970 as an integer (the kind `created_at` stores the time of the insert)"
        }
        ColumnKind::Real | ColumnKind::Numeric if default.is_number() => return None,
        ColumnKind::Real | ColumnKind::Numeric => "a number",
        ColumnKind::Boolean if default.is_boolean() => return None,
        ColumnKind::Boolean => "true or false",
        _ => return wrong_text(column, default),
    };
    Some(format!("does not fit the column's type: expected {expected}, found {}", shown(default)))
}

/// Returns the problem with the default of a foreign key to this column.
pub(crate) fn wrong_reference(target: &Column, default: &Value) -> Option<String> {
    match target.kind {
        ColumnKind::Id if default.is_i64() => None,
        ColumnKind::Id => {
            Some(format!("does not fit the column's type: expected an integer, found {}", shown(default)))
        }
        ColumnKind::CreatedAt | ColumnKind::UpdatedAt => None,
        _ => wrong_default(target, default),
    }
}

fn wrong_text(column: &Column, default: &Value) -> Option<String> {
    let Some(text) = default.as_str() else {
        return Some(format!("does not fit the column's type: expected a string, found {}", shown(default)));
    };
    let chars = text.chars().count();
    let length = column.length.map(|length| length as usize);
    let expected = match (column.kind, length) {
        (ColumnKind::Varchar, Some(most)) if chars > most => format!("at most {most} characters"),
        (ColumnKind::Char, Some(exactly)) if chars != exactly => format!("{exactly} characters"),
        (ColumnKind::Enum, _) if !column.values.iter().any(|word| word == text) => "one of `values`".to_owned(),
        (ColumnKind::Date, _) if !is_date(text) => "a day such as `2026-01-31`".to_owned(),
        (ColumnKind::Time, _) if !is_time(text) => "a time such as `08:30` or `08:30:00`".to_owned(),
        (ColumnKind::Datetime, _) if !is_datetime(text) => {
            "a day and a time such as `2026-01-31T08:30:00Z` (the kind `created_at` stores the time of the insert)"
                .to_owned()
        }
        (ColumnKind::Uuid, _) if !is_uuid(text) => "a UUID of 36 characters".to_owned(),
        _ => return None,
    };
    Some(format!("does not fit the column's type: expected {expected}, found {}", quoted(text)))
}

fn shown(default: &Value) -> String {
    default.as_str().map_or_else(|| kind_of(default).to_owned(), |text| format!("the string {}", quoted(text)))
}

/// Returns whether the text is `YYYY-MM-DD`, a day that exists.
fn is_date(text: &str) -> bool {
    let [Some(year), Some(month), Some(day)] = [(0, 4), (5, 7), (8, 10)].map(|(from, to)| number(text, from, to))
    else {
        return false;
    };
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = match month {
        2 => 28 + u32::from(is_leap),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return false,
    };
    text.len() == 10 && text.get(4..5) == Some("-") && text.get(7..8) == Some("-") && (1..=days).contains(&day)
}

/// Returns whether the text is `HH:MM`, `HH:MM:SS` or `HH:MM:SS.SSS`, optionally with a zone, `Z` or `+HH:MM`.
fn is_time(text: &str) -> bool {
    let text = text.strip_suffix('Z').unwrap_or(text);
    let (time, zone) = match text.find(['+', '-']) {
        Some(at) => (&text[..at], Some(&text[at + 1..])),
        None => (text, None),
    };
    let (time, fraction) = match time.split_once('.') {
        Some((time, fraction)) => (time, Some(fraction)),
        None => (time, None),
    };
    let is_fraction =
        |digits: &str| time.len() == 8 && !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    is_clock(time, 8) && fraction.is_none_or(is_fraction) && zone.is_none_or(|zone| is_clock(zone, 5))
}

/// Returns whether the text is `HH:MM`, with seconds if it is longer.
fn is_clock(text: &str, length_max: usize) -> bool {
    let below = |from, most| number(text, from, from + 2).is_some_and(|part| part < most);
    let colon = |at| text.get(at..at + 1) == Some(":");
    let minutes = below(0, 24) && colon(2) && below(3, 60);
    minutes && (text.len() == 5 || text.len() == 8 && length_max == 8 && colon(5) && below(6, 60))
}

fn is_datetime(text: &str) -> bool {
    let parts = text.get(..10).zip(text.get(10..11)).zip(text.get(11..));
    parts.is_some_and(|((day, between), time)| is_date(day) && matches!(between, "T" | " ") && is_time(time))
}

fn is_uuid(text: &str) -> bool {
    let fits = |(at, byte): (usize, u8)| match at {
        8 | 13 | 18 | 23 => byte == b'-',
        _ => byte.is_ascii_hexdigit(),
    };
    text.len() == 36 && text.bytes().enumerate().all(fits)
}

/// Parses the digits of a part of the text.
fn number(text: &str, from: usize, to: usize) -> Option<u32> {
    let digits = text.get(from..to)?;
    digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_date_only_days_of_the_calendar() {
        for good in ["2026-01-31", "2024-02-29", "2000-02-29", "0000-01-01"] {
            assert!(is_date(good), "{good}");
        }
        for bad in
            ["2026-02-29", "1900-02-29", "2026-13-01", "2026-00-01", "2026-1-31", "2026-01-00", "now", "", "é026-01-01"]
        {
            assert!(!is_date(bad), "{bad}");
        }
    }

    #[test]
    fn is_time_with_seconds_fraction_and_zone() {
        for good in ["08:30", "23:59:59", "08:30:00.5", "08:30Z", "08:30:00+02:00", "08:30-05:00"] {
            assert!(is_time(good), "{good}");
        }
        for bad in
            ["8:30", "24:00", "08:60", "08:30:", "08:30:00.", "08:30.5", "08:30+2", "08:30:00+02:00:00", "noon", ""]
        {
            assert!(!is_time(bad), "{bad}");
        }
    }

    #[test]
    fn is_datetime_day_and_time() {
        for good in ["2026-01-31T08:30:00Z", "2026-01-31 08:30"] {
            assert!(is_datetime(good), "{good}");
        }
        for bad in ["2026-01-31", "2026-01-31t08:30", "2026-02-30T08:30", "CURRENT_TIMESTAMP", "2026-01-31T"] {
            assert!(!is_datetime(bad), "{bad}");
        }
    }

    #[test]
    fn is_uuid_with_its_dashes() {
        assert!(is_uuid("67e55044-10b1-426f-9247-bb680e5fe0c8"));
        assert!(!is_uuid("67e55044-10b1-426f-9247-bb680e5fe0cg"));
        assert!(!is_uuid("67e5504410b1426f9247bb680e5fe0c8"));
    }
}
