//! An ordered list of rules. The first matching rule decides; an access that no rule matches is denied.
//!
//! Rules and resource names may come from an attacker who wants matching to take long, so an access whose check takes
//! too many steps is denied.

use std::sync::{Arc, LazyLock};

use arc_swap::ArcSwap;
use plugbay_manifest::{Effect, PermissionAction, Rule, check_resource};

use super::Pattern;
use super::pattern::TooManySteps;
use crate::limits::POLICY_STEPS_MAX;

/// An ordered list of rules of a manifest or an operator. The first rule that covers an access decides; an access that
/// no rule covers is denied.
///
/// [`Policy::allow`] and [`Policy::deny`] add a rule *below* all others, so that a policy is written as it is read, top
/// first: exceptions come before the general rule. To change an existing policy, use [`Policy::allow_first`] and
/// [`Policy::deny_first`]: a denial below a rule that allows the same has no effect, and [`Policy::unreachable_rules`]
/// lists it.
///
/// ```
/// use plugbay::Policy;
///
/// let policy = Policy::default().deny("data.secret/*")?.allow("data.*")?;
/// // Later, above all other rules:
/// let policy = policy.deny_first("data.*:write")?;
/// # assert!(policy.unreachable_rules().is_empty());
/// # Ok::<(), plugbay::policy::PolicyError>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct Policy {
    rules: Vec<PolicyRule>,
}

#[derive(Debug, Clone)]
struct PolicyRule {
    resource: Pattern,
    /// `None` covers all actions.
    actions: Option<Vec<PermissionAction>>,
    effect: Effect,
}

/// An invalid permission text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{text}` is not a permission: {reason}; write RESOURCE:ACTIONS, such as `config.retries:write` or `cache.*:read,write`"
)]
pub struct PolicyError {
    /// The text.
    pub text: String,
    /// The reason why it is invalid.
    pub reason: String,
}

impl Policy {
    /// Creates a policy from rules, first rule first.
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

    /// Creates a policy that allows everything. Only for an operator: a plugin then gets exactly what its manifest asks
    /// for.
    pub fn allow_all() -> Self {
        let mut policy = Policy::default();
        policy.push("*", None, Effect::Allow);
        policy
    }

    /// Adds the basic rules at the end: a plugin may write its log and read its own configuration. Every policy of a
    /// manifest or an operator ends with them, so neither needs to be asked for.
    pub fn with_basics(mut self) -> Self {
        if self.without_basics().len() == self.rules.len() {
            self.rules.reserve_exact(BASICS.len());
            for (resource, action) in BASICS {
                self.push(resource, Some(vec![action]), Effect::Allow);
            }
        }
        self
    }

    /// Returns the policy as one to share. Those of most plugins have no rules, or only the basic ones, and share these
    /// two.
    pub(crate) fn into_shared(self) -> Arc<Policy> {
        static EMPTY: LazyLock<Arc<Policy>> = LazyLock::new(Arc::default);
        static BASIC: LazyLock<Arc<Policy>> = LazyLock::new(|| Arc::new(Policy::default().with_basics()));
        match self.rules.len() {
            0 => EMPTY.clone(),
            len if len == BASICS.len() && self.without_basics().is_empty() => BASIC.clone(),
            _ => Arc::new(self),
        }
    }

    /// Returns the rules without the basic rules at the end.
    fn without_basics(&self) -> &[PolicyRule] {
        let is_basic = |rule: &PolicyRule, (resource, action): &(&str, PermissionAction)| {
            rule.resource.as_str() == *resource
                && rule.actions.as_deref() == Some(&[*action])
                && rule.effect == Effect::Allow
        };
        match self.rules.split_last_chunk::<{ BASICS.len() }>() {
            Some((rest, last)) if last.iter().zip(&BASICS).all(|(rule, basic)| is_basic(rule, basic)) => rest,
            _ => &self.rules,
        }
    }

    /// Returns the rules, the one that is looked at first coming first.
    pub fn rules(&self) -> impl Iterator<Item = Rule> {
        self.rules.iter().map(|rule| Rule {
            resource: rule.resource.as_str().to_owned(),
            actions: rule.actions.clone(),
            effect: rule.effect,
        })
    }

    /// Adds a rule below all others. The resource is not checked: a rule for an unknown kind covers nothing.
    pub fn push(&mut self, resource: &str, actions: Option<Vec<PermissionAction>>, effect: Effect) {
        self.rules.push(PolicyRule { resource: Pattern::new(resource), actions, effect });
    }

    /// Adds an allowing rule below all others, from its text form: `RESOURCE:ACTION,ACTION`, or `RESOURCE` alone for
    /// all actions. The last colon separates the two, since a resource may contain colons.
    ///
    /// # Errors
    /// [`PolicyError`] if the kind of the resource is unknown, or if an action is not one of read, write, execute,
    /// publish, subscribe.
    pub fn allow(self, permission: &str) -> Result<Self, PolicyError> {
        self.with(permission, Effect::Allow)
    }

