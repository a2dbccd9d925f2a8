//! Publishing in a real registry, `wkg`'s form, signatures and keys.

use std::process::Command;

use super::scene::{Scene, hello, text};
use crate::harness::assert::assert_contains;
use crate::harness::client::Client;
use crate::harness::command::Plugbay;
use crate::harness::docker_registry::DockerRegistry;
use crate::harness::skipped;

/// The media type of an artefact's manifest.
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

#[test]
fn published_plugin_is_installed_from_a_real_registry() {
    let Some(registry) = DockerRegistry::start() else { return };
    let scene = Scene::new();
    let (host_file, file) = (scene.host_file(&registry.address, ""), scene.file("hello.wasm", hello("1.0.0")));
    let reference = format!("oci://{}/acme/hello", registry.address);
    let publish = |more: &[&str]| {
        let arguments = ["publish", text(&file), &reference, "--host-file", text(&host_file), "--json"];
        Plugbay::new([&arguments[..], more].concat()).run()
    };
    let published = publish(&[]).exits_with(0).json();
    let pinned = published["reference"].as_str().expect("a reference").to_owned();
    assert_contains(&pinned, &["/acme/hello:1.0.0@sha256:"]);
    assert_eq!(publish(&[]).exits_with(0).json()["unchanged"], true);

    let install = |reference: &str| scene.run(&["install", reference, "--json", "--host-file", text(&host_file)]);
    let installed = install(&format!("{reference}:1.0.0")).exits_with(0).json();
    assert_eq!(installed["plugin"]["current"]["pinned"], pinned);
    scene.run(&["run", "hello", "ping"]).exits_with(0);

    std::fs::write(&file, hello("1.1.0").into_bytes()).expect("written");
    publish(&[]).exits_with(0);
    scene.run(&["update", "hello", "--host-file", text(&host_file)]).exits_with(0);
    assert_eq!(scene.versions()[0].1, "1.1.0", "the registry is asked for its newest version");

    std::fs::write(&file, hello("1.1.0").manifest("title", "Moved".into()).into_bytes()).expect("written");
    assert_eq!(publish(&[]).exits_with(2).json()["code"], "already_published");
    publish(&["--overwrite"]).exits_with(0);
    assert_eq!(install(&format!("{reference}:1.1.0")).exits_with(3).json()["code"], "version_moved");
}

#[test]
fn signed_artefact_is_installed_and_an_unsigned_one_refused() {
    let Some(registry) = DockerRegistry::start() else { return };
    let scene = Scene::new();
    let key = scene.path("acme.key");
    let made = Plugbay::new(["keygen", "--output", text(&key), "--json"]).run().exits_with(0).json();
    let line = made["public_key"].as_str().expect("a key");
    let settings = format!(", trusted_keys: [{line}], require_signatures: true");
    let host_file = scene.host_file(&registry.address, &settings);
    for (version, options) in [("1.0.0", &["--key", text(&key)][..]), ("2.0.0", &[])] {
        let file = scene.file("hello.wasm", hello(version));
        let reference = format!("oci://{}/acme/hello", registry.address);
        let arguments = ["publish", text(&file), &reference, "--host-file", text(&host_file)];
        Plugbay::new([&arguments[..], options].concat()).run().exits_with(0);
    }
    let install = |version: &str| {
        let reference = format!("oci://{}/acme/hello:{version}", registry.address);
        scene.run(&["install", &reference, "--json", "--host-file", text(&host_file)])
    };
    assert_eq!(install("1.0.0").exits_with(0).json()["plugin"]["current"]["signed_by"], made["id"]);
    assert_eq!(install("2.0.0").exits_with(4).json()["code"], "signature_required");
    registry.tamper(&hello("1.0.0").into_bytes());
    scene.run(&["remove", "hello"]).exits_with(0);
    assert_eq!(install("1.0.0").exits_with(3).json()["code"], "content_differs");
    assert!(scene.list().is_empty());
}

