//! `--stats`: the cost of a call, on standard error. With `--json` it is one JSON line; standard output has only the
//! result.

use std::fmt::Write;
use std::time::Duration;

use plugbay::Limits;
use plugbay::invocation::Usage;
use serde_json::json;

use crate::output::{Output, to_stderr};
use crate::units::{show_bytes, show_count, show_duration};

/// The statistics of a call.
pub(crate) struct Stats<'a> {
    pub(crate) usage: &'a Usage,
    pub(crate) limits: &'a Limits,
    /// The numbers of allowed and of denied uses of host capabilities, if they are counted.
    pub(crate) uses: Option<(u64, u64)>,
    /// The time to load the plugin: compiling or finding compiled code, instantiating, `on-load`.
    pub(crate) load: Duration,
}

impl Stats<'_> {
    /// Prints them, even with `--quiet`, because they were requested.
    pub(crate) fn show(&self, output: Output) {
        to_stderr(&if output.json { self.json().to_string() } else { self.text() });
    }

    fn json(&self) -> serde_json::Value {
        let mut object = serde_json::to_value(self.usage).unwrap_or_else(|_| json!({}));
        object["load_seconds"] = self.load.as_secs_f64().into();
        if let Some((allows, denials)) = self.uses {
            object["allows"] = allows.into();
            object["denials"] = denials.into();
        }
        object
    }

    fn text(&self) -> String {
        let Stats { usage, limits, uses, load } = self;
        let of = |limit: Option<String>| limit.map_or_else(|| "no limit".to_owned(), |limit| format!("of {limit}"));
        let fuel = match usage.fuel {
            Some(fuel) => format!("{} units ({})", show_count(fuel), of(limits.fuel.map(show_count))),
            None => "not metered".to_owned(),
        };
        let instantiation = match usage.instantiation {
            Duration::ZERO => "none: an instance was ready".to_owned(),
            duration => show_duration(duration),
        };
        let rows = [
            ("fuel", fuel),
            ("memory", format!("{} ({})", show_bytes(usage.memory_bytes), of(Some(show_bytes(limits.memory_bytes))))),
            ("time", format!("{} ({})", show_duration(usage.duration), of(limits.timeout.map(show_duration)))),
            ("instantiation", instantiation),
            ("load", show_duration(*load)),
        ];
        let uses = uses.map(|(allows, denials)| ("host use", format!("{allows} allowed, {denials} denied")));
        rows.iter().chain(&uses).fold("stats:".to_owned(), |mut text, (name, value)| {
            let _ = write!(text, "\n  {name:<13}  {value}");
            text
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usage() -> Usage {
        Usage { fuel: Some(12_345), memory_bytes: 1_179_648, duration: Duration::from_micros(420), ..Usage::default() }
    }

    #[test]
    fn text_shows_what_was_used_of_what_was_allowed() {
        let limits = Limits { timeout: None, ..Limits::default() };
        let text =
            Stats { usage: &usage(), limits: &limits, uses: Some((5, 1)), load: Duration::from_millis(3) }.text();
        for part in [
            "12,345 units (of 10,000,000,000)",
            "1.1 MiB (of 128.0 MiB)",
            "420 µs (no limit)",
            "instantiation  none: an instance was ready",
            "load           3 ms",
            "5 allowed, 1 denied",
        ] {
            assert!(text.contains(part), "{part} in {text}");
        }
    }

    #[test]
    fn json_has_every_number_in_base_units() {
        let json =
            Stats { usage: &usage(), limits: &Limits::default(), uses: Some((5, 1)), load: Duration::from_millis(3) }
                .json();
        assert_eq!(json["fuel"], 12_345);
        assert_eq!(json["memory_bytes"], 1_179_648);
        assert_eq!(json["duration_seconds"], 0.00042);
        assert_eq!(json["load_seconds"], 0.003);
        assert_eq!((&json["allows"], &json["denials"]), (&json!(5), &json!(1)));
    }
}
