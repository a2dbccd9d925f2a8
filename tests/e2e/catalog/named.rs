//! Packages that are named, in registries of the settings of `wkg`, and links to manifests.

use std::path::Path;

use data_encoding::BASE64;
use serde_json::json;

use super::scene::{Scene, hello, named, text};
use crate::harness::assert::assert_contains;
use crate::harness::command::{Plugbay, Ran};
use crate::harness::docker_registry::DockerRegistry;
use crate::harness::oci::Artefact;
use crate::harness::server::{Answer, Server};

/// A variable of the environment with the settings of `wkg`.
type Variable<'a> = (&'a str, &'a Path);

/// The settings that name one registry, which is reached without encryption, for all packages.
pub(super) fn settings(registry: &str) -> String {
    format!("default_registry = \"{registry}\"\n[registry.\"{registry}\".oci]\nprotocol = \"http\"\n")
}

/// Writes a file below the scene's directory, and returns its path.
fn write(scene: &Scene, name: &str, content: impl AsRef<[u8]>) -> std::path::PathBuf {
    let path = scene.path(name);
    std::fs::create_dir_all(path.parent().expect("below the scene")).expect("made");
    std::fs::write(&path, content).expect("written");
    path
}

/// Publishes a version of `hello`, with the settings of this variable.
fn publish(scene: &Scene, (name, value): Variable<'_>, version: &str, reference: &str) {
    let file = scene.file("hello.wasm", hello(version));
    let publish = Plugbay::new(["publish", text(&file), reference]);
    publish.environment("WKG_CONFIG_FILE", "").environment(name, value).run().exits_with(0);
}

/// Runs a command with the settings of this variable.
fn run(scene: &Scene, (name, value): Variable<'_>, arguments: &[&str]) -> Ran {
    scene.command(arguments).environment("WKG_CONFIG_FILE", "").environment(name, value).run()
}

#[test]
fn named_package_is_installed_and_updated() {
    let Some(registry) = DockerRegistry::start() else { return };
    let scene = Scene::new();
    let file = write(&scene, "config.toml", settings(&registry.address));
    let variable = ("WKG_CONFIG_FILE", &*file);
    let reference = format!("oci://{}/acme/hello", registry.address);
    publish(&scene, variable, "1.0.0", &reference);
    let missing = run(&scene, variable, &["install", "acme:hello@3.0.0", "--json"]).exits_with(3).json();
    assert_eq!(missing["code"], "not_found");
    let installed = run(&scene, variable, &["install", "acme:hello@1.0.0", "--json"]).exits_with(0).json();
    let current = &installed["plugin"]["current"];
    assert_eq!((&current["version"], &current["origin"]), (&json!("1.0.0"), &json!("acme:hello@1.0.0")));
    assert_contains(current["pinned"].as_str().unwrap_or_default(), &["/acme/hello:1.0.0@sha256:"]);
    scene.run(&["run", "hello", "ping"]).exits_with(0);

    for version in ["1.10.0", "1.9.0", "2.0.0-rc.1"] {
        publish(&scene, variable, version, &reference);
    }
    let updated = run(&scene, variable, &["update", "hello"]).exits_with(0);
    assert_contains(&updated.stdout, &["updated hello 1.0.0 -> 1.10.0"]);
    let again = run(&scene, variable, &["install", "acme:hello"]).exits_with(0);
    assert_contains(&again.stdout, &["hello 1.10.0 is installed already, unchanged"]);
}

#[test]
fn settings_of_wkg_are_found_in_their_default_places() {
    let Some(registry) = DockerRegistry::start() else { return };
    let reference = format!("oci://{}/plugins/acme/hello", registry.address);
    let text = format!(
        "[namespace_registries.acme]\nregistry = \"any.example\"\n\
         metadata = {{ preferredProtocol = \"oci\", oci = {{ registry = \"{}\", namespacePrefix = \"plugins/\" }} }}\n\
         {}",
        registry.address,
        settings(&registry.address),
    );
    for (variable, below) in [("XDG_CONFIG_HOME", ""), ("HOME", ".config/")] {
        let scene = Scene::new();
        write(&scene, &format!("user/{below}wasm-pkg/config.toml"), &text);
        let user = scene.path("user");
        publish(&scene, (variable, &user), "1.0.0", &reference);
        let install = scene.command(&["install", "acme:hello@1.0.0"]).environment("WKG_CONFIG_FILE", "");
        install.environment("XDG_CONFIG_HOME", "").environment(variable, &user).run().exits_with(0);
        assert_eq!(scene.versions()[0].1, "1.0.0", "{variable}");
    }
}

