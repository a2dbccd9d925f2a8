//! Updates, rollback, removal: what is kept and what is refused.

use plugbay_catalog::store::{InstalledState, StoreError};
use plugbay_catalog::{CatalogProblem, Consent};
use serde_json::json;

use crate::harness::{bare, catalog, check_refused, component, directory, hello, install};

#[tokio::test]
async fn update_from_its_origin_keeps_number_and_can_be_rolled_back() {
    let files = directory(&[("hello.wasm", &hello("1.0.0"))]);
    let path = files.path().join("hello.wasm");
    let catalog = catalog();
    let first = install(&catalog, &path.display().to_string()).await.expect("installed");
    catalog.set_enabled("hello", false).await.expect("disabled");
    std::fs::write(&path, hello("2.0.0")).expect("written");
    let candidate = catalog.update_candidate("hello", None, &()).await.expect("found");
    assert!(!candidate.difference.widens());
    let second = catalog.install(&candidate, Consent::none()).await.expect("updated");
    assert_eq!((second.id, second.enabled, second.current.version.major), (first.id, false, 2));
    let back = catalog.rollback(first.id).await.expect("rolled back");
    assert_eq!((back.id, back.current.version.major), (first.id, 1));
    assert_eq!(catalog.package("hello").await.expect("readable").component, hello("1.0.0"));
}

#[tokio::test]
async fn same_version_with_other_content_is_refused() {
    let files = directory(&[("hello.wasm", &hello("1.0.0"))]);
    let path = files.path().join("hello.wasm");
    let catalog = catalog();
    install(&catalog, &path.display().to_string()).await.expect("installed");
    let mut other = hello("1.0.0");
    other.extend_from_slice(b" ");
    std::fs::write(&path, &other).expect("written");
    let candidate = catalog.update_candidate("hello", None, &()).await.expect("found");
    check_refused(catalog.install(&candidate, Consent::widening()).await, "version_moved", "other content");
    let consent = Consent::none().and_moved_version();
    let installed = catalog.install(&candidate, consent).await.expect("accepted while it is developed");
    assert_eq!(catalog.package(installed.id).await.expect("readable").component, other);
}

#[tokio::test]
async fn older_version_needs_consent() {
    let files = directory(&[("2.wasm", &hello("2.0.0")), ("1.wasm", &hello("1.0.0"))]);
    let catalog = catalog();
    install(&catalog, &files.path().join("2.wasm").display().to_string()).await.expect("installed");
    let older = files.path().join("1.wasm").display().to_string();
    let candidate = catalog.update_candidate("hello", Some(&older), &()).await.expect("found");
    check_refused(catalog.install(&candidate, Consent::none()).await, "unconfirmed", "older than 2.0.0");
}

#[tokio::test]
async fn another_plugin_is_not_an_update() {
    let other = component(&json!({ "name": "other", "version": "9.0.0" }));
    let files = directory(&[("hello.wasm", &hello("1.0.0")), ("other.wasm", &other)]);
    let catalog = catalog();
    install(&catalog, &files.path().join("hello.wasm").display().to_string()).await.expect("installed");
    let path = files.path().join("other.wasm").display().to_string();
    let refused = catalog.update_candidate("hello", Some(&path), &()).await;
    check_refused(refused, "other_plugin", "`other`, not `hello`");
    check_refused(catalog.update_candidate("unknown", None, &()).await, "not_installed", "`unknown`");
}

#[tokio::test]
async fn candidate_of_an_older_comparison_is_refused() {
    let files = directory(&[("1.wasm", &hello("1.0.0")), ("2.wasm", &hello("2.0.0")), ("3.wasm", &hello("3.0.0"))]);
    let reference = |number: u8| files.path().join(format!("{number}.wasm")).display().to_string();
    let catalog = catalog();
    let first = catalog.candidate(&reference(1), &()).await.expect("checked");
    let also_first = catalog.candidate(&reference(2), &()).await.expect("checked");
    catalog.install(&first, Consent::none()).await.expect("installed");
    check_refused(catalog.install(&also_first, Consent::none()).await, "already_installed", "update it instead");
    let second = catalog.candidate(&reference(2), &()).await.expect("checked");
    let third = catalog.candidate(&reference(3), &()).await.expect("checked");
    catalog.install(&second, Consent::none()).await.expect("updated");
    check_refused(catalog.install(&third, Consent::none()).await, "changed_meanwhile", "compare again");
}

#[tokio::test]
async fn removed_plugin_is_gone_and_its_number_too() {
    let files = directory(&[("hello.wasm", &hello("1.0.0"))]);
    let path = files.path().join("hello.wasm").display().to_string();
    let catalog = catalog();
    let first = install(&catalog, &path).await.expect("installed");
    assert_eq!(catalog.remove("hello").await.expect("removed").id, first.id);
    check_refused(catalog.remove("hello").await, "not_installed", "`plugbay list`");
    check_refused(catalog.rollback(first.id).await, "not_installed", "no installed plugin");
    let second = install(&catalog, &path).await.expect("installed");
    assert_ne!(second.id, first.id);
    check_refused(catalog.rollback("hello").await, "no_previous_version", "only an update stores one");
}

#[tokio::test]
async fn recorded_error_is_listed_and_shortened() {
    let files = directory(&[("hello.wasm", &hello("1.0.0"))]);
    let catalog = catalog();
    install(&catalog, &files.path().join("hello.wasm").display().to_string()).await.expect("installed");
    catalog.record("hello", InstalledState::Failed, Some(&"x".repeat(100_000))).await.expect("recorded");
    let listed = catalog.list().await.expect("readable");
    assert_eq!(listed[0].state, InstalledState::Failed);
    assert_eq!(listed[0].last_error.as_ref().map(String::len), Some(4096));
}

#[tokio::test]
async fn install_that_is_abandoned_changes_nothing() {
    let files = directory(&[("a.wasm", &bare("a"))]);
    let catalog = catalog();
    let candidate = catalog.candidate(&files.path().join("a.wasm").display().to_string(), &()).await.expect("checked");
    assert!(catalog.list().await.expect("readable").is_empty());
    let error = catalog.installed("a").await.expect_err("it is not installed");
    assert!(matches!(error.problem(), CatalogProblem::Store(StoreError::NotInstalled(_))));
    drop(candidate);
}