    /// Adds a denying rule below all others, in the same form. It does not deny what a rule above it allows.
    ///
    /// # Errors
    /// As [`Policy::allow`].
    pub fn deny(self, permission: &str) -> Result<Self, PolicyError> {
        self.with(permission, Effect::Deny)
    }

    /// Adds an allowing rule above all others, in the form of [`Policy::allow`]. It takes precedence over them.
    ///
    /// # Errors
    /// As [`Policy::allow`].
    pub fn allow_first(self, permission: &str) -> Result<Self, PolicyError> {
        self.with(permission, Effect::Allow).map(Policy::last_rule_first)
    }

    /// Adds a denying rule above all others, in the form of [`Policy::allow`]. It takes precedence over them.
    ///
    /// # Errors
    /// As [`Policy::allow`].
    pub fn deny_first(self, permission: &str) -> Result<Self, PolicyError> {
        self.with(permission, Effect::Deny).map(Policy::last_rule_first)
    }

    fn last_rule_first(mut self) -> Self {
        self.rules.rotate_right(1);
        self
    }

    /// Returns the rules that never decide because rules above them cover the same accesses. The basic rules are left
    /// out. A rule that is covered only by several others together is not always found.
    pub fn unreachable_rules(&self) -> Vec<UnreachableRule> {
        let rules = self.without_basics();
        let mut unreachable = Vec::new();
        for (index, rule) in rules.iter().enumerate() {
            let above = &rules[..index];
            let by =
                |action| above.iter().find(|above| above.is_about(action) && above.resource.covers(&rule.resource));
            let actions = rule.actions.as_deref().unwrap_or(&PermissionAction::ALL);
            let covered: Option<Vec<&PolicyRule>> = actions.iter().map(|action| by(*action)).collect();
            if let Some(first) = covered.as_ref().and_then(|covered| covered.first()) {
                unreachable.push(UnreachableRule {
                    index,
                    rule: rule.to_string(),
                    covered_by: first.to_string(),
                    effect_differs: covered.iter().flatten().any(|above| above.effect != rule.effect),
                });
            }
        }
        unreachable
    }