#[test]
fn token_of_the_environment_is_sent_to_its_registry() {
    let scene = Scene::new();
    let artefact = Artefact::new(hello("1.0.0").into_bytes());
    let server = Server::start(move |request| match request.value("authorization") {
        Some("Bearer sesame") => artefact.answer(request),
        _ => Answer::status(
            "401 Unauthorized",
            &[("www-authenticate", "Bearer realm=\"https://127.0.0.1:1/token\"")],
            "",
        ),
    });
    let file = scene.host_file(&server.authority(), "");
    let reference = format!("oci://{}/acme/hello:1.0.0", server.authority());
    let variable = format!("WKG_REGISTRY_{}_AUTH_BEARER", server.authority().replace(['.', ':'], "_"));
    let install = || scene.command(&["install", &reference, "--json", "--host-file", text(&file)]);
    install().environment(&variable.replace("127", "128"), "sesame").run().exits_with(4);
    let refused = install().environment(&variable, "open").run().exits_with(4).json();
    assert_eq!(refused["code"], "access_denied");
    assert!(!refused.to_string().contains("open"), "{refused}");
    install().environment(&variable, "sesame").run().exits_with(0);
}

#[test]
fn manifest_links_are_installed() {
    let scene = Scene::new();
    let component = |name: &str| named(name).into_bytes();
    write(&scene, "links/hello.wasm", component("hello"));
    let manifest = |name: &str, plugin: &str| json!({ "name": name, "version": "1.0.0", "plugin": plugin }).to_string();
    let encoded = BASE64.encode(&component("inside"));
    let data_url = format!("data:application/wasm;base64,{}", BASE64.encode(&component("url")));
    let file = |name: &str, text: &str| format!("file://{}", write(&scene, &format!("links/{name}"), text).display());
    let rows = [
        ("json", file("a.json", &manifest("json", "hello.wasm"))),
        ("yaml", file("b.yaml", "name: yaml\nversion: 1.0.0\nplugin: hello.wasm\n")),
        ("inside", file("c.json", &manifest("inside", &encoded))),
        ("url", file("d.json", &manifest("url", &data_url))),
    ];
    for (name, link) in &rows {
        let installed = scene.run(&["install", link, "--json"]).exits_with(0).json();
        let path = link.trim_start_matches("file://");
        let origin = &installed["plugin"]["current"]["origin"];
        assert_eq!((&installed["plugin"]["name"], origin), (&json!(name), &json!(path)));
        scene.run(&["run", name, "ping"]).exits_with(0);
    }
    let server = Server::start(|_| Answer::status("404 Not Found", &[], ""));
    let link = format!("http://{}/plugin.yml", server.authority());
    assert_eq!(scene.run(&["install", &link, "--json"]).exits_with(2).json()["code"], "invalid_reference");
    assert!(server.received().is_empty(), "a link without encryption is refused before the server is asked");
    for (name, text, exit_code, code) in [
        ("e.txt", "name: e", 3, "no_component"),
        ("f.json", "{\"name\":\"f\",\"version\":\"1.0.0\"}", 3, "no_component"),
        ("g.yaml", "name: g\nversion: 1.0.0\nplugin: missing.wasm\n", 2, "file_unreadable"),
    ] {
        let refused = scene.run(&["install", &file(name, text), "--json"]).exits_with(exit_code).json();
        assert_eq!(refused["code"], code, "{name}: {refused}");
    }
    assert_eq!(scene.list().len(), rows.len(), "nothing is left of what was refused");
}
