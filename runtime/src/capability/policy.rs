//! An ordered list of rules: the first that matches decides, and where none does the answer is no.
//!
//! The rules may come from somebody who would like their matching to take long, and so may the names that they are matched
//! against: the answer to a use that takes too many steps is no.

use std::sync::Arc;

use arc_swap::ArcSwap;
use plugbay_manifest::{Effect, PermissionAction, Rule, check_resource};

use super::Pattern;
use super::pattern::TooManySteps;
use crate::limits::POLICY_STEPS_MAX;

/// What one side, a manifest or an operator, says about resources.
#[derive(Debug, Clone, Default)]
pub struct Policy {
    rules: Vec<PolicyRule>,
}

#[derive(Debug, Clone)]
struct PolicyRule {
    resource: Pattern,
    /// `None` covers every action.
    actions: Option<Vec<PermissionAction>>,
    effect: Effect,
}

/// A permission text that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{text}` is not a permission: {reason}; write RESOURCE:ACTIONS, such as `config.retries:write` or `cache.*:read,write`"
)]
pub struct PolicyError {
    /// The text.
    pub text: String,
    /// What is wrong with it.
    pub reason: String,
}

impl Policy {
    /// The rules in their order.
    pub fn from_rules<'a>(rules: impl IntoIterator<Item = &'a Rule>) -> Self {
        Policy {
            rules: rules
                .into_iter()
                .map(|rule| PolicyRule {
                    resource: Pattern::new(rule.resource.as_str()),
                    actions: rule.actions.clone(),
                    effect: rule.effect,
                })
                .collect(),
        }
    }

    /// Allows everything. For an operator's side only: a plugin then gets exactly what its manifest asks for.
    pub fn allow_all() -> Self {
        let mut policy = Policy::default();
        policy.push("*", None, Effect::Allow);
        policy
    }

    /// What every operator's policy ends with unless it says otherwise first: a plugin may write its log and read its own
    /// configuration. Manifests end with the same, so neither has to be asked for.
    pub fn with_basics(mut self) -> Self {
        self.push("log", Some(vec![PermissionAction::Write]), Effect::Allow);
        self.push("config.*", Some(vec![PermissionAction::Read]), Effect::Allow);
        self
    }

    /// Adds a rule below all others.
    pub fn push(&mut self, resource: &str, actions: Option<Vec<PermissionAction>>, effect: Effect) {
        self.rules.push(PolicyRule { resource: Pattern::new(resource), actions, effect });
    }

    /// Adds an allowing rule below all others from its text form: `RESOURCE:ACTION,ACTION`, or `RESOURCE` alone for all
    /// actions. The last colon is the one that separates: a resource may have colons of its own.
    ///
    /// # Errors
    /// [`PolicyError`] where the resource is of no kind that there is, or an action is not one of read, write, execute,
    /// publish, subscribe.
    pub fn allow(self, permission: &str) -> Result<Self, PolicyError> {
        self.with(permission, Effect::Allow)
    }

    /// Adds a denying rule in the same way.
    ///
    /// # Errors
    /// As [`Policy::allow`].
    pub fn deny(self, permission: &str) -> Result<Self, PolicyError> {
        self.with(permission, Effect::Deny)
    }

    fn with(mut self, permission: &str, effect: Effect) -> Result<Self, PolicyError> {
        let error = |reason: String| PolicyError { text: permission.to_owned(), reason };
        let (resource, actions) = match permission.rsplit_once(':') {
            // An address has colons of its own: what follows the last one is its port unless it is made of words.
            Some((_, port))
                if ["net.", "http."].iter().any(|kind| permission.starts_with(kind))
                    && !port.chars().all(|c| c.is_alphabetic() || c == ',') =>
            {
                (permission, None)
            }
            Some((resource, actions)) => (resource, Some(actions)),
            None => (permission, None),
        };
        if resource.is_empty() {
            return Err(error("it names no resource".to_owned()));
        }
        check_resource(resource).map_err(error)?;
        let actions = actions
            .map(|actions| {
                actions
                    .split(',')
                    .map(|action| {
                        PermissionAction::from_name(action.trim()).ok_or_else(|| {
                            error(format!("`{action}` is not one of read, write, execute, publish, subscribe"))
                        })
                    })
                    .collect::<Result<Vec<_>, _>>()
            })
            .transpose()?;
        self.push(resource, actions, effect);
        Ok(self)
    }

    /// The resources that the rules name, in their order.
    pub(super) fn resources(&self) -> impl Iterator<Item = &str> {
        self.rules.iter().map(|rule| rule.resource.as_str())
    }

    /// Whether the first rule that covers this use allows it.
    pub fn allows(&self, resource: &str, action: PermissionAction) -> bool {
        self.verdict(resource, action) == Some(Effect::Allow)
    }

    /// What the first rule that covers this use says; `None` where no rule does.
    pub(super) fn verdict(&self, resource: &str, action: PermissionAction) -> Option<Effect> {
        self.covering(resource, action).next().map(|(_, effect)| effect)
    }

    /// The rules that cover this use, in their order, each with what it says. Where matching takes too many steps, a
    /// denial stands in for the rest.
    pub(super) fn covering<'a>(
        &'a self,
        resource: &'a str,
        action: PermissionAction,
    ) -> impl Iterator<Item = (&'a str, Effect)> {
        let mut steps = POLICY_STEPS_MAX;
        self.rules.iter().filter_map(move |rule| {
            if rule.actions.as_ref().is_some_and(|actions| !actions.contains(&action)) {
                return None;
            }
            match rule.resource.matches_within(resource, &mut steps) {
                Ok(true) => Some((rule.resource.as_str(), rule.effect)),
                Ok(false) => None,
                Err(TooManySteps) => Some(("", Effect::Deny)),
            }
        })
    }
}

