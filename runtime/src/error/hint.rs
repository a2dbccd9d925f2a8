//! Advice about errors: which rule to add, which limit to raise. The texts refer to manifests, policies and the
//! library; the command adds its options.

use super::{InvokeError, InvokeErrorKind, LimitOrigin, LoadError, LoadErrorKind};

impl InvokeError {
    /// Returns advice for the operator or the plugin's author on one line, if there is any.
    pub fn hint(&self) -> Option<String> {
        match self.kind() {
            InvokeErrorKind::Timeout { origin, .. } => {
                Some(raise("timeout_seconds", "Ceilings::timeout", *origin, "do less in one call"))
            }
            InvokeErrorKind::OutOfFuel { origin, .. } => {
                Some(raise("max_fuel", "Ceilings::fuel", *origin, "do less in one call"))
            }
            InvokeErrorKind::MemoryLimit { origin, .. } => {
                Some(raise("max_memory_mb", "Ceilings::memory_bytes", *origin, "keep less in memory"))
            }
            InvokeErrorKind::StackOverflow { .. } => Some("look for a recursion without an end".to_owned()),
            InvokeErrorKind::CallerRefused { caller, names_callers } => {
                Some(lets_in(self.plugin(), caller, *names_callers))
            }
            InvokeErrorKind::NotLoaded => Some("load it before it is called".to_owned()),
            InvokeErrorKind::PluginDisabled => Some("enable it with `Runtime::enable`".to_owned()),
            InvokeErrorKind::PluginFailed { retry_after: None, .. } => {
                Some("reload it once it is mended, or restart it with `Runtime::restart`".to_owned())
            }
            InvokeErrorKind::UnknownAction { .. }
            | InvokeErrorKind::Validation { .. }
            | InvokeErrorKind::Payload { .. }
            | InvokeErrorKind::Answer { .. }
            | InvokeErrorKind::PayloadTooLarge { .. }
            | InvokeErrorKind::ResultTooLarge { .. }
            | InvokeErrorKind::RateLimited { .. }
            | InvokeErrorKind::Busy { .. }
            | InvokeErrorKind::ResourceLimit { .. }
            | InvokeErrorKind::Reentrant { .. }
            | InvokeErrorKind::CallDepth { .. }
            | InvokeErrorKind::Trapped { .. }
            | InvokeErrorKind::Guest { .. }
            | InvokeErrorKind::Contract { .. }
            | InvokeErrorKind::PluginFailed { .. }
            | InvokeErrorKind::LoadFailed { .. }
            | InvokeErrorKind::Unavailable { .. }
            | InvokeErrorKind::Host { .. } => None,
        }
    }
}

impl LoadError {
    /// Returns advice for the operator or the plugin's author on one line, if there is any.
    pub fn hint(&self) -> Option<String> {
        let text = match self.kind() {
            LoadErrorKind::Denied { denial, .. } | LoadErrorKind::NotGranted { denial, .. } => denial.hint(),
            LoadErrorKind::NotTrusted => "trust it with `RuntimeBuilder::trust` or `Package::trusted`, or with \
                                          `trusted: true` in its entry of `plugins` in the host's file"
                .to_owned(),
            LoadErrorKind::UnknownImport { hint, .. } => return hint.clone(),
            LoadErrorKind::MinimumMemory { origin, .. } => {
                raise("max_memory_mb", "Ceilings::memory_bytes", *origin, "link it with less")
            }
            LoadErrorKind::Requires { .. } => "load it before this plugin, or both with `Runtime::load_all`".to_owned(),
            LoadErrorKind::RequiresItself { .. } => {
                "a plugin that is only called back need not be required: it admits its callers by `allowed_callers`"
                    .to_owned()
            }
            LoadErrorKind::Dependents { .. } => {
                "replace these first by versions that accept it, or unload them".to_owned()
            }
            LoadErrorKind::NothingToReload => "load it first".to_owned(),
            LoadErrorKind::Disabled => "enable it with `Runtime::enable`".to_owned(),
            LoadErrorKind::FromMemory => "reload it with its new package".to_owned(),
            LoadErrorKind::AlreadyLoaded => "unload it first, or reload it; if it is disabled, enable it".to_owned(),
            LoadErrorKind::Provided => "give one of the two another name".to_owned(),
            LoadErrorKind::Start(error) => return error.hint(),
            LoadErrorKind::Open { .. }
            | LoadErrorKind::NoComponent { .. }
            | LoadErrorKind::Manifest(_)
            | LoadErrorKind::Version { .. }
            | LoadErrorKind::RequirementFailed { .. }
            | LoadErrorKind::Engine(_)
            | LoadErrorKind::Scan(_)
            | LoadErrorKind::Contract(_)
            | LoadErrorKind::Compile(_)
            | LoadErrorKind::Pool(_)
            | LoadErrorKind::Legacy(_)
            | LoadErrorKind::Link(_)
            | LoadErrorKind::Configuration { .. }
            | LoadErrorKind::Tables { .. }
            | LoadErrorKind::Environment { .. }
            | LoadErrorKind::Schema { .. }
            | LoadErrorKind::Unhealthy { .. } => return None,
        };
        Some(text)
    }
}

/// Returns how to raise a limit, by its origin.
fn raise(resource: &str, ceiling: &str, origin: LimitOrigin, or: &str) -> String {
    match origin {
        LimitOrigin::Plugin => format!("raise `resources.{resource}` in the plugin's manifest, or {or}"),
        LimitOrigin::Ceiling => {
            format!(
                "the operator's ceiling is the limit: raise `{ceiling}` (`ceilings.{resource}` in the host's file), or {or}"
            )
        }
        LimitOrigin::Caller => format!("the caller set this limit: give the call more, or {or}"),
    }
}

/// Returns how to make the plugin admit the caller.
fn lets_in(plugin: &str, caller: &str, names_callers: bool) -> String {
    if names_callers {
        format!("add `{caller}` to `allowed_callers` in the manifest of `{plugin}`")
    } else {
        format!(
            "add `requires: [{plugin}]` to the manifest of `{caller}`, or `allowed_callers: [{caller}]` to that of `{plugin}`"
        )
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn limit_at_the_ceiling_hints_at_the_ceiling() {
        let hint = |origin| {
            let (allowed, observed) = (Duration::from_secs(1), Duration::from_secs(2));
            let kind = InvokeErrorKind::Timeout { allowed, observed, is_waiting: false, origin };
            InvokeError::new("p", "a", kind).hint().expect("there is something to raise")
        };
        assert!(hint(LimitOrigin::Plugin).contains("`resources.timeout_seconds`"));
        let ceiling = hint(LimitOrigin::Ceiling);
        assert!(ceiling.contains("`Ceilings::timeout`") && !ceiling.contains("resources."), "{ceiling}");
        assert!(!hint(LimitOrigin::Caller).contains("resources."));
    }
}
