//! The error of a call: its kinds and its text. The form for programs is in `error/answer.rs`.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use super::answer::{all_units, bytes, bytes_are, observed_bytes};
use super::{Failure, LimitHit, LimitOrigin, PayloadProblem, binary_size, listed};

/// The error of a call: the plugin, the action and the reason.
///
/// Its text is for the operator and the plugin's author; [`InvokeError::public`] is for everyone else. It is one
/// pointer wide, so that it does not enlarge the `Result` of a call.
pub struct InvokeError(Box<Inner>);

struct Inner {
    plugin: String,
    action: String,
    kind: InvokeErrorKind,
}

/// The reason why an action has no answer.
#[derive(Debug)]
#[non_exhaustive]
pub enum InvokeErrorKind {
    /// The plugin has no such action.
    UnknownAction {
        /// The actions that the plugin has.
        known: Vec<String>,
    },
    /// The payload does not match the schema that the action declares. No guest code ran.
    Validation {
        /// One entry for each problem, with its path.
        problems: Vec<PayloadProblem>,
    },
    /// The payload is not JSON, or cannot be serialised as JSON. No guest code ran.
    Payload {
        /// The problem and its position.
        message: String,
    },
    /// The plugin's answer is not JSON, or does not fit the type that the caller expects.
    Answer {
        /// The problem.
        message: String,
    },
    /// The payload exceeds the plugin's limit. No guest code ran.
    PayloadTooLarge {
        /// The limit, in bytes.
        allowed: usize,
        /// The size of the payload, in bytes.
        observed: usize,
    },
    /// The plugin passed the host more bytes than allowed, in its result or in a host call.
    ResultTooLarge {
        /// The limit, in bytes.
        allowed: usize,
        /// The size, in bytes, if it was counted.
        observed: Option<usize>,
    },
    /// The call exceeds the rate limit.
    RateLimited {
        /// Calls allowed per period.
        calls: u32,
        /// The period.
        period: Duration,
        /// The time after which to retry.
        retry_after: Duration,
    },
    /// The plugin is at a limit of concurrency.
    Busy {
        /// The limit that is reached.
        reason: &'static str,
        /// The value of the limit.
        allowed: usize,
    },
    /// The deadline passed while the plugin computed, waited for the host or waited for its turn.
    Timeout {
        /// The time limit.
        allowed: Duration,
        /// The time until the call was stopped.
        observed: Duration,
        /// Whether the call still waited for an instance.
        is_waiting: bool,
        /// The origin of the time limit.
        origin: LimitOrigin,
    },
    /// The call used up its fuel.
    OutOfFuel {
        /// The limit, in fuel units.
        allowed: u64,
        /// The origin of the limit.
        origin: LimitOrigin,
    },
    /// The instance exceeded its memory limit.
    MemoryLimit {
        /// The limit, in bytes.
        allowed: u64,
        /// The requested total, in bytes.
        observed: u64,
        /// The origin of the limit.
        origin: LimitOrigin,
    },
    /// The guest recursed too deeply.
    StackOverflow {
        /// The size of the guest's stack, in bytes.
        allowed: usize,
    },
    /// The plugin reached another limit of the host: tables, handles, host resources.
    ResourceLimit {
        /// The limit.
        hit: LimitHit,
    },
    /// The plugin does not admit the calling plugin.
    CallerRefused {
        /// The calling plugin.
        caller: String,
        /// Whether the plugin's manifest names its callers; otherwise it admits the plugins that require it.
        names_callers: bool,
    },
    /// The call would deadlock: the plugin waits, directly or indirectly, for its caller.
    Reentrant {
        /// The chain of calls.
        chain: String,
    },
    /// Too many plugins wait for one another.
    CallDepth {
        /// The chain of calls.
        chain: String,
        /// Maximum number of waiting calls.
        allowed: usize,
        /// The number of calls that would wait.
        observed: usize,
    },
    /// The guest trapped: a panic, an abort, an access out of bounds.
    Trapped {
        /// The panic's message and position if the guest printed one, otherwise the kind of trap.
        message: String,
        /// The guest's frames, innermost first, for the plugin's author.
        backtrace: Vec<String>,
    },
    /// The plugin itself answered with a failure.
    Guest {
        /// The plugin's answer.
        failure: Box<Failure>,
    },
    /// The component's exports do not match the contract. This is detected when its first instance is made.
    Contract {
        /// The export and the difference.
        message: String,
    },
    /// The plugin is no longer loaded: it was unloaded, or a failed one replaced it.
    NotLoaded,
    /// The plugin is disabled.
    PluginDisabled,
    /// The plugin's instances broke again and again: see [`RestartPolicy`](crate::lifecycle::RestartPolicy).
    PluginFailed {
        /// What broke the last instance.
        message: String,
        /// The time after which the plugin serves again; `None` if it has to be restarted or reloaded.
        retry_after: Option<Duration>,
    },
    /// The plugin is lazy, and this call or one shortly before it could not start it.
    LoadFailed {
        /// The stable code of the error, as of [`LoadError::code`](crate::LoadError::code).
        code: String,
        /// Why it could not be started, for the operator.
        reason: String,
        /// The time after which a call tries to start it again.
        retry_after: Duration,
    },
    /// A backend of the host that decides whether a call may run does not answer. The call did not run.
    Unavailable {
        /// The failure, for the operator.
        message: String,
    },
    /// Something failed inside the host. The plugin is not at fault.
    Host {
        /// The failure, for the operator.
        message: String,
    },
}

