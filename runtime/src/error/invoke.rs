//! Why an action failed: the error, its reasons, and its text. The form for programs is in `error/answer.rs`.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use super::answer::{all_units, bytes, bytes_are, observed_bytes};
use super::{Failure, LimitHit, LimitOrigin, PayloadProblem, binary_size, listed};

/// An action could not be answered: of which plugin, which action, and why.
///
/// Its text is for the operator and the plugin's author. [`InvokeError::public`] is for everyone else. It is one pointer
/// wide, so that a `Result` of a call is no larger for it.
pub struct InvokeError(Box<Inner>);

struct Inner {
    plugin: String,
    action: String,
    kind: InvokeErrorKind,
}

/// The reasons for which an action is not answered.
#[derive(Debug)]
#[non_exhaustive]
pub enum InvokeErrorKind {
    /// The plugin has no such action.
    UnknownAction {
        /// The actions that it has.
        known: Vec<String>,
    },
    /// The payload does not match the schema that the action declares. No guest code ran.
    Validation {
        /// One entry for each problem, with its path.
        problems: Vec<PayloadProblem>,
    },
    /// The payload is not JSON, or cannot be made JSON. No guest code ran.
    Payload {
        /// What is wrong with it, and where.
        message: String,
    },
    /// What the plugin answered is not JSON, or not what the caller expected.
    Answer {
        /// What is wrong with it.
        message: String,
    },
    /// The payload is longer than the plugin accepts. No guest code ran.
    PayloadTooLarge {
        /// Bytes that are allowed.
        allowed: usize,
        /// Bytes that came.
        observed: usize,
    },
    /// The plugin handed the host more bytes than it accepts, in its result or in a host call.
    ResultTooLarge {
        /// Bytes that are allowed.
        allowed: usize,
        /// Bytes that came, where they were counted.
        observed: Option<usize>,
    },
    /// More calls than the rate limit allows.
    RateLimited {
        /// Calls that are allowed.
        calls: u32,
        /// The period in which they are.
        period: Duration,
        /// How long to wait.
        retry_after: Duration,
    },
    /// The plugin has as much to do as it may.
    Busy {
        /// What is used up.
        reason: &'static str,
        /// How many there may be.
        allowed: usize,
    },
    /// The deadline passed, while the plugin computed, waited for the host or waited for its turn.
    Timeout {
        /// The time it had.
        allowed: Duration,
        /// The time it took until it was stopped.
        observed: Duration,
        /// Whether the call still waited for an instance.
        is_waiting: bool,
        /// What set the time.
        origin: LimitOrigin,
    },
    /// The fuel of the call is burned.
    OutOfFuel {
        /// Fuel units that it had.
        allowed: u64,
        /// What set them.
        origin: LimitOrigin,
    },
    /// The instance asked for more memory than it may have.
    MemoryLimit {
        /// Bytes that are allowed.
        allowed: u64,
        /// Bytes that it would have had.
        observed: u64,
        /// What set the limit.
        origin: LimitOrigin,
    },
    /// The guest recursed too deeply.
    StackOverflow {
        /// Bytes of stack that it has.
        allowed: usize,
    },
    /// Another bound of the host: tables, handles, host resources.
    ResourceLimit {
        /// Which one.
        hit: LimitHit,
    },
    /// The plugin does not let the plugin that calls it in.
    CallerRefused {
        /// The plugin that calls.
        caller: String,
        /// Whether its manifest names its callers; else it lets those in that require it.
        names_callers: bool,
    },
    /// The plugin waits for an answer that cannot come before it takes this call.
    Reentrant {
        /// Who called whom.
        chain: String,
    },
    /// Too many plugins wait for one another.
    CallDepth {
        /// Who called whom.
        chain: String,
        /// Calls that may wait.
        allowed: usize,
        /// Calls that would wait.
        observed: usize,
    },
    /// The guest trapped: a panic, an abort, an access out of bounds.
    Trapped {
        /// The panic's message and place where the guest printed one, else the kind of trap.
        message: String,
        /// The guest's frames, innermost first, for the plugin's author.
        backtrace: Vec<String>,
    },
    /// The plugin itself answered with a failure.
    Guest {
        /// What it answered.
        failure: Box<Failure>,
    },
    /// The component's exports are not what the contract says. Found when its first instance is made.
    Contract {
        /// Which export, and how it differs.
        message: String,
    },
    /// The plugin is not there any more: unloaded, or replaced by one that failed.
    NotLoaded,
    /// Something failed inside the host. The plugin is not at fault.
    Host {
        /// For the operator.
        message: String,
    },
}

impl InvokeError {
    /// An error of a call of `action` of `plugin`. Applications need it for tests of what they do with errors.
    pub fn new(plugin: impl Into<String>, action: impl Into<String>, kind: InvokeErrorKind) -> Self {
        InvokeError(Box::new(Inner { plugin: plugin.into(), action: action.into(), kind }))
    }

    /// The plugin that was called.
    pub fn plugin(&self) -> &str {
        &self.0.plugin
    }

    /// The action that was called, or the lifecycle function, such as `on_load`.
    pub fn action(&self) -> &str {
        &self.0.action
    }

    /// Why the action was not answered.
    pub fn kind(&self) -> &InvokeErrorKind {
        &self.0.kind
    }

    /// What the plugin answered, if it answered a failure.
    pub fn failure(&self) -> Option<&Failure> {
        match self.kind() {
            InvokeErrorKind::Guest { failure } => Some(failure),
            _ => None,
        }
    }

    /// The text that an outsider may read, such as an HTTP client or another plugin: what happened, without what the
    /// plugin printed when it broke, what failed inside the host, or advice to the operator. For a failure that the
    /// plugin answered it is the plugin's own message.
    pub fn public(&self) -> Cow<'_, str> {
        let (plugin, action) = (self.plugin(), self.action());
        match self.kind() {
            InvokeErrorKind::Guest { failure } => Cow::Borrowed(&failure.message),
            InvokeErrorKind::Trapped { .. } => Cow::Owned(format!("plugin `{plugin}` trapped in `{action}`")),
            InvokeErrorKind::Answer { .. } => {
                Cow::Owned(format!("plugin `{plugin}` answered `{action}` with something that is not JSON"))
            }
            InvokeErrorKind::Contract { .. } => Cow::Owned(format!("plugin `{plugin}` does not follow the contract")),
            InvokeErrorKind::Host { .. } => {
                Cow::Owned(format!("the host failed while plugin `{plugin}` ran `{action}`"))
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
            | InvokeErrorKind::NotLoaded => Cow::Owned(self.to_string()),
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

    /// The result of every call is moved several times, so an error must not make it larger.
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
