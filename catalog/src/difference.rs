//! The difference between an installed version and a new one: plain data, for a prompt.
//!
//! The comparison errs on the side of asking. A rule that is not clearly covered by an installed one counts as new.

mod limits;

use std::collections::BTreeSet;

use plugbay_manifest::{Effect, ExecutionMode, Manifest, Resources, Rule};
use semver::Version;
use serde::Serialize;

use crate::signature::SignedBy;

/// The difference between the installed version of a plugin and a new one, or between nothing and a new plugin.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Difference {
    /// The plugin.
    pub name: String,
    /// The installed version. Nothing if the plugin is new.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub installed: Option<Version>,
    /// The new version.
    pub version: Version,
    /// The execution mode, if it changes or is not `sandboxed`. `trusted` comes first in a prompt.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub execution_mode: Option<Change<ExecutionMode>>,
    /// Rules that are new or gone, in the order of the manifest.
    pub permissions: Vec<PermissionChange>,
    /// Limits that differ.
    pub limits: Vec<LimitChange>,
    /// Environment variables whose values come from the host, and that the installed version did not ask for.
    pub environment: Vec<String>,
    /// Topics and patterns whose events the plugin receives, apart from its own topics, and that the installed version
    /// did not subscribe to. The operator grants them as `events.<topic>:subscribe`.
    pub subscribes: Vec<String>,
    /// Required plugins that are new.
    pub requires: Vec<String>,
    /// The signature, if it changes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signature: Option<Change<Option<String>>>,
    /// Whether the new version is older than the installed one.
    pub downgrade: bool,
    /// Whether component, manifest and configuration files are exactly those that are installed.
    pub unchanged: bool,
}

/// A value that changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Change<T> {
    /// The installed value.
    pub from: T,
    /// The new value.
    pub to: T,
}

/// A rule of a policy that changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "change", content = "rule", rename_all = "snake_case")]
pub enum PermissionChange {
    /// The new version asks for more.
    Added(Rule),
    /// The new version no longer asks for this.
    Removed(Rule),
    /// The new version no longer denies itself this.
    NoLongerDenied(Rule),
    /// The rules are the same in another order, so that other ones decide.
    Reordered,
}

/// A limit that changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LimitChange {
    /// The limit, as a manifest names it.
    pub limit: &'static str,
    /// The installed value.
    pub from: String,
    /// The new value.
    pub to: String,
    /// Whether the plugin gets more.
    pub grows: bool,
}

/// The side of an installed version: its manifest's layers were merged again, since the catalog stores no types.
pub(crate) struct InstalledSide<'a> {
    pub(crate) manifest: &'a Manifest,
    pub(crate) signed_by: Option<&'a str>,
    pub(crate) unchanged: bool,
}

impl Difference {
    /// Compares a new version with what is installed. `defaults` are the host's values of omitted limits.
    pub(crate) fn between(
        installed: Option<&InstalledSide<'_>>,
        new: &Manifest,
        signed_by: &SignedBy,
        defaults: &Resources,
    ) -> Difference {
        let old = installed.map(|installed| installed.manifest);
        let old_mode = old.map_or(ExecutionMode::Sandboxed, |old| old.execution_mode);
        let mode_changes = old_mode != new.execution_mode;
        let old_rules = old.map_or(&[][..], |old| &old.permissions);
        let old_requires =
            |name: &str| old.is_some_and(|old| old.requires.iter().any(|required| required.name == name));
        let old_key = installed.and_then(|installed| installed.signed_by);
        // The defaults are compared with themselves where nothing is installed: only what is above them is shown.
        let old_limits = old.map_or(defaults, |old| &old.resources);
        Difference {
            name: new.name.clone(),
            installed: old.map(|old| old.version.clone()),
            version: new.version.clone(),
            execution_mode: mode_changes.then_some(Change { from: old_mode, to: new.execution_mode }),
            permissions: permissions(old_rules, &new.permissions),
            limits: limits::limits(old_limits, &new.resources, defaults),
            environment: environment(old, new),
            subscribes: subscribes(old, new),
            requires: new.requires.iter().map(|r| r.name.clone()).filter(|name| !old_requires(name)).collect(),
            signature: (installed.is_some() && old_key != signed_by.key())
                .then(|| Change { from: old_key.map(str::to_owned), to: signed_by.key().map(str::to_owned) }),
            downgrade: old.is_some_and(|old| new.version < old.version),
            unchanged: installed.is_some_and(|installed| installed.unchanged),
        }
    }

    /// Whether the plugin gets more than it has: the operator has to confirm that.
    pub fn widens(&self) -> bool {
        let signature_lost = self.signature.as_ref().is_some_and(|signature| signature.from.is_some());
        self.mode_widens()
            || self.permissions.iter().any(|change| !matches!(change, PermissionChange::Removed(_)))
            || self.limits.iter().any(|limit| limit.grows)
            || !self.environment.is_empty()
            || !self.subscribes.is_empty()
            || signature_lost
            || self.downgrade
    }

