//! Sessions of browsers, and the codes that begin them, beside the tokens.
//!
//! A session is begun with a token or with a code. One that was begun with a token has its scopes, ends with it at the
//! latest, and is revoked with it. A code begins one session: it is removed in the transaction that stores the session.

use std::time::Duration;

use rusqlite::{OptionalExtension, Transaction, params};

use super::secret::{self, SecretKind};
use super::token_row::{NewRow, find, remove_ended};
use super::token_store::{WrongToken, check};
use super::{CreatedToken, Scope, Token, TokenState, TokenStore, TokenStoreError};

/// How long a session lasts.
pub(crate) const SESSION_LIFETIME: Duration = Duration::from_secs(12 * 3600);
/// How long a code is valid.
pub const CODE_LIFETIME: Duration = Duration::from_secs(10 * 60);
/// The most sessions that are begun with one token. Another one ends the oldest.
const SESSIONS_PER_TOKEN_MAX: u32 = 20;
/// The most sessions that are begun with codes, and the most codes. Another one ends the oldest.
const SESSIONS_OF_CODES_MAX: u32 = 100;

/// What a session is begun with.
pub(crate) enum SignIn {
    /// A token.
    Token(String),
    /// A code that is valid once.
    Code(String),
}

impl TokenStore {
    /// Makes a code that begins one session, and is valid for [`CODE_LIFETIME`]. `now` is in seconds since 1970. May
    /// block on the disk.
    ///
    /// # Errors
    /// [`TokenStoreError`] if the consumer or the scopes are invalid, or the file cannot be written.
    pub fn create_code(&self, consumer: &str, scopes: &[Scope], now: u64) -> Result<String, TokenStoreError> {
        check(consumer, scopes)?;
        let (code, digest) = self.secret(SecretKind::Code)?;
        let expires_at = Some(now.saturating_add(CODE_LIFETIME.as_secs()));
        let row = NewRow { kind: "code", digest, consumer, scopes, parent: None, expires_at };
        self.change(|transaction| {
            remove_ended(transaction, now)?;
            remove_oldest(transaction, "code", None, SESSIONS_OF_CODES_MAX)?;
            row.insert(transaction, now)
        })?;
        Ok(code)
    }

    /// Begins a session. May block on the disk.
    pub(crate) fn sign_in(&self, with: &SignIn, now: u64) -> Result<CreatedToken, WrongToken> {
        let digest = match with {
            SignIn::Token(text) => secret::digest(SecretKind::Token, text),
            SignIn::Code(text) => secret::digest(SecretKind::Code, text),
        };
        let found = digest.ok_or(WrongToken::Unknown)?;
        let (secret, digest) = self.secret(SecretKind::Session).map_err(WrongToken::Store)?;
        let begun = self.change(|transaction| {
            let Some(begins) = find(transaction, &found)? else { return Ok(Err(WrongToken::Unknown)) };
            match begins.state(now) {
                TokenState::Active => {}
                ended => return Ok(Err(WrongToken::Ended(ended))),
            }
            let ends = now.saturating_add(SESSION_LIFETIME.as_secs());
            let (parent, expires_at, most) = match with {
                SignIn::Token(_) => {
                    let ends = begins.expires_at.map_or(ends, |token_ends| ends.min(token_ends));
                    (Some(begins.id), ends, SESSIONS_PER_TOKEN_MAX)
                }
                SignIn::Code(_) => {
                    transaction.execute("DELETE FROM token WHERE id = ?1", [begins.id])?;
                    (None, ends, SESSIONS_OF_CODES_MAX)
                }
            };
            remove_ended(transaction, now)?;
            remove_oldest(transaction, "session", parent, most)?;
            let (consumer, scopes) = (&*begins.consumer, &*begins.scopes);
            let row = NewRow { kind: "session", digest, consumer, scopes, parent, expires_at: Some(expires_at) };
            row.insert(transaction, now).map(Ok)
        });
        let record = begun.map_err(WrongToken::Store)??;
        Ok(CreatedToken { secret, record })
    }

    /// The session with this text, if it has not ended.
    pub(crate) fn session(&self, text: &str, now: u64) -> Result<Token, WrongToken> {
        self.verify_kind(SecretKind::Session, text, now)
    }
}

