//! What a database promises: kept, whole, private, and damaged for its own plugin only.

use std::path::Path;

use rusqlite::TransactionBehavior;

use super::*;
use crate::clock::ManualClock;

const STEPS: &[&str] = &["CREATE TABLE words (word TEXT PRIMARY KEY) STRICT"];

fn scope(directory: Option<&Path>) -> PluginScope {
    PluginScope::new("p".into(), directory.map(|directory| directory.join("p")), Arc::new(ManualClock::default()))
}

async fn open(directory: Option<&Path>) -> Result<Database, Unavailable> {
    Database::open(&scope(directory), "words.sqlite3", STEPS).await
}

async fn add(database: &Database, word: &'static str) -> Result<(), Unavailable> {
    let add = move |transaction: &Transaction<'_>| {
        transaction.execute("INSERT INTO words VALUES (?1)", [word])?;
        if word == "refused" { Err(Stopped::Refused(database_error())) } else { Ok(()) }
    };
    database.write(add).await
}

fn database_error() -> Unavailable {
    Unavailable { plugin: "p".into(), file: "words.sqlite3", why: Why::Failed }
}

async fn words(database: &Database) -> Result<i64, Unavailable> {
    database.read(|connection| connection.query_row("SELECT count(*) FROM words", (), |row| row.get(0))).await
}

#[tokio::test]
async fn written_is_read_and_still_there_when_opened_again() {
    let directory = tempfile::tempdir().expect("a directory");
    for count in 1..=3 {
        let database = open(Some(directory.path())).await.expect("it opens");
        add(&database, ["one", "two", "three"][count - 1]).await.expect("it is kept");
        assert_eq!(words(&database).await, Ok(count as i64));
    }
}

#[tokio::test]
async fn database_in_memory_ends_with_its_owner() {
    let database = open(None).await.expect("it opens");
    add(&database, "one").await.expect("it is kept");
    assert_eq!(words(&database).await, Ok(1));
    drop(database);
    assert_eq!(words(&open(None).await.expect("it opens")).await, Ok(0));
}

/// Writes that wait while another one holds the connection.
#[tokio::test]
async fn waiting_writes_are_committed_together_and_fail_alone() {
    let directory = tempfile::tempdir().expect("a directory");
    let database = Arc::new(open(Some(directory.path())).await.expect("it opens"));
    let commits = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let mut connection = database.writer.clone().lock_owned().await;
    let counted = commits.clone();
    let count = move || {
        counted.fetch_add(1, Ordering::Relaxed);
        false
    };
    connection.commit_hook(Some(count)).expect("it is set");
    let words_to_add = ["one", "two", "refused", "two", "three"];
    let writes: Vec<_> = words_to_add
        .into_iter()
        .map(|word| {
            let database = database.clone();
            tokio::spawn(async move { add(&database, word).await })
        })
        .collect();
    let abandoned = tokio::spawn({
        let database = database.clone();
        async move { add(&database, "abandoned").await }
    });
    while database.waiting.len() < words_to_add.len() + 1 {
        tokio::task::yield_now().await;
    }
    abandoned.abort();
    abandoned.await.expect_err("it is aborted");
    drop(connection);
    let mut outcomes = Vec::new();
    for write in writes {
        outcomes.push(write.await.expect("it ends").is_ok());
    }
    assert_eq!(outcomes, [true, true, false, false, true], "one is refused, and one is a duplicate");
    assert_eq!((words(&database).await, commits.load(Ordering::Relaxed)), (Ok(3), 1));
}

#[tokio::test]
async fn refused_work_is_undone() {
    for directory in [None, Some(tempfile::tempdir().expect("a directory"))] {
        let database = open(directory.as_ref().map(tempfile::TempDir::path)).await.expect("it opens");
        add(&database, "refused").await.expect_err("the service refused it");
        assert_eq!(words(&database).await, Ok(0));
    }
}