impl InvokeError {
    /// Creates the error of a call. Applications use it to test their error handling.
    pub fn new(plugin: impl Into<String>, action: impl Into<String>, kind: InvokeErrorKind) -> Self {
        InvokeError(Box::new(Inner { plugin: plugin.into(), action: action.into(), kind }))
    }

    /// Returns the plugin that was called.
    pub fn plugin(&self) -> &str {
        &self.0.plugin
    }

    /// Returns the action that was called, or the lifecycle function, such as `on_load`.
    pub fn action(&self) -> &str {
        &self.0.action
    }

    /// Returns the reason why there is no answer.
    pub fn kind(&self) -> &InvokeErrorKind {
        &self.0.kind
    }

    /// Returns the plugin's own failure, if it answered with one.
    pub fn failure(&self) -> Option<&Failure> {
        match self.kind() {
            InvokeErrorKind::Guest { failure } => Some(failure),
            _ => None,
        }
    }

    /// Returns the text for outsiders, such as an HTTP client or another plugin: what happened, without the output of a
    /// broken plugin, internals of the host, or advice to the operator. If the plugin answered with a failure, the text
    /// is the failure's message.
    pub fn public(&self) -> Cow<'_, str> {
        let (plugin, action) = (self.plugin(), self.action());
        match self.kind() {
            InvokeErrorKind::Guest { failure } => Cow::Borrowed(&failure.message),
            InvokeErrorKind::Trapped { .. } => Cow::Owned(format!("plugin `{plugin}` trapped in `{action}`")),
            InvokeErrorKind::Answer { .. } => {
                Cow::Owned(format!("plugin `{plugin}` answered `{action}` with something unexpected"))
            }
            InvokeErrorKind::Contract { .. } => Cow::Owned(format!("plugin `{plugin}` does not follow the contract")),
            InvokeErrorKind::PluginFailed { retry_after: Some(after), .. } => {
                Cow::Owned(format!("plugin `{plugin}` broke again and again; try again in {after:.1?}"))
            }
            InvokeErrorKind::PluginFailed { .. } => Cow::Owned(format!("plugin `{plugin}` has failed")),
            InvokeErrorKind::LoadFailed { code, .. } => Cow::Owned(format!("Could not load {plugin} - {code}")),
            InvokeErrorKind::Host { .. } => {
                Cow::Owned(format!("the host failed while plugin `{plugin}` ran `{action}`"))
            }
            InvokeErrorKind::Unavailable { .. } => {
                Cow::Owned(format!("the host cannot admit calls of plugin `{plugin}` at present; try again later"))
            }
            InvokeErrorKind::UnknownAction { .. }
            | InvokeErrorKind::Validation { .. }
            | InvokeErrorKind::Payload { .. }
            | InvokeErrorKind::PayloadTooLarge { .. }
            | InvokeErrorKind::ResultTooLarge { .. }
            | InvokeErrorKind::RateLimited { .. }
            | InvokeErrorKind::Busy { .. }
            | InvokeErrorKind::Timeout { .. }
            | InvokeErrorKind::OutOfFuel { .. }
            | InvokeErrorKind::MemoryLimit { .. }
            | InvokeErrorKind::StackOverflow { .. }
            | InvokeErrorKind::ResourceLimit { .. }
            | InvokeErrorKind::CallerRefused { .. }
            | InvokeErrorKind::Reentrant { .. }
            | InvokeErrorKind::CallDepth { .. }
            | InvokeErrorKind::NotLoaded
            | InvokeErrorKind::PluginDisabled => Cow::Owned(self.to_string()),
        }
    }
}

