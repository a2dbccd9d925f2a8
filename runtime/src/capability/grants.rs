//! A plugin's grants: the intersection of the manifest's policy and the operator's.
//!
//! The two are never merged into one policy: each is checked, so that a denial can say which of them to change, and so
//! that the operator's can be replaced while plugins run. Checks here neither count nor audit; `host/permissions.rs`
//! does.

use std::sync::Arc;

use plugbay_manifest::{Effect, PermissionAction, Rule};

use super::policy::LivePolicy;
use super::{Denial, Pattern, Policy, Refused};

/// The permissions of one plugin: those that its manifest asks for and the operator allows.
///
/// The operator's policy is consulted on each access, so a change takes effect at once. Clones follow the same policy.
#[derive(Debug, Clone, Default)]
pub struct Grants {
    asked: Arc<Policy>,
    /// The operator's rules for this plugin, which take precedence over the rules for all plugins.
    own: Arc<Policy>,
    allowed: LivePolicy,
}

impl Grants {
    /// Combines the policy of a manifest with the operator's.
    pub fn new(asked: Policy, allowed: Policy) -> Self {
        Grants::live(asked, Policy::default(), LivePolicy::new(allowed))
    }

    /// Like [`Grants::new`], with rules for this plugin alone above an operator's policy that may change.
    pub(crate) fn live(asked: Policy, own: Policy, allowed: LivePolicy) -> Self {
        Grants { asked: asked.into_shared(), own: own.into_shared(), allowed }
    }

    /// Checks that the manifest and the operator allow this access now.
    ///
    /// # Errors
    /// The [`Denial`], with the rule to add and where to add it.
    pub fn check(&self, resource: &str, action: PermissionAction) -> Result<(), Denial> {
        match self.refusal(resource, action) {
            None => Ok(()),
            Some(refused) => {
                Err(Denial::of_use(resource, action, refused).by_rule(self.denying_rule(resource, action, refused)))
            }
        }
    }

    /// Checks that the manifest and the operator allow a directory and everything below it. `path` is the manifest's
    /// name of the directory, and `resolved` is the path to which its links lead. An open directory gives access to all
    /// that is below it, so a rule that denies anything below it counts as a rule about the directory: the first rule
    /// about either decides.
    ///
    /// # Errors
    /// The [`Denial`] for the path that is not allowed.
    pub(crate) fn check_directory(&self, path: &str, resolved: &str, action: PermissionAction) -> Result<(), Denial> {
        self.check(&format!("fs.{path}"), action)?;
        let denied = |resource: &str, refused, rule: Option<&str>| {
            Err(Denial::of_use(resource, action, refused).by_rule(rule.map(str::to_owned)))
        };
        let resource = format!("fs.{resolved}");
        if let Some((rule, Effect::Deny)) = self.asked.covering(&resource, action).next() {
            return denied(&resource, Refused::ByManifest, Some(rule));
        }
        let allowed = self.allowed.now();
        for directory in [path, resolved] {
            let resource = format!("fs.{directory}");
            let below = format!("{}/", resource.strip_suffix('/').unwrap_or(&resource));
            let is_about = |(rule, effect): &(&Pattern, Effect)| {
                rule.matches(&resource) || *effect == Effect::Deny && rule.reaches_beyond(&below)
            };
            match self.own.rules_about(action).chain(allowed.rules_about(action)).find(is_about) {
                Some((_, Effect::Allow)) => {}
                Some((rule, Effect::Deny)) => return denied(&resource, Refused::ByOperator, Some(rule.as_str())),
                None => return denied(&resource, Refused::ByOperator, None),
            }
        }
        Ok(())
    }

