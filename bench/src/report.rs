//! The report: rows of subjects, their ratios and the targets of those, as a table and as JSON.

use std::fmt::Write as _;

use serde::Serialize;

use crate::measure::{Samples, Spread};

/// The results of one run.
#[derive(Debug, Serialize)]
pub struct Report {
    pub machine: Machine,
    pub rows: Vec<Row>,
}

/// The machine of the run. Results of different machines are not comparable.
#[derive(Debug, Serialize)]
pub struct Machine {
    pub cpu: String,
    pub cores: usize,
    pub kernel: String,
    /// The load average before and after the run. More than a few tenths disturb the results.
    pub load_before: String,
    pub load_after: String,
    pub extism: bool,
}

/// A measurement of all subjects.
#[derive(Debug, Serialize)]
pub struct Row {
    pub name: String,
    pub samples: Vec<Samples>,
    pub ratios: Vec<Ratio>,
    pub facts: Vec<Fact>,
}

/// The ratio of two subjects of a row.
#[derive(Debug, Serialize)]
pub struct Ratio {
    pub name: String,
    pub spread: Spread,
    /// The ratio of the fastest rounds.
    pub of_fastest: f64,
    pub target: Option<Target>,
}

/// A result other than a time.
#[derive(Debug, Serialize)]
pub struct Fact {
    pub name: String,
    pub value: f64,
    pub unit: &'static str,
    pub target: Option<Target>,
}

#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    AtMost(f64),
    AtLeast(f64),
}

impl Target {
    fn met(self, value: f64) -> bool {
        match self {
            Target::AtMost(most) => value <= most,
            Target::AtLeast(least) => value >= least,
        }
    }

    /// Returns the verdict by the median and by the fastest rounds. A busy machine disturbs a subject in a separate
    /// process more than the others. If the two criteria disagree, the result is unclear.
    fn verdict(this: Option<Self>, median: f64, of_fastest: f64) -> String {
        let Some(target) = this else { return String::new() };
        let met = match (target.met(median), target.met(of_fastest)) {
            (true, true) => "met",
            (false, false) => "MISSED",
            _ => "UNCLEAR: run it on a quiet machine",
        };
        match target {
            Target::AtMost(most) => format!("<= {most} {met}"),
            Target::AtLeast(least) => format!(">= {least} {met}"),
        }
    }
}

impl Row {
    pub fn new(name: impl Into<String>, samples: Vec<Samples>) -> Self {
        Row { name: name.into(), samples, ratios: Vec::new(), facts: Vec::new() }
    }

    /// Adds the ratio of two subjects, unless one of them did not run.
    #[must_use]
    pub fn ratio(mut self, mine: &str, theirs: &str, target: Option<Target>) -> Self {
        if let (Some(mine), Some(theirs)) = (self.samples_of(mine), self.samples_of(theirs)) {
            self.ratios.push(Ratio {
                name: format!("{} / {}", mine.subject, theirs.subject),
                spread: mine.ratio(theirs),
                of_fastest: mine.ratio_of_fastest(theirs),
                target,
            });
        }
        self
    }

    /// Adds the difference of two subjects, as the median over all rounds.
    #[must_use]
    pub fn difference(self, mine: &str, theirs: &str, target: Option<Target>) -> Self {
        let (Some(ours), Some(others)) = (self.samples_of(mine), self.samples_of(theirs)) else { return self };
        let added = Spread::of(ours.nanos.iter().zip(&others.nanos).map(|(mine, theirs)| mine - theirs).collect());
        self.fact(format!("{mine} - {theirs}"), added.median, "ns", target)
    }

    #[must_use]
    pub fn fact(mut self, name: impl Into<String>, value: f64, unit: &'static str, target: Option<Target>) -> Self {
        self.facts.push(Fact { name: name.into(), value, unit, target });
        self
    }

    fn samples_of(&self, subject: &str) -> Option<&Samples> {
        self.samples.iter().find(|samples| samples.subject == subject)
    }

    /// The lines of the row in the table.
    pub fn table(&self) -> String {
        let mut text = format!("\n{}\n", self.name);
        for samples in &self.samples {
            let Spread { min, median, max } = samples.spread();
            let [min, median, max] = [min, median, max].map(nanos);
            let _ = writeln!(text, "  {:<52} {median:>10}   {min:>10} .. {max}", samples.subject);
        }
        for Ratio { name, spread, of_fastest, target } in &self.ratios {
            let [min, median, max] = [spread.min, spread.median, spread.max].map(|ratio| format!("{ratio:.2}x"));
            let verdict = Target::verdict(*target, spread.median, *of_fastest);
            let fastest = format!("{of_fastest:.2}x");
            let _ = writeln!(text, "  {name:<52} {median:>8}   {min:>8} .. {max:<8} fastest {fastest:<8} {verdict}");
        }
        for Fact { name, value, unit, target } in &self.facts {
            let _ = writeln!(text, "  {name:<52} {value:>10.1} {unit}  {}", Target::verdict(*target, *value, *value));
        }
        text
    }
}

/// A duration with three significant digits.
fn nanos(nanos: f64) -> String {
    match nanos {
        n if n < 1e3 => format!("{n:.1} ns"),
        n if n < 1e6 => format!("{:.2} µs", n / 1e3),
        n => format!("{:.2} ms", n / 1e6),
    }
}

impl Machine {
    pub fn describe(extism: bool) -> Self {
        let cpu_info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let cpu =
            cpu_info.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": ").map(|(_, name)| name));
        Machine {
            cpu: cpu.unwrap_or(std::env::consts::ARCH).to_owned(),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            kernel: first_line("/proc/sys/kernel/osrelease"),
            load_before: first_line("/proc/loadavg"),
            load_after: String::new(),
            extism,
        }
    }

    pub fn finish(&mut self) {
        self.load_after = first_line("/proc/loadavg");
    }

    pub fn table(&self) -> String {
        let Machine { cpu, cores, kernel, load_before, load_after, .. } = self;
        format!("{cpu}, {cores} cores, Linux {kernel}; load before {load_before}, after {load_after}\n")
    }
}

fn first_line(path: &str) -> String {
    std::fs::read_to_string(path).unwrap_or_default().lines().next().unwrap_or("unknown").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missed_target_is_reported() {
        assert_eq!(Target::verdict(Some(Target::AtMost(1.5)), 1.6, 1.6), "<= 1.5 MISSED");
        assert_eq!(Target::verdict(Some(Target::AtLeast(3.0)), 3.0, 3.1), ">= 3 met");
        assert!(Target::verdict(Some(Target::AtLeast(3.0)), 3.5, 2.9).contains("UNCLEAR"));
        assert_eq!(Target::verdict(None, 1.0, 1.0), "");
    }

    #[test]
    fn ratio_to_a_missing_subject_is_omitted() {
        let row = Row::new("r", vec![Samples { subject: "plugbay", calls_per_batch: 1, nanos: vec![1.0] }]);
        assert!(row.ratio("extism", "plugbay", None).ratios.is_empty());
    }
}
