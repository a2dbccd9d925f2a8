//! Durations, sizes and counts: parsing them from the command line, and formatting them.

use std::time::Duration;

/// A duration such as `500ms`, `2s` or `1m 30s`; `0` stands for no limit.
pub(crate) fn parse_duration(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text.trim()).map_err(|error| format!("{error}; write 500ms, 2s or 1m, or 0 for no limit"))
}

/// A size such as `16MiB`, `64KB` or a number of bytes; `0` stands for no limit.
pub(crate) fn parse_bytes(text: &str) -> Result<u64, String> {
    text.trim()
        .parse::<bytesize::ByteSize>()
        .map(|size| size.as_u64())
        .map_err(|_| "write 16MiB, 64KB or a number of bytes, or 0 for no limit".to_owned())
}

/// A count such as `5000000`, `5_000_000` or `5e6`; `0` stands for no limit.
pub(crate) fn parse_count(text: &str) -> Result<u64, String> {
    let digits = text.trim().replace('_', "");
    let (digits, zeros) = match digits.split_once(['e', 'E']) {
        Some((digits, zeros)) => (digits.to_owned(), zeros.parse::<u32>().ok()),
        None => (digits, Some(0)),
    };
    let scale = zeros.and_then(|zeros| 10_u64.checked_pow(zeros));
    digits
        .parse::<u64>()
        .ok()
        .zip(scale)
        .and_then(|(digits, scale)| digits.checked_mul(scale))
        .ok_or_else(|| "write a whole number such as 5000000, 5_000_000 or 5e6, or 0 for no limit".to_owned())
}

/// A setting `KEY=VALUE`, both parts unparsed.
pub(crate) fn parse_setting(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("write KEY=VALUE")?;
    if key.is_empty() {
        return Err("the key is missing: write KEY=VALUE".to_owned());
    }
    Ok((key.to_owned(), value.to_owned()))
}

/// `16.0 MiB`: binary units, as limits are set in them.
pub(crate) fn show_bytes(bytes: u64) -> String {
    bytesize::ByteSize(bytes).display().iec().to_string()
}

/// `2026-11-29T23:00:00Z`, of seconds since 1970.
pub(crate) fn show_time(seconds: u64) -> String {
    // Later moments than the year 9999 cannot be formatted.
    const LAST: u64 = 253_402_300_799;
    let time = std::time::SystemTime::UNIX_EPOCH + Duration::from_secs(seconds.min(LAST));
    humantime::format_rfc3339_seconds(time).to_string()
}

/// `1.25 ms`: three significant digits, in a suitable unit.
pub(crate) fn show_duration(duration: Duration) -> String {
    let seconds = duration.as_secs_f64();
    let (value, unit) = match seconds {
        s if s >= 172_800.0 => (s / 86_400.0, "d"),
        s if s >= 7_200.0 => (s / 3_600.0, "h"),
        s if s >= 120.0 => (s / 60.0, "min"),
        s if s >= 1.0 => (s, "s"),
        s if s >= 1e-3 => (s * 1e3, "ms"),
        s if s > 0.0 => (s * 1e6, "µs"),
        _ => return "0 s".to_owned(),
    };
    let decimals = match value {
        v if v >= 100.0 => 0,
        v if v >= 10.0 => 1,
        _ => 2,
    };
    let text = format!("{value:.decimals$}");
    // Limits are round numbers: `10 s`, not `10.0 s`.
    let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    format!("{text} {unit}")
}

/// `1,234,567`.
pub(crate) fn show_count(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn duration_with_unit_is_read() {
        assert_eq!(parse_duration("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(parse_duration("1m 30s"), Ok(Duration::from_secs(90)));
        assert_eq!(parse_duration("0"), Ok(Duration::ZERO));
    }

    #[test]
    fn duration_without_unit_names_the_units() {
        for wrong in ["5", "", "fast", "-1s"] {
            let error = parse_duration(wrong).expect_err(wrong);
            assert!(error.contains("500ms"), "{wrong}: {error}");
        }
    }

    #[test]
    fn size_is_read_in_binary_and_decimal_units() {
        assert_eq!(parse_bytes("16MiB"), Ok(16 << 20));
        assert_eq!(parse_bytes("64KB"), Ok(64_000));
        assert_eq!(parse_bytes("1.5 MiB"), Ok(3 << 19));
        assert_eq!(parse_bytes("4096"), Ok(4096));
        assert_eq!(parse_bytes("0"), Ok(0));
        for wrong in ["", "MiB", "16QiB", "-1"] {
            assert!(parse_bytes(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn count_is_read_plain_grouped_and_scaled() {
        assert_eq!(parse_count("5000000"), Ok(5_000_000));
        assert_eq!(parse_count("5_000_000"), Ok(5_000_000));
        assert_eq!(parse_count("5e6"), Ok(5_000_000));
        for wrong in ["", "e6", "1e99", "1.5", "-1", "99999999999999999999"] {
            assert!(parse_count(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn setting_is_split_at_the_first_sign() {
        let setting = |key: &str, value: &str| Ok((key.to_owned(), value.to_owned()));
        assert_eq!(parse_setting("retries=3"), setting("retries", "3"));
        assert_eq!(parse_setting("url=http://h/?a=b"), setting("url", "http://h/?a=b"));
        assert_eq!(parse_setting("empty="), setting("empty", ""));
        assert!(parse_setting("retries").is_err());
        assert!(parse_setting("=3").is_err());
    }

    #[test]
    fn numbers_are_shown_for_people() {
        assert_eq!(show_bytes(16 << 20), "16.0 MiB");
        assert_eq!(show_duration(Duration::from_secs(10)), "10 s");
        assert_eq!(show_duration(Duration::from_secs(600)), "10 min");
        assert_eq!(show_duration(Duration::from_secs(5_400)), "90 min");
        assert_eq!(show_duration(Duration::from_secs(36 * 3_600)), "36 h");
        assert_eq!(show_duration(Duration::from_secs(999_999 * 3_600)), "41667 d");
        assert_eq!(show_duration(Duration::from_micros(1_250)), "1.25 ms");
        assert_eq!(show_duration(Duration::from_nanos(340)), "0.34 µs");
        assert_eq!(show_duration(Duration::ZERO), "0 s");
        assert_eq!(show_count(0), "0");
        assert_eq!(show_count(999), "999");
        assert_eq!(show_count(1_234_567), "1,234,567");
    }
}
