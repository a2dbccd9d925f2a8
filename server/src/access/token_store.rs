//! The tokens of a data directory, in a SQLite file that the server and the command may use at the same time. The
//! sessions of browsers are in the same table (`session_store.rs`).
//!
//! A request reads one row by an index, in a connection that no write blocks, so a token that another process revoked
//! is refused from the next request on. The comparison of digests takes the same time wherever they differ.

use std::path::Path;
use std::sync::Arc;

use parking_lot::Mutex;
use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};

use super::secret::{self, SecretDigest, SecretKind};
use super::token_file;
use super::token_row::{COLUMNS, NewRow, find, number, record, remove_ended};
use super::{CreatedToken, NewToken, Scope, Token, TokenKind, TokenState};

/// The most tokens of a host, including those that are no longer valid.
pub(crate) const TOKENS_MAX: i64 = 10_000;
/// The most characters of a consumer's name.
pub(crate) const CONSUMER_CHARS_MAX: usize = 100;
/// The most scopes of a token.
pub(crate) const SCOPES_MAX: usize = 100;
/// How exact the time of the last use is. Each record of it is written to disk.
const LAST_USE_SECONDS: u64 = 60;

/// The tokens of a data directory.
pub struct TokenStore {
    place: String,
    /// The same connection as `writer` if the tokens are in memory. Neither is locked while the other is.
    reader: Arc<Mutex<Connection>>,
    writer: Arc<Mutex<Connection>>,
}

/// An operation on tokens failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TokenStoreError {
    /// The consumer's name is empty, too long or has control characters.
    #[error("a consumer's name has 1 to {CONSUMER_CHARS_MAX} characters without control characters")]
    Consumer,
    /// There is no scope, or there are too many.
    #[error("a token has 1 to {SCOPES_MAX} scopes")]
    Scopes,
    /// The host has too many tokens.
    #[error(
        "the host has {TOKENS_MAX} tokens, which is the maximum; those that expired or were revoked are removed after 90 days"
    )]
    Full,
    /// No token has the number.
    #[error("no token has the number {id}; `plugbay token list` shows them")]
    Unknown {
        /// The number.
        id: i64,
    },
    /// The file has other content than tokens.
    #[error("the tokens in {place} cannot be used: {reason}; move the file away to begin without tokens")]
    Damaged {
        /// The file.
        place: String,
        /// The reason.
        reason: String,
    },
    /// A newer version of Plugbay wrote the file.
    #[error("the tokens in {place} were written by a newer version of Plugbay")]
    Newer {
        /// The file.
        place: String,
    },
    /// The file cannot be read or written.
    #[error("the tokens in {place} cannot be read or written: {reason}")]
    Unavailable {
        /// The file.
        place: String,
        /// The reason.
        reason: String,
    },
}

impl TokenStoreError {
    /// The stable name of this kind of error.
    pub fn code(&self) -> &'static str {
        match self {
            TokenStoreError::Consumer => "invalid_consumer",
            TokenStoreError::Scopes => "invalid_scope",
            TokenStoreError::Full => "too_many_tokens",
            TokenStoreError::Unknown { .. } => "unknown_token",
            TokenStoreError::Damaged { .. } => "tokens_damaged",
            TokenStoreError::Newer { .. } => "tokens_newer",
            TokenStoreError::Unavailable { .. } => "tokens_unavailable",
        }
    }

    pub(super) fn unusable(place: &str, error: std::io::Error) -> Self {
        TokenStoreError::Unavailable { place: place.to_owned(), reason: error.to_string() }
    }

    pub(super) fn sql(place: &str, error: &rusqlite::Error) -> Self {
        use rusqlite::ErrorCode::{DatabaseCorrupt, NotADatabase};

        let (place, reason) = (place.to_owned(), error.to_string());
        match error.sqlite_error_code() {
            Some(DatabaseCorrupt | NotADatabase) => TokenStoreError::Damaged { place, reason },
            _ => TokenStoreError::Unavailable { place, reason },
        }
    }
}

/// A text is not the text of a valid token.
#[derive(Debug)]
pub(crate) enum WrongToken {
    /// No token has this text.
    Unknown,
    /// Its token is no longer valid.
    Ended(TokenState),
    /// The tokens cannot be read.
    Store(TokenStoreError),
}

