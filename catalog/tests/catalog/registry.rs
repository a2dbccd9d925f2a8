//! A real registry: publishing, installing, names and versions, tampering.

use plugbay_catalog::network::NetworkOptions;
use plugbay_catalog::registry::{Credentials, OciReference, PublishOptions, Published, Registries, publish};
use plugbay_catalog::signing::{PrivateKey, SignedBy, generate_key};
use plugbay_catalog::{Catalog, Consent, Package, Trust};

use crate::harness::docker_registry::DockerRegistry;
use crate::harness::{Reader, catalog_with, check_refused, directory, fetcher_with, hello, install};

fn settings(registry: &DockerRegistry) -> Registries {
    let text = format!(
        "default_registry = \"{0}\"\n[registry.\"{0}\".oci]\nprotocol = \"http\"\nauth = {{ username = \"ada\", password = \"lovelace\" }}\n",
        registry.address
    );
    Registries::from_wkg("config.toml", &text).expect("settings")
}

fn catalog(registry: &DockerRegistry, trust: Trust) -> Catalog {
    catalog_with(NetworkOptions::default(), settings(registry), trust)
}

fn package(catalog: &Catalog, component: &[u8]) -> Package {
    let fetched = catalog.fetcher().fetch_bytes("hello.wasm", "hello", component).expect("fetched");
    fetched.check(&Reader).expect("checked")
}

async fn publish_version(registry: &DockerRegistry, component: &[u8], key: Option<&PrivateKey>) -> Published {
    let fetcher = fetcher_with(NetworkOptions::default(), settings(registry), Trust::default());
    let package = package(&catalog(registry, Trust::default()), component);
    let mut options = PublishOptions::default();
    options.key = key;
    publish(&fetcher, &package, &reference(registry), &options, &()).await.expect("published")
}

fn reference(registry: &DockerRegistry) -> OciReference {
    format!("{}/acme/hello", registry.address).parse().expect("a reference")
}

#[tokio::test]
async fn published_plugin_is_installed_again() {
    let Some(registry) = DockerRegistry::start().await else { return };
    let published = publish_version(&registry, &hello("1.0.0"), None).await;
    assert_eq!(published.reference.tag.as_deref(), Some("1.0.0"), "the tag is the version");
    let catalog = catalog(&registry, Trust::default());
    let installed = install(&catalog, &format!("oci://{}:1.0.0", reference(&registry))).await.expect("installed");
    assert_eq!(installed.current.pinned, format!("oci://{}", published.reference));
    assert_eq!(catalog.package("hello").await.expect("readable").component, hello("1.0.0"));
}

#[tokio::test]
async fn tag_is_not_moved_unless_it_is_allowed() {
    let Some(registry) = DockerRegistry::start().await else { return };
    publish_version(&registry, &hello("1.0.0"), None).await;
    assert!(publish_version(&registry, &hello("1.0.0"), None).await.unchanged, "the same again changes nothing");
    let catalog = catalog(&registry, Trust::default());
    let other = package(&catalog, &[hello("1.0.0"), b" ".to_vec()].concat());
    let mut options = PublishOptions::default();
    let refused = publish(catalog.fetcher(), &other, &reference(&registry), &options, &()).await;
    check_refused(refused, "already_published", "exists already with other content");
    options.overwrite = true;
    publish(catalog.fetcher(), &other, &reference(&registry), &options, &()).await.expect("moved");
}

#[tokio::test]
async fn package_is_found_by_its_name_and_its_newest_version() {
    let Some(registry) = DockerRegistry::start().await else { return };
    for version in ["1.0.0", "1.10.0", "1.9.0", "2.0.0-rc.1"] {
        publish_version(&registry, &hello(version), None).await;
    }
    let newest = catalog(&registry, Trust::default());
    let installed = install(&newest, "acme:hello").await.expect("installed");
    assert_eq!(installed.current.version.to_string(), "1.10.0");
    let exact = catalog(&registry, Trust::default());
    let installed = install(&exact, "acme:hello@1.9.0").await.expect("installed");
    assert_eq!(installed.current.version.to_string(), "1.9.0");
    check_refused(exact.candidate("acme:hello@3.0.0", &()).await, "not_found", "does not exist");
    check_refused(exact.candidate("hello@1.0.0", &()).await, "no_registry", "no registry is configured");
}

