//! The tests that each implementation of [`CatalogStore`] has to pass.
//!
//! ```no_run
//! # async fn check() {
//! use plugbay_catalog::{SqliteStore, conformance};
//!
//! conformance::run(|| async { SqliteStore::in_memory().expect("a store") }).await;
//! # }
//! ```

use std::task::Poll;

use plugbay_manifest::Format;
use serde_json::json;

use crate::digest::Digest;
use crate::installed::{Installed, InstalledState, PluginId, PluginKey};
use crate::package::{ConfigFile, ManifestDocument};
use crate::store::{CatalogStore, Later, NewVersion, StoreError};

/// Runs all tests, each with an empty store.
///
/// # Panics
/// If a test fails, with what was expected.
pub async fn run<S: CatalogStore, Made: Future<Output = S>>(make: impl Fn() -> Made) {
    empty_store_has_nothing(&make().await).await;
    installed_plugin_is_found_by_number_and_name(&make().await).await;
    code_is_read_back_as_it_was_stored(&make().await).await;
    name_is_taken_once(&make().await).await;
    update_keeps_number_and_previous_version(&make().await).await;
    update_of_what_changed_meanwhile_is_refused(&make().await).await;
    rollback_exchanges_the_versions(&make().await).await;
    removed_number_is_not_used_again(&make().await).await;
    state_is_kept_until_another_version_is_installed(&make().await).await;
    unknown_number_is_refused(&make().await).await;
    names_are_disabled_apart_from_installed_plugins(&make().await).await;
    component_is_shared_and_dropped_with_its_last_use(&make().await).await;
    revision_grows_with_each_change(&make().await).await;
    changes_at_once_are_all_made(&make().await).await;
}

/// A version of a plugin. Component and manifest depend on its name and version.
pub fn version(name: &str, version: &str) -> NewVersion {
    let component = format!("\0asm {name} {version}").into_bytes();
    let document = ManifestDocument::new(Format::Yaml, format!("name: {name}\nversion: {version}\n"));
    NewVersion {
        name: name.to_owned(),
        version: version.parse().expect("a version"),
        manifest: json!({ "name": name, "version": version, "repository": "https://example.org" }).to_string(),
        document: Some(document),
        files: ConfigFile::new("config/default.yaml", format!("of: {version}")).into_iter().collect(),
        component_digest: Digest::of(&component),
        component: component.into(),
        origin: format!("oci://example.org/{name}:{version}"),
        pinned: format!("oci://example.org/{name}@{}", Digest::of(version.as_bytes())),
        signed_by: None,
        stored_at: 1_000,
    }
}

fn digests(new: &NewVersion) -> (Digest, Option<Digest>) {
    (new.component_digest, new.document.as_ref().map(ManifestDocument::digest))
}

async fn install(store: &impl CatalogStore, name: &str) -> PluginId {
    store.install(version(name, "1.0.0")).await.expect("installed")
}

async fn get(store: &impl CatalogStore, id: PluginId) -> Installed {
    store.get(PluginKey::Id(id)).await.expect("readable").expect("it is installed")
}

async fn names_are_disabled_apart_from_installed_plugins(store: &impl CatalogStore) {
    assert!(store.disabled_names().await.expect("readable").is_empty());
    let revision = store.revision().await.expect("readable");
    for name in ["b", "a", "b"] {
        store.set_name_disabled(name.to_owned(), true).await.expect("stored");
    }
    assert!(store.revision().await.expect("readable") > revision);
    let names: Vec<String> = store.disabled_names().await.expect("readable").into_iter().collect();
    assert_eq!(names, ["a", "b"]);
    let id = install(store, "a").await;
    assert!(get(store, id).await.enabled);
    store.set_name_disabled("a".to_owned(), false).await.expect("stored");
    store.set_name_disabled("c".to_owned(), false).await.expect("it was enabled");
    let names: Vec<String> = store.disabled_names().await.expect("readable").into_iter().collect();
    assert_eq!(names, ["b"]);
}

async fn empty_store_has_nothing(store: &impl CatalogStore) {
    assert!(store.list().await.expect("readable").is_empty());
    assert_eq!(store.get(PluginKey::from("hello")).await, Ok(None));
    assert!(store.package(PluginKey::Id(1)).await.expect("readable").is_none());
}