    /// Checks that the manifest and the operator allow at least one resource of a kind such as `net.*`, so that the
    /// interface behind which there are many may be imported. Each access is still checked separately.
    ///
    /// # Errors
    /// The [`Denial`] for a resource that the manifest asks for and the operator does not allow, or for the whole kind.
    pub fn check_any(&self, kind: &str, action: PermissionAction) -> Result<(), Denial> {
        let Some(refused) = self.refusal(kind, action) else { return Ok(()) };
        let is_of_kind = |one: &&str| match kind.strip_suffix('*') {
            Some(prefix) => one.starts_with(prefix),
            None => *one == kind,
        };
        let allowed = self.allowed.now();
        let sides = [&*self.asked, &*self.own, &**allowed];
        let mut named = sides.into_iter().flat_map(Policy::resources).filter(is_of_kind);
        if named.any(|one| self.refusal(one, action).is_none()) {
            return Ok(());
        }
        // A plugin that asks for one table is not advised to ask for all of them.
        let by_operator = |one: &&str| self.refusal(one, action) == Some(Refused::ByOperator);
        let mut asked = self.asked.resources().filter(is_of_kind);
        Err(match asked.find(by_operator) {
            Some(asked) => Denial::of_kind(asked, action, Refused::ByOperator),
            None => Denial::of_kind(kind, action, refused),
        })
    }

    /// Checks that a plugin may import a service: permission for any action on any resource of its kind suffices.
    ///
    /// # Errors
    /// As [`Grants::check_any`], for the `usual` action unless the manifest asks only for another.
    pub(crate) fn check_service(&self, kind: &str, usual: PermissionAction) -> Result<(), Denial> {
        let mut denied = self.check_any(kind, usual);
        for action in PermissionAction::ALL {
            match (&denied, self.check_any(kind, action)) {
                (_, Ok(())) => return Ok(()),
                (Err(before), Err(now)) if before.refused != now.refused && now.refused == Refused::ByOperator => {
                    denied = Err(now);
                }
                _ => {}
            }
        }
        denied
    }

    /// Returns the permissions in a manifest's rules that the operator does not allow, each in the form that
    /// [`Policy::allow`] takes, such as `db.notes:read,write`.
    pub(crate) fn not_allowed(&self, rules: &[Rule]) -> Vec<String> {
        let mut missing: Vec<String> = Vec::new();
        for Rule { resource, actions, effect } in rules {
            let of = actions.as_deref().unwrap_or(&PermissionAction::ALL);
            let by_operator =
                |action: &&PermissionAction| self.refusal(resource, **action) == Some(Refused::ByOperator);
            let denied: Vec<&str> = of.iter().filter(by_operator).map(|action| action.name()).collect();
            let permission = match actions {
                Some(_) => format!("{resource}:{}", denied.join(",")),
                None => resource.clone(),
            };
            if *effect == Effect::Allow && !denied.is_empty() && !missing.contains(&permission) {
                missing.push(permission);
            }
        }
        missing
    }

    /// Returns whether the operator allows this access by a rule that `names` the resource, even if a broader allowing
    /// rule precedes it. This is for resources that a wildcard must not open. A denying rule that precedes it decides.
    pub(crate) fn operator_names(
        &self,
        resource: &str,
        action: PermissionAction,
        names: impl Fn(&str) -> bool,
    ) -> bool {
        let allowed = self.allowed.now();
        let mut rules = self.own.covering(resource, action).chain(allowed.covering(resource, action));
        rules.by_ref().take_while(|(_, effect)| *effect == Effect::Allow).any(|(rule, _)| names(rule))
    }

    /// Checks that the operator allows this access, regardless of the manifest.
    ///
    /// # Errors
    /// The [`Denial`], with the rule to add and where to add it.
    pub(crate) fn check_operator(&self, resource: &str, action: PermissionAction) -> Result<(), Denial> {
        if self.operator_allows(resource, action) {
            return Ok(());
        }
        let rule = self.denying_rule(resource, action, Refused::ByOperator);
        Err(Denial::by_operator(resource, action).by_rule(rule))
    }

    /// Returns whether a rule of the operator that allows this action is about a resource that `is_it` accepts. It may
    /// be preceded by a rule that denies the resource.
    pub(crate) fn operator_has_rule(&self, action: PermissionAction, is_it: impl Fn(&str) -> bool) -> bool {
        let allowed = self.allowed.now();
        let mut rules = self.own.rules_about(action).chain(allowed.rules_about(action));
        rules.any(|(rule, effect)| effect == Effect::Allow && is_it(rule.as_str()))
    }

