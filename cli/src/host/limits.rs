//! The limit options of the command line.

use std::time::Duration;

use plugbay::Limits;
use plugbay::inspection::Inspection;
use plugbay::manifest::Resources;

use crate::args::LimitArgs;
use crate::output::Output;
use crate::units::{show_bytes, show_count, show_duration};

/// The limit options.
#[derive(Debug, Clone)]
pub(crate) struct LimitOptions {
    args: LimitArgs,
}

impl LimitOptions {
    pub(crate) fn new(args: &LimitArgs) -> Self {
        LimitOptions { args: args.clone() }
    }

    /// The resources that replace the manifest's.
    pub(crate) fn resources(&self) -> Resources {
        Resources {
            timeout: self.args.timeout,
            max_memory_bytes: self.args.max_memory,
            max_fuel: self.args.fuel,
            ..Resources::default()
        }
    }

    /// Notes the options that the host's ceilings cut.
    pub(crate) fn note_cuts(&self, limits: &Limits, output: Output) {
        for text in self.cut(limits.timeout, limits.memory_bytes, limits.fuel) {
            output.note(&text);
        }
    }

    /// The same for a plugin that is only inspected.
    pub(crate) fn note_cuts_of_inspection(&self, inspection: &Inspection, output: Output) {
        let limits = &inspection.limits;
        let timeout =
            limits.timeout_seconds.map(|seconds| Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX));
        for text in self.cut(timeout, limits.memory_bytes, limits.fuel) {
            output.note(&text);
        }
    }

    fn cut(&self, timeout: Option<Duration>, memory_bytes: u64, fuel: Option<u64>) -> Vec<String> {
        let cut = |option: &str, asked: String, got: String| {
            format!("{option} {asked} is cut to the host's ceiling of {got}")
        };
        let mut texts = Vec::new();
        if let (Some(asked), Some(got)) = (self.args.timeout, timeout)
            && asked > got
        {
            texts.push(cut("--timeout", show_duration(asked), show_duration(got)));
        }
        if let Some(asked) = self.args.max_memory
            && asked > memory_bytes
        {
            texts.push(cut("--max-memory", show_bytes(asked), show_bytes(memory_bytes)));
        }
        if let (Some(asked), Some(got)) = (self.args.fuel, fuel)
            && asked > got
        {
            texts.push(cut("--fuel", show_count(asked), show_count(got)));
        }
        texts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn option_above_its_ceiling_is_noted() {
        let timeout = Some(Duration::from_secs(30 * 60));
        let asked = LimitOptions::new(&LimitArgs { timeout, max_memory: Some(2 << 30), fuel: None });
        let cut = asked.cut(Some(Duration::from_secs(60)), 2 << 30, Some(7));
        assert_eq!(cut, ["--timeout 30 min is cut to the host's ceiling of 60 s"]);
    }
}