async fn installed_plugin_is_found_by_number_and_name(store: &impl CatalogStore) {
    let (first, second) = (install(store, "b").await, install(store, "a").await);
    let listed = store.list().await.expect("readable");
    assert_eq!(listed.iter().map(|plugin| plugin.id).collect::<Vec<_>>(), [first, second], "ordered by number");
    let found = store.get(PluginKey::from("a")).await.expect("readable").expect("it is installed");
    assert_eq!(found, listed[1]);
    assert_eq!((found.id, &*found.name, found.enabled, found.state), (second, "a", true, InstalledState::Installed));
    assert_eq!((found.installed_at, found.current.stored_at), (1_000, 1_000));
    assert_eq!(found.current.version.to_string(), "1.0.0");
    assert_eq!(found.current.manifest["repository"], "https://example.org");
    assert_eq!(found.current.component_bytes, version("a", "1.0.0").component.len() as u64);
    assert_eq!((found.previous, found.last_error), (None, None));
}

async fn code_is_read_back_as_it_was_stored(store: &impl CatalogStore) {
    let mut new = version("hello", "1.0.0");
    new.component = (0..100_000_u32).flat_map(u32::to_le_bytes).collect();
    new.component_digest = Digest::of(&new.component);
    let id = store.install(new.clone()).await.expect("installed");
    let package = store.package(PluginKey::Id(id)).await.expect("readable").expect("it is installed");
    assert_eq!((package.id, &*package.name), (id, "hello"));
    assert_eq!((package.component, package.component_digest), (new.component, new.component_digest));
    assert_eq!((package.document, package.files), (new.document, new.files));
    let without = NewVersion { name: "bare".to_owned(), document: None, files: Vec::new(), ..version("bare", "1.0.0") };
    store.install(without).await.expect("installed");
    let package = store.package(PluginKey::from("bare")).await.expect("readable").expect("it is installed");
    assert!(package.document.is_none() && package.files.is_empty());
}

async fn name_is_taken_once(store: &impl CatalogStore) {
    let id = install(store, "hello").await;
    let taken = store.install(version("hello", "2.0.0")).await;
    assert_eq!(taken, Err(StoreError::NameTaken { name: "hello".to_owned(), id }));
    assert_eq!(get(store, id).await.current.version.major, 1, "the installed one is left alone");
}

async fn update_keeps_number_and_previous_version(store: &impl CatalogStore) {
    let id = install(store, "hello").await;
    store.set_enabled(id, false).await.expect("disabled");
    let second = NewVersion { stored_at: 2_000, ..version("hello", "2.0.0") };
    store.update(id, digests(&version("hello", "1.0.0")), second).await.expect("updated");
    let found = get(store, id).await;
    assert_eq!((found.current.version.major, found.previous.map(|previous| previous.version.major)), (2, Some(1)));
    assert!(!found.enabled && found.installed_at == 1_000 && found.current.stored_at == 2_000);
    let package = store.package(PluginKey::Id(id)).await.expect("readable").expect("it is installed");
    assert_eq!(package.component, version("hello", "2.0.0").component);
    store.update(id, digests(&version("hello", "2.0.0")), version("hello", "3.0.0")).await.expect("updated");
    let found = get(store, id).await;
    assert_eq!((found.current.version.major, found.previous.map(|previous| previous.version.major)), (3, Some(2)));
}

async fn update_of_what_changed_meanwhile_is_refused(store: &impl CatalogStore) {
    let id = install(store, "hello").await;
    let stale = digests(&version("hello", "0.9.0"));
    let refused = store.update(id, stale, version("hello", "2.0.0")).await;
    assert_eq!(refused, Err(StoreError::Changed("hello".to_owned())));
    let fresh = digests(&version("hello", "1.0.0"));
    let refused = store.update(id, fresh, version("other", "2.0.0")).await;
    assert_eq!(refused, Err(StoreError::Changed("hello".to_owned())), "a version of another plugin");
    assert_eq!(get(store, id).await.current.version.major, 1);
}

async fn rollback_exchanges_the_versions(store: &impl CatalogStore) {
    let id = install(store, "hello").await;
    assert_eq!(store.rollback(id).await, Err(StoreError::NoPrevious("hello".to_owned())));
    store.update(id, digests(&version("hello", "1.0.0")), version("hello", "2.0.0")).await.expect("updated");
    for expected in [1, 2] {
        store.rollback(id).await.expect("rolled back");
        let found = get(store, id).await;
        assert_eq!(found.current.version.major, expected);
        assert_eq!(found.previous.map(|previous| previous.version.major), Some(3 - expected));
        let package = store.package(PluginKey::Id(id)).await.expect("readable").expect("it is installed");
        assert_eq!(package.component, version("hello", &format!("{expected}.0.0")).component);
    }
}