impl TokenStore {
    /// Opens the tokens of a data directory, and makes their file if there is none. May block on the disk.
    ///
    /// # Errors
    /// [`TokenStoreError`] if the file cannot be read, is damaged, or is not one of tokens.
    pub fn open(data_dir: &Path) -> Result<Self, TokenStoreError> {
        let (reader, writer) = token_file::open(data_dir)?;
        let place = data_dir.join(token_file::FILE_NAME).display().to_string();
        let (reader, writer) = (Arc::new(Mutex::new(reader)), Arc::new(Mutex::new(writer)));
        Ok(TokenStore { place, reader, writer })
    }

    /// Tokens and sessions of this process alone, for a host without a data directory.
    ///
    /// # Errors
    /// [`TokenStoreError::Unavailable`] if SQLite has no memory.
    pub fn in_memory() -> Result<Self, TokenStoreError> {
        let place = "memory".to_owned();
        let connection = token_file::open_in_memory().map_err(|error| TokenStoreError::sql(&place, &error))?;
        let connection = Arc::new(Mutex::new(connection));
        Ok(TokenStore { place, reader: connection.clone(), writer: connection })
    }

    /// Opens the tokens of a data directory if there are any. Makes nothing.
    ///
    /// # Errors
    /// As [`TokenStore::open`].
    pub fn open_existing(data_dir: &Path) -> Result<Option<Self>, TokenStoreError> {
        let exists = data_dir.join(token_file::FILE_NAME).symlink_metadata().is_ok();
        if exists { TokenStore::open(data_dir).map(Some) } else { Ok(None) }
    }

    /// Makes a token. `now` is in seconds since 1970. May block on the disk.
    ///
    /// # Errors
    /// [`TokenStoreError`] if the consumer or the scopes are invalid, there are too many tokens, or the file cannot be
    /// written.
    pub fn create(&self, new: &NewToken, now: u64) -> Result<CreatedToken, TokenStoreError> {
        check(&new.consumer, &new.scopes)?;
        let (secret, digest) = self.secret(SecretKind::Token)?;
        let row = NewRow {
            kind: "token",
            digest,
            consumer: &new.consumer,
            scopes: &new.scopes,
            parent: None,
            expires_at: new.lifetime.map(|lifetime| now.saturating_add(lifetime.as_secs().max(1))),
        };
        let record = self.change(|transaction| {
            remove_ended(transaction, now)?;
            let count: i64 =
                transaction.query_row("SELECT count(*) FROM token WHERE kind = 'token'", (), |row| row.get(0))?;
            if count >= TOKENS_MAX { Ok(Err(TokenStoreError::Full)) } else { row.insert(transaction, now).map(Ok) }
        })??;
        Ok(CreatedToken { secret, record })
    }

    /// All tokens and sessions, the oldest first. Those that expired or were revoked more than 90 days ago may be
    /// missing, and sessions once they have ended.
    ///
    /// # Errors
    /// [`TokenStoreError`] if the file cannot be read.
    pub fn list(&self) -> Result<Vec<Token>, TokenStoreError> {
        let reader = self.reader.lock();
        let read = || -> rusqlite::Result<Vec<Token>> {
            let mut select =
                reader.prepare_cached(&format!("SELECT {COLUMNS} FROM token WHERE kind <> 'code' ORDER BY id"))?;
            select.query_map((), record)?.collect()
        };
        read().map_err(|error| self.failed(&error))
    }

    /// Revokes a token with the sessions that were begun with it, or ends a session: from then on no request with it is
    /// served. Revoking it again changes nothing.
    ///
    /// # Errors
    /// [`TokenStoreError::Unknown`] if no token has the number, or another if the file cannot be written.
    pub fn revoke(&self, id: i64, now: u64) -> Result<Token, TokenStoreError> {
        let revoked = self.change(|transaction| {
            let sessions = "UPDATE token SET revoked_at = coalesce(revoked_at, ?2) WHERE parent = ?1";
            transaction.execute(sessions, params![id, number(now)])?;
            let update = format!(
                "UPDATE token SET revoked_at = coalesce(revoked_at, ?2) WHERE id = ?1 AND kind <> 'code'
                 RETURNING {COLUMNS}"
            );
            transaction.query_row(&update, params![id, number(now)], record).optional()
        })?;
        revoked.ok_or(TokenStoreError::Unknown { id })
    }