    fn with(mut self, permission: &str, effect: Effect) -> Result<Self, PolicyError> {
        let error = |reason: String| PolicyError { text: permission.to_owned(), reason };
        let (resource, actions) = match permission.rsplit_once(':') {
            // An address contains colons: the part after the last one is its port unless it consists of words.
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

    /// Returns the resources that the rules name, in order.
    pub(super) fn resources(&self) -> impl Iterator<Item = &str> {
        self.rules.iter().map(|rule| rule.resource.as_str())
    }

    /// Returns whether the first rule that covers this access allows it.
    pub fn allows(&self, resource: &str, action: PermissionAction) -> bool {
        self.verdict(resource, action) == Some(Effect::Allow)
    }

    /// Returns the rules about this action in order, each with its effect.
    pub(super) fn rules_about(&self, action: PermissionAction) -> impl Iterator<Item = (&Pattern, Effect)> {
        self.rules.iter().filter(move |rule| rule.is_about(action)).map(|rule| (&rule.resource, rule.effect))
    }

    /// Returns the effect of the first rule that covers this access; `None` if no rule does.
    pub(super) fn verdict(&self, resource: &str, action: PermissionAction) -> Option<Effect> {
        self.covering(resource, action).next().map(|(_, effect)| effect)
    }

    /// Returns the rules that cover this access in order, each with its effect. If matching takes too many steps, a
    /// denial replaces the rest.
    pub(super) fn covering<'a>(
        &'a self,
        resource: &'a str,
        action: PermissionAction,
    ) -> impl Iterator<Item = (&'a str, Effect)> {
        let mut steps = POLICY_STEPS_MAX;
        self.rules.iter().filter_map(move |rule| {
            if !rule.resource.may_match(resource) || !rule.is_about(action) {
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

/// The rules that end every policy.
const BASICS: [(&str, PermissionAction); 2] = [("log", PermissionAction::Write), ("config.*", PermissionAction::Read)];

/// A rule that never decides; see [`Policy::unreachable_rules`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct UnreachableRule {
    /// The index of the rule in the policy.
    pub index: usize,
    /// The rule, such as `deny data.city/*:write`.
    pub rule: String,
    /// The rule that decides instead, or the first of several.
    pub covered_by: String,
    /// Whether the two have opposite effects. The rule is then ineffective, not merely redundant.
    pub effect_differs: bool,
}

impl PolicyRule {
    fn is_about(&self, action: PermissionAction) -> bool {
        self.actions.as_ref().is_none_or(|actions| actions.contains(&action))
    }
}

impl std::fmt::Display for PolicyRule {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let effect = if self.effect == Effect::Allow { "allow" } else { "deny" };
        write!(f, "{effect} {}", self.resource)?;
        for (index, action) in self.actions.iter().flatten().enumerate() {
            write!(f, "{}{}", if index == 0 { ':' } else { ',' }, action.name())?;
        }
        Ok(())
    }
}

/// The operator's current policy. Clones share it and see a change at their next check.
#[derive(Debug, Clone, Default)]
pub(crate) struct LivePolicy(Arc<ArcSwap<Policy>>);

impl LivePolicy {
    pub(crate) fn new(policy: Policy) -> Self {
        LivePolicy(Arc::new(ArcSwap::from_pointee(policy)))
    }

    /// Returns the current policy.
    pub(crate) fn now(&self) -> arc_swap::Guard<Arc<Policy>> {
        self.0.load()
    }

    /// Replaces the policy for all clones.
    pub(crate) fn set(&self, policy: Policy) {
        self.0.store(Arc::new(policy));
    }

    /// Replaces the policy with the result of `change`. If another change intervenes, `change` is called again with the
    /// policy as of then.
    pub(crate) fn update<E>(&self, mut change: impl FnMut(Policy) -> Result<Policy, E>) -> Result<(), E> {
        let mut before = self.0.load_full();
        loop {
            let changed = Arc::new(change(Policy::clone(&before))?);
            let found = self.0.compare_and_swap(&before, changed);
            if Arc::ptr_eq(&before, &found) {
                return Ok(());
            }
            before = arc_swap::Guard::into_inner(found);
        }
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

    /// Compares every policy of up to three of these rules with the definition, a search for the first matching rule.
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
    fn rule_added_first_decides_before_all_others() {
        let policy = Policy::default().allow("data.*").and_then(|policy| policy.deny("data.a:write"));
        let policy = policy.expect("readable");
        assert!(policy.allows("data.a", Write), "a rule below decides nothing");
        let policy = policy.deny_first("data.a:write").expect("readable");
        assert!(!policy.allows("data.a", Write) && policy.allows("data.a", Read));
        let policy = policy.allow_first("data.a").expect("readable");
        assert!(policy.allows("data.a", Write));
    }

    #[test]
    fn unreachable_rules_are_those_that_rules_above_cover() {
        let unreachable = |rules: &[&str]| {
            let policy = rules.iter().fold(Policy::default(), |policy, rule| match rule.strip_prefix("deny ") {
                Some(rule) => policy.deny(rule).expect("readable"),
                None => policy.allow(rule).expect("readable"),
            });
            let found = policy.with_basics().unreachable_rules();
            found.into_iter().map(|found| (found.index, found.covered_by, found.effect_differs)).collect::<Vec<_>>()
        };
        assert_eq!(unreachable(&["deny data.secret", "data.*", "config.*", "deny *"]), []);
        assert_eq!(unreachable(&["data.*", "deny data.a:write"]), [(1, "allow data.*".to_owned(), true)]);
        assert_eq!(unreachable(&["data.*", "data.a"]), [(1, "allow data.*".to_owned(), false)]);
        assert_eq!(unreachable(&["data.*:read", "deny data.a:read,write"]), []);
        let by_two = unreachable(&["data.*:read", "deny data.a*:write", "data.a?:read,write"]);
        assert_eq!(by_two, [(2, "allow data.*:read".to_owned(), true)]);
    }

    #[test]
    fn basics_are_added_once() {
        let policy = Policy::default().allow("data.*").expect("readable").with_basics();
        assert_eq!(policy.rules.len(), 3);
        assert_eq!(policy.with_basics().rules.len(), 3);
    }

    #[test]
    fn path_that_no_use_has_is_refused() {
        for wrong in ["fs.srv:read", "fs./srv/../etc", "fs.//etc", "fs./etc/:read"] {
            assert!(Policy::default().deny(wrong).is_err(), "{wrong}");
        }
        assert!(Policy::default().deny("fs./etc*").is_ok());
    }

    #[test]
    fn changes_at_the_same_time_are_all_made() {
        let live = LivePolicy::default();
        std::thread::scope(|threads| {
            for thread in 0..4 {
                let live = &live;
                threads.spawn(move || {
                    for change in 0..50 {
                        let rule = format!("data.{thread}-{change}");
                        live.update(|policy| policy.allow_first(&rule)).expect("readable");
                    }
                });
            }
        });
        assert_eq!(live.now().rules.len(), 200);
        live.update(|_| Err(())).expect_err("the change failed");
        assert_eq!(live.now().rules.len(), 200);
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
        assert!(!policy.allows(&format!("data.{}", "a".repeat(800)), Read), "the last rule is not reached");
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
