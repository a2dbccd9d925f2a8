//! Tests of the SQLite backend alone: damage, other files in its place, several processes.

use super::*;
use crate::conformance;

fn directory() -> tempfile::TempDir {
    tempfile::tempdir().expect("a directory")
}

fn open(directory: &tempfile::TempDir) -> Result<SqliteStore, StoreError> {
    SqliteStore::open(directory.path())
}

fn path(directory: &tempfile::TempDir) -> std::path::PathBuf {
    directory.path().join(open::FILE_NAME)
}

#[track_caller]
fn check_damaged(directory: &tempfile::TempDir, part: &str) {
    let before = std::fs::read(path(directory)).ok();
    let error = match open(directory) {
        Err(error @ StoreError::Damaged { .. }) => error.to_string(),
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("it was opened"),
    };
    assert!(error.contains(part) && error.contains("Restore it from a backup"), "{error}");
    assert_eq!(std::fs::read(path(directory)).ok(), before, "it was changed");
}

#[tokio::test]
async fn store_in_memory_conforms() {
    conformance::run(|| async { SqliteStore::in_memory().expect("a store") }).await;
}

#[tokio::test]
async fn store_in_a_file_conforms() {
    let directories = std::sync::Mutex::new(Vec::new());
    conformance::run(|| async {
        let directory = directory();
        let store = open(&directory).expect("a store");
        directories.lock().expect("not poisoned").push(directory);
        store
    })
    .await;
}

#[tokio::test]
async fn catalog_is_there_after_it_was_closed() {
    let directory = directory();
    let store = open(&directory).expect("a store");
    let id = store.install(conformance::version("hello", "1.0.0")).await.expect("installed");
    drop(store);
    let store = open(&directory).expect("a store");
    let found = store.get(PluginKey::Id(id)).await.expect("readable").expect("it is there");
    assert_eq!(found.name, "hello");
}

#[test]
fn file_that_is_not_a_catalog_is_refused_and_left_alone() {
    let directory = directory();
    std::fs::write(path(&directory), b"").expect("written");
    check_damaged(&directory, "is not a catalog");
    std::fs::write(path(&directory), vec![7; 10_000]).expect("written");
    check_damaged(&directory, "not a database");
    std::fs::remove_file(path(&directory)).expect("removed");
    let other = Connection::open(path(&directory)).expect("a database");
    other.execute_batch("CREATE TABLE x (y)").expect("made");
    drop(other);
    check_damaged(&directory, "is not a catalog");
}

#[test]
fn missing_catalog_with_its_log_is_not_replaced() {
    let directory = directory();
    std::fs::write(directory.path().join("catalog.db-wal"), b"x").expect("written");
    check_damaged(&directory, "only its log is there");
    assert!(!path(&directory).exists());
}

#[test]
fn catalog_that_was_cut_is_refused() {
    let directory = directory();
    drop(open(&directory).expect("a store"));
    let whole = std::fs::read(path(&directory)).expect("readable");
    std::fs::write(path(&directory), &whole[..whole.len() / 2]).expect("written");
    assert!(matches!(open(&directory), Err(StoreError::Damaged { .. })));
}

#[test]
fn catalog_without_one_of_its_tables_is_refused() {
    let directory = directory();
    let store = open(&directory).expect("a store");
    store.connection.lock().expect("not poisoned").execute_batch("DROP TABLE version").expect("dropped");
    drop(store);
    assert!(matches!(open(&directory), Err(StoreError::Damaged { .. })));
}

#[tokio::test]
async fn component_that_changed_on_disk_is_refused() {
    let directory = directory();
    let store = open(&directory).expect("a store");
    let id = store.install(conformance::version("hello", "1.0.0")).await.expect("installed");
    let other = store.install(conformance::version("other", "1.0.0")).await.expect("installed");
    {
        let connection = store.connection.lock().expect("not poisoned");
        let digest = Digest::of(&conformance::version("hello", "1.0.0").component).to_string();
        let changed = connection.execute("UPDATE component SET bytes = x'00' WHERE digest = ?1", [digest]);
        assert_eq!(changed, Ok(1));
    }
    let error = store.package(PluginKey::Id(id)).await.expect_err("damaged");
    assert!(matches!(&error, StoreError::Damaged { reason, .. } if reason.contains("`hello`")), "{error}");
    assert!(store.package(PluginKey::Id(other)).await.expect("readable").is_some(), "others are not affected");
}

#[test]
fn catalog_of_a_newer_version_is_refused() {
    let directory = directory();
    let store = open(&directory).expect("a store");
    let connection = store.connection.lock().expect("not poisoned");
    connection.pragma_update(None, "user_version", 99).expect("set");
    drop(connection);
    drop(store);
    assert!(matches!(open(&directory), Err(StoreError::Newer { .. })));
}

#[test]
fn looking_creates_no_catalog() {
    let directory = directory();
    assert!(SqliteStore::open_existing(directory.path()).expect("nothing is there").is_none());
    assert!(SqliteStore::open_existing(&directory.path().join("missing")).expect("nothing is there").is_none());
    assert!(!path(&directory).exists());
    drop(open(&directory).expect("a store"));
    assert!(SqliteStore::open_existing(directory.path()).expect("readable").is_some());
}

#[test]
fn directory_that_is_missing_is_named() {
    let directory = directory();
    let error = SqliteStore::open(&directory.path().join("missing")).err().expect("missing").to_string();
    assert!(error.contains("missing/catalog.db"), "{error}");
}

#[test]
fn new_catalog_of_a_process_that_ended_is_made_again() {
    let directory = directory();
    std::fs::write(directory.path().join("catalog.db.new"), b"half").expect("written");
    drop(open(&directory).expect("a store"));
    assert!(!directory.path().join("catalog.db.new").exists());
}

#[cfg(unix)]
#[test]
fn file_is_for_this_user_alone() {
    use std::os::unix::fs::PermissionsExt;

    let directory = directory();
    drop(open(&directory).expect("a store"));
    let mode = std::fs::metadata(path(&directory)).expect("it is there").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn processes_that_create_it_at_once_share_it() {
    let directory = directory();
    let opened = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(|| open(&directory).map(drop))).collect();
        threads.into_iter().map(|thread| thread.join().expect("no panic")).collect::<Vec<_>>()
    });
    assert!(opened.iter().all(Result::is_ok), "{opened:?}");
}

#[tokio::test]
async fn change_of_another_process_is_seen_in_the_revision() {
    let directory = directory();
    let (host, command) = (open(&directory).expect("a store"), open(&directory).expect("a store"));
    let before = host.revision().await.expect("readable");
    let id = command.install(conformance::version("hello", "1.0.0")).await.expect("installed");
    let after = host.revision().await.expect("readable");
    assert!(after > before);
    command.record(id, InstalledState::Loaded, None).await.expect("recorded");
    assert_eq!(
        host.revision().await.expect("readable"),
        after,
        "a recorded state is not a change of what is installed"
    );
}
