//! Packages that are refused, with nothing left behind, and a catalog that is damaged.

use serde_json::{Value, json};

use super::scene::{Scene, hello, text};
use crate::harness::assert::assert_contains;
use crate::harness::command::Plugbay;
use crate::harness::oci::Artefact;
use crate::harness::server::{Answer, Server};

/// Installs an artefact, which is refused with this exit code and this code, and leaves nothing behind.
#[track_caller]
fn check_artefact(artefact: Artefact, exit_code: i32, code: &str) -> Value {
    let scene = Scene::new();
    let server = Server::start(move |request| artefact.answer(request));
    let reference = format!("oci://{}/acme/hello:1.0.0", server.authority());
    let refused = scene.install_from(&server, &reference).exits_with(exit_code).json();
    assert_eq!(refused["code"], code, "{refused}");
    assert!(scene.list().is_empty());
    let left: Vec<_> =
        scene.data().read_dir().expect("it was made").map(|entry| entry.expect("there").file_name()).collect();
    let is_of_catalog = |name: &std::ffi::OsString| name.to_str().is_some_and(|name| name.starts_with("catalog."));
    assert!(left.iter().all(is_of_catalog), "{left:?}");
    refused
}

#[test]
fn layer_that_was_tampered_with_is_refused() {
    let mut artefact = Artefact::new(hello("1.0.0").into_bytes());
    *artefact.content.last_mut().expect("not empty") ^= 1;
    let refused = check_artefact(artefact, 3, "content_differs");
    assert_contains(refused["msg"].as_str().unwrap_or_default(), &["has the digest"]);
}

#[test]
fn manifest_that_lies_about_its_length_is_refused() {
    for change in [-1, 1] {
        let mut artefact = Artefact::new(hello("1.0.0").into_bytes());
        let length = artefact.content.len() as i64 + change;
        artefact.manifest["layers"][0]["size"] = json!(length);
        check_artefact(artefact, 3, "content_differs");
    }
    let mut artefact = Artefact::new(hello("1.0.0").into_bytes());
    artefact.manifest["layers"][0]["size"] = json!(1_u64 << 40);
    check_artefact(artefact, 5, "too_large");
}

#[test]
fn tag_that_moved_is_refused_unless_it_is_accepted() {
    let scene = Scene::new();
    let first = Artefact::new(hello("1.0.0").into_bytes());
    let server = Server::start(move |request| first.answer(request));
    scene.install_from(&server, &format!("oci://{}/acme/hello:1.0.0", server.authority())).exits_with(0);
    let moved = Artefact::new(hello("1.0.0").manifest("description", json!("another")).into_bytes());
    let server = Server::start(move |request| moved.answer(request));
    let reference = format!("oci://{}/acme/hello:1.0.0", server.authority());
    let refused = scene.install_from(&server, &reference).exits_with(3);
    assert_eq!(refused.json()["code"], "version_moved");
    assert_contains(&refused.advice(), &["--accept-moved-version"]);
    let digest = scene.list()[0]["current"]["component_digest"].clone();
    let file = scene.path("plugbay.yaml");
    let accepted = ["install", &reference, "--accept-moved-version", "--host-file", text(&file)];
    scene.run(&accepted).exits_with(0);
    assert_ne!(scene.list()[0]["current"]["component_digest"], digest);
}

#[test]
fn private_address_is_refused_unless_the_file_names_it() {
    let scene = Scene::new();
    let server = Server::start(|_| Answer::status("404 Not Found", &[], ""));
    let reference = format!("https://{}/plugin.yaml", server.authority());
    let refused = scene.run(&["install", &reference, "--json"]).exits_with(4);
    assert_eq!(refused.json()["code"], "private_address");
    assert_contains(&refused.advice(), &["private_hosts"]);
    let plain = reference.replace("https://", "http://");
    assert_eq!(scene.run(&["install", &plain, "--json"]).exits_with(2).json()["code"], "invalid_reference");
    assert!(server.received().is_empty());
}

#[test]
fn unreachable_registry_is_named() {
    let scene = Scene::new();
    let server = Server::start(|_| Answer::status("503 Service Unavailable", &[], ""));
    let reference = format!("oci://{}/acme/hello:1.0.0", server.authority());
    let refused = scene.install_from(&server, &reference).exits_with(3).json();
    assert_contains(refused["msg"].as_str().unwrap_or_default(), &[&server.authority(), "503"]);
    let unknown = scene.run(&["install", "acme:hello@1.0.0", "--json"]).exits_with(2).json();
    assert_eq!(unknown["code"], "no_registry");
}

#[test]
fn unsigned_or_changed_plugin_is_refused_where_signatures_are_required() {
    let scene = Scene::new();
    let key = scene.path("acme.key");
    let made = keygen(&scene, &key);
    let file = scene.host_file("unused", &format!(", trusted_keys: [{made}], require_signatures: true"));
    let plugin = scene.file("hello.wasm", hello("1.0.0"));
    let install = || scene.run(&["install", text(&plugin), "--json", "--host-file", text(&file)]);
    assert_eq!(install().exits_with(4).json()["code"], "signature_required");
    Plugbay::new(["sign", text(&plugin), "--key", text(&key)]).run().exits_with(0);
    std::fs::write(&plugin, hello("1.0.0").manifest("description", json!("changed")).into_bytes()).expect("written");
    assert_eq!(install().exits_with(3).json()["code"], "signature_wrong");
    assert!(scene.list().is_empty());
    std::fs::write(&plugin, hello("1.0.0").into_bytes()).expect("written");
    let installed = install().exits_with(0).json();
    assert!(installed["plugin"]["current"]["signed_by"].is_string(), "{installed}");
}

/// Makes a key pair, and returns the line of the public key.
fn keygen(scene: &Scene, key: &std::path::Path) -> String {
    let made = Plugbay::new(["keygen", "--output", text(key), "--json"]).directory(&scene.path("")).run().exits_with(0);
    made.json()["public_key"].as_str().expect("a key").to_owned()
}

#[test]
fn damaged_catalog_is_refused_by_every_command_and_not_replaced() {
    let scene = Scene::new();
    scene.install(hello("1.0.0"));
    let path = scene.data().join("catalog.db");
    for damage in [&b"this is not a database"[..], b""] {
        for log in ["-wal", "-shm"] {
            let _ = std::fs::remove_file(scene.data().join(format!("catalog.db{log}")));
        }
        std::fs::write(&path, damage).expect("written");
        let file = scene.file("hello.wasm", hello("2.0.0"));
        let commands = [
            &["list"][..],
            &["status"],
            &["install", text(&file)],
            &["update", "hello"],
            &["rollback", "hello"],
            &["remove", "hello"],
            &["enable", "hello"],
            &["run", "hello", "ping"],
        ];
        for command in commands {
            let refused = scene.run(&[command, &["--json"]].concat()).exits_with(2).json();
            assert_eq!(refused["code"], "catalog_damaged", "{command:?}: {refused}");
            assert_contains(
                refused["msg"].as_str().unwrap_or_default(),
                &["was not changed", "Restore it from a backup"],
            );
        }
        assert_eq!(std::fs::read(&path).expect("readable"), damage);
        scene.run(&["run", text(&file), "ping"]).exits_with(0);
    }
}