/// The operator's policy at this moment. Clones are the same policy: whoever holds one sees a change at its next look.
#[derive(Debug, Clone, Default)]
pub(crate) struct LivePolicy(Arc<ArcSwap<Policy>>);

impl LivePolicy {
    pub(crate) fn new(policy: Policy) -> Self {
        LivePolicy(Arc::new(ArcSwap::from_pointee(policy)))
    }

    /// What is in force now.
    pub(crate) fn now(&self) -> arc_swap::Guard<Arc<Policy>> {
        self.0.load()
    }

    /// Puts another policy into force, for everybody who holds this one.
    pub(crate) fn set(&self, policy: Policy) {
        self.0.store(Arc::new(policy));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use plugbay_manifest::PermissionAction::{Execute, Read, Write};

    #[test]
    fn empty_policy_denies() {
        assert!(!Policy::default().allows("log", Write));
    }

    #[test]
    fn first_matching_rule_decides() {
        let mut policy = Policy::default();
        policy.push("db.secret", None, Effect::Deny);
        policy.push("db.*", Some(vec![Read]), Effect::Allow);
        policy.push("db.*", None, Effect::Deny);
        policy.push("*", None, Effect::Allow);
        assert!(!policy.allows("db.secret", Read));
        assert!(policy.allows("db.users", Read));
        assert!(!policy.allows("db.users", Write));
        assert!(policy.allows("cache.x", Write));
    }

    /// Every policy of up to three rules out of these, against the definition: look for the first rule that fits.
    #[test]
    fn every_order_of_rules_decides_by_the_first_that_fits() {
        let rules: Vec<(&str, Option<Vec<PermissionAction>>, Effect)> = ["*", "db.*", "db.a", "db.?"]
            .into_iter()
            .flat_map(|resource| [None, Some(vec![Read]), Some(vec![Write])].map(|actions| (resource, actions)))
            .flat_map(|(resource, actions)| {
                [Effect::Allow, Effect::Deny].map(|effect| (resource, actions.clone(), effect))
            })
            .collect();
        let fits = |glob: &str, resource: &str| match glob {
            "*" => true,
            "db.*" => resource.starts_with("db."),
            "db.?" => resource.starts_with("db.") && resource.len() == 4,
            exact => exact == resource,
        };
        for first in &rules {
            for second in &rules {
                for third in &rules {
                    let mut policy = Policy::default();
                    for (resource, actions, effect) in [first, second, third] {
                        policy.push(resource, actions.clone(), *effect);
                    }
                    for resource in ["db.a", "db.b", "db.users", "log"] {
                        for action in [Read, Write, Execute] {
                            let decides = [first, second, third].into_iter().find(|(glob, actions, _)| {
                                fits(glob, resource) && actions.as_ref().is_none_or(|all| all.contains(&action))
                            });
                            let expected = decides.is_some_and(|(_, _, effect)| *effect == Effect::Allow);
                            assert_eq!(policy.allows(resource, action), expected, "{resource} {action:?} {policy:?}");
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn permission_text_names_resource_and_actions() {
        let policy = Policy::default().allow("config.a:read,write").and_then(|p| p.allow("cache.*")).expect("readable");
        assert!(policy.allows("config.a", Write));
        assert!(policy.allows("cache.b", Read));
        assert!(!policy.allows("config.b", Read));
        let policy =
            Policy::default().allow("net.127.0.0.1:80").and_then(|p| p.allow("net.[::1]:*:execute")).expect("readable");
        assert!(policy.allows("net.127.0.0.1:80", Execute) && !policy.allows("net.127.0.0.1:81", Execute));
        assert!(policy.allows("net.[::1]:443", Execute) && !policy.allows("net.[::1]:443", Read));
        let policy = Policy::default().allow("http.a.example:8080").and_then(|p| p.allow("http.[::1]:execute"));
        let policy = policy.expect("readable");
        assert!(policy.allows("http.a.example:8080", Execute) && !policy.allows("http.a.example", Execute));
        assert!(policy.allows("http.[::1]", Execute) && !policy.allows("http.[::1]", Read));
        let policy = Policy::default().deny("data.a:b:read").and_then(|p| p.allow("data.*")).expect("readable");
        assert!(!policy.allows("data.a:b", Read) && policy.allows("data.a:b", Write));
        for wrong in ["", ":read", "config.a:fly", "a b:read", "dta.x:read", "db:read", "db.:read"] {
            assert!(Policy::default().allow(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn use_that_takes_too_many_steps_is_denied() {
        let mut policy = Policy::default();
        for _ in 0..250 {
            policy.push(&format!("data.*{}b", "a".repeat(400)), None, Effect::Allow);
        }
        policy.push("*", None, Effect::Allow);
        assert!(policy.allows("data.short", Read));
        let start = std::time::Instant::now();
        assert!(!policy.allows(&format!("data.{}", "a".repeat(800)), Read));
        assert!(start.elapsed() < std::time::Duration::from_millis(500), "{:?}", start.elapsed());
    }

    #[test]
    fn live_policy_is_the_same_for_all_who_hold_it() {
        let live = LivePolicy::default();
        let other = live.clone();
        assert!(!other.now().allows("data.a", Read));
        live.set(Policy::allow_all());
        assert!(other.now().allows("data.a", Read));
    }
}
