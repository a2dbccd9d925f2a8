//! Tokens as records: everything but their text, which is not stored.

use std::fmt;
use std::time::Duration;

use serde::Serialize;

use super::Scope;

/// A token to be made.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct NewToken {
    /// The person or program that gets it, for lists, logs and plugins. 1 to 100 characters.
    pub consumer: String,
    /// What it may do; at least one scope.
    pub scopes: Vec<Scope>,
    /// How long it is valid; `None` until it is revoked.
    pub lifetime: Option<Duration>,
}

impl NewToken {
    /// A token without an expiry.
    pub fn new(consumer: impl Into<String>, scopes: impl IntoIterator<Item = Scope>) -> Self {
        NewToken { consumer: consumer.into(), scopes: scopes.into_iter().collect(), lifetime: None }
    }

    /// Sets how long it is valid. Default: until it is revoked.
    #[must_use]
    pub fn expires_in(mut self, lifetime: Duration) -> Self {
        self.lifetime = Some(lifetime);
        self
    }
}

/// What a stored secret is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum TokenKind {
    /// A token of a client.
    Token,
    /// The session of a browser. It is removed once it has ended.
    Session,
}

/// A stored token or session, without its text. Times are in seconds since 1970.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Token {
    /// The number by which it is revoked.
    pub id: i64,
    /// Whether it is a token or a session.
    pub kind: TokenKind,
    /// The person or program that has it.
    pub consumer: String,
    /// What it may do.
    pub scopes: Vec<Scope>,
    /// The time of its creation.
    pub created_at: u64,
    /// The time from which it is no longer valid.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<u64>,
    /// The time of its last use, to a minute.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_used_at: Option<u64>,
    /// The time of its revocation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revoked_at: Option<u64>,
}

/// Whether a token is valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum TokenState {
    /// It is valid.
    Active,
    /// Its time is over.
    Expired,
    /// It was revoked.
    Revoked,
}

impl TokenState {
    /// The state's word.
    pub fn name(self) -> &'static str {
        match self {
            TokenState::Active => "active",
            TokenState::Expired => "expired",
            TokenState::Revoked => "revoked",
        }
    }
}

impl Token {
    /// Whether it is valid at a time, in seconds since 1970.
    pub fn state(&self, now: u64) -> TokenState {
        match (self.revoked_at, self.expires_at) {
            (Some(_), _) => TokenState::Revoked,
            (None, Some(expires)) if expires <= now => TokenState::Expired,
            (None, _) => TokenState::Active,
        }
    }
}

/// A new token. Its text exists nowhere else.
#[derive(Serialize)]
#[non_exhaustive]
pub struct CreatedToken {
    /// The text that a client sends: `Authorization: Bearer pbk_…`.
    #[serde(rename = "token")]
    pub secret: String,
    /// Its record.
    #[serde(flatten)]
    pub record: Token,
}

impl fmt::Debug for CreatedToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CreatedToken").field("record", &self.record).finish_non_exhaustive()
    }
}