    fn operator_allows(&self, resource: &str, action: PermissionAction) -> bool {
        match self.own.verdict(resource, action) {
            Some(effect) => effect == Effect::Allow,
            None => self.allowed.now().allows(resource, action),
        }
    }

    /// Returns the rule that denies this access, if the access is not denied merely because no rule allows it.
    fn denying_rule(&self, resource: &str, action: PermissionAction, refused: Refused) -> Option<String> {
        let allowed = self.allowed.now();
        let sides: &[&Policy] = match refused {
            Refused::ByManifest => &[&self.asked],
            Refused::ByOperator => &[&self.own, &allowed],
            Refused::ByMode | Refused::ByCallee => &[],
        };
        let (rule, effect) = sides.iter().find_map(|side| side.covering(resource, action).next())?;
        // An empty rule means that matching took too long.
        (effect == Effect::Deny && !rule.is_empty()).then(|| rule.to_owned())
    }

    fn refusal(&self, resource: &str, action: PermissionAction) -> Option<Refused> {
        if !self.asked.allows(resource, action) {
            Some(Refused::ByManifest)
        } else if !self.operator_allows(resource, action) {
            Some(Refused::ByOperator)
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use plugbay_manifest::PermissionAction::{Execute, Read, Write};

    fn policy(permission: &str) -> Policy {
        Policy::default().allow(permission).expect("readable")
    }

    #[test]
    fn directory_is_allowed_under_both_of_its_names_and_with_all_below_it() {
        let check = |rules: &[&str], path: &str, resolved: &str| {
            let policy = rules.iter().fold(Policy::default(), |policy, rule| match rule.strip_prefix("deny ") {
                Some(rule) => policy.deny(rule).expect("readable"),
                None => policy.allow(rule).expect("readable"),
            });
            Grants::new(Policy::allow_all(), policy).check_directory(path, resolved, Read)
        };
        let rules = ["deny fs./etc*", "fs.*"];
        assert_eq!(check(&rules, "/srv", "/srv"), Ok(()));
        for (path, resolved) in [("/etc", "/etc"), ("/srv/link", "/etc/ssl"), ("/etc/link", "/srv"), ("/", "/")] {
            let denial = check(&rules, path, resolved).expect_err(path);
            assert_eq!((denial.refused, denial.rule.as_deref()), (Refused::ByOperator, Some("fs./etc*")), "{path}");
        }
        assert!(check(&["fs./srv/*"], "/srv/link", "/home").is_err(), "only one of its names is allowed");
        assert!(check(&["deny fs./srv/a/secret:write", "fs./srv/*"], "/srv/a", "/srv/a").is_ok(), "another action");
        assert!(check(&["deny fs./srv/a/secret", "fs./srv/*"], "/srv/a", "/srv/a").is_err());
        assert!(check(&["deny fs./srv/a/secret", "fs./srv/*"], "/srv/ab", "/srv/ab").is_ok(), "a name that begins so");
        assert!(check(&["fs./srv/a", "deny fs.*"], "/srv/a", "/srv/a").is_ok(), "the first rule decides");
    }

    #[test]
    fn denial_by_a_rule_names_it() {
        let rules = Policy::default().deny("http.evil*").and_then(|policy| policy.allow("http.*")).expect("readable");
        let denial =
            Grants::new(Policy::allow_all(), rules.clone()).check("http.evil.example", Execute).expect_err("denied");
        assert_eq!(denial.rule.as_deref(), Some("http.evil*"));
        assert!(denial.to_string().contains("denied by the operator's rule about `http.evil*`"), "{denial}");
        let denial = Grants::new(rules, Policy::allow_all()).check("http.evil.example", Execute).expect_err("denied");
        assert!(denial.to_string().contains("the plugin's own manifest"), "{denial}");
        let denial = Grants::new(Policy::allow_all(), Policy::default()).check("http.a", Execute).expect_err("denied");
        assert_eq!(denial.rule, None);
    }

    #[test]
    fn use_needs_both_sides() {
        let one = policy("config.a:write");
        let check = |asked: &Policy, allowed: &Policy| {
            Grants::new(asked.clone(), allowed.clone()).check("config.a", Write).map_err(|denial| denial.refused)
        };
        assert_eq!(check(&one, &one), Ok(()));
        assert_eq!(check(&Policy::default(), &one), Err(Refused::ByManifest));
        assert_eq!(check(&one, &Policy::default()), Err(Refused::ByOperator));
    }

    #[test]
    fn service_that_is_asked_for_in_part_is_denied_for_that_part() {
        let denied = |asked: Policy| {
            let denial = Grants::new(asked, Policy::default()).check_service("db.*", Read).expect_err("not allowed");
            (denial.resource, denial.action, denial.refused)
        };
        assert_eq!(denied(policy("db.notes:read,write")), ("db.notes".into(), "read", Refused::ByOperator));
        assert_eq!(denied(policy("db.notes:write")), ("db.notes".into(), "write", Refused::ByOperator));
        assert_eq!(denied(policy("cache.a")), ("db.*".into(), "read", Refused::ByManifest));
    }

    #[test]
    fn what_is_asked_for_and_not_allowed_is_a_list_of_permissions_to_allow() {
        let rule = |resource: &str, actions: Option<&[PermissionAction]>, effect| Rule {
            resource: resource.to_owned(),
            actions: actions.map(<[_]>::to_vec),
            effect,
        };
        let rules = [
            rule("db.secret", None, Effect::Deny),
            rule("db.notes", Some(&[Read, Write]), Effect::Allow),
            rule("cache.a/*", Some(&[Read, Write]), Effect::Allow),
            rule("scheduler.*", None, Effect::Allow),
        ];
        let asked = Policy::from_rules(&rules);
        let allowed = policy("db.notes:read");
        let missing = Grants::new(asked.clone(), allowed.clone()).not_allowed(&rules);
        assert_eq!(missing, ["db.notes:write", "cache.a/*:read,write", "scheduler.*"]);
        let all = missing.iter().fold(allowed, |policy, permission| policy.allow(permission).expect("readable"));
        assert_eq!(Grants::new(asked, all).not_allowed(&rules), Vec::<String>::new());
    }

    #[test]
    fn what_is_said_of_one_plugin_comes_before_what_is_said_of_all() {
        let own = policy("data.mine").deny("data.all").expect("readable");
        let grants = Grants::live(Policy::allow_all(), own, LivePolicy::new(policy("data.all")));
        assert!(grants.check("data.mine", Read).is_ok());
        assert_eq!(grants.check("data.all", Read).map_err(|denial| denial.refused), Err(Refused::ByOperator));
    }

    #[test]
    fn changed_policy_holds_for_the_next_use() {
        let live = LivePolicy::default();
        let grants = Grants::live(Policy::allow_all(), Policy::default(), live.clone());
        let same = grants.clone();
        assert!(grants.check("data.a", Read).is_err());
        live.set(policy("data.a:read"));
        assert!(grants.check("data.a", Read).is_ok() && same.check("data.a", Read).is_ok());
        live.set(Policy::default());
        assert!(grants.check("data.a", Read).is_err() && same.check("data.a", Read).is_err());
    }

    #[test]
    fn any_of_a_kind_is_enough_for_the_kind() {
        let check = |asked: &str, allowed: &str| {
            Grants::new(policy(asked), policy(allowed)).check_any("net.*", Execute).is_ok()
        };
        assert!(check("net.*", "net.*") && check("net.a:80", "net.*") && check("*", "net.a:80") && check("net.*", "*"));
        assert!(!check("net.a:80", "net.b:80") && !check("net.*", "fs.*") && !check("net.*:read", "net.*"));
    }

    #[test]
    fn service_may_be_imported_for_any_of_its_uses() {
        let writes = policy("data.notes:write");
        let grants = Grants::new(writes.clone(), Policy::allow_all());
        assert!(grants.check_service("data.*", Read).is_ok());
        let denial = grants.check_service("cache.*", Read).expect_err("nothing of the kind");
        assert_eq!((&*denial.resource, denial.action, &*denial.grant), ("cache.*", "read", "cache.*"));
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
}
