//! Artefacts of a registry that lies.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use plugbay_catalog::registry::{Credentials, Registries};
use plugbay_catalog::{Consent, Digest, Trust};
use serde_json::{Value, json};

use crate::harness::server::{Body, Reply, Seen, Server};
use crate::harness::{bare, catalog, catalog_with, check_refused, hello, install, network};

/// An artefact of a component.
fn artefact(component: &[u8]) -> Value {
    json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": {
            "mediaType": "application/vnd.wasm.config.v0+json",
            "digest": Digest::of(b"{}").to_string(),
            "size": 2,
        },
        "layers": [{
            "mediaType": "application/wasm",
            "digest": Digest::of(component).to_string(),
            "size": component.len(),
        }],
        "annotations": { "org.opencontainers.image.version": "1.0.0" },
    })
}

/// A registry that serves this manifest under any tag or digest, and this content.
async fn registry(manifest: Value, content: Body) -> Server {
    let manifest = manifest.to_string();
    Server::start(move |seen: &Seen| {
        if seen.path.contains("/manifests/") {
            Reply::ok(manifest.clone())
        } else if seen.path.contains("/blobs/") {
            Reply::ok("").body(content.clone())
        } else {
            Reply::status(404)
        }
    })
    .await
}

/// A registry that asks for credentials, serves this manifest, and redirects requests for its content.
async fn redirecting(manifest: Value, target: String) -> Server {
    let manifest = manifest.to_string();
    Server::start(move |seen| match seen.authorization.as_deref() {
        None => Reply::status(401).header("WWW-Authenticate", "Basic realm=\"x\""),
        Some(_) if seen.path.contains("/manifests/") => Reply::ok(manifest.clone()),
        Some(_) => Reply::redirect(target.clone()),
    })
    .await
}

fn reference(server: &Server, rest: &str) -> String {
    format!("oci://{}/acme/hello{rest}", server.address)
}

/// The manifest of an empty component, as oci-wasm 0.6.0 published it, which is what wkg 0.16 does.
const PUBLISHED_BY_WKG: &str = r#"{"config":{"digest":"sha256:f76a27b93552238d0fb87b6427ae7de5d26b04bde21d7cdabd532aac5270d011","mediaType":"application/vnd.wasm.config.v0+json","size":240},"layers":[{"digest":"sha256:24eaf3439a60c96764c4f2c92a0a81b52bd4fe5d5b91f090184a0f6486b1bf29","mediaType":"application/wasm","size":8}],"mediaType":"application/vnd.oci.image.manifest.v1+json","schemaVersion":2}"#;

#[tokio::test]
async fn artefact_that_wkg_published_is_installed() {
    let server = Server::start(|seen: &Seen| {
        if seen.path.contains("/manifests/") { Reply::ok(PUBLISHED_BY_WKG) } else { Reply::ok(bare("")) }
    })
    .await;
    let digest = "sha256:b4b29bdf2efffb2f571ba09c3b27e31a847f94d98e06203cf9f56ba75614c156";
    let installed = install(&catalog(), &reference(&server, &format!(":1.0.0@{digest}"))).await.expect("installed");
    assert_eq!((&*installed.name, installed.current.component_bytes), ("hello", 8));
}

#[tokio::test]
async fn artefact_is_installed_and_pinned() {
    let component = hello("1.0.0");
    let manifest = artefact(&component);
    let digest = Digest::of(manifest.to_string().as_bytes());
    let server = registry(manifest, Body::Whole(component.clone())).await;
    let catalog = catalog();
    let installed = install(&catalog, &reference(&server, ":1.0.0")).await.expect("installed");
    assert_eq!(installed.current.pinned, reference(&server, &format!(":1.0.0@{digest}")));
    assert_eq!(installed.current.origin, reference(&server, ":1.0.0"));
    assert_eq!(catalog.package("hello").await.expect("readable").component, component);
    install(&catalog, &installed.current.pinned).await.expect("the digest fits");
}

