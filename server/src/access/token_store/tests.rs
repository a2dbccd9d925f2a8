//! The tests of the stored tokens.

use std::time::Duration;

use super::super::token_row::LISTED_AFTERWARDS;
use super::*;
use crate::access::ScopeKind;

fn store() -> (tempfile::TempDir, TokenStore) {
    let directory = tempfile::tempdir().expect("a directory");
    let store = TokenStore::open(directory.path()).expect("it can be opened");
    (directory, store)
}

fn for_an_hour() -> NewToken {
    NewToken::new("dashboard", [Scope::all(ScopeKind::Read), Scope::of_plugin(ScopeKind::Call, "greeter")])
        .expires_in(Duration::from_secs(3600))
}

#[test]
fn created_token_is_valid_until_it_expires() {
    let (_directory, store) = store();
    let created = store.create(&for_an_hour(), 1_000).expect("made");
    let found = store.verify(&created.secret, 4_599).expect("valid");
    assert_eq!((found.consumer.as_str(), found.scopes.len()), ("dashboard", 2));
    let expired = store.verify(&created.secret, 4_600).expect_err("its time is over");
    assert!(matches!(expired, WrongToken::Ended(TokenState::Expired)), "{expired:?}");
    assert!(store.has_active(4_599).expect("read") && !store.has_active(4_600).expect("read"));
}

#[test]
fn revocation_by_another_process_takes_effect_at_once() {
    let (directory, store) = store();
    let created = store.create(&for_an_hour(), 1_000).expect("made");
    let other = TokenStore::open(directory.path()).expect("it can be opened twice");
    assert!(other.verify(&created.secret, 1_000).is_ok());
    store.revoke(created.record.id, 1_010).expect("revoked");
    let refused = other.verify(&created.secret, 1_010).expect_err("revoked");
    assert!(matches!(refused, WrongToken::Ended(TokenState::Revoked)), "{refused:?}");
    let again = other.revoke(created.record.id, 2_000).expect("it is revoked already");
    assert_eq!(again.revoked_at, Some(1_010));
}

#[test]
fn text_of_the_token_is_not_stored() {
    let (directory, store) = store();
    let created = store.create(&for_an_hour(), 1_000).expect("made");
    drop(store);
    for file in std::fs::read_dir(directory.path()).expect("listed") {
        let bytes = std::fs::read(file.expect("a file").path()).expect("read");
        for part in [created.secret.as_bytes(), &created.secret.as_bytes()[4..24]] {
            assert!(!bytes.windows(part.len()).any(|window| window == part));
        }
    }
    assert!(!format!("{created:?}").contains(&created.secret));
}

#[cfg(unix)]
#[test]
fn file_is_for_this_user_alone() {
    use std::os::unix::fs::PermissionsExt;

    let (directory, store) = store();
    store.create(&for_an_hour(), 1_000).expect("made");
    for file in std::fs::read_dir(directory.path()).expect("listed") {
        let file = file.expect("a file");
        assert_eq!(file.metadata().expect("metadata").permissions().mode() & 0o077, 0, "{:?}", file.file_name());
    }
}

#[test]
fn unknown_and_malformed_texts_are_refused() {
    let (_directory, store) = store();
    for text in ["", "pbk_", "Bearer", &secret::generate(SecretKind::Token).expect("random bytes")] {
        assert!(matches!(store.verify(text, 0), Err(WrongToken::Unknown)), "{text}");
    }
}

#[test]
fn invalid_tokens_are_not_made() {
    let (_directory, store) = store();
    let read = || [Scope::all(ScopeKind::Read)];
    for consumer in ["", "a\nb", &"x".repeat(101)] {
        let error = store.create(&NewToken::new(consumer, read()), 0).expect_err("an invalid name");
        assert_eq!(error.code(), "invalid_consumer");
    }
    assert_eq!(store.create(&NewToken::new("a", []), 0).expect_err("no scope").code(), "invalid_scope");
    assert_eq!(store.revoke(7, 0).expect_err("unknown").code(), "unknown_token");
    assert!(store.list().expect("read").is_empty());
}

#[test]
fn last_use_is_recorded_to_a_minute() {
    let (_directory, store) = store();
    let created = store.create(&for_an_hour(), 1_000).expect("made");
    let used = |now: u64| {
        let token = store.verify(&created.secret, now).expect("valid");
        let due = TokenStore::is_use_due(&token, now);
        if due {
            store.record_use(token.id, now);
        }
        due
    };
    assert!(used(1_100) && !used(1_159) && used(1_160));
    assert_eq!(store.list().expect("read")[0].last_used_at, Some(1_160));
}

#[test]
fn ended_tokens_are_removed_after_ninety_days() {
    let (_directory, store) = store();
    let created = store.create(&for_an_hour(), 1_000).expect("made");
    let later = 4_600 + LISTED_AFTERWARDS.as_secs();
    store.create(&for_an_hour(), later).expect("made");
    assert_eq!(store.list().expect("read").len(), 2, "it ended exactly ninety days ago");
    store.create(&for_an_hour(), later + 1).expect("made");
    let left = store.list().expect("read");
    assert!(left.len() == 2 && left.iter().all(|token| token.id != created.record.id));
}

#[test]
fn file_of_another_program_is_refused_and_stays() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join(token_file::FILE_NAME);
    let other = Connection::open(&path).expect("made");
    other.execute_batch("CREATE TABLE t (a); INSERT INTO t VALUES (1)").expect("filled");
    drop(other);
    let error = TokenStore::open(directory.path()).expect_err("not of tokens");
    assert!(error.code() == "tokens_damaged" && error.to_string().contains("tokens.db"), "{error}");
    std::fs::write(&path, "not a database, but long enough to be looked at").expect("written");
    let error = TokenStore::open(directory.path()).expect_err("not a database");
    assert_eq!(error.code(), "tokens_damaged", "{error}");
}
