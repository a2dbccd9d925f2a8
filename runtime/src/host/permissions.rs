//! The only place where grants are checked while a plugin runs, including the filtering of lists.
//!
//! A check that a plugin causes is counted and audited. Filtering the entries of a list that a plugin sees is neither,
//! because the plugin did not ask for a particular entry.

use plugbay_manifest::PermissionAction;

use crate::audit::PluginAudit;
use crate::caller::CallOrigin;
use crate::capability::{Denial, Grants};
use crate::event::TopicPatterns;

/// The permissions of a plugin, and the record of their use.
pub(crate) struct Permissions {
    grants: Grants,
    audit: PluginAudit,
}

impl Permissions {
    pub(crate) fn new(grants: Grants, audit: PluginAudit) -> Self {
        Permissions { grants, audit }
    }

    /// Returns the grants, for display and for checks that are not accesses.
    pub(crate) fn grants(&self) -> &Grants {
        &self.grants
    }

    /// Returns the counters of granted and denied accesses.
    pub(crate) fn audit(&self) -> &PluginAudit {
        &self.audit
    }

    /// Checks an access outside any known call. It is counted and audited.
    ///
    /// # Errors
    /// The [`Denial`], with the rule to add and where to add it.
    pub(crate) fn check(&self, resource: &str, action: PermissionAction) -> Result<(), Denial> {
        self.checked(self.grants.check(resource, action), resource, action, None)
    }

    /// Checks an access in a call. It is counted and audited.
    ///
    /// # Errors
    /// The [`Denial`], with the rule to add and where to add it.
    pub(crate) fn check_in(&self, call: &CallOrigin, resource: &str, action: PermissionAction) -> Result<(), Denial> {
        self.checked(self.grants.check(resource, action), resource, action, Some(call))
    }

    /// Checks that at least one resource of a kind such as `cache.*` may be accessed. Only a denial is counted and
    /// audited: later accesses are checked one by one.
    ///
    /// # Errors
    /// The [`Denial`] of the kind.
    pub(crate) fn check_any(&self, call: &CallOrigin, kind: &str, action: PermissionAction) -> Result<(), Denial> {
        self.grants.check_any(kind, action).inspect_err(|denial| self.audit.deny(denial, Some(call)))
    }

    /// Checks an access to a directory under both of its paths, the manifest's and the one without links. It is counted
    /// and audited under the manifest's path.
    ///
    /// # Errors
    /// The [`Denial`], with the rule to add and where to add it.
    pub(crate) fn check_directory(
        &self,
        call: &CallOrigin,
        path: &str,
        resolved: &str,
        action: PermissionAction,
    ) -> Result<(), Denial> {
        self.checked(self.grants.check_directory(path, resolved, action), &format!("fs.{path}"), action, Some(call))
    }

    /// Returns whether the plugin may access a directory now. Neither counted nor audited.
    pub(crate) fn holds_directory(&self, path: &str, resolved: &str, action: PermissionAction) -> bool {
        self.grants.check_directory(path, resolved, action).is_ok()
    }

    /// Returns whether the plugin holds a permission now. Neither counted nor audited: for filtering lists, and for
    /// work that the host does on the plugin's behalf.
    pub(crate) fn holds(&self, resource: &str, action: PermissionAction) -> bool {
        self.grants.check(resource, action).is_ok()
    }

    /// Returns [`Permissions::holds`] for one action as an owned function, for work on another thread.
    pub(crate) fn filter(&self, action: PermissionAction) -> impl Fn(&str) -> bool + Send + Sync + 'static {
        let holds = self.holds_fn();
        move |resource| holds(resource, action)
    }

    /// Returns [`Permissions::holds`] as an owned function, for work on another thread.
    pub(crate) fn holds_fn(&self) -> impl Fn(&str, PermissionAction) -> bool + Send + Sync + 'static {
        let grants = self.grants.clone();
        move |resource, action| grants.check(resource, action).is_ok()
    }

    /// Counts and audits an access that [`Permissions::holds`] allowed.
    pub(crate) fn note_allowed(&self, call: Option<&CallOrigin>, resource: &str, action: PermissionAction) {
        self.audit.allow(resource, action, call);
    }

    /// Checks that the operator lets the plugin receive events of a topic. Its manifest asks for that by subscribing.
    /// Neither counted nor audited.
    ///
    /// # Errors
    /// The [`Denial`], with the rule to add.
    pub(crate) fn check_event(&self, topic: &str) -> Result<(), Denial> {
        self.grants.check_operator(&format!("events.{topic}"), PermissionAction::Subscribe)
    }

    /// Returns why a declared subscription receives nothing: the operator grants neither the pattern nor a topic that
    /// it matches. Neither counted nor audited.
    pub(crate) fn withheld_subscription(&self, pattern: &str) -> Option<Denial> {
        let denial = self.check_event(pattern).err()?;
        let topics = TopicPatterns::new(&[pattern.to_owned()]);
        let is_about = |rule: &str| rule.strip_prefix("events.").is_some_and(|topic| topics.matches(topic));
        let is_partly_granted = self.grants.operator_has_rule(PermissionAction::Subscribe, is_about);
        let whole = Denial::of_kind(&format!("events.{pattern}"), PermissionAction::Subscribe, denial.refused);
        (!is_partly_granted).then_some(whole)
    }

    /// Counts and audits a denial that was not decided by the grants.
    pub(crate) fn note_denied(&self, call: &CallOrigin, denial: &Denial) {
        self.audit.deny(denial, Some(call));
    }

    fn checked(
        &self,
        checked: Result<(), Denial>,
        resource: &str,
        action: PermissionAction,
        call: Option<&CallOrigin>,
    ) -> Result<(), Denial> {
        match &checked {
            Ok(()) => self.audit.allow(resource, action, call),
            Err(denial) => self.audit.deny(denial, call),
        }
        checked
    }
}
