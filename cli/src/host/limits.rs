//! The limits that were typed, against the ceilings.

use plugbay::manifest::Resources;
use plugbay::{Ceilings, Limits};

use crate::args::LimitArgs;
use crate::output::Output;
use crate::units::{show_bytes, show_count, show_duration};

/// Limits from the command line and the ceilings that they leave.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    args: LimitArgs,
    pub(crate) ceilings: Ceilings,
}

impl Asked {
    /// `file` are the ceilings that the host's file names, which hold, and `in_force` what they mean. Where it names none,
    /// what was typed raises the default.
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

    /// What replaces the manifest's own.
    pub(crate) fn resources(&self) -> Resources {
        Resources {
            timeout: self.args.timeout,
            max_memory_bytes: self.args.max_memory,
            max_fuel: self.args.fuel,
            ..Resources::default()
        }
    }

    /// Says where less is in force than was typed.
    pub(crate) fn tell_what_was_cut(&self, limits: &Limits, output: Output) {
        for text in self.cut(limits) {
            output.note(&text);
        }
    }

    fn cut(&self, limits: &Limits) -> Vec<String> {
        let cut = |option: &str, asked: String, got: String| {
            format!("{option} {asked} is cut to the host's ceiling of {got}")
        };
        let mut texts = Vec::new();
        if let (Some(asked), Some(got)) = (self.args.timeout, limits.timeout)
            && asked > got
        {
            texts.push(cut("--timeout", show_duration(asked), show_duration(got)));
        }
        if let Some(asked) = self.args.max_memory
            && asked > limits.memory_bytes
        {
            texts.push(cut("--max-memory", show_bytes(asked), show_bytes(limits.memory_bytes)));
        }
        if let (Some(asked), Some(got)) = (self.args.fuel, limits.fuel)
            && asked > got
        {
            texts.push(cut("--fuel", show_count(asked), show_count(got)));
        }
        texts
    }
}

/// The file's ceiling where it names one (0 means none), else the default or what was typed, whichever is more.
fn ceiling<T: Ord + Default>(file: Option<T>, typed: Option<T>, default: Option<T>) -> Option<T> {
    match (file, default) {
        (Some(file), _) => Some(file).filter(|file| *file != T::default()),
        (None, Some(default)) => Some(typed.unwrap_or_default().max(default)),
        (None, None) => None,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const MINUTES: fn(u64) -> Duration = |minutes| Duration::from_secs(minutes * 60);

    fn in_force(args: &LimitArgs, file: &Resources) -> (Limits, Vec<String>) {
        let asked = Asked::new(args, file, Ceilings::default());
        let limits = Limits::default().asked(&asked.resources(), &asked.ceilings);
        let cut = asked.cut(&limits);
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
    fn typed_limit_above_the_host_files_ceiling_is_cut_and_told() {
        let args = LimitArgs { timeout: Some(MINUTES(30)), ..LimitArgs::default() };
        let file = Resources { timeout: Some(MINUTES(1)), ..Resources::default() };
        let (limits, cut) = in_force(&args, &file);
        assert_eq!(limits.timeout, Some(MINUTES(1)));
        assert_eq!(cut, ["--timeout 30 min is cut to the host's ceiling of 60 s"]);
    }

    #[test]
    fn zero_is_as_much_as_the_ceiling_allows() {
        let args = LimitArgs { timeout: Some(Duration::ZERO), max_memory: Some(0), fuel: Some(0) };
        let (limits, _) = in_force(&args, &Resources::default());
        let default = Ceilings::default();
        assert_eq!((limits.timeout, limits.fuel), (default.timeout, default.fuel));
        let lifted = Resources { timeout: Some(Duration::ZERO), max_fuel: Some(0), ..Resources::default() };
        let (limits, _) = in_force(&args, &lifted);
        assert_eq!((limits.timeout, limits.fuel), (None, None));
    }
}
