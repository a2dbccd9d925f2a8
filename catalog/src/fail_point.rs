//! Named steps at which a test ends the process, as a power failure or `kill -9` would.
//!
//! Without the feature `fail-points` the steps compile to nothing, and no environment variable is read.

/// The environment variable that names the step to end at.
#[cfg(feature = "fail-points")]
pub const FAIL_POINT_VARIABLE: &str = "PLUGBAY_FAIL_POINT";

/// The changes of the catalog that have steps.
#[cfg(feature = "fail-points")]
const CHANGES: [&str; 7] = ["install", "update", "rollback", "remove", "enable", "disable", "record"];

/// The steps of each change.
#[cfg(feature = "fail-points")]
const STEPS: [&str; 3] = ["begun", "changed", "committed"];

/// The names of all steps: those of creating a catalog, and `CHANGE.STEP` for each change.
#[cfg(feature = "fail-points")]
pub fn fail_points() -> Vec<String> {
    let changes = CHANGES.iter().flat_map(|change| STEPS.iter().map(move |step| format!("{change}.{step}")));
    changes.chain(["create.begun", "create.shaped", "create.named"].map(str::to_owned)).collect()
}

/// Ends this process with SIGKILL if the environment names this step.
#[cfg(all(feature = "fail-points", unix))]
pub(crate) fn fail_point(change: &str, step: &str) {
    let wanted = std::env::var(FAIL_POINT_VARIABLE).unwrap_or_default();
    if wanted.split_once('.') == Some((change, step)) {
        let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
    }
}

/// Does nothing.
#[cfg(not(all(feature = "fail-points", unix)))]
pub(crate) fn fail_point(_: &str, _: &str) {}