#[tokio::test]
async fn pinned_reference_refuses_other_content() {
    let component = hello("1.0.0");
    let server = registry(artefact(&component), Body::Whole(component)).await;
    let pinned = reference(&server, &format!("@{}", Digest::of(b"another")));
    check_refused(catalog().candidate(&pinned, &()).await, "content_differs", "is required");
}

#[tokio::test]
async fn layer_that_was_changed_is_refused() {
    let component = hello("1.0.0");
    let mut changed = component.clone();
    *changed.last_mut().expect("not empty") ^= 1;
    let server = registry(artefact(&component), Body::Whole(changed)).await;
    check_refused(catalog().candidate(&reference(&server, ":1"), &()).await, "content_differs", "has the digest");
}

#[tokio::test]
async fn layer_of_another_length_is_refused() {
    let component = hello("1.0.0");
    let (shorter, longer) = (component[..component.len() - 1].to_vec(), [&*component, b"x"].concat());
    for content in [Body::Whole(shorter), Body::Whole(longer), Body::Endless] {
        let server = registry(artefact(&component), content).await;
        let refused = catalog().candidate(&reference(&server, ":1"), &()).await;
        check_refused(refused, "content_differs", "were announced");
    }
}

#[tokio::test]
async fn announced_size_that_is_too_large_is_refused_before_the_download() {
    let mut manifest = artefact(&hello("1.0.0"));
    manifest["layers"][0]["size"] = json!(1_u64 << 40);
    let server = registry(manifest, Body::Endless).await;
    check_refused(catalog().candidate(&reference(&server, ":1"), &()).await, "too_large", "larger than");
    assert!(server.seen().iter().all(|seen| !seen.path.contains("/blobs/")), "nothing was downloaded");
}

#[tokio::test]
async fn artefact_of_another_kind_is_refused() {
    let component = hello("1.0.0");
    let mut image = artefact(&component);
    image["config"]["mediaType"] = json!("application/vnd.oci.image.config.v1+json");
    let index = json!({ "schemaVersion": 2, "manifests": [] });
    for (manifest, part) in [(image, "its config is"), (index, "a list of artefacts")] {
        let server = registry(manifest, Body::Whole(component.clone())).await;
        check_refused(catalog().candidate(&reference(&server, ":1"), &()).await, "not_wasm", part);
    }
    let server = registry(json!("x".repeat(2 << 20)), Body::Endless).await;
    check_refused(catalog().candidate(&reference(&server, ":1"), &()).await, "too_large", "larger than");
}

/// Each request for the tag gets another manifest: what was compared is what is installed.
#[tokio::test]
async fn tag_that_moves_during_the_download_has_no_effect() {
    let (first, second) = (hello("1.0.0"), hello("6.6.6"));
    let (manifests, contents) = ([artefact(&first), artefact(&second)], [first.clone(), second]);
    let asked = Arc::new(AtomicUsize::new(0));
    let server = Server::start(move |seen: &Seen| {
        if seen.path.contains("/manifests/") {
            return Reply::ok(manifests[asked.fetch_add(1, Ordering::SeqCst).min(1)].to_string());
        }
        let found = contents.iter().find(|content| seen.path.ends_with(&Digest::of(content).to_string()));
        found.map_or(Reply::status(404), |content| Reply::ok(content.clone()))
    })
    .await;
    let catalog = catalog();
    let candidate = catalog.candidate(&reference(&server, ":1.0.0"), &()).await.expect("checked");
    let installed = catalog.install(&candidate, Consent::none()).await.expect("installed");
    assert_eq!(catalog.package(installed.id).await.expect("readable").component, first);
}

