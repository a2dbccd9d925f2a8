//! Signatures in files beside packages, and minisign's own command.

use std::process::Command;

use plugbay_catalog::registry::Registries;
use plugbay_catalog::signing::{PrivateKey, PublicKey, SignedBy, Statement, generate_key};
use plugbay_catalog::{Digest, FetchedPackage, PackageOrigin, Trust};

use crate::harness::server::{Reply, Server};
use crate::harness::{bare, catalog_with, check_refused, directory, fetcher_with, hello, network, skipped};

fn keys() -> (PublicKey, PrivateKey) {
    let (public, private) = generate_key(None).expect("a key");
    (public, PrivateKey::parse(&private, None).expect("a key"))
}

async fn fetched(path: &std::path::Path) -> FetchedPackage {
    let fetcher = fetcher_with(network(), Registries::default(), Trust::default());
    let origin = PackageOrigin::parse(&path.display().to_string()).expect("a path");
    fetcher.fetch(&origin, &()).await.expect("fetched")
}

fn plugin() -> tempfile::TempDir {
    directory(&[
        ("plugin.yaml", b"name: hello\nversion: 1.0.0\n"),
        ("hello.wasm", &bare("signed")),
        ("config/default.yaml", b"a: 1\n"),
    ])
}

#[tokio::test]
async fn signed_directory_is_refused_after_any_change() {
    let (public, private) = keys();
    let files = plugin();
    let path = files.path().display().to_string();
    let signature = private.sign(&fetched(files.path()).await.statement(), "hello 1.0.0").expect("signed");
    let place = PackageOrigin::Directory(files.path().to_owned()).signature_file().expect("a path");
    std::fs::write(place, signature).expect("written");
    let catalog = catalog_with(network(), Registries::default(), Trust::new(vec![public.clone()]).required(true));
    let candidate = catalog.candidate(&path, &()).await.expect("the signature fits");
    let expected = SignedBy::Key { id: public.id().to_owned(), comment: "hello 1.0.0".to_owned() };
    assert_eq!(candidate.package.signed_by, expected);
    for (name, content) in [
        ("hello.wasm", bare("changed")),
        ("plugin.yaml", b"name: hello\nversion: 1.0.1\n".to_vec()),
        ("config/default.yaml", b"a: 2\n".to_vec()),
        ("config/production.yaml", b"a: 3\n".to_vec()),
    ] {
        let before = std::fs::read(files.path().join(name)).ok();
        std::fs::write(files.path().join(name), content).expect("written");
        check_refused(catalog.candidate(&path, &()).await, "signature_wrong", "does not fit the package");
        match before {
            Some(before) => std::fs::write(files.path().join(name), before).expect("written"),
            None => std::fs::remove_file(files.path().join(name)).expect("removed"),
        }
    }
    catalog.candidate(&path, &()).await.expect("it fits again");
}

#[tokio::test]
async fn unsigned_package_is_shown_or_refused() {
    let (public, _) = keys();
    let files = plugin();
    let path = files.path().display().to_string();
    let trust = Trust::new(vec![public]);
    let candidate =
        catalog_with(network(), Registries::default(), trust.clone()).candidate(&path, &()).await.expect("accepted");
    assert_eq!(candidate.package.signed_by, SignedBy::Unsigned);
    let strict = catalog_with(network(), Registries::default(), trust.required(true));
    check_refused(strict.candidate(&path, &()).await, "signature_required", "is not signed");
    let document = r#"{"name":"a","version":"1.0.0","plugin":"AGFzbQ=="}"#;
    let answer = strict.save_plugin(document, false).await;
    assert!(!answer.success && answer.error.is_some_and(|error| error.contains("is not signed")));
}

#[tokio::test]
async fn signature_beside_a_link_is_found() {
    let (public, private) = keys();
    let component = hello("1.0.0");
    let statement = Statement::of(Digest::of(&component), None, &[]);
    let signature = private.sign(&statement, "").expect("signed");
    let server = Server::start(move |seen| match &*seen.path {
        "/hello.wasm" => Reply::ok(component.clone()),
        "/hello.wasm.minisig" => Reply::ok(signature.clone()),
        _ => Reply::status(404),
    })
    .await;
    let catalog = catalog_with(network(), Registries::default(), Trust::new(vec![public.clone()]).required(true));
    let candidate = catalog.candidate(&server.url("/hello.wasm"), &()).await.expect("it fits");
    assert_eq!(candidate.package.signed_by.key(), Some(public.id()));
}

#[tokio::test]
async fn minisign_itself_verifies_the_signature() {
    let (public, private) = keys();
    let files = plugin();
    let statement = fetched(files.path()).await.statement();
    let (text, signature) = (files.path().join("statement"), files.path().join("statement.minisig"));
    std::fs::write(&text, statement.to_string()).expect("written");
    std::fs::write(&signature, private.sign(&statement, "hello 1.0.0").expect("signed")).expect("written");
    let run = Command::new("minisign").arg("-V").arg("-P").arg(public.line()).arg("-m").arg(&text).output();
    let Ok(output) = run else { return skipped("minisign is not installed (Debian: apt-get install minisign)") };
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.contains("hello 1.0.0"), "{said}");
}

#[tokio::test]
async fn key_of_minisign_signs_and_verifies() {
    let keys = tempfile::tempdir().expect("a directory");
    let (public, private) = (keys.path().join("key.pub"), keys.path().join("key"));
    let run = Command::new("minisign").args(["-G", "-W", "-p"]).arg(&public).arg("-s").arg(&private).output();
    let Ok(output) = run else { return skipped("minisign is not installed (Debian: apt-get install minisign)") };
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let read = |path| std::fs::read_to_string(path).expect("readable");
    let public = PublicKey::parse(&read(&public)).expect("a key");
    let private = PrivateKey::parse(&read(&private), None).expect("a key");
    let statement = Statement::of(Digest::of(b"x"), None, &[]);
    let signature = private.sign(&statement, "").expect("signed");
    let signed = Trust::new(vec![public.clone()]).check(&statement, Some(&signature)).expect("it fits");
    assert_eq!(signed.key(), Some(public.id()));
}
