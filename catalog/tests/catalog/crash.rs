//! Processes that are killed at each named step: the catalog is as before the change or as after it.
//!
//! The process is this test program itself, which runs [`change`] alone. `PLUGBAY_CRASH_ROUNDS` sets how often each
//! step is tried; the default is 2.

use std::path::Path;
use std::process::Command;

use plugbay_catalog::conformance::version;
use plugbay_catalog::fail_points::{FAIL_POINT_VARIABLE, fail_points};
use plugbay_catalog::store::{CatalogStore, InstalledState};
use plugbay_catalog::{HostLock, HostLockError, Installed, PluginKey, SqliteStore};

const DIRECTORY: &str = "PLUGBAY_CRASH_DIRECTORY";
const CHANGE: &str = "PLUGBAY_CRASH_CHANGE";
/// The longest wait for a process. A test that needs it has failed.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(120);

fn rounds() -> usize {
    std::env::var("PLUGBAY_CRASH_ROUNDS").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(2)
}

fn open(directory: &Path) -> SqliteStore {
    SqliteStore::open(directory).expect("the catalog can be opened")
}

/// Makes one change of a catalog, in a process that ends at the step that the environment names.
#[test]
#[ignore = "run by the tests of crashes in a process of its own"]
fn change() {
    let (Ok(directory), Ok(change)) = (std::env::var(DIRECTORY), std::env::var(CHANGE)) else { return };
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    runtime.block_on(make(&open(directory.as_ref()), &change));
}

async fn make(store: &SqliteStore, change: &str) {
    let hello = || async { store.get(PluginKey::from("hello")).await.expect("readable").expect("it is installed") };
    match change {
        "create" => {}
        "install" => drop(store.install(version("new", "1.0.0")).await.expect("installed")),
        "update" => {
            let installed = hello().await;
            let replaces = (installed.current.component_digest, installed.current.document_digest);
            store.update(installed.id, replaces, version("hello", "3.0.0")).await.expect("updated");
        }
        "rollback" => store.rollback(hello().await.id).await.expect("rolled back"),
        "remove" => store.remove(hello().await.id).await.expect("removed"),
        "enable" => store.set_enabled(hello().await.id, true).await.expect("enabled"),
        "disable" => {
            let other = store.get(PluginKey::from("other")).await.expect("readable").expect("it is installed");
            store.set_enabled(other.id, false).await.expect("disabled");
        }
        "record" => {
            let state = InstalledState::Failed;
            store.record(hello().await.id, state, Some("it traps".to_owned())).await.expect("recorded");
        }
        other => panic!("unknown change {other}"),
    }
}

/// `hello` in its second version, disabled, and `other`.
async fn prepare(directory: &Path) {
    let store = open(directory);
    let id = store.install(version("hello", "1.0.0")).await.expect("installed");
    let first = version("hello", "1.0.0");
    let replaces = (first.component_digest, first.document.as_ref().map(|document| document.digest()));
    store.update(id, replaces, version("hello", "2.0.0")).await.expect("updated");
    store.set_enabled(id, false).await.expect("disabled");
    store.install(version("other", "1.0.0")).await.expect("installed");
}

/// What is installed. All code is read, so that its digests are checked.
async fn content(directory: &Path) -> Vec<Installed> {
    let store = open(directory);
    let listed = store.list().await.expect("readable");
    for plugin in &listed {
        let package = store.package(PluginKey::Id(plugin.id)).await.expect("undamaged").expect("it is installed");
        assert_eq!(package.component_digest, plugin.current.component_digest);
    }
    listed
}

/// Runs [`change`] in a process that ends at this step.
fn run(directory: &Path, change: &str, point: &str) {
    let ended = Command::new(std::env::current_exe().expect("this program"))
        .args(["--exact", "crash::change", "--ignored", "--quiet"])
        .env(DIRECTORY, directory)
        .env(CHANGE, change)
        .env(FAIL_POINT_VARIABLE, point)
        .output()
        .expect("it starts");
    let text = String::from_utf8_lossy(&ended.stdout).into_owned() + &String::from_utf8_lossy(&ended.stderr);
    assert_eq!(ended.status.code(), None, "{point} was not reached: {text}");
}

async fn outcome(change: &str) -> (Vec<Installed>, Vec<Installed>) {
    let directory = tempfile::tempdir().expect("a directory");
    if change != "create" {
        prepare(directory.path()).await;
    }
    let before = content(directory.path()).await;
    make(&open(directory.path()), change).await;
    (before, content(directory.path()).await)
}