/// Removes the oldest rows of a kind and a parent, so that another one may be added to at most `most`.
fn remove_oldest(transaction: &Transaction<'_>, kind: &str, parent: Option<i64>, most: u32) -> rusqlite::Result<()> {
    let newest = "SELECT id FROM token WHERE kind = ?1 AND parent IS ?2 ORDER BY id DESC LIMIT 1 OFFSET ?3";
    let last: Option<i64> =
        transaction.query_row(newest, params![kind, parent, most - 1], |row| row.get(0)).optional()?;
    let delete = "DELETE FROM token WHERE kind = ?1 AND parent IS ?2 AND id <= ?3";
    transaction.execute(delete, params![kind, parent, last]).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::{NewToken, ScopeKind, TokenKind};

    fn store() -> TokenStore {
        TokenStore::in_memory().expect("opened")
    }

    fn manage() -> [Scope; 1] {
        [Scope::all(ScopeKind::Manage)]
    }

    fn ended(result: Result<impl std::fmt::Debug, WrongToken>) -> Option<TokenState> {
        match result.expect_err("it has ended") {
            WrongToken::Ended(state) => Some(state),
            WrongToken::Unknown => None,
            WrongToken::Store(error) => panic!("{error}"),
        }
    }

    #[test]
    fn code_begins_one_session_of_twelve_hours() {
        let store = store();
        let code = store.create_code("operator", &manage(), 1_000).expect("made");
        let session = store.sign_in(&SignIn::Code(code.clone()), 1_599).expect("begun");
        assert_eq!((session.record.kind, session.record.expires_at), (TokenKind::Session, Some(1_599 + 12 * 3600)));
        assert_eq!(ended(store.sign_in(&SignIn::Code(code.clone()), 1_599)), None, "it is used up");
        assert!(store.session(&session.secret, 1_600).is_ok());
        assert_eq!(ended(store.session(&session.secret, 1_599 + 12 * 3600)), Some(TokenState::Expired));
        assert!(!store.has_active(1_600).expect("read"), "a session is not a token");
    }

    #[test]
    fn code_is_valid_for_ten_minutes() {
        let store = store();
        let code = store.create_code("operator", &manage(), 1_000).expect("made");
        assert_eq!(ended(store.sign_in(&SignIn::Code(code.clone()), 1_600)), Some(TokenState::Expired));
        let code = store.create_code("operator", &manage(), 2_000).expect("made");
        assert!(store.list().expect("read").is_empty(), "codes are not listed");
        assert!(store.sign_in(&SignIn::Code(code.clone()), 2_000).is_ok());
    }

    #[test]
    fn session_ends_with_its_token() {
        let store = store();
        let hour = NewToken::new("ci", manage()).expires_in(Duration::from_secs(3600));
        let token = store.create(&hour, 1_000).expect("made");
        let session = store.sign_in(&SignIn::Token(token.secret.clone()), 1_000).expect("begun");
        assert_eq!(session.record.expires_at, Some(4_600));
        store.revoke(token.record.id, 1_100).expect("revoked");
        assert_eq!(ended(store.session(&session.secret, 1_100)), Some(TokenState::Revoked));
        assert_eq!(ended(store.sign_in(&SignIn::Token(token.secret.clone()), 1_100)), Some(TokenState::Revoked));
    }

    #[test]
    fn secrets_of_one_kind_are_none_of_another() {
        let store = store();
        let code = store.create_code("operator", &manage(), 0).expect("made");
        let token = store.create(&NewToken::new("ci", manage()), 0).expect("made");
        assert_eq!(ended(store.sign_in(&SignIn::Token(code.clone()), 0)), None);
        assert_eq!(ended(store.sign_in(&SignIn::Code(token.secret.clone()), 0)), None);
        let session = store.sign_in(&SignIn::Token(token.secret.clone()), 0).expect("begun");
        assert_eq!(ended(store.verify(&session.secret, 0)), None);
        assert_eq!(ended(store.session(&token.secret, 0)), None);
    }

    #[test]
    fn session_too_many_ends_the_oldest_of_the_same_token() {
        let store = store();
        let [first, other] = ["a", "b"].map(|name| store.create(&NewToken::new(name, manage()), 0).expect("made"));
        let begin =
            |token: &CreatedToken| store.sign_in(&SignIn::Token(token.secret.clone()), 0).expect("begun").secret;
        let of_other = begin(&other);
        let sessions: Vec<String> = (0..=SESSIONS_PER_TOKEN_MAX).map(|_| begin(&first)).collect();
        assert_eq!(ended(store.session(&sessions[0], 0)), None);
        assert!(store.session(&sessions[1], 0).is_ok() && store.session(&of_other, 0).is_ok());
    }

    #[test]
    fn ended_session_is_no_longer_listed() {
        let store = store();
        let token = store.create(&NewToken::new("ci", manage()), 0).expect("made");
        let begin = || store.sign_in(&SignIn::Token(token.secret.clone()), 0).expect("begun").record.id;
        let (first, second) = (begin(), begin());
        store.revoke(first, 0).expect("ended");
        let third = begin();
        let ids: Vec<i64> = store.list().expect("read").iter().map(|token| token.id).collect();
        assert_eq!(ids, [token.record.id, second, third]);
    }
}
