//! Manifest links, and servers that lie.

use std::time::{Duration, Instant};

use plugbay_catalog::Trust;
use plugbay_catalog::network::NetworkOptions;
use plugbay_catalog::registry::Registries;
use serde_json::json;

use crate::harness::server::{Body, Reply, Seen, Server};
use crate::harness::{bare, catalog, catalog_with, check_refused, hello, install, network};

const MANIFEST: &str = r#"{"name":"hello","version":"1.0.0","plugin":"hello.wasm"}"#;

/// A server that has a manifest at `/p/manifest.json` and answers with this for the component.
async fn with_component(reply: impl Fn() -> Reply + Send + Sync + 'static) -> Server {
    Server::start(move |seen: &Seen| match &*seen.path {
        "/p/manifest.json" => Reply::ok(MANIFEST),
        "/p/hello.wasm" => reply(),
        _ => Reply::status(404),
    })
    .await
}

#[tokio::test]
async fn manifest_names_its_component() {
    let server = with_component(|| Reply::ok(bare("linked"))).await;
    let catalog = catalog();
    let installed = install(&catalog, &server.url("/p/manifest.json")).await.expect("installed");
    assert_eq!(installed.current.origin, server.url("/p/manifest.json"));
    assert_eq!(catalog.package("hello").await.expect("readable").component, bare("linked"));
}

#[tokio::test]
async fn yaml_manifest_may_name_another_url() {
    let files = Server::start(|_| Reply::ok(bare("elsewhere"))).await;
    let text = format!("name: hello\nversion: 1.0.0\nplugin: {}\n", files.url("/x.wasm"));
    let server = Server::start(move |_| Reply::ok(text.clone())).await;
    let installed = install(&catalog(), &server.url("/plugin.yml?ref=main")).await.expect("installed");
    assert_eq!(&*installed.name, "hello");
}

#[tokio::test]
async fn component_itself_may_be_linked() {
    let server = Server::start(|_| Reply::ok(hello("1.0.0"))).await;
    assert_eq!(&*install(&catalog(), &server.url("/any.wasm")).await.expect("installed").name, "hello");
}

#[tokio::test]
async fn redirect_is_followed_and_paths_are_relative_to_its_target() {
    let server = Server::start(|seen| match &*seen.path {
        "/old/manifest.json" => Reply::redirect("/new/manifest.json"),
        "/new/manifest.json" => Reply::ok(MANIFEST),
        "/new/hello.wasm" => Reply::ok(bare("moved")),
        _ => Reply::status(404),
    })
    .await;
    install(&catalog(), &server.url("/old/manifest.json")).await.expect("installed");
}

#[tokio::test]
async fn redirect_to_an_address_that_is_not_named_is_refused() {
    let target = Server::start(|_| Reply::ok(bare("internal"))).await;
    let location = target.url("/hello.wasm").replace("127.0.0.1", "127.0.0.2");
    let server = with_component(move || Reply::redirect(location.clone())).await;
    let refused = catalog().candidate(&server.url("/p/manifest.json"), &()).await;
    check_refused(refused, "private_address", "127.0.0.2, which is not public");
    assert!(target.seen().is_empty(), "nothing was asked there");
}

#[tokio::test]
async fn private_address_is_refused_unless_it_is_named() {
    let server = with_component(|| Reply::ok(bare(""))).await;
    let mut network = network();
    network.private_hosts = vec!["127.0.0.1:1".to_owned(), "registry.internal".to_owned()];
    let catalog = catalog_with(network, Registries::default(), Trust::default());
    for url in [
        server.url("/p/manifest.json"),
        server.url("/p/manifest.json").replace("127.0.0.1", "localhost"),
        server.url("/p/manifest.json").replace("127.0.0.1", "2130706433"),
        server.url("/p/manifest.json").replace("127.0.0.1", "[::ffff:127.0.0.1]"),
        "https://169.254.169.254/latest/manifest.json".to_owned(),
    ] {
        check_refused(catalog.candidate(&url, &()).await, "private_address", "is not public");
    }
    assert!(server.seen().is_empty());
}