async fn removed_number_is_not_used_again(store: &impl CatalogStore) {
    let first = install(store, "hello").await;
    store.remove(first).await.expect("removed");
    assert_eq!(store.get(PluginKey::Id(first)).await, Ok(None));
    let second = install(store, "hello").await;
    assert!(second > first, "{second} after {first}");
}

async fn state_is_kept_until_another_version_is_installed(store: &impl CatalogStore) {
    let id = install(store, "hello").await;
    store.record(id, InstalledState::Failed, Some("it traps".to_owned())).await.expect("recorded");
    let found = get(store, id).await;
    assert_eq!((found.state, found.last_error.as_deref()), (InstalledState::Failed, Some("it traps")));
    store.update(id, digests(&version("hello", "1.0.0")), version("hello", "2.0.0")).await.expect("updated");
    let found = get(store, id).await;
    assert_eq!((found.state, found.last_error), (InstalledState::Installed, None));
    store.record(id, InstalledState::Loaded, None).await.expect("recorded");
    assert_eq!(get(store, id).await.state, InstalledState::Loaded);
}

async fn unknown_number_is_refused(store: &impl CatalogStore) {
    let unknown = || StoreError::NotInstalled("7".to_owned());
    assert_eq!(store.remove(7).await, Err(unknown()));
    assert_eq!(store.rollback(7).await, Err(unknown()));
    assert_eq!(store.set_enabled(7, true).await, Err(unknown()));
    assert_eq!(store.record(7, InstalledState::Loaded, None).await, Err(unknown()));
    let new = version("hello", "1.0.0");
    assert_eq!(store.update(7, digests(&new), new).await, Err(unknown()));
}

async fn component_is_shared_and_dropped_with_its_last_use(store: &impl CatalogStore) {
    let shared = version("a", "1.0.0");
    let a = store.install(shared.clone()).await.expect("installed");
    let b = store.install(NewVersion { name: "b".to_owned(), ..shared.clone() }).await.expect("installed");
    store.remove(a).await.expect("removed");
    let package = store.package(PluginKey::Id(b)).await.expect("readable").expect("it is installed");
    assert_eq!(package.component, shared.component);
    store.remove(b).await.expect("removed");
    let again = store.install(shared.clone()).await.expect("installed");
    let package = store.package(PluginKey::Id(again)).await.expect("readable").expect("it is installed");
    assert_eq!(package.component, shared.component);
}

async fn revision_grows_with_each_change(store: &impl CatalogStore) {
    let mut last = store.revision().await.expect("readable");
    let id = install(store, "hello").await;
    let first = digests(&version("hello", "1.0.0"));
    for step in 0..5 {
        match step {
            0 => {}
            1 => store.update(id, first, version("hello", "2.0.0")).await.expect("updated"),
            2 => store.rollback(id).await.expect("rolled back"),
            3 => store.set_enabled(id, false).await.expect("disabled"),
            _ => store.remove(id).await.expect("removed"),
        }
        let revision = store.revision().await.expect("readable");
        assert!(revision > last, "step {step}");
        last = revision;
    }
    let refused = store.rollback(id).await;
    assert!(refused.is_err() && store.revision().await == Ok(last), "a refused change is none");
}

async fn changes_at_once_are_all_made(store: &impl CatalogStore) {
    let names: Vec<String> = (0..20).map(|number| format!("plugin-{number}")).collect();
    let mut waiting: Vec<_> = names.iter().map(|name| store.install(version(name, "1.0.0"))).collect();
    waiting.push(store.install(version("plugin-0", "2.0.0")));
    let results = at_once(waiting).await;
    let refused = results.iter().filter(|result| result.is_err()).count();
    assert_eq!((refused, store.list().await.expect("readable").len()), (1, 20));
}

/// Polls all of these together until each is done.
async fn at_once<T>(waiting: Vec<Later<'_, T>>) -> Vec<Result<T, StoreError>> {
    let mut done = Vec::new();
    let mut waiting = waiting;
    std::future::poll_fn(|context| {
        waiting.retain_mut(|later| match later.as_mut().poll(context) {
            Poll::Ready(result) => {
                done.push(result);
                false
            }
            Poll::Pending => true,
        });
        if waiting.is_empty() { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    done
}