    fn mode_widens(&self) -> bool {
        self.execution_mode.as_ref().is_some_and(|mode| mode.to == ExecutionMode::Trusted)
    }

    /// The widening parts on one line, `trusted` first.
    pub fn summary(&self) -> String {
        let mut parts = Vec::new();
        if self.mode_widens() {
            parts.push("trusted mode".to_owned());
        }
        parts.extend(self.permissions.iter().filter_map(|change| match change {
            PermissionChange::Added(rule) => Some(format!("`{}`", shown(rule))),
            PermissionChange::NoLongerDenied(rule) => Some(format!("no denial of `{}`", rule.resource)),
            PermissionChange::Reordered => Some("the order of its rules".to_owned()),
            PermissionChange::Removed(_) => None,
        }));
        let grows = self.limits.iter().filter(|limit| limit.grows);
        parts.extend(grows.map(|limit| format!("{} {} instead of {}", limit.limit, limit.to, limit.from)));
        parts.extend(self.environment.iter().map(|name| format!("the environment variable {name}")));
        parts.extend(self.subscribes.iter().map(|topic| format!("events `{topic}`")));
        if let Some(Change { from: Some(from), to }) = &self.signature {
            let to = to.as_ref().map_or("none".to_owned(), |to| format!("one by key {to}"));
            parts.push(format!("{to} instead of the signature by key {from}"));
        }
        if let (true, Some(installed)) = (self.downgrade, &self.installed) {
            parts.push(format!("version {}, older than {installed}", self.version));
        }
        parts.join(", ")
    }
}

/// A rule on one line.
fn shown(rule: &Rule) -> String {
    match &rule.actions {
        Some(actions) => {
            let names: Vec<&str> = actions.iter().map(|action| action.name()).collect();
            format!("{} ({})", rule.resource, names.join(", "))
        }
        None => rule.resource.clone(),
    }
}

fn permissions(old: &[Rule], new: &[Rule]) -> Vec<PermissionChange> {
    let denials = |rules: &[Rule]| rules.iter().any(|rule| rule.effect == Effect::Deny);
    let allowed =
        |rules: &[Rule], rule: &Rule| rules.iter().any(|other| other.effect == Effect::Allow && covers(other, rule));
    let mut changes = Vec::new();
    // With a denial among the installed rules, a rule that another one covers may still grant what was denied above it.
    let covered = |rule: &Rule| old.contains(rule) || (!denials(old) && allowed(old, rule));
    changes
        .extend(new.iter().filter(|r| r.effect == Effect::Allow && !covered(r)).cloned().map(PermissionChange::Added));
    for rule in old.iter().filter(|rule| !new.contains(rule)) {
        match rule.effect {
            Effect::Deny => changes.push(PermissionChange::NoLongerDenied(rule.clone())),
            Effect::Allow if !allowed(new, rule) => changes.push(PermissionChange::Removed(rule.clone())),
            Effect::Allow => {}
        }
    }
    let common = |rules: &[Rule], others: &[Rule]| -> Vec<Rule> {
        rules.iter().filter(|rule| others.contains(rule)).cloned().collect()
    };
    if denials(old) && common(old, new) != common(new, old) {
        changes.push(PermissionChange::Reordered);
    }
    changes
}

/// Whether one rule grants all that another one does. A rule with a wildcard before its end covers only itself.
fn covers(wide: &Rule, narrow: &Rule) -> bool {
    let resources = wide.resource == narrow.resource
        || matches!(&*wide.resource, "*" | "**")
        || wide
            .resource
            .strip_suffix('*')
            .is_some_and(|literal| !literal.contains(['*', '?', '\\']) && narrow.resource.starts_with(literal));
    let actions = match (&wide.actions, &narrow.actions) {
        (None, _) => true,
        (Some(_), None) => false,
        (Some(wide), Some(narrow)) => narrow.iter().all(|action| wide.contains(action)),
    };
    resources && actions
}

fn environment(old: Option<&Manifest>, new: &Manifest) -> Vec<String> {
    let from_host = |(name, value): &(&String, &String)| {
        value.contains("${") && old.is_none_or(|old| old.env.get(*name) != Some(*value))
    };
    new.env.iter().filter(from_host).map(|(name, value)| format!("{name}={value}")).collect()
}