#[tokio::test]
async fn redirects_without_end_are_refused() {
    let server = with_component(|| Reply::redirect("/p/hello.wasm")).await;
    let refused = catalog().candidate(&server.url("/p/manifest.json"), &()).await;
    check_refused(refused, "transfer_failed", "redirects more than 5 times");
}

#[tokio::test]
async fn redirect_to_an_unencrypted_server_is_refused() {
    let server = with_component(|| Reply::redirect("http://127.0.0.1/hello.wasm")).await;
    let refused = catalog().candidate(&server.url("/p/manifest.json"), &()).await;
    check_refused(refused, "invalid_reference", "is not encrypted");
}

#[tokio::test]
async fn file_of_this_machine_is_not_read_for_a_server() {
    for plugin in ["file:///etc/passwd", "file://localhost/etc/hello.wasm"] {
        let text = json!({ "name": "hello", "version": "1.0.0", "plugin": plugin }).to_string();
        let server = Server::start(move |_| Reply::ok(text.clone())).await;
        let refused = catalog().candidate(&server.url("/manifest.json"), &()).await;
        check_refused(refused, "no_component", "a file on this machine");
    }
}

#[tokio::test]
async fn body_without_an_end_is_cut_at_the_bound() {
    let server = Server::start(|_| Reply::ok("").body(Body::Endless)).await;
    let refused = catalog().candidate(&server.url("/manifest.yaml"), &()).await;
    check_refused(refused, "too_large", "larger than the 1048576 bytes");
}

#[tokio::test]
async fn announced_size_above_the_bound_is_refused_unread() {
    let server = with_component(|| Reply::ok("").body(Body::Announced(bare(""), 1 << 40))).await;
    let refused = catalog().candidate(&server.url("/p/manifest.json"), &()).await;
    check_refused(refused, "too_large", "larger than");
}

#[tokio::test]
async fn body_that_ends_early_is_refused() {
    let server = with_component(|| Reply::ok("").body(Body::Announced(bare(""), 1_000))).await;
    let refused = catalog().candidate(&server.url("/p/manifest.json"), &()).await;
    check_refused(refused, "transfer_failed", "the connection failed");
}

#[tokio::test]
async fn server_that_stops_sending_is_given_up() {
    let server = with_component(|| Reply::ok("").body(Body::Stalled(bare("")))).await;
    let mut network = network();
    network.idle_timeout = Duration::from_millis(200);
    let catalog = catalog_with(network, Registries::default(), Trust::default());
    let start = Instant::now();
    let refused = catalog.candidate(&server.url("/p/manifest.json"), &()).await;
    check_refused(refused, "timeout", "the server sent nothing");
    assert!(start.elapsed() < Duration::from_secs(30));
}

#[tokio::test]
async fn compressed_body_is_refused() {
    let server = with_component(|| Reply::ok(bare("")).header("Content-Encoding", "gzip")).await;
    let refused = catalog().candidate(&server.url("/p/manifest.json"), &()).await;
    check_refused(refused, "transfer_failed", "is compressed (gzip)");
}

#[tokio::test]
async fn certificate_that_is_not_trusted_is_refused() {
    let server = with_component(|| Reply::ok(bare(""))).await;
    let mut network = NetworkOptions::default();
    network.private_hosts = vec!["127.0.0.1".to_owned()];
    let catalog = catalog_with(network, Registries::default(), Trust::default());
    let refused = catalog.candidate(&server.url("/p/manifest.json"), &()).await;
    check_refused(refused, "unreachable", "no secure connection");
}

#[tokio::test]
async fn statuses_say_what_to_do() {
    for (status, code, part) in [
        (404, "not_found", "check the reference"),
        (403, "access_denied", "check the credentials"),
        (500, "transfer_failed", "status 500"),
    ] {
        let server = Server::start(move |_| Reply::status(status)).await;
        check_refused(catalog().candidate(&server.url("/plugin.json"), &()).await, code, part);
    }
}

#[tokio::test]
async fn url_in_an_error_shows_no_secrets() {
    let server = Server::start(|_| Reply::status(404)).await;
    let error = catalog().candidate(&server.url("/plugin.json?token=sesame"), &()).await.expect_err("404");
    assert!(!error.to_string().contains("sesame"), "{error}");
}