#[tokio::test]
async fn wrong_signature_in_a_registry_is_refused() {
    let Some(registry) = DockerRegistry::start() else { return };
    let scene = Scene::new();
    let key = scene.path("acme.key");
    let made = Plugbay::new(["keygen", "--output", text(&key), "--json"]).run().exits_with(0).json();
    let line = made["public_key"].as_str().expect("a key");
    let host_file = scene.host_file(&registry.address, &format!(", trusted_keys: [{line}]"));
    let mut client = Client::connect(registry.address.parse().expect("an address")).await;
    let mut manifests = Vec::new();
    for version in ["1.0.0", "2.0.0"] {
        let file = scene.file("hello.wasm", hello(version));
        let reference = format!("oci://{}/acme/hello", registry.address);
        let publish = ["publish", text(&file), &reference, "--host-file", text(&host_file), "--key", text(&key)];
        Plugbay::new(publish).run().exits_with(0);
        let path = format!("/v2/acme/hello/manifests/{version}");
        manifests.push(client.request("GET", &path, &format!("accept: {MANIFEST}\r\n"), b"").await.json());
    }
    let signature = "plugbay.signature.minisign";
    let other = manifests[1]["annotations"][signature].take();
    assert!(other.is_string(), "it was signed");
    let reference = format!("oci://{}/acme/hello:1.0.0", registry.address);
    let install = || scene.run(&["install", &reference, "--json", "--host-file", text(&host_file)]);
    for wrong in [other, "no signature".into()] {
        let mut manifest = manifests[0].clone();
        manifest["annotations"][signature] = wrong;
        let headers = format!("content-type: {MANIFEST}\r\n");
        let body = manifest.to_string();
        let put = client.request("PUT", "/v2/acme/hello/manifests/1.0.0", &headers, body.as_bytes()).await;
        assert_eq!(put.status, 201, "{}", put.text());
        assert_eq!(install().exits_with(3).json()["code"], "signature_wrong");
        assert!(scene.list().is_empty());
    }
}

#[test]
fn crate_directory_with_a_manifest_is_published_as_one_file() {
    let Some(registry) = DockerRegistry::start() else { return };
    let scene = Scene::new();
    let host_file = scene.host_file(&registry.address, "");
    let directory = scene.path("source");
    std::fs::create_dir(&directory).expect("made");
    std::fs::write(directory.join("hello.wasm"), hello("1.0.0").into_bytes()).expect("written");
    std::fs::write(directory.join("plugin.yaml"), "title: Beside\nversion: 1.2.0\n").expect("written");
    let reference = format!("oci://{}/acme/hello", registry.address);
    Plugbay::new(["publish", text(&directory), &reference, "--host-file", text(&host_file)]).run().exits_with(0);
    let reference = format!("{reference}:1.2.0");
    scene.run(&["install", &reference, "--host-file", text(&host_file)]).exits_with(0);
    assert_eq!(scene.run(&["inspect", "hello", "--json"]).exits_with(0).json()["manifest"]["title"], "Beside");
}

#[test]
fn key_of_minisign_signs_a_plugin_that_is_trusted() {
    let scene = Scene::new();
    let (public, private) = (scene.path("minisign.pub"), scene.path("minisign.key"));
    let made = Command::new("minisign").args(["-G", "-W", "-p", text(&public), "-s", text(&private)]).output();
    let Ok(made) = made else { return skipped("minisign is not installed (Debian: apt-get install minisign)") };
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let public = std::fs::read_to_string(public).expect("readable");
    let line = public.lines().nth(1).expect("the key's line");
    let host_file = scene.host_file("unused", &format!(", trusted_keys: [{line}], require_signatures: true"));
    let file = scene.file("hello.wasm", hello("1.0.0"));
    let signed = Plugbay::new(["sign", text(&file), "--key", text(&private)]).run().exits_with(0);
    assert_contains(&signed.stdout, &["hello 1.0.0", "hello.wasm.minisig"]);
    scene.run(&["install", text(&file), "--host-file", text(&host_file)]).exits_with(0);
}

#[test]
fn key_is_never_overwritten_and_readable_by_its_user_alone() {
    let scene = Scene::new();
    let key = scene.path("acme.key");
    let made = Plugbay::new(["keygen", "--output", text(&key)]).run().exits_with(0);
    assert_contains(&made.stdout, &["acme.pub", "trusted_keys: [RW"]);
    assert_contains(&made.stderr, &["has no password"]);
    #[cfg(unix)]
    {
        let mode = std::os::unix::fs::PermissionsExt::mode(&key.metadata().expect("there").permissions());
        assert_eq!(mode & 0o777, 0o600);
    }
    let before = std::fs::read(&key).expect("readable");
    let refused = Plugbay::new(["keygen", "--output", text(&key)]).run().exits_with(2);
    assert_contains(&refused.stderr, &["exists, and no key is overwritten"]);
    assert_eq!(std::fs::read(&key).expect("readable"), before);
}
