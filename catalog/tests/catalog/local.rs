//! Packages on this machine.

use plugbay_catalog::Consent;
use serde_json::json;

use crate::harness::{bare, catalog, check_refused, component, directory, hello, install};

#[tokio::test]
async fn directory_is_installed_with_its_manifest_and_configuration() {
    let files = directory(&[
        ("plugin.yaml", b"name: hello\nversion: 1.0.0\nentry_point: dist/hello.wasm\n"),
        ("dist/hello.wasm", &bare("")),
        ("config/default.yaml", b"greeting: hi\n"),
        ("config/notes.txt", b"not part of it"),
    ]);
    let catalog = catalog();
    let installed = install(&catalog, &files.path().display().to_string()).await.expect("installed");
    assert_eq!((&*installed.name, installed.current.version.to_string()), ("hello", "1.0.0".to_owned()));
    let package = catalog.package(installed.id).await.expect("readable");
    assert_eq!(package.component, bare(""));
    assert_eq!(package.files.len(), 1);
    let layer = package.layer().expect("readable").expect("it has one");
    assert!(layer.problems().is_empty());
    assert_eq!(package.config_values(None).expect("readable")[0].1, json!({ "greeting": "hi" }));
}

#[tokio::test]
async fn component_is_installed_by_its_path_and_by_a_file_url() {
    let files = directory(&[("hello.wasm", &hello("1.0.0")), ("Some Thing.wasm", &bare("x"))]);
    let path = files.path().join("hello.wasm");
    let catalog = catalog();
    let first = install(&catalog, &path.display().to_string()).await.expect("installed");
    let again = install(&catalog, &format!("file://{}", path.display())).await.expect("the same again");
    assert_eq!(first, again, "nothing changes");
    let unnamed = files.path().join("Some Thing.wasm");
    let installed = install(&catalog, &unnamed.display().to_string()).await.expect("installed");
    assert_eq!(&*installed.name, "some_thing", "without a manifest, the file names the plugin");
}

#[tokio::test]
async fn manifest_beside_a_component_belongs_to_it_if_it_names_it() {
    let files = directory(&[
        ("plugin.yaml", b"name: named\nversion: 2.0.0\nentry_point: a.wasm\n"),
        ("a.wasm", &bare("a")),
        ("b.wasm", &bare("b")),
    ]);
    let catalog = catalog();
    let a = install(&catalog, &files.path().join("a.wasm").display().to_string()).await.expect("installed");
    let b = install(&catalog, &files.path().join("b.wasm").display().to_string()).await.expect("installed");
    assert_eq!((&*a.name, &*b.name), ("named", "b"));
}

#[tokio::test]
async fn manifest_on_this_machine_names_its_component() {
    let elsewhere = directory(&[("far.wasm", &bare("far"))]);
    let far = format!("file://{}", elsewhere.path().join("far.wasm").display());
    let files = directory(&[
        ("near.json", br#"{"name":"near","version":"1.0.0","plugin":"near.wasm"}"#),
        ("near.wasm", &bare("near")),
        ("far.yaml", format!("name: far\nversion: 1.0.0\nplugin: {far}\n").as_bytes()),
    ]);
    let catalog = catalog();
    for name in ["near.json", "far.yaml"] {
        let installed = install(&catalog, &files.path().join(name).display().to_string()).await.expect("installed");
        assert_eq!(installed.name, name.split('.').next().expect("a name"));
    }
}

#[tokio::test]
async fn package_that_is_incomplete_is_refused() {
    let files = directory(&[
        ("empty/readme.txt", b""),
        ("two/a.wasm", &bare("a")),
        ("two/b.wasm", &bare("b")),
        ("text/a.wasm", b"not WebAssembly"),
        ("source/plugin.json", br#"{"name":"x","version":"1.0.0","plugin":"export default {}"}"#),
        ("invalid/plugin.yaml", b"nmae: x\nversion: 1.0.0\nentry_point: a.wasm\n"),
        ("invalid/a.wasm", &bare("a")),
    ]);
    let catalog = catalog();
    let candidate = async |name: &str| catalog.candidate(&files.path().join(name).display().to_string(), &()).await;
    check_refused(candidate("empty").await, "no_component", "no `.wasm` file");
    check_refused(candidate("two").await, "no_component", "more than one");
    check_refused(candidate("text").await, "no_component", "not WebAssembly");
    check_refused(candidate("source/plugin.json").await, "no_component", "source code");
    check_refused(candidate("invalid").await, "invalid_manifest", "did you mean `name`");
    check_refused(candidate("missing.wasm").await, "file_unreadable", "missing.wasm");
    assert!(catalog.list().await.expect("readable").is_empty());
}

#[cfg(unix)]
#[tokio::test]
async fn directory_cannot_lead_out_of_itself() {
    let secret = directory(&[("secret.wasm", &bare("secret"))]);
    let target = secret.path().join("secret.wasm");
    let files = directory(&[
        ("absolute.json", json!({ "name": "a", "version": "1.0.0", "plugin": target }).to_string().as_bytes()),
        ("up/plugin.yaml", b"name: a\nversion: 1.0.0\nplugin: ../outside.wasm\n"),
        ("outside.wasm", &bare("outside")),
        ("entry/plugin.yaml", b"name: a\nversion: 1.0.0\nentry_point: ../outside.wasm\n"),
        ("link/plugin.yaml", b"name: a\nversion: 1.0.0\nentry_point: a.wasm\n"),
    ]);
    std::os::unix::fs::symlink(&target, files.path().join("link/a.wasm")).expect("linked");
    let catalog = catalog();
    let candidate = async |name: &str| catalog.candidate(&files.path().join(name).display().to_string(), &()).await;
    check_refused(candidate("absolute.json").await, "file_unreadable", "leads out");
    check_refused(candidate("up").await, "file_unreadable", "leads out");
    check_refused(candidate("entry").await, "invalid_manifest", "without `..`");
    check_refused(candidate("link").await, "file_unreadable", "leads out");
}

#[tokio::test]
async fn component_with_its_manifest_inside_is_a_whole_plugin() {
    let manifest = json!({ "name": "whole", "version": "3.0.0", "permissions": [{ "resource": "log" }] });
    let files = directory(&[("x.wasm", &component(&manifest))]);
    let catalog = catalog();
    let candidate = catalog.candidate(&files.path().join("x.wasm").display().to_string(), &()).await.expect("checked");
    assert_eq!(candidate.difference.summary(), "`log`");
    let refused = catalog.install(&candidate, Consent::none()).await;
    check_refused(refused, "unconfirmed", "`log`");
}