#[tokio::test]
async fn tag_that_moved_since_the_installation_is_refused() {
    let moved = [hello("1.0.0"), b" ".to_vec()].concat();
    let contents = [hello("1.0.0"), moved];
    let asked = Arc::new(AtomicUsize::new(0));
    let server = Server::start({
        let asked = asked.clone();
        move |seen: &Seen| {
            if seen.path.ends_with("/tags/list") {
                return Reply::ok(r#"{"name":"acme/hello","tags":["1.0.0"]}"#);
            }
            let content = &contents[asked.load(Ordering::SeqCst)];
            if seen.path.contains("/manifests/") {
                Reply::ok(artefact(content).to_string())
            } else {
                Reply::ok(content.clone())
            }
        }
    })
    .await;
    let catalog = catalog();
    install(&catalog, &reference(&server, ":1.0.0")).await.expect("installed");
    asked.store(1, Ordering::SeqCst);
    let candidate = catalog.update_candidate("hello", None, &()).await.expect("checked");
    let refused = catalog.install(&candidate, Consent::widening()).await;
    check_refused(refused, "version_moved", "version 1.0.0 has other content");
    assert_eq!(catalog.package("hello").await.expect("readable").component, hello("1.0.0"));
}

fn credentials(server: &Server) -> Registries {
    let mut registries = Registries::default();
    let password = Credentials::Password { user: "ada".to_owned(), password: "lovelace".to_owned() };
    registries.set_credentials(&server.address, password);
    registries
}

#[tokio::test]
async fn token_service_gets_the_credentials_and_the_registry_the_token() {
    let tokens = Server::start(|seen| {
        assert!(seen.path.starts_with("/token?service=here&scope=repository%3Aacme%2Fhello%3Apull"), "{}", seen.path);
        Reply::ok(r#"{"token":"sesame"}"#)
    })
    .await;
    let component = hello("1.0.0");
    let challenge = format!("Bearer realm=\"{}\",service=\"here\"", tokens.url("/token"));
    let manifest = artefact(&component).to_string();
    let server = Server::start(move |seen| match seen.authorization.as_deref() {
        Some("Bearer sesame") if seen.path.contains("/manifests/") => Reply::ok(manifest.clone()),
        Some("Bearer sesame") => Reply::ok(component.clone()),
        _ => Reply::status(401).header("WWW-Authenticate", challenge.clone()),
    })
    .await;
    let catalog = catalog_with(network(), credentials(&server), Trust::default());
    install(&catalog, &reference(&server, ":1")).await.expect("installed");
    assert_eq!(tokens.seen().len(), 1, "the token is used again");
    assert_eq!(tokens.seen()[0].authorization.as_deref(), Some("Basic YWRhOmxvdmVsYWNl"));
    assert_eq!(server.seen().len(), 3);
}

#[tokio::test]
async fn storage_of_a_registry_gets_no_credentials() {
    let component = hello("1.0.0");
    let storage = Server::start({
        let component = component.clone();
        move |_| Reply::ok(component.clone())
    })
    .await;
    let server = redirecting(artefact(&component), storage.url("/content?signature=x")).await;
    let catalog = catalog_with(network(), credentials(&server), Trust::default());
    install(&catalog, &reference(&server, ":1")).await.expect("installed");
    assert_eq!(storage.seen()[0].authorization, None);
}

#[tokio::test]
async fn challenge_of_a_redirect_gets_no_credentials() {
    let thief = Server::start(|seen| match &*seen.path {
        "/content" => Reply::status(401).header("WWW-Authenticate", "Basic realm=\"x\""),
        _ => Reply::ok(r#"{"token":"x"}"#),
    })
    .await;
    let server = redirecting(artefact(&hello("1.0.0")), thief.url("/content")).await;
    let catalog = catalog_with(network(), credentials(&server), Trust::default());
    check_refused(catalog.candidate(&reference(&server, ":1"), &()).await, "access_denied", "status 401");
    assert!(thief.seen().iter().all(|seen| seen.authorization.is_none()), "{:?}", thief.seen());
    assert_eq!(thief.seen().len(), 1);
}

#[tokio::test]
async fn wrong_credentials_say_where_they_are_set() {
    let server = Server::start(|_| Reply::status(401).header("WWW-Authenticate", "Basic realm=\"x\"")).await;
    let catalog = catalog_with(network(), credentials(&server), Trust::default());
    let error = catalog.candidate(&reference(&server, ":1"), &()).await.expect_err("denied");
    assert_eq!(error.code(), "access_denied");
    assert!(error.hint().is_some_and(|hint| hint.contains("config.json")), "{error}");
}