fn subscribes(old: Option<&Manifest>, new: &Manifest) -> Vec<String> {
    let topics = |manifest: &Manifest| -> BTreeSet<String> {
        manifest.events.subscribes.iter().map(|subscription| subscription.topic.clone()).collect()
    };
    let is_own =
        |topic: &str| topic.strip_prefix(&*new.name).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
    let installed = old.map(topics).unwrap_or_default();
    topics(new).into_iter().filter(|topic| !is_own(topic) && !installed.contains(topic)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use plugbay_manifest::{Format, Instances, Layer};
    use std::time::Duration;

    fn manifest(text: &str) -> Manifest {
        let text = format!("name: a\n{text}");
        let text = if text.contains("version:") { text } else { format!("version: 1.0.0\n{text}") };
        Manifest::from_layers(&[Layer::parse("x", &text, Format::Yaml).expect("a layer")]).expect("a manifest")
    }

    fn defaults() -> Resources {
        Resources {
            timeout: Some(Duration::from_secs(10)),
            max_memory_bytes: Some(128 << 20),
            instances: Some(Instances::Count(1)),
            ..Resources::default()
        }
    }

    fn compare(old: &str, new: &str) -> Difference {
        let old = manifest(old);
        let side = InstalledSide { manifest: &old, signed_by: None, unchanged: false };
        Difference::between(Some(&side), &manifest(new), &SignedBy::Unchecked, &defaults())
    }

    #[track_caller]
    fn check(old: &str, new: &str, summary: &str) {
        let difference = compare(old, new);
        assert_eq!(difference.summary(), summary);
        assert_eq!(difference.widens(), !summary.is_empty(), "{difference:?}");
    }

    #[test]
    fn same_version_widens_nothing() {
        check("permissions: [{resource: db.*}]", "permissions: [{resource: db.*}]", "");
    }

    #[test]
    fn covered_rules_widen_nothing() {
        check("permissions: [{resource: db.*}]", "permissions: [{resource: db.users, actions: [read]}]", "");
        check("permissions: [{resource: '*'}]", "permissions: [{resource: http.*}, {resource: log}]", "");
        check("permissions: [{resource: db.*}, {resource: log}]", "permissions: [{resource: log}]", "");
    }

    #[test]
    fn rules_that_are_not_covered_are_shown() {
        let old = "permissions: [{resource: db.users, actions: [read]}]";
        check(old, "permissions: [{resource: db.users, actions: [read, write]}]", "`db.users (read, write)`");
        check(old, "permissions: [{resource: db.*, actions: [read]}]", "`db.* (read)`");
        check(old, "permissions: [{resource: db.users}]", "`db.users`");
    }

    #[test]
    fn denial_that_is_gone_or_moved_is_shown() {
        let old = "permissions: [{resource: db.secret, effect: deny}, {resource: db.*}]";
        check(old, old, "");
        check(old, "permissions: [{resource: db.*}]", "no denial of `db.secret`");
        let moved = "permissions: [{resource: db.*}, {resource: db.secret, effect: deny}]";
        check(old, moved, "the order of its rules");
        let inserted = "permissions: [{resource: db.secret.a}, {resource: db.secret, effect: deny}, {resource: db.*}]";
        check(old, inserted, "`db.secret.a`");
    }

    #[test]
    fn limits_that_grow_are_shown_with_the_defaults() {
        check("", "resources: {timeout_seconds: 30}", "timeout_seconds 30 s instead of 10 s");
        check("resources: {timeout_seconds: 30}", "", "");
        check("", "resources: {max_memory_mb: 0}", "max_memory_mb no limit instead of 128 MiB");
        check("", "resources: {instances: per_call}", "instances per_call instead of 1");
        check("resources: {instances: 4}", "resources: {instances: 2}", "");
        let faster = "resources: {rate_limit: {calls: 100, period_seconds: 1}}";
        let slower = "resources: {rate_limit: {calls: 100, period_seconds: 60}}";
        check(slower, faster, "rate_limit 100 in 1 s instead of 100 in 60 s");
        check(faster, slower, "");
    }

    #[test]
    fn subscriptions_that_are_new_are_shown() {
        let old = "events: {subscribes: [order.*]}";
        check(old, "events: {subscribes: [order.*, a.own, a]}", "");
        check(old, "events: {subscribes: [order.*, user.created, ab.c]}", "events `ab.c`, events `user.created`");
        check(old, "", "");
        check("", "events: {subscribes: ['**']}", "events `**`");
    }

    #[test]
    fn new_plugin_is_compared_with_nothing() {
        let new =
            manifest("execution_mode: trusted\npermissions: [{resource: log}]\nrequires: [b]\nenv: {X: '${HOME}'}");
        let difference = Difference::between(None, &new, &SignedBy::Unsigned, &defaults());
        assert_eq!(difference.summary(), "trusted mode, `log`, the environment variable X=${HOME}");
        assert_eq!(difference.requires, ["b"]);
        assert!(difference.signature.is_none() && difference.installed.is_none());
        let nothing = Difference::between(None, &manifest(""), &SignedBy::Unsigned, &defaults());
        assert!(!nothing.widens());
    }

    #[test]
    fn lost_signature_and_older_version_are_shown() {
        let (old, new) = (manifest("version: 2.0.0"), manifest("version: 1.0.0"));
        let side = InstalledSide { manifest: &old, signed_by: Some("AB"), unchanged: false };
        let difference = Difference::between(Some(&side), &new, &SignedBy::Unsigned, &defaults());
        let expected = "none instead of the signature by key AB, version 1.0.0, older than 2.0.0";
        assert_eq!(difference.summary(), expected);
        assert!(difference.widens() && difference.downgrade);
    }
}