impl std::error::Error for InvokeError {}

impl fmt::Debug for InvokeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { plugin, action, kind } = &*self.0;
        f.debug_struct("InvokeError").field("plugin", plugin).field("action", action).field("kind", kind).finish()
    }
}

impl fmt::Display for InvokeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { plugin, action, kind } = &*self.0;
        match kind {
            InvokeErrorKind::UnknownAction { known } => {
                write!(f, "plugin `{plugin}` has no action `{action}`{}", known_actions(action, known))
            }
            InvokeErrorKind::Validation { problems } => {
                write!(
                    f,
                    "the payload of `{action}` does not fit what plugin `{plugin}` declares: {}",
                    listed(problems)
                )
            }
            InvokeErrorKind::Payload { message } => {
                write!(f, "the payload of `{action}` for plugin `{plugin}` is not JSON: {message}")
            }
            InvokeErrorKind::Answer { message } => {
                write!(f, "plugin `{plugin}` answered `{action}` with something unexpected: {message}")
            }
            InvokeErrorKind::PayloadTooLarge { allowed, observed } => write!(
                f,
                "the payload of `{action}` for plugin `{plugin}` has {}, and {} allowed",
                bytes(*observed),
                bytes_are(*allowed)
            ),
            InvokeErrorKind::ResultTooLarge { allowed, observed } => write!(
                f,
                "plugin `{plugin}` handed over {} in `{action}`, and {} allowed",
                observed_bytes(*observed),
                bytes_are(*allowed)
            ),
            InvokeErrorKind::RateLimited { calls, period, retry_after } => {
                let calls = if *calls == 1 { "1 call".to_owned() } else { format!("{calls} calls") };
                write!(f, "plugin `{plugin}` is limited to {calls} per {period:?}; try again in {retry_after:.1?}")
            }
            InvokeErrorKind::Busy { reason, allowed } => {
                write!(f, "plugin `{plugin}` is busy: {reason} ({allowed} allowed); try again later")
            }
            InvokeErrorKind::Timeout { allowed, observed, is_waiting, .. } => {
                let waiting = if *is_waiting { " (waiting for its turn)" } else { "" };
                write!(
                    f,
                    "plugin `{plugin}` did not answer `{action}`{waiting} within {allowed:?} (stopped after \
                     {observed:.1?})"
                )
            }
            InvokeErrorKind::OutOfFuel { allowed, .. } => {
                write!(f, "plugin `{plugin}` ran out of fuel in `{action}`: {} burned", all_units(*allowed))
            }
            InvokeErrorKind::MemoryLimit { allowed, observed, .. } => write!(
                f,
                "plugin `{plugin}` needs more memory in `{action}` than it may have: {} wanted, {} allowed",
                binary_size(*observed),
                binary_size(*allowed)
            ),
            InvokeErrorKind::StackOverflow { allowed } => {
                write!(f, "plugin `{plugin}` overflowed its stack of {allowed} bytes in `{action}`")
            }
            InvokeErrorKind::ResourceLimit { hit: LimitHit { limit, allowed, observed } } => write!(
                f,
                "plugin `{plugin}` hit a limit in `{action}`: {limit} ({allowed} allowed, {observed} observed)"
            ),
            InvokeErrorKind::CallerRefused { caller, .. } => {
                write!(f, "plugin `{plugin}` does not admit calls of plugin `{caller}`")
            }
            InvokeErrorKind::Reentrant { chain } => write!(
                f,
                "calling `{action}` of plugin `{plugin}` would deadlock: `{plugin}` is waiting for its caller ({chain})"
            ),
            InvokeErrorKind::CallDepth { chain, allowed, observed } => write!(
                f,
                "calling `{action}` of plugin `{plugin}` would make {observed} calls wait for one another, and {allowed} \
                 may ({chain})"
            ),
            InvokeErrorKind::Trapped { message, .. } => {
                write!(f, "plugin `{plugin}` trapped in `{action}`: {message}")
            }
            InvokeErrorKind::Guest { failure } => write!(f, "{failure}"),
            InvokeErrorKind::Contract { message } => {
                write!(f, "plugin `{plugin}` does not follow the contract: {message}")
            }
            InvokeErrorKind::NotLoaded => write!(f, "plugin `{plugin}` is not loaded"),
            InvokeErrorKind::PluginDisabled => write!(f, "plugin `{plugin}` is disabled"),
            InvokeErrorKind::PluginFailed { message, retry_after: Some(after) } => {
                write!(
                    f,
                    "plugin `{plugin}` broke again and again and serves again in {after:.1?}; last error: {message}"
                )
            }
            InvokeErrorKind::PluginFailed { message, .. } => {
                write!(f, "plugin `{plugin}` has failed; last error: {message}")
            }
            // DockStat's text.
            InvokeErrorKind::LoadFailed { reason, .. } => write!(f, "Could not load {plugin} - {reason}"),
            InvokeErrorKind::Unavailable { message } => {
                write!(f, "the host cannot admit a call of `{action}` of plugin `{plugin}`: {message}")
            }
            InvokeErrorKind::Host { message } => {
                write!(f, "the host failed while plugin `{plugin}` ran `{action}`: {message}")
            }
        }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::invocation::Outcome;

    /// Results of calls are moved several times, so the error must not enlarge them.
    #[test]
    fn error_is_one_pointer_wide() {
        assert_eq!(size_of::<InvokeError>(), size_of::<usize>());
        assert_eq!(size_of::<Result<Outcome, InvokeError>>(), size_of::<Outcome>());
    }

    #[test]
    fn public_text_has_nothing_of_what_broke() {
        let secret = || "/var/lib/plugbay: hunter2".to_owned();
        for kind in [
            InvokeErrorKind::Trapped { message: secret(), backtrace: vec![secret()] },
            InvokeErrorKind::Host { message: secret() },
            InvokeErrorKind::Unavailable { message: secret() },
            InvokeErrorKind::Contract { message: secret() },
            InvokeErrorKind::Answer { message: secret() },
        ] {
            let error = InvokeError::new("p", "a", kind);
            assert!(error.to_string().contains("hunter2"), "{error}");
            assert!(!error.public().contains("hunter2") && error.public().contains("`p`"), "{}", error.public());
        }
        let failure = Box::new(Failure::new("sold_out", "no tea"));
        assert_eq!(InvokeError::new("p", "a", InvokeErrorKind::Guest { failure }).public(), "no tea");
    }

    #[test]
    fn count_of_one_is_singular() {
        let text = |kind| InvokeError::new("p", "a", kind).to_string();
        let large = text(InvokeErrorKind::PayloadTooLarge { allowed: 1, observed: 2 });
        assert_eq!(large, "the payload of `a` for plugin `p` has 2 bytes, and 1 byte is allowed");
        let minute = Duration::from_secs(60);
        let rate = text(InvokeErrorKind::RateLimited { calls: 1, period: minute, retry_after: minute });
        assert!(rate.contains("1 call per 60s"), "{rate}");
    }
}