#[tokio::test]
async fn name_without_a_namespace_uses_the_configured_one() {
    let Some(registry) = DockerRegistry::start().await else { return };
    publish_version(&registry, &hello("1.0.0"), None).await;
    let mut settings = settings(&registry);
    settings.set_default_namespace("acme");
    let catalog = catalog_with(NetworkOptions::default(), settings, Trust::default());
    let installed = install(&catalog, "hello@1.0.0").await.expect("installed");
    assert_eq!(&*installed.current.origin, "acme:hello@1.0.0");
}

#[tokio::test]
async fn update_finds_the_newest_version_of_a_registry() {
    let Some(registry) = DockerRegistry::start().await else { return };
    publish_version(&registry, &hello("1.0.0"), None).await;
    let (tagged, named) = (catalog(&registry, Trust::default()), catalog(&registry, Trust::default()));
    install(&tagged, &format!("oci://{}:1.0.0", reference(&registry))).await.expect("installed");
    install(&named, "acme:hello@1.0.0").await.expect("installed");
    for version in ["1.1.0", "2.0.0-rc.1"] {
        publish_version(&registry, &hello(version), None).await;
    }
    for catalog in [tagged, named] {
        let candidate = catalog.update_candidate("hello", None, &()).await.expect("found");
        assert_eq!(candidate.package.manifest.version.to_string(), "1.1.0");
        catalog.install(&candidate, Consent::none()).await.expect("updated");
        let again = catalog.update_candidate("hello", None, &()).await.expect("found");
        assert!(again.difference.unchanged);
    }
}

#[tokio::test]
async fn signature_is_published_and_required() {
    let Some(registry) = DockerRegistry::start().await else { return };
    let (public, private) = generate_key(None).expect("a key");
    let key = PrivateKey::parse(&private, None).expect("a key");
    publish_version(&registry, &hello("1.0.0"), Some(&key)).await;
    publish_version(&registry, &hello("2.0.0"), None).await;
    let strict = catalog(&registry, Trust::new(vec![public.clone()]).required(true));
    let installed = install(&strict, "acme:hello@1.0.0").await.expect("installed");
    assert_eq!(installed.current.signed_by.as_deref(), Some(public.id()));
    check_refused(strict.candidate("acme:hello@2.0.0", &()).await, "signature_required", "is not signed");
    let (stranger, _) = generate_key(None).expect("a key");
    let lenient = catalog(&registry, Trust::new(vec![stranger]));
    let candidate = lenient.candidate("acme:hello@1.0.0", &()).await.expect("checked");
    assert!(matches!(candidate.package.signed_by, SignedBy::UnknownKey { .. }));
}

#[tokio::test]
async fn content_that_was_changed_in_the_storage_is_refused() {
    let Some(registry) = DockerRegistry::start().await else { return };
    publish_version(&registry, &hello("1.0.0"), None).await;
    registry.tamper(&hello("1.0.0"));
    let catalog = catalog(&registry, Trust::default());
    let refused = catalog.candidate("acme:hello@1.0.0", &()).await;
    check_refused(refused, "content_differs", "has the digest");
    assert!(catalog.list().await.expect("readable").is_empty());
}

#[tokio::test]
async fn registry_with_a_password_takes_the_configured_one() {
    let Some(registry) = DockerRegistry::start_with_password().await else { return };
    publish_version(&registry, &hello("1.0.0"), None).await;
    install(&catalog(&registry, Trust::default()), "acme:hello@1.0.0").await.expect("installed");
    let mut wrong = settings(&registry);
    let password = Credentials::Password { user: "ada".to_owned(), password: "wrong".to_owned() };
    wrong.set_credentials(&registry.address, password);
    let catalog = catalog_with(NetworkOptions::default(), wrong, Trust::default());
    check_refused(catalog.candidate("acme:hello@1.0.0", &()).await, "access_denied", "status 401");
}

#[tokio::test]
async fn package_with_files_beside_its_component_is_not_published() {
    let Some(registry) = DockerRegistry::start().await else { return };
    let files = directory(&[("plugin.yaml", b"name: hello\nversion: 1.0.0\n"), ("a.wasm", &hello("1.0.0"))]);
    let catalog = catalog(&registry, Trust::default());
    let candidate = catalog.candidate(&files.path().display().to_string(), &()).await.expect("checked");
    let options = PublishOptions::default();
    let refused = publish(catalog.fetcher(), &candidate.package, &reference(&registry), &options, &()).await;
    check_refused(refused, "not_self_contained", "put them inside it");
}
