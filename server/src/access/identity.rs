//! The authenticated caller of a request.

use super::{Refusal, Scope, ScopeKind};

/// The caller of a request: a name and what it may do. Handlers find it in the request's extensions.
///
/// An application that merges the routes of plugins into a server of its own inserts one after its own login, or none:
/// then nothing is checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    consumer: Option<String>,
    scopes: Vec<Scope>,
}

impl Identity {
    /// A caller that was authenticated, with its name.
    pub fn new(consumer: impl Into<String>, scopes: impl IntoIterator<Item = Scope>) -> Self {
        Identity { consumer: Some(consumer.into()), scopes: scopes.into_iter().collect() }
    }

    /// A caller that was not authenticated.
    pub fn anonymous(scopes: impl IntoIterator<Item = Scope>) -> Self {
        Identity { consumer: None, scopes: scopes.into_iter().collect() }
    }

    /// Its name; `None` if it was not authenticated.
    pub fn consumer(&self) -> Option<&str> {
        self.consumer.as_deref()
    }

    /// What it may do.
    pub fn scopes(&self) -> &[Scope] {
        &self.scopes
    }

    /// The kinds of access that it has to a plugin, for [`Invocation::identity`](plugbay::Invocation::identity).
    pub fn scopes_for(&self, plugin: &str) -> Vec<&'static str> {
        let mut kinds: Vec<&'static str> =
            self.scopes.iter().filter(|scope| scope.concerns(plugin)).map(|scope| scope.kind().name()).collect();
        kinds.sort_unstable();
        kinds.dedup();
        kinds
    }

    /// Whether it has access of this kind to a plugin, or to the host as a whole for `None`.
    pub fn may(&self, kind: ScopeKind, plugin: Option<&str>) -> bool {
        self.scopes.iter().any(|scope| scope.covers(kind, plugin))
    }

    /// Checks that it has access of this kind to a plugin, or to the host as a whole for `None`.
    ///
    /// # Errors
    /// [`Refusal`]: 403 with the scope that it needs, or 401 if it was not authenticated.
    pub fn require(&self, kind: ScopeKind, plugin: Option<&str>) -> Result<(), Refusal> {
        if self.may(kind, plugin) {
            return Ok(());
        }
        let scope = match plugin {
            Some(plugin) => Scope::of_plugin(kind, plugin),
            None => Scope::all(kind),
        };
        Err(match &self.consumer {
            Some(consumer) => Refusal::InsufficientScope { consumer: consumer.clone(), scope },
            None => Refusal::TokenNeeded { scope: Some(scope) },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_scope_is_named_to_a_known_caller_and_asked_of_an_unknown_one() {
        let known = Identity::new("ci", [Scope::of_plugin(ScopeKind::Call, "a")]);
        assert!(known.require(ScopeKind::Call, Some("a")).is_ok());
        let refusal = known.require(ScopeKind::Call, Some("b")).expect_err("another plugin");
        assert!(refusal.to_string().contains("`call:b`") && refusal.status() == 403, "{refusal}");
        let unknown = Identity::anonymous([Scope::all(ScopeKind::Read)]);
        assert_eq!(unknown.require(ScopeKind::Manage, None).expect_err("not authenticated").status(), 401);
    }

    #[test]
    fn plugin_receives_only_the_scopes_that_concern_it() {
        let scopes = ["read", "call:a", "manage:b", "call"].map(|scope| scope.parse::<Scope>().expect("a scope"));
        let identity = Identity::new("ci", scopes);
        assert_eq!(identity.scopes_for("a"), ["call", "read"]);
        assert_eq!(identity.scopes_for("b"), ["call", "manage", "read"]);
    }
}
