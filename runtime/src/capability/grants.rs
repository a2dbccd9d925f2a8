//! Both sides together, and what a refusal says.

use std::fmt;

use plugbay_manifest::PermissionAction;
use serde::Serialize;

use super::Policy;

/// What one plugin may use: its manifest's policy and the operator's, both of which must allow a use.
#[derive(Debug, Clone, Default)]
pub struct Grants {
    asked: Policy,
    allowed: Policy,
}

/// Which side refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Refused {
    /// The manifest does not ask for it, or denies it to itself.
    ByManifest,
    /// The operator's policy does not allow it.
    ByOperator,
    /// It is for trusted plugins only, and this one is not.
    ByMode,
}

/// A use that was not granted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Denial {
    /// What was to be used, such as `config.retries`.
    pub resource: String,
    /// What for.
    pub action: &'static str,
    /// Who said no.
    pub refused: Refused,
}

impl Grants {
    /// What a manifest asks for and what the operator allows.
    pub fn new(asked: Policy, allowed: Policy) -> Self {
        Grants { asked, allowed }
    }

    /// Whether both sides allow this use.
    ///
    /// # Errors
    /// The [`Denial`], which says what to add and where.
    pub fn check(&self, resource: &str, action: PermissionAction) -> Result<(), Denial> {
        let refused = if !self.asked.allows(resource, action) {
            Refused::ByManifest
        } else if !self.allowed.allows(resource, action) {
            Refused::ByOperator
        } else {
            return Ok(());
        };
        Err(Denial { resource: resource.to_owned(), action: action.name(), refused })
    }

    /// Whether anything at all of a kind such as `net.*` is allowed by both sides: an interface behind which there are many
    /// resources may be imported for one of them. Each use is checked by itself.
    ///
    /// # Errors
    /// The [`Denial`] of the whole kind.
    pub fn check_any(&self, kind: &str, action: PermissionAction) -> Result<(), Denial> {
        let whole = self.check(kind, action);
        let Some(prefix) = kind.strip_suffix('*') else { return whole };
        let mut named = self.asked.resources().chain(self.allowed.resources());
        if named.any(|one| one.starts_with(prefix) && self.check(one, action).is_ok()) { Ok(()) } else { whole }
    }

    /// The same for a service, behind which there are uses of several sorts: who may only write may import it as well as
    /// who may only read.
    ///
    /// # Errors
    /// The [`Denial`] of the whole kind, for the `usual` action.
    pub(crate) fn check_service(&self, kind: &str, usual: PermissionAction) -> Result<(), Denial> {
        let denied = self.check_any(kind, usual);
        if PermissionAction::ALL.into_iter().any(|action| self.check_any(kind, action).is_ok()) {
            Ok(())
        } else {
            denied
        }
    }

    /// Whether the operator allows this use by a rule that `names` it, whatever broader rules stand above that one: for
    /// what a wildcard must not open. A rule above it that denies the use decides.
    pub(crate) fn operator_names(
        &self,
        resource: &str,
        action: PermissionAction,
        names: impl Fn(&str) -> bool,
    ) -> bool {
        self.allowed.names(resource, action, names)
    }
}

impl Denial {
    /// A use that the operator would have to name.
    pub(crate) fn by_operator(resource: &str, action: PermissionAction) -> Self {
        Denial { resource: resource.to_owned(), action: action.name(), refused: Refused::ByOperator }
    }

    /// A use that no sandboxed plugin can be granted.
    pub(crate) fn trusted_only(resource: &str, action: PermissionAction) -> Self {
        Denial { resource: resource.to_owned(), action: action.name(), refused: Refused::ByMode }
    }
}

impl fmt::Display for Denial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Denial { resource, action, refused } = self;
        match refused {
            Refused::ByManifest => write!(
                f,
                "permission to {action} `{resource}` was not asked for: add \
                 `- {{resource: \"{resource}\", actions: [{action}]}}` to `permissions` in the plugin's manifest"
            ),
            Refused::ByMode => write!(
                f,
                "permission to {action} `{resource}` is for trusted plugins only: it needs `execution_mode: trusted` in \
                 the plugin's manifest, and a grant of `{resource}:{action}`"
            ),
            Refused::ByOperator => write!(
                f,
                "permission to {action} `{resource}` is not allowed by the operator: allow it with \
                 `--grant {resource}:{action}`, or `- {{resource: \"{resource}\", actions: [{action}]}}` in the host's policy"
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use plugbay_manifest::Effect;
    use plugbay_manifest::PermissionAction::{Execute, Read, Write};

    #[test]
    fn use_needs_both_sides() {
        let one = Policy::default().allow("config.a:write").expect("readable");
        let check = |asked: &Policy, allowed: &Policy| {
            Grants::new(asked.clone(), allowed.clone()).check("config.a", Write).map_err(|denial| denial.refused)
        };
        assert_eq!(check(&one, &one), Ok(()));
        assert_eq!(check(&Policy::default(), &one), Err(Refused::ByManifest));
        assert_eq!(check(&one, &Policy::default()), Err(Refused::ByOperator));
    }

    #[test]
    fn any_of_a_kind_is_enough_for_the_kind() {
        let policy = |permission: &str| Policy::default().allow(permission).expect("readable");
        let check = |asked: &str, allowed: &str| {
            Grants::new(policy(asked), policy(allowed)).check_any("net.*", Execute).is_ok()
        };
        assert!(check("net.*", "net.*") && check("net.a:80", "net.*") && check("*", "net.a:80") && check("net.*", "*"));
        assert!(!check("net.a:80", "net.b:80") && !check("net.*", "fs.*") && !check("net.*:read", "net.*"));
    }

    #[test]
    fn service_may_be_imported_for_any_of_its_uses() {
        let writes = Policy::default().allow("data.notes:write").expect("readable");
        let grants = Grants::new(writes.clone(), Policy::allow_all());
        assert!(grants.check_service("data.*", Read).is_ok());
        let denial = grants.check_service("cache.*", Read).expect_err("nothing of the kind");
        assert_eq!((&*denial.resource, denial.action), ("cache.*", "read"));
        assert!(Grants::new(writes, Policy::default()).check_service("data.*", Read).is_err());
    }

    #[test]
    fn rule_that_names_counts_below_one_that_covers_but_not_below_a_denial() {
        let named = |rules: &[(&str, Effect)]| {
            let mut policy = Policy::default();
            rules.iter().for_each(|(resource, effect)| policy.push(resource, None, *effect));
            Grants::new(Policy::default(), policy).operator_names("http.a", Execute, |rule| !rule.contains('*'))
        };
        assert!(named(&[("http.a", Effect::Allow)]));
        assert!(named(&[("http.*", Effect::Allow), ("http.a", Effect::Allow)]));
        assert!(!named(&[("http.*", Effect::Allow)]));
        assert!(!named(&[("http.*", Effect::Deny), ("http.a", Effect::Allow)]));
        assert!(!named(&[("http.b", Effect::Allow)]));
    }

    #[test]
    fn denial_names_the_line_to_add() {
        let denial = Grants::new(Policy::allow_all(), Policy::default()).check("config.a", Read).expect_err("denied");
        assert!(denial.to_string().contains("--grant config.a:read"), "{denial}");
        let denial = Grants::default().check("config.a", Read).expect_err("denied");
        assert!(denial.to_string().contains("{resource: \"config.a\", actions: [read]}"), "{denial}");
    }
}
