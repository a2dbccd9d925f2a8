//! Limits from the command line, and the ceilings that bound them.

use std::time::Duration;

use plugbay::manifest::Resources;
use plugbay::{Ceilings, Inspection, Limits};

use crate::args::LimitArgs;
use crate::output::Output;
use crate::units::{show_bytes, show_count, show_duration};

/// Limits from the command line, and the resulting ceilings.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    args: LimitArgs,
    pub(crate) ceilings: Ceilings,
}

impl Asked {
    /// `file` has the ceilings written in the host's file, which always hold, and `in_force` their values with
    /// defaults. If the file sets no ceiling, a larger option raises the default.
    pub(crate) fn new(args: &LimitArgs, file: &Resources, in_force: Ceilings) -> Self {
        let default = Ceilings::default();
        let ceilings = Ceilings {
            timeout: ceiling(file.timeout, args.timeout, default.timeout),
            memory_bytes: ceiling(file.max_memory_bytes, args.max_memory, default.memory_bytes),
            fuel: ceiling(file.max_fuel, args.fuel, default.fuel),
            ..in_force
        };
        Asked { args: args.clone(), ceilings }
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

/// The file's ceiling if it sets one (0 means none), else the default or the option, whichever is larger. An option of
/// 0 means no limit, so it removes the default ceiling.
fn ceiling<T: Ord + Default>(file: Option<T>, typed: Option<T>, default: Option<T>) -> Option<T> {
    match (file, typed) {
        (Some(file), _) => Some(file).filter(|file| *file != T::default()),
        (None, Some(typed)) if typed == T::default() => None,
        (None, typed) => default.map(|default| typed.unwrap_or_default().max(default)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTES: fn(u64) -> Duration = |minutes| Duration::from_secs(minutes * 60);

    fn in_force(args: &LimitArgs, file: &Resources) -> (Limits, Vec<String>) {
        let asked = Asked::new(args, file, Ceilings::default());
        let limits = Limits::default().asked(&asked.resources(), &asked.ceilings);
        let cut = asked.cut(limits.timeout, limits.memory_bytes, limits.fuel);
        (limits, cut)
    }

    #[test]
    fn typed_limit_above_the_default_ceiling_holds() {
        let args = LimitArgs { timeout: Some(MINUTES(30)), max_memory: Some(2 << 30), fuel: Some(u64::MAX) };
        let (limits, cut) = in_force(&args, &Resources::default());
        assert_eq!((limits.timeout, limits.memory_bytes, limits.fuel), (Some(MINUTES(30)), 2 << 30, Some(u64::MAX)));
        assert!(cut.is_empty(), "{cut:?}");
    }

    #[test]
    fn typed_limit_above_the_host_files_ceiling_is_cut() {
        let args = LimitArgs { timeout: Some(MINUTES(30)), ..LimitArgs::default() };
        let file = Resources { timeout: Some(MINUTES(1)), ..Resources::default() };
        let (limits, cut) = in_force(&args, &file);
        assert_eq!(limits.timeout, Some(MINUTES(1)));
        assert_eq!(cut, ["--timeout 30 min is cut to the host's ceiling of 60 s"]);
    }

    #[test]
    fn zero_is_no_limit_below_the_host_files_ceilings() {
        let args = LimitArgs { timeout: Some(Duration::ZERO), max_memory: Some(0), fuel: Some(0) };
        let (limits, _) = in_force(&args, &Resources::default());
        assert_eq!(
            (limits.timeout, limits.fuel, limits.memory_bytes),
            (None, None, 4 << 30),
            "the maximum of 32-bit memory"
        );
        let lifted = Resources { timeout: Some(Duration::ZERO), max_fuel: Some(0), ..Resources::default() };
        let (limits, _) = in_force(&args, &lifted);
        assert_eq!((limits.timeout, limits.fuel), (None, None));
        let held = Resources { timeout: Some(MINUTES(1)), max_fuel: Some(7), ..Resources::default() };
        let (limits, _) = in_force(&args, &held);
        assert_eq!((limits.timeout, limits.fuel), (Some(MINUTES(1)), Some(7)));
    }
}
