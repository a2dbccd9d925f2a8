//! What the tests share: plugins, a reader of their facts, a catalog in memory, servers.

pub mod docker_registry;
pub mod server;

use std::collections::BTreeSet;
use std::io::Write;
use std::sync::Mutex;

use plugbay_catalog::network::NetworkOptions;
use plugbay_catalog::package::{ComponentFacts, ComponentReader};
use plugbay_catalog::registry::Registries;
use plugbay_catalog::{Catalog, CatalogError, Consent, Fetcher, Installed, SqliteStore, Trust};
use serde_json::{Value, json};

use self::server::Server;

/// Reads the facts of the tests' components: their manifest follows the word `MANIFEST:`.
pub struct Reader;

impl ComponentReader for Reader {
    fn read(&self, bytes: &[u8]) -> Result<ComponentFacts, String> {
        if !bytes.starts_with(b"\0asm") {
            return Err("it is not WebAssembly".to_owned());
        }
        const MARK: &[u8] = b"MANIFEST:";
        let mut facts = ComponentFacts {
            manifests: Vec::new(),
            imports: vec!["plugbay:plugin/log@0.2.0".to_owned()],
            exports: vec!["plugbay:plugin/actions@0.2.0".to_owned()],
            is_component: true,
        };
        if let Some(at) = bytes.windows(MARK.len()).position(|window| window == MARK) {
            facts.manifests.push(bytes[at + MARK.len()..].to_vec());
        }
        Ok(facts)
    }
}

/// A component without a manifest.
pub fn bare(content: &str) -> Vec<u8> {
    [b"\0asm\x0d\0\x01\0", content.as_bytes()].concat()
}

/// A component with a manifest inside.
pub fn component(manifest: &Value) -> Vec<u8> {
    bare(&format!("MANIFEST:{manifest}"))
}

/// The component of the plugin `hello` in this version, without permissions.
pub fn hello(version: &str) -> Vec<u8> {
    component(&json!({ "name": "hello", "version": version }))
}

/// A catalog in memory that trusts the certificate of the tests' servers and reaches this machine.
pub fn catalog() -> Catalog {
    catalog_with(network(), Registries::default(), Trust::default())
}

pub fn catalog_with(network: NetworkOptions, registries: Registries, trust: Trust) -> Catalog {
    let store = SqliteStore::in_memory().expect("a store");
    Catalog::builder(store, fetcher_with(network, registries, trust), Reader).build()
}

pub fn fetcher_with(network: NetworkOptions, registries: Registries, trust: Trust) -> Fetcher {
    Fetcher::new(network, registries, trust).expect("a fetcher")
}

/// The settings for servers of the tests.
pub fn network() -> NetworkOptions {
    let mut network = NetworkOptions::default();
    network.root_certificates = vec![Server::certificate()];
    network.private_hosts = vec!["127.0.0.1".to_owned(), "localhost".to_owned()];
    network
}

/// Installs from a reference and confirms what the plugin asks for.
pub async fn install(catalog: &Catalog, reference: &str) -> Result<Installed, CatalogError> {
    let candidate = catalog.candidate(reference, &()).await?;
    catalog.install(&candidate, Consent::widening()).await
}

/// Fails to get a candidate, with this code and this part of the text. Nothing is left behind.
#[track_caller]
pub fn check_refused(result: Result<impl std::fmt::Debug, CatalogError>, code: &str, part: &str) {
    let error = result.expect_err("it is refused");
    let text = error.to_string();
    assert_eq!(error.code(), code, "{text}");
    assert!(text.contains(part), "{text}");
    assert!(!text.contains('\n'), "an error is one line: {text}");
}

/// A directory with these files.
pub fn directory(files: &[(&str, &[u8])]) -> tempfile::TempDir {
    let directory = tempfile::tempdir().expect("a directory");
    for (name, content) in files {
        let path = directory.path().join(name);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("made");
        std::fs::write(path, content).expect("written");
    }
    directory
}

/// Prints that a test is skipped, and why. Each reason is printed once, and past the capture of the tests' output: a
/// run without a registry must not look like one with it.
pub fn skipped(reason: &str) {
    static SAID: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());
    if SAID.lock().expect("not poisoned").insert(reason.to_owned()) {
        let _ = writeln!(std::io::stderr(), "\nSKIPPED: {reason}");
    }
}
