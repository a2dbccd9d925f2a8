//! An ordered list of rules: the first that matches decides, and where none does the answer is no.

use plugbay_manifest::{Effect, PermissionAction, Rule};

use super::Pattern;

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

    /// Adds an allowing rule from its text form: `RESOURCE:ACTION,ACTION`, or `RESOURCE` alone for all actions.
    ///
    /// # Errors
    /// [`PolicyError`] where the resource is empty or an action is not one of read, write, execute, publish, subscribe.
    pub fn allow(mut self, permission: &str) -> Result<Self, PolicyError> {
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
        if resource.is_empty() || resource.contains(char::is_whitespace) {
            return Err(error("it names no resource".to_owned()));
        }
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
        self.push(resource, actions, Effect::Allow);
        Ok(self)
    }

    /// The resources that the rules name, in their order.
    pub(super) fn resources(&self) -> impl Iterator<Item = &str> {
        self.rules.iter().map(|rule| rule.resource.as_str())
    }

    /// Whether the first rule that covers this use allows it.
    pub fn allows(&self, resource: &str, action: PermissionAction) -> bool {
        self.covering(resource, action).next().is_some_and(|rule| rule.effect == Effect::Allow)
    }

    /// Whether a rule allows this use and `names` it, with no rule above it that denies the use.
    pub(super) fn names(&self, resource: &str, action: PermissionAction, names: impl Fn(&str) -> bool) -> bool {
        self.covering(resource, action)
            .take_while(|rule| rule.effect == Effect::Allow)
            .any(|rule| names(rule.resource.as_str()))
    }

    fn covering<'a>(&'a self, resource: &'a str, action: PermissionAction) -> impl Iterator<Item = &'a PolicyRule> {
        self.rules.iter().filter(move |rule| {
            rule.actions.as_ref().is_none_or(|actions| actions.contains(&action)) && rule.resource.matches(resource)
        })
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
        for wrong in ["", ":read", "config.a:fly", "a b:read"] {
            assert!(Policy::default().allow(wrong).is_err(), "{wrong}");
        }
    }
}