#[cfg(unix)]
#[tokio::test]
async fn process_that_is_killed_leaves_the_catalog_old_or_new() {
    for point in fail_points() {
        let (change, step) = point.split_once('.').expect("CHANGE.STEP");
        let (old, new) = outcome(change).await;
        assert!(old != new || change == "create", "{change} changes nothing");
        for _ in 0..rounds() {
            let directory = tempfile::tempdir().expect("a directory");
            if change != "create" {
                prepare(directory.path()).await;
            }
            run(directory.path(), change, &point);
            let found = content(directory.path()).await;
            let expected = if step == "committed" { &new } else { &old };
            assert_eq!(&found, expected, "{point}");
            make(&open(directory.path()), "create").await;
        }
    }
}

/// Kills at any moment, not at a named one: a writer changes the catalog without pause until it is killed.
#[cfg(unix)]
#[tokio::test]
async fn catalog_survives_kills_at_any_moment() {
    let directory = tempfile::tempdir().expect("a directory");
    prepare(directory.path()).await;
    let mut last = 0;
    for round in 0..10 * rounds() as u64 {
        let mut child = Command::new(std::env::current_exe().expect("this program"))
            .args(["--exact", "crash::writer", "--ignored", "--quiet"])
            .env(DIRECTORY, directory.path())
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .spawn()
            .expect("it starts");
        // Until it has written something, and then a little more, each time for another while.
        let store = open(directory.path());
        let since = std::time::Instant::now();
        while store.revision().await.expect("readable") <= last {
            assert!(child.try_wait().expect("a child").is_none(), "the writer ended");
            assert!(since.elapsed() < PATIENCE, "the writer writes nothing");
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        }
        tokio::time::sleep(std::time::Duration::from_micros(round * 137 % 5_000)).await;
        child.kill().expect("killed");
        child.wait().expect("ended");
        last = store.revision().await.expect("readable");
        drop(store);
        let found = content(directory.path()).await;
        let hello = found.iter().find(|plugin| plugin.name == "hello").expect("it is installed");
        assert!(hello.previous.is_some() && found.len() <= 3, "{found:?}");
    }
}

/// Changes a catalog until it is killed.
#[test]
#[ignore = "run by the tests of crashes in a process of its own"]
fn writer() {
    let Ok(directory) = std::env::var(DIRECTORY) else { return };
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    runtime.block_on(async {
        let store = open(directory.as_ref());
        for number in 0.. {
            let hello = store.get(PluginKey::from("hello")).await.expect("readable").expect("it is installed");
            let replaces = (hello.current.component_digest, hello.current.document_digest);
            store.update(hello.id, replaces, version("hello", &format!("4.{number}.0"))).await.expect("updated");
            store.rollback(hello.id).await.expect("rolled back");
            match store.get(PluginKey::from("new")).await.expect("readable") {
                Some(new) => store.remove(new.id).await.expect("removed"),
                None => drop(store.install(version("new", "1.0.0")).await.expect("installed")),
            }
        }
    });
}

/// Holds the lock of a data directory until it is killed.
#[test]
#[ignore = "run by the tests of crashes in a process of its own"]
fn holder() {
    let Ok(directory) = std::env::var(DIRECTORY) else { return };
    // The test that waits for this process may hold it for a moment.
    let _held = loop {
        if let Ok(held) = HostLock::acquire(directory.as_ref(), "plugbay serve") {
            break held;
        }
        std::thread::sleep(std::time::Duration::from_millis(1));
    };
    loop {
        std::thread::park();
    }
}

#[cfg(unix)]
#[tokio::test]
async fn host_that_is_killed_leaves_its_data_directory_free() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut child = Command::new(std::env::current_exe().expect("this program"))
        .args(["--exact", "crash::holder", "--ignored", "--quiet"])
        .env(DIRECTORY, directory.path())
        .stdout(std::process::Stdio::null())
        .spawn()
        .expect("it starts");
    let expected = format!("in use by process {} (`plugbay serve`)", child.id());
    let since = std::time::Instant::now();
    loop {
        assert!(child.try_wait().expect("a child").is_none(), "the holder ended");
        assert!(since.elapsed() < PATIENCE, "the holder does not hold the lock");
        // Free at first; held and not yet described for a moment; then held by the child.
        match HostLock::acquire(directory.path(), "plugbay list") {
            Ok(free) => drop(free),
            Err(error @ HostLockError::InUse { .. }) if error.to_string().contains(&expected) => break,
            Err(HostLockError::InUse { .. }) => {}
            Err(error) => panic!("{error}"),
        }
        tokio::time::sleep(std::time::Duration::from_millis(2)).await;
    }
    child.kill().expect("killed");
    child.wait().expect("ended");
    HostLock::acquire(directory.path(), "plugbay list").expect("it is free");
}
