//! Why an action failed: each reason with its text. The form for programs is in `error/answer.rs`.

use std::time::Duration;

use super::answer::{all_units, bytes_are, observed_bytes};
use super::{Failure, LimitHit, PayloadProblem, binary_size, listed};
use crate::capability::Denial;

/// An action could not be answered.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InvokeError {
    /// The plugin has no such action.
    #[error("plugin `{plugin}` has no action `{action}`{}", known_actions(action, known))]
    UnknownAction {
        /// The plugin.
        plugin: String,
        /// The action that was asked for.
        action: String,
        /// The actions that there are.
        known: Vec<String>,
    },
    /// The payload does not match the schema that the action declares. No guest code ran.
    #[error("the payload of `{action}` does not fit what plugin `{plugin}` declares:{}", listed(problems))]
    Validation {
        /// The plugin.
        plugin: String,
        /// The action.
        action: String,
        /// One entry for each problem, with its path.
        problems: Vec<PayloadProblem>,
    },
    /// The payload is not JSON.
    #[error("the payload of `{action}` is not JSON: {message}")]
    Payload {
        /// The action.
        action: String,
        /// What is wrong with it, and where.
        message: String,
    },
    /// What the plugin answered is not JSON, or not what the caller expected.
    #[error("plugin `{plugin}` answered `{action}` with something unexpected: {message}")]
    Answer {
        /// The plugin.
        plugin: String,
        /// The action.
        action: String,
        /// What is wrong with it.
        message: String,
    },
    /// The payload is longer than the plugin accepts. No guest code ran.
    #[error("the payload of `{action}` for plugin `{plugin}` has {observed} bytes, and {allowed} are allowed")]
    PayloadTooLarge {
        /// The plugin.
        plugin: String,
        /// The action.
        action: String,
        /// Bytes that are allowed.
        allowed: usize,
        /// Bytes that came.
        observed: usize,
    },
    /// The plugin handed the host more bytes than it accepts, in its result or in a host call.
    #[error("plugin `{plugin}` handed over {} in `{action}`, and {} allowed", observed_bytes(*observed), bytes_are(*allowed))]
    ResultTooLarge {
        /// The plugin.
        plugin: String,
        /// The action.
        action: String,
        /// Bytes that are allowed.
        allowed: usize,
        /// Bytes that came, where they were counted.
        observed: Option<usize>,
    },
    /// More calls than the rate limit allows.
    #[error("plugin `{plugin}` is limited to {calls} calls per {period:?}: try again in {retry_after:.1?}")]
    RateLimited {
        /// The plugin.
        plugin: String,
        /// Calls that are allowed.
        calls: u32,
        /// The period in which they are.
        period: Duration,
        /// How long to wait.
        retry_after: Duration,
    },
    /// The plugin has as much to do as it may.
    #[error("plugin `{plugin}` is busy: {reason} ({allowed} allowed); try again later")]
    Busy {
        /// The plugin.
        plugin: String,
        /// What is used up.
        reason: &'static str,
        /// How many there may be.
        allowed: usize,
    },
    /// The deadline passed, while the plugin computed, waited for the host or waited for its turn.
    #[error(
        "plugin `{plugin}` did not answer `{action}` within {allowed:?} (stopped after {observed:.1?}): raise `resources.timeout_seconds`, or do less in one call"
    )]
    Timeout {
        /// The plugin.
        plugin: String,
        /// The action or lifecycle function.
        action: String,
        /// The time it had.
        allowed: Duration,
        /// The time it took until it was stopped.
        observed: Duration,
    },
    /// The fuel of the call is burned.
    #[error(
        "plugin `{plugin}` ran out of fuel in `{action}`: {} burned; raise `resources.max_fuel`, or do less in one call",
        all_units(*allowed)
    )]
    OutOfFuel {
        /// The plugin.
        plugin: String,
        /// The action or lifecycle function.
        action: String,
        /// Fuel units that it had.
        allowed: u64,
    },
    /// The instance asked for more memory than it may have.
    #[error("plugin `{plugin}` needs more memory in `{action}` than it may have: {} wanted, {} allowed; raise `resources.max_memory_mb`", binary_size(*observed), binary_size(*allowed))]
    MemoryLimit {
        /// The plugin.
        plugin: String,
        /// The action or lifecycle function.
        action: String,
        /// Bytes that are allowed.
        allowed: u64,
        /// Bytes that it would have had.
        observed: u64,
    },
    /// The guest recursed too deeply.
    #[error(
        "plugin `{plugin}` overflowed its stack of {allowed} bytes in `{action}`: look for a recursion without an end"
    )]
    StackOverflow {
        /// The plugin.
        plugin: String,
        /// The action or lifecycle function.
        action: String,
        /// Bytes of stack that it has.
        allowed: usize,
    },
    /// Another bound of the host: tables, handles, host resources.
    #[error("plugin `{plugin}` hit a limit in `{action}`: {} ({} allowed, {} observed)", hit.limit, hit.allowed, hit.observed)]
    ResourceLimit {
        /// The plugin.
        plugin: String,
        /// The action or lifecycle function.
        action: String,
        /// Which one.
        hit: LimitHit,
    },
    /// The plugin may not do this.
    #[error("{denial}")]
    Denied {
        /// The plugin.
        plugin: String,
        /// What was denied, and what would grant it.
        denial: Denial,
    },
    /// The plugin does not let the plugin that calls it in.
    #[error("plugin `{plugin}` does not let plugin `{caller}` call it: {}", lets_in(plugin, caller, *names_callers))]
    CallerRefused {
        /// The plugin.
        plugin: String,
        /// The plugin that calls.
        caller: String,
        /// Whether its manifest names its callers; else it lets those in that require it.
        names_callers: bool,
    },
    /// The plugin waits for an answer that cannot come before it takes this call.
    #[error("plugin `{plugin}` cannot take a call of `{action}`, because it waits for who makes it: {chain}")]
    Reentrant {
        /// The plugin.
        plugin: String,
        /// The action.
        action: String,
        /// Who called whom.
        chain: String,
    },
    /// Too many plugins wait for one another.
    #[error(
        "plugin `{plugin}` cannot take a call of `{action}`: {observed} calls would wait for one another ({chain}), and {allowed} may"
    )]
    CallDepth {
        /// The plugin.
        plugin: String,
        /// The action.
        action: String,
        /// Who called whom.
        chain: String,
        /// Calls that may wait.
        allowed: usize,
        /// Calls that would wait.
        observed: usize,
    },
    /// The guest trapped: a panic, an abort, an access out of bounds.
    #[error("plugin `{plugin}` trapped in `{action}`: {message}")]
    Trapped {
        /// The plugin.
        plugin: String,
        /// The action or lifecycle function.
        action: String,
        /// The panic's message and place where the guest printed one, else the kind of trap.
        message: String,
        /// The guest's frames, innermost first, for the plugin's author.
        backtrace: Vec<String>,
    },
    /// The plugin itself answered with a failure.
    #[error("{failure}")]
    Guest {
        /// The plugin.
        plugin: String,
        /// What it answered.
        failure: Box<Failure>,
    },
    /// The component's exports are not what the contract says. Found when its first instance is made.
    #[error("plugin `{plugin}` does not follow the contract: {message}")]
    Contract {
        /// The plugin.
        plugin: String,
        /// Which export, and how it differs.
        message: String,
    },
    /// The plugin is not there any more: unloaded, or replaced by one that failed.
    #[error("plugin `{plugin}` is not loaded")]
    NotLoaded {
        /// The plugin.
        plugin: String,
    },
    /// Something failed inside the host. The plugin is not at fault.
    #[error("the host failed while plugin `{plugin}` ran `{action}`: {message}")]
    Host {
        /// The plugin.
        plugin: String,
        /// The action or lifecycle function.
        action: String,
        /// For the operator.
        message: String,
    },
}

/// What would let the caller in.
fn lets_in(plugin: &str, caller: &str, names_callers: bool) -> String {
    if names_callers {
        format!("add `{caller}` to `allowed_callers` in the manifest of `{plugin}`")
    } else {
        format!(
            "add `requires: [{plugin}]` to the manifest of `{caller}`, or `allowed_callers: [{caller}]` to that of `{plugin}`"
        )
    }
}

fn known_actions(action: &str, known: &[String]) -> String {
    if known.is_empty() {
        return String::new();
    }
    let nearest = plugbay_manifest::nearest(action, known.iter().map(String::as_str));
    match nearest {
        Some(nearest) => format!("; did you mean `{nearest}`? It has: {}", known.join(", ")),
        None => format!("; it has: {}", known.join(", ")),
    }
}