    /// Whether any token is valid at a time.
    ///
    /// # Errors
    /// [`TokenStoreError`] if the file cannot be read.
    pub fn has_active(&self, now: u64) -> Result<bool, TokenStoreError> {
        let is_active = |token: &Token| token.kind == TokenKind::Token && token.state(now) == TokenState::Active;
        Ok(self.list()?.iter().any(is_active))
    }

    /// The valid token with this text.
    pub(crate) fn verify(&self, text: &str, now: u64) -> Result<Token, WrongToken> {
        self.verify_kind(SecretKind::Token, text, now)
    }

    /// The valid token or session with this text.
    pub(super) fn verify_kind(&self, kind: SecretKind, text: &str, now: u64) -> Result<Token, WrongToken> {
        let digest = secret::digest(kind, text).ok_or(WrongToken::Unknown)?;
        let found = self.find(&digest).map_err(WrongToken::Store)?.ok_or(WrongToken::Unknown)?;
        match found.state(now) {
            TokenState::Active => Ok(found),
            ended => Err(WrongToken::Ended(ended)),
        }
    }

    fn find(&self, digest: &SecretDigest) -> Result<Option<Token>, TokenStoreError> {
        find(&self.reader.lock(), digest).map_err(|error| self.failed(&error))
    }

    /// A new secret of this kind, and its digest.
    pub(super) fn secret(&self, kind: SecretKind) -> Result<(String, SecretDigest), TokenStoreError> {
        let unavailable = |reason: String| TokenStoreError::Unavailable { place: self.place.clone(), reason };
        let secret = secret::generate(kind).map_err(|error| unavailable(error.to_string()))?;
        let digest =
            secret::digest(kind, &secret).ok_or_else(|| unavailable("the new token has no form".to_owned()))?;
        Ok((secret, digest))
    }

    /// Whether the time of a token's last use should be recorded.
    pub(crate) fn is_use_due(token: &Token, now: u64) -> bool {
        token.last_used_at.is_none_or(|last| now.saturating_sub(last) >= LAST_USE_SECONDS)
    }

    /// Records the time of a token's last use. Does nothing while another change is being written: the next request
    /// records it.
    pub(crate) fn record_use(&self, id: i64, now: u64) {
        let Some(writer) = self.writer.try_lock() else { return };
        let update = "UPDATE token SET last_used_at = ?2 WHERE id = ?1 AND (last_used_at IS NULL OR last_used_at < ?2)";
        if let Err(error) = writer.execute(update, params![id, number(now)]) {
            tracing::warn!(token = id, %error, "the last use of a token cannot be recorded");
        }
    }

    /// Runs in a transaction, which is on disk when this returns.
    pub(super) fn change<T>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T>,
    ) -> Result<T, TokenStoreError> {
        let mut writer = self.writer.lock();
        let run = || -> rusqlite::Result<T> {
            let transaction = writer.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let done = work(&transaction)?;
            transaction.commit()?;
            Ok(done)
        };
        run().map_err(|error| self.failed(&error))
    }

    fn failed(&self, error: &rusqlite::Error) -> TokenStoreError {
        TokenStoreError::sql(&self.place, error)
    }
}

impl std::fmt::Debug for TokenStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TokenStore").field("place", &self.place).finish_non_exhaustive()
    }
}

/// Checks the name of a consumer and its scopes.
pub(super) fn check(consumer: &str, scopes: &[Scope]) -> Result<(), TokenStoreError> {
    let chars = consumer.chars().count();
    if chars == 0 || chars > CONSUMER_CHARS_MAX || consumer.chars().any(char::is_control) {
        return Err(TokenStoreError::Consumer);
    }
    if scopes.is_empty() || scopes.len() > SCOPES_MAX {
        return Err(TokenStoreError::Scopes);
    }
    Ok(())
}

#[cfg(test)]
mod tests;