#[tokio::test]
async fn work_whose_caller_went_away_is_done_whole() {
    let directory = tempfile::tempdir().expect("a directory");
    let database = open(Some(directory.path())).await.expect("it opens");
    let write = add(&database, "one");
    // Polled until it runs on its thread, then dropped, as a call is at its deadline.
    let _ = tokio::time::timeout(std::time::Duration::ZERO, write).await;
    add(&database, "two").await.expect("the connection is whole");
    let found = words(&database).await.expect("it reads");
    assert!([1, 2].contains(&found), "{found}");
}

#[tokio::test]
async fn readers_do_not_wait_for_a_writer() {
    let directory = tempfile::tempdir().expect("a directory");
    let database = open(Some(directory.path())).await.expect("it opens");
    let mut writer = database.writer.clone().lock_owned().await;
    let transaction = writer.transaction_with_behavior(TransactionBehavior::Immediate).expect("it begins");
    transaction.execute("INSERT INTO words VALUES ('one')", ()).expect("inserted");
    assert_eq!(words(&database).await, Ok(0), "the last committed state");
    transaction.commit().expect("committed");
    assert_eq!(words(&database).await, Ok(1));
}

#[cfg(unix)]
#[tokio::test]
async fn files_are_for_this_user_alone() {
    use std::os::unix::fs::PermissionsExt;
    let directory = tempfile::tempdir().expect("a directory");
    let database = open(Some(directory.path())).await.expect("it opens");
    add(&database, "one").await.expect("it is kept");
    let files: Vec<_> = std::fs::read_dir(directory.path().join("p")).expect("made").flatten().collect();
    assert!(files.len() >= 2, "{files:?}");
    for file in files {
        assert_eq!(file.metadata().expect("there").permissions().mode() & 0o777, 0o600, "{file:?}");
    }
}

#[cfg(unix)]
#[tokio::test]
async fn link_in_the_place_of_the_file_is_refused() {
    let directory = tempfile::tempdir().expect("a directory");
    std::fs::create_dir(directory.path().join("p")).expect("made");
    let elsewhere = directory.path().join("elsewhere");
    std::fs::write(&elsewhere, "").expect("written");
    std::os::unix::fs::symlink(&elsewhere, directory.path().join("p/words.sqlite3")).expect("linked");
    let error = open(Some(directory.path())).await.err().expect("it is a link");
    assert_eq!(error.why, Why::NoAccess, "{error}");
}

#[tokio::test]
async fn damaged_file_says_so_and_names_no_path() {
    let directory = tempfile::tempdir().expect("a directory");
    std::fs::create_dir(directory.path().join("p")).expect("made");
    std::fs::write(directory.path().join("p/words.sqlite3"), "not a database at all ".repeat(100)).expect("written");
    let error = open(Some(directory.path())).await.err().expect("it is damaged");
    let text = error.to_string();
    assert!(text.contains("`words.sqlite3` of plugin `p` is damaged") && !text.contains('/'), "{text}");
}

#[tokio::test]
async fn file_of_a_newer_version_is_left_alone() {
    let directory = tempfile::tempdir().expect("a directory");
    let newer = &["CREATE TABLE words (word TEXT)", "CREATE TABLE more (word TEXT)"];
    drop(Database::open(&scope(Some(directory.path())), "words.sqlite3", newer).await.expect("it opens"));
    let error = open(Some(directory.path())).await.err().expect("it is newer");
    assert_eq!(error.why, Why::Newer, "{error}");
}

#[tokio::test]
async fn many_openers_at_once_all_get_in() {
    let directory = Arc::new(tempfile::tempdir().expect("a directory"));
    let openers: Vec<_> = (0..8)
        .map(|_| {
            let directory = directory.clone();
            tokio::spawn(async move { open(Some(directory.path())).await.map(drop) })
        })
        .collect();
    for opener in openers {
        opener.await.expect("no panic").expect("it opens");
    }
}
