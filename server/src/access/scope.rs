//! What a caller may do: a kind of access, to all plugins or to one.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use plugbay::manifest::check_plugin_name;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

/// A kind of access.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ScopeKind {
    /// To look at plugins and the host: states, logs, metrics, events.
    Read,
    /// To call plugins: their routes and actions, and to publish events.
    Call,
    /// To change plugins and the host: install, enable, configure. It includes reading and calling.
    Manage,
}

impl ScopeKind {
    const ALL: [ScopeKind; 3] = [ScopeKind::Read, ScopeKind::Call, ScopeKind::Manage];

    /// The word in a scope's text.
    pub fn name(self) -> &'static str {
        match self {
            ScopeKind::Read => "read",
            ScopeKind::Call => "call",
            ScopeKind::Manage => "manage",
        }
    }
}

/// A scope: `read`, `call` or `manage`, for all plugins and the host, or for one plugin as in `call:greeter`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Deserialize, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct Scope {
    kind: ScopeKind,
    plugin: Option<String>,
}

/// A text is not a scope.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{}` is not a scope: write read, call or manage, for one plugin with its name as in call:greeter", text.escape_debug())]
pub struct InvalidScope {
    /// The text.
    pub text: String,
}

impl Scope {
    /// Access to all plugins and the host.
    pub const fn all(kind: ScopeKind) -> Self {
        Scope { kind, plugin: None }
    }

    /// Access to one plugin.
    pub fn of_plugin(kind: ScopeKind, plugin: impl Into<String>) -> Self {
        Scope { kind, plugin: Some(plugin.into()) }
    }

    /// The kind of access.
    pub fn kind(&self) -> ScopeKind {
        self.kind
    }

    /// Whether it gives access of this kind to a plugin, or to the host as a whole for `None`.
    pub fn covers(&self, kind: ScopeKind, plugin: Option<&str>) -> bool {
        let of_kind = self.kind == kind || self.kind == ScopeKind::Manage;
        of_kind && (self.plugin.is_none() || self.plugin.as_deref() == plugin)
    }

    /// Whether it gives access to this plugin, of any kind.
    pub(crate) fn concerns(&self, plugin: &str) -> bool {
        self.plugin.as_deref().is_none_or(|named| named == plugin)
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.plugin {
            None => f.write_str(self.kind.name()),
            Some(plugin) => write!(f, "{}:{plugin}", self.kind.name()),
        }
    }
}

impl FromStr for Scope {
    type Err = InvalidScope;

    fn from_str(text: &str) -> Result<Self, InvalidScope> {
        let invalid = || InvalidScope { text: text.chars().take(100).collect() };
        let (kind, plugin) = match text.split_once(':') {
            Some((kind, plugin)) => (kind, Some(plugin)),
            None => (text, None),
        };
        let kind = ScopeKind::ALL.into_iter().find(|known| known.name() == kind).ok_or_else(invalid)?;
        if plugin.is_some_and(|name| check_plugin_name(name).is_err()) {
            return Err(invalid());
        }
        Ok(Scope { kind, plugin: plugin.map(str::to_owned) })
    }
}

impl TryFrom<String> for Scope {
    type Error = InvalidScope;

    fn try_from(text: String) -> Result<Self, InvalidScope> {
        text.parse()
    }
}

impl JsonSchema for Scope {
    fn schema_name() -> Cow<'static, str> {
        "Scope".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": "^(read|call|manage)(:[a-z][a-z0-9_-]*)?$" })
    }
}

impl From<Scope> for String {
    fn from(scope: Scope) -> String {
        scope.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn covers(scope: &str, kind: ScopeKind, plugin: Option<&str>) -> bool {
        scope.parse::<Scope>().expect("a scope").covers(kind, plugin)
    }

    #[test]
    fn text_and_scope_are_the_same() {
        for text in ["read", "call", "manage", "call:greeter", "read:my-plugin_2"] {
            assert_eq!(text.parse::<Scope>().expect("a scope").to_string(), text);
        }
        for wrong in ["", "admin", "call:", "call:Greeter", "call:a:b", "call:*", " read", "read,call", ":a"] {
            let error = wrong.parse::<Scope>().expect_err(wrong).to_string();
            assert!(error.contains("is not a scope"), "{error}");
        }
    }

    #[test]
    fn scope_of_a_plugin_covers_neither_another_nor_the_host() {
        assert!(covers("call:a", ScopeKind::Call, Some("a")));
        assert!(!covers("call:a", ScopeKind::Call, Some("b")));
        assert!(!covers("call:a", ScopeKind::Call, None));
        assert!(!covers("manage:a", ScopeKind::Manage, None));
    }

    #[test]
    fn managing_includes_the_rest_and_nothing_includes_managing() {
        assert!(covers("manage", ScopeKind::Read, None) && covers("manage:a", ScopeKind::Call, Some("a")));
        assert!(!covers("read", ScopeKind::Call, Some("a")) && !covers("call", ScopeKind::Read, None));
        assert!(!covers("call", ScopeKind::Manage, Some("a")));
    }
}
