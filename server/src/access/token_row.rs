//! The rows of the table of tokens: tokens, sessions, and codes that begin a session.

use std::time::Duration;

use rusqlite::{Connection, Row, Transaction, params};
use subtle::ConstantTimeEq;

use super::secret::SecretDigest;
use super::{Scope, Token, TokenKind};

/// How long tokens are listed after they expired or were revoked.
pub(super) const LISTED_AFTERWARDS: Duration = Duration::from_secs(90 * 24 * 3600);

/// The columns of a record, as [`record`] reads them.
pub(super) const COLUMNS: &str = "id, kind, consumer, scopes, created_at, expires_at, last_used_at, revoked_at";

/// A row to be made.
pub(super) struct NewRow<'a> {
    /// `token`, `session` or `code`.
    pub(super) kind: &'static str,
    pub(super) digest: SecretDigest,
    pub(super) consumer: &'a str,
    pub(super) scopes: &'a [Scope],
    /// The number of the token that a session was begun with.
    pub(super) parent: Option<i64>,
    pub(super) expires_at: Option<u64>,
}

impl NewRow<'_> {
    pub(super) fn insert(&self, transaction: &Transaction<'_>, now: u64) -> rusqlite::Result<Token> {
        let insert = format!(
            "INSERT INTO token (digest_start, digest, kind, consumer, scopes, parent, created_at, expires_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) RETURNING {COLUMNS}"
        );
        let scopes: Vec<String> = self.scopes.iter().map(Scope::to_string).collect();
        let values = params![
            start(&self.digest),
            self.digest,
            self.kind,
            self.consumer,
            scopes.join(" "),
            self.parent,
            number(now),
            self.expires_at.map(number)
        ];
        transaction.query_row(&insert, values, record)
    }
}

/// Removes tokens that ended long ago, and sessions and codes that have ended.
pub(super) fn remove_ended(transaction: &Transaction<'_>, now: u64) -> rusqlite::Result<()> {
    let delete = "DELETE FROM token WHERE revoked_at < ?1 OR expires_at < ?1
        OR (kind <> 'token' AND (revoked_at IS NOT NULL OR expires_at <= ?2))";
    let long_ago = number(now.saturating_sub(LISTED_AFTERWARDS.as_secs()));
    transaction.execute(delete, [long_ago, number(now)]).map(drop)
}

/// The row with this digest.
pub(super) fn find(connection: &Connection, digest: &SecretDigest) -> rusqlite::Result<Option<Token>> {
    let select = format!("SELECT {COLUMNS}, digest FROM token WHERE digest_start = ?1");
    let mut select = connection.prepare_cached(&select)?;
    let mut rows = select.query([start(digest)])?;
    while let Some(row) = rows.next()? {
        let stored: Vec<u8> = row.get("digest")?;
        if bool::from(stored.as_slice().ct_eq(digest.as_slice())) {
            return record(row).map(Some);
        }
    }
    Ok(None)
}

/// The part of a digest that the index has. An index over the whole digest would compare it byte by byte.
fn start(digest: &SecretDigest) -> i64 {
    let [a, b, c, d, e, f, g, h, ..] = *digest;
    i64::from_be_bytes([a, b, c, d, e, f, g, h])
}

/// The record of a row.
pub(super) fn record(row: &Row<'_>) -> rusqlite::Result<Token> {
    let time = |column: &str| -> rusqlite::Result<Option<u64>> {
        Ok(row.get::<_, Option<i64>>(column)?.map(|seconds| seconds.max(0) as u64))
    };
    let scopes: String = row.get("scopes")?;
    let kind: String = row.get("kind")?;
    Ok(Token {
        id: row.get("id")?,
        kind: if kind == "token" { TokenKind::Token } else { TokenKind::Session },
        consumer: row.get("consumer")?,
        // A scope that this version does not know gives no access.
        scopes: scopes.split(' ').filter_map(|scope| scope.parse().ok()).collect(),
        created_at: time("created_at")?.unwrap_or_default(),
        expires_at: time("expires_at")?,
        last_used_at: time("last_used_at")?,
        revoked_at: time("revoked_at")?,
    })
}

pub(super) fn number(seconds: u64) -> i64 {
    i64::try_from(seconds).unwrap_or(i64::MAX)
}
