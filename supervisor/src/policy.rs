//! The decisions about a process, as pure functions: its end, and whether and when it is started again.

use std::time::Duration;

use plugbay_manifest::{ProcessEntry, RestartPolicy};

use crate::state::ProcessState;

/// The delay of a restart.
const RESTART_DELAY: Duration = Duration::from_secs(10);
/// The delay of a restart of a watched process.
const WATCHED_RESTART_DELAY: Duration = Duration::from_millis(500);
/// The shortest time between two starts by the policy, so that a process that ends at once takes no core and does not
/// push all other lines out of the log. Pup looks for processes to restart once a second.
pub(crate) const BETWEEN_STARTS: Duration = Duration::from_secs(1);
/// The exit code of a run that a signal of the supervisor ended.
const STOPPED_CODE: i32 = 124;

/// The state and the exit code after a run.
pub(crate) fn after_run(code: Option<i32>, signal: Option<&str>, is_stopped: bool) -> (ProcessState, Option<i32>) {
    let state = match code {
        _ if is_stopped => ProcessState::Finished,
        Some(0 | STOPPED_CODE) => ProcessState::Finished,
        _ => ProcessState::Errored,
    };
    let code = code.or_else(|| (is_stopped && signal.is_some()).then_some(STOPPED_CODE));
    (state, code)
}

/// The delay after which a process that has ended so is started again. `None` leaves it.
pub(crate) fn restart_delay_after(entry: &ProcessEntry, state: ProcessState) -> Option<Duration> {
    let default = (entry.autostart || !entry.watch.is_empty()).then_some(RestartPolicy::Always);
    let is_restarted = matches!(
        (entry.restart.or(default)?, state),
        (RestartPolicy::Always, ProcessState::Finished | ProcessState::Errored)
            | (RestartPolicy::Error, ProcessState::Errored)
    );
    is_restarted.then(|| restart_delay(entry))
}

/// The delay of a restart of a process.
pub(crate) fn restart_delay(entry: &ProcessEntry) -> Duration {
    let default = if entry.watch.is_empty() { RESTART_DELAY } else { WATCHED_RESTART_DELAY };
    entry.restart_delay.unwrap_or(default)
}

/// Whether a process has used up its restarts.
pub(crate) fn is_exhausted(entry: &ProcessEntry, restarts: u64) -> bool {
    entry.restart_limit.is_some_and(|limit| restarts >= limit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn run_that_was_stopped_or_succeeded_is_finished() {
        use ProcessState::{Errored, Finished};

        for (code, signal, is_stopped, expected) in [
            (Some(0), None, false, (Finished, Some(0))),
            (Some(124), None, false, (Finished, Some(124))),
            (Some(3), None, false, (Errored, Some(3))),
            (None, Some("SIGSEGV"), false, (Errored, None)),
            (None, Some("SIGTERM"), true, (Finished, Some(124))),
            (Some(3), None, true, (Finished, Some(3))),
            (None, None, false, (Errored, None)),
        ] {
            assert_eq!(after_run(code, signal, is_stopped), expected, "{code:?} {signal:?} {is_stopped}");
        }
    }

    #[test]
    fn restart_follows_policy_and_its_default() {
        use ProcessState::{Errored, Exhausted, Finished};

        let entry = |autostart: bool, watch: bool, restart: Option<RestartPolicy>, delay_ms: Option<u64>| {
            let mut entry = ProcessEntry::new("web", "true");
            entry.autostart = autostart;
            entry.watch = if watch { vec!["src".into()] } else { Vec::new() };
            (entry.restart, entry.restart_delay) = (restart, delay_ms.map(Duration::from_millis));
            entry
        };
        let (always, error) = (Some(RestartPolicy::Always), Some(RestartPolicy::Error));
        for (entry, state, expected_ms) in [
            (entry(false, false, None, None), Errored, None),
            (entry(true, false, None, None), Finished, Some(10_000)),
            (entry(false, true, None, None), Finished, Some(500)),
            (entry(true, true, None, Some(7)), Errored, Some(7)),
            (entry(true, false, None, Some(20_000)), Errored, Some(20_000)),
            (entry(true, false, error, None), Finished, None),
            (entry(false, false, error, None), Errored, Some(10_000)),
            (entry(false, false, always, None), Finished, Some(10_000)),
            (entry(false, false, always, None), Exhausted, None),
        ] {
            let delay = restart_delay_after(&entry, state);
            assert_eq!(delay, expected_ms.map(Duration::from_millis), "{entry:?} {state}");
        }
    }

    #[test]
    fn limit_counts_restarts() {
        let mut entry = ProcessEntry::new("web", "true");
        assert!(!is_exhausted(&entry, u64::MAX));
        entry.restart_limit = Some(2);
        assert!(!is_exhausted(&entry, 1) && is_exhausted(&entry, 2));
    }
}
