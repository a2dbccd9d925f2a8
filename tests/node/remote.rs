//! Packages that the host's file names at a registry: installed at the first boot, loaded from the catalog afterwards.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::json;

use crate::harness::assert::assert_contains;
use crate::harness::guest::feature;
use crate::harness::host::TestPlugin;
use crate::harness::node::{booted, catalog, node};
use crate::harness::oci::Artefact;
use crate::harness::server::{Answer, Server};

fn hello(version: &str, permissions: serde_json::Value) -> Vec<u8> {
    let guest = TestPlugin::from(feature::ECHO).manifest("name", json!("hello")).manifest("version", json!(version));
    guest.manifest("permissions", permissions).into_bytes()
}

fn file(server: &Server, tag: &str) -> String {
    let address = server.authority();
    format!(
        "data_dir: data\ncatalog: {{ private_hosts: ['{address}'], plain_hosts: ['{address}'] }}\n\
         plugins: [{{ url: 'oci://{address}/acme/hello:{tag}' }}]\n"
    )
}

#[tokio::test]
async fn package_of_the_file_is_installed_once_and_needs_no_network_afterwards() {
    let directory = tempfile::tempdir().expect("a directory");
    let (artefact, is_gone) = (Artefact::new(hello("1.0.0", json!([]))), Arc::<AtomicBool>::default());
    let gone = is_gone.clone();
    let server = Server::start(move |request| match gone.load(Ordering::SeqCst) {
        true => Answer::status("503 Service Unavailable", &[], ""),
        false => artefact.answer(request),
    });
    let report = node(&directory, &file(&server, "1.0.0")).boot("test", &()).await.expect("it boots");
    assert_eq!(booted(&report), ["hello"], "{:?}", report.errors);
    drop(report);
    is_gone.store(true, Ordering::SeqCst);
    let report = node(&directory, &file(&server, "1.0.0")).boot("test", &()).await.expect("it boots");
    assert_eq!(booted(&report), ["hello"], "{:?}", report.errors);
    drop(report);
    // Another version is asked for; without the registry, the installed one goes on.
    let report = node(&directory, &file(&server, "2.0.0")).boot("test", &()).await.expect("it boots");
    assert_eq!(booted(&report), ["hello"]);
    assert_contains(&report.errors[0].to_string(), &["acme/hello:2.0.0"]);
}

#[tokio::test]
async fn package_of_a_host_without_a_data_directory_is_loaded() {
    let directory = tempfile::tempdir().expect("a directory");
    let artefact = Artefact::new(hello("1.0.0", json!([])));
    let server = Server::start(move |request| artefact.answer(request));
    let file = file(&server, "1.0.0").replace("data_dir: data\n", "");
    let report = node(&directory, &file).boot("test", &()).await.expect("it boots");
    assert_eq!(booted(&report), ["hello"], "{:?}", report.errors);
    assert!(report.lock.is_none());
}

#[tokio::test]
async fn version_that_asks_for_more_waits_for_a_confirmation() {
    let directory = tempfile::tempdir().expect("a directory");
    let modest = Artefact::new(hello("1.0.0", json!([])));
    let greedy = Artefact::new(hello("2.0.0", json!([{ "resource": "data.*" }])));
    let server = Server::start(move |request| {
        let is_modest = modest.has(request) || request.line().ends_with("/1.0.0");
        if is_modest { modest.answer(request) } else { greedy.answer(request) }
    });
    drop(node(&directory, &file(&server, "1.0.0")).boot("test", &()).await.expect("it boots"));
    let report = node(&directory, &file(&server, "2.0.0")).boot("test", &()).await.expect("it boots");
    assert_eq!(booted(&report), ["hello"]);
    assert_contains(&report.errors[0].to_string(), &["asks for more than is confirmed", "data.*"]);
    let installed = catalog(&directory).installed("hello").await.expect("installed");
    assert_eq!(installed.current.version.to_string(), "1.0.0");
}

#[tokio::test]
async fn manifest_that_the_file_names_is_installed_with_its_component() {
    let directory = tempfile::tempdir().expect("a directory");
    let write = |name: &str, content: &[u8]| std::fs::write(directory.path().join(name), content).expect("written");
    write("code.wasm", &hello("1.0.0", json!([])));
    write("manifest.json", br#"{"name":"linked","version":"3.0.0","plugin":"code.wasm"}"#);
    let url = format!("file://{}", directory.path().join("manifest.json").display());
    for (url, name) in [(&*url, "linked"), ("manifest.json", "linked")] {
        let file = format!("data_dir: data\nplugins: [{{ url: '{url}' }}]\n");
        let report = node(&directory, &file).boot("test", &()).await.expect("it boots");
        assert_eq!(booted(&report), [name], "{url}: {:?}", report.errors);
    }
    assert_eq!(catalog(&directory).list().await.expect("readable").len(), 1, "it is installed once");
}
