//! Compilation: in this process or in a child, from the cache or anew.

use plugbay::CodeCacheAt;

use crate::harness::guest::feature;
use crate::harness::host::{Host, pings};

#[tokio::test]
async fn code_cache_is_filled_once_and_used_by_the_next_runtime() {
    let directory = tempfile::tempdir().expect("a directory");
    let cache = directory.path().join("code");
    let host = || Host::with(|builder| builder.code_cache(CodeCacheAt::Directory(cache.clone())));
    assert_eq!(pings(&host().load(feature::ECHO.into()).await).await, 1);
    let filled = files(&cache);
    assert!(!filled.is_empty());
    assert_eq!(pings(&host().load(feature::ECHO.into()).await).await, 1);
    assert_eq!(files(&cache), filled);
}

#[tokio::test]
async fn damaged_entry_of_the_code_cache_is_compiled_anew() {
    let directory = tempfile::tempdir().expect("a directory");
    let cache = directory.path().join("code");
    let host = || Host::with(|builder| builder.code_cache(CodeCacheAt::Directory(cache.clone())));
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
async fn code_cache_that_others_may_write_is_refused() {
    use std::os::unix::fs::PermissionsExt;
    let directory = tempfile::tempdir().expect("a directory");
    let cache = directory.path().join("code");
    std::fs::create_dir(&cache).expect("made");
    std::fs::set_permissions(&cache, std::fs::Permissions::from_mode(0o777)).expect("changed");
    let built = plugbay::Runtime::builder().live_instances(1).code_cache(CodeCacheAt::Directory(cache)).build();
    let error = built.err().expect("anybody could put code there");
    assert!(error.to_string().contains("code"), "{error}");
}

#[tokio::test]
async fn runtime_without_a_code_cache_writes_nothing() {
    let host = Host::with(|builder| builder.code_cache(CodeCacheAt::Off));
    assert_eq!(pings(&host.load(feature::ECHO.into()).await).await, 1);
}

fn files(directory: &std::path::Path) -> Vec<(std::path::PathBuf, Vec<u8>)> {
    let mut found: Vec<_> = std::fs::read_dir(directory)
        .expect("it was made")
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.is_file())
        .map(|path| (path.clone(), std::fs::read(&path).expect("readable")))
        .collect();
    found.sort();
    found
}
