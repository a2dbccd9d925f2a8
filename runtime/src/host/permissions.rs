//! The one place where grants are used: every check of a running plugin goes through here, and filtering a list as
//! well.
//!
//! A check that a plugin meets is counted and audited. Deciding which entries of a list a plugin sees is neither: the
//! plugin did not ask for one of them.

use plugbay_manifest::PermissionAction;

use crate::audit::PluginAudit;
use crate::caller::CallOrigin;
use crate::capability::{Denial, Grants};

/// What one plugin may use, and the record of what it used.
pub(crate) struct Permissions {
    grants: Grants,
    audit: PluginAudit,
}

impl Permissions {
    pub(crate) fn new(grants: Grants, audit: PluginAudit) -> Self {
        Permissions { grants, audit }
    }

    /// The grants themselves, for showing them.
    pub(crate) fn grants(&self) -> &Grants {
        &self.grants
    }

    /// The counters of uses and denials.
    pub(crate) fn audit(&self) -> &PluginAudit {
        &self.audit
    }

    /// Checks a use that belongs to no known call. It is counted and audited.
    ///
    /// # Errors
    /// The [`Denial`], which says what to add and where.
    pub(crate) fn check(&self, resource: &str, action: PermissionAction) -> Result<(), Denial> {
        self.checked(self.grants.check(resource, action), resource, action, None)
    }

    /// Checks a use within a call. It is counted and audited.
    ///
    /// # Errors
    /// The [`Denial`], which says what to add and where.
    pub(crate) fn check_in(&self, call: &CallOrigin, resource: &str, action: PermissionAction) -> Result<(), Denial> {
        self.checked(self.grants.check(resource, action), resource, action, Some(call))
    }

    /// Checks whether any resource of a kind such as `cache.*` may be used. Only a denial is counted and audited: the
    /// uses that follow are decided one by one.
    ///
    /// # Errors
    /// The [`Denial`] of the kind.
    pub(crate) fn check_any(&self, call: &CallOrigin, kind: &str, action: PermissionAction) -> Result<(), Denial> {
        self.grants.check_any(kind, action).inspect_err(|denial| self.audit.deny(denial, Some(call)))
    }

    /// Checks a use of a directory under both of its paths, that of the manifest and the one without links. It is
    /// counted and audited under the first.
    ///
    /// # Errors
    /// The [`Denial`], which says what to add and where.
    pub(crate) fn check_directory(
        &self,
        call: &CallOrigin,
        path: &str,
        resolved: &str,
        action: PermissionAction,
    ) -> Result<(), Denial> {
        self.checked(self.grants.check_directory(path, resolved, action), &format!("fs.{path}"), action, Some(call))
    }

    /// Whether the plugin may use a directory at this moment. Neither counted nor audited.
    pub(crate) fn holds_directory(&self, path: &str, resolved: &str, action: PermissionAction) -> bool {
        self.grants.check_directory(path, resolved, action).is_ok()
    }

    /// Whether the plugin holds a permission at this moment. Neither counted nor audited: for filtering a list, and for
    /// what the host does on the plugin's behalf.
    pub(crate) fn holds(&self, resource: &str, action: PermissionAction) -> bool {
        self.grants.check(resource, action).is_ok()
    }

    /// [`Permissions::holds`] for one action, as a value that outlives the borrow: for work on another thread.
    pub(crate) fn filter(&self, action: PermissionAction) -> impl Fn(&str) -> bool + Send + Sync + 'static {
        let grants = self.grants.clone();
        move |resource| grants.check(resource, action).is_ok()
    }

    /// Whether the operator allows this use by a rule that `names` it, whatever broader rules stand above that one.
    pub(crate) fn operator_names(
        &self,
        resource: &str,
        action: PermissionAction,
        names: impl Fn(&str) -> bool,
    ) -> bool {
        self.grants.operator_names(resource, action, names)
    }

    /// Checks a use whose denial is reported later: only an allowed use is counted and audited here.
    pub(crate) fn allows(&self, resource: &str, action: PermissionAction) -> bool {
        let allowed = self.holds(resource, action);
        if allowed {
            self.audit.allow(resource, action, None);
        }
        allowed
    }

    /// Counts and audits a use that was allowed by [`Permissions::holds`].
    pub(crate) fn note_allowed(&self, call: Option<&CallOrigin>, resource: &str, action: PermissionAction) {
        self.audit.allow(resource, action, call);
    }

    /// Counts and audits a denial that something other than the grants decided.
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
