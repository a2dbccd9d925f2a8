//! Compilation in this process or in a child process, and the code cache.

use std::time::Duration;

use plugbay::Runtime;
use plugbay::compile::{CodeCacheLocation, CompileIsolation, CompileLimits, WorkerCommand};

use crate::harness::assert::{assert_contains, assert_load_error};
use crate::harness::guest::feature;
use crate::harness::host::{Host, TestPlugin, pings};
use crate::harness::patience::ends;

#[tokio::test]
async fn code_cache_is_filled_once_and_used_by_the_next_runtime() {
    let directory = tempfile::tempdir().expect("a directory");
    let cache = directory.path().join("code");
    let host = || Host::with(|builder| builder.code_cache(CodeCacheLocation::Directory(cache.clone())));
    assert_eq!(pings(&host().load(feature::ECHO.into()).await).await, 1);
    let filled = files(&cache);
    assert!(!filled.is_empty());
    assert_eq!(pings(&host().load(feature::ECHO.into()).await).await, 1);
    assert_eq!(files(&cache), filled);
}

#[tokio::test]
async fn damaged_entry_of_the_code_cache_is_recompiled() {
    let directory = tempfile::tempdir().expect("a directory");
    let cache = directory.path().join("code");
    let host = || Host::with(|builder| builder.code_cache(CodeCacheLocation::Directory(cache.clone())));
    host().load(feature::ECHO.into()).await;
    for (path, bytes) in files(&cache) {
        for damaged in [Vec::new(), bytes[..bytes.len() / 2].to_vec(), vec![0; bytes.len()], b"not code".to_vec()] {
            std::fs::remove_file(&path).expect("removed");
            std::fs::write(&path, damaged).expect("written");
            assert_eq!(pings(&host().load(feature::ECHO.into()).await).await, 1);
        }
    }
}

#[cfg(unix)]
#[tokio::test]
async fn code_cache_writable_by_others_is_refused() {
    use std::os::unix::fs::PermissionsExt;
    let directory = tempfile::tempdir().expect("a directory");
    let cache = directory.path().join("code");
    std::fs::create_dir(&cache).expect("created");
    std::fs::set_permissions(&cache, std::fs::Permissions::from_mode(0o777)).expect("changed");
    let built = plugbay::Runtime::builder().live_instances(1).code_cache(CodeCacheLocation::Directory(cache)).build();
    let error = built.expect_err("other users could put code there");
    assert!(error.to_string().contains("code"), "{error}");
}

#[tokio::test]
async fn runtime_without_a_code_cache_writes_nothing() {
    let host = Host::with(|builder| builder.code_cache(CodeCacheLocation::Off));
    assert_eq!(pings(&host.load(feature::ECHO.into()).await).await, 1);
}

#[tokio::test]
async fn component_compiled_by_a_child_process_runs_here() {
    let host = isolated(CompileLimits::default());
    assert_eq!(pings(&host.load(feature::ECHO.into()).await).await, 1);
    let trusted = TestPlugin::from(feature::LOG).trusted();
    assert_eq!(pings(&host.load(trusted).await).await, 1);
}

#[tokio::test]
async fn invalid_component_is_refused_by_the_child_too() {
    let mut bytes = feature::ECHO.bytes();
    // The last third is code and data, after all headers.
    let place = bytes.len() * 2 / 3;
    bytes[place..place + 64].fill(0xff);
    let host = isolated(CompileLimits::default());
    if let Err(error) = host.try_load(TestPlugin::new("damaged", bytes)).await {
        assert!(!["host_error", "compiler_crashed"].contains(&error.code()), "{error}");
    }
    assert_eq!(pings(&host.load(feature::ECHO.into()).await).await, 1);
}

#[tokio::test]
async fn child_process_is_stopped_at_its_deadline() {
    let limits = CompileLimits { timeout: Duration::from_millis(1), ..CompileLimits::default() };
    let loaded = ends(isolated(limits).try_load(feature::ECHO.into())).await;
    let error = loaded.expect_err("compiling takes longer than a millisecond");
    assert_load_error(&error, "feature_echo", "compile_timeout");
}

/// An application that is its own compile worker must call the worker's entry point in `main`. If it does not, the
/// child must not start another child to compile, and so on forever.
#[tokio::test]
async fn application_that_is_a_misused_worker_starts_no_child() {
    let test = "lifecycle::isolation::application_without_the_worker_call";
    let this = std::env::current_exe().expect("the test binary has a path");
    let worker = WorkerCommand::new(this, ["--exact", test, "--ignored", "--nocapture"]);
    let host = Host::with(|builder| {
        builder.code_cache(CodeCacheLocation::Off).compile_isolation(CompileIsolation::ChildProcess(worker))
    });
    let error = host.try_load(feature::ECHO.into()).await.expect_err("the worker does not compile");
    assert_load_error(&error, "feature_echo", "compiler_crashed");
    assert_contains(&error.to_string(), &["`main`", "compile_worker_if_asked"]);
}

#[test]
#[ignore = "is the child of application_that_is_a_misused_worker_starts_no_child"]
fn application_without_the_worker_call() {
    Runtime::new().unwrap_or_else(|error| panic!("{error:?}"));
}

/// A runtime without a cache that compiles in a child process, with the command as its worker.
fn isolated(limits: CompileLimits) -> Host {
    let worker = WorkerCommand::new(env!("CARGO_BIN_EXE_plugbay-e2e"), [""; 0]);
    Host::with(|builder| {
        builder
            .code_cache(CodeCacheLocation::Off)
            .compile_isolation(CompileIsolation::ChildProcess(worker))
            .compile_limits(limits)
    })
}

fn files(directory: &std::path::Path) -> Vec<(std::path::PathBuf, Vec<u8>)> {
    let mut found: Vec<_> = std::fs::read_dir(directory)
        .expect("it exists")
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.is_file())
        .map(|path| (path.clone(), std::fs::read(&path).expect("readable")))
        .collect();
    found.sort();
    found
}
