//! Packages that are named, as `wkg` names them: the settings say which registry has them.

use std::path::Path;

use plugbay_files::PluginDirectory;
use plugbay_manifest::plugin_name_from;
use semver::Version;
use url::Url;

use super::{Content, Fetcher};
use crate::error::{CatalogError, CatalogProblem};
use crate::http::{TransferObserver, TransferProblem};
use crate::limits::{COMPONENT_BYTES_MAX, REPLY_BYTES_MAX};
use crate::oci::OciReference;
use crate::origin::PackageOrigin;
use crate::registries::{Metadata, OciPlace, PackagePlace};

impl Fetcher {
    pub(super) async fn named(
        &self,
        namespace: Option<&str>,
        name: &str,
        version: Option<&Version>,
        observer: &dyn TransferObserver,
    ) -> Result<Content, CatalogProblem> {
        let shown = namespace.map_or_else(|| name.to_owned(), |namespace| format!("{namespace}:{name}"));
        let (namespace, place) =
            self.registries.place(namespace, name).ok_or_else(|| CatalogProblem::NoRegistry(shown.clone()))?;
        let place = match place {
            PackagePlace::Local(root) => return local(&root, &namespace, name, version, &shown),
            PackagePlace::Oci(place) => place,
            PackagePlace::WellKnown(registry) => self.well_known(&registry).await?,
        };
        let invalid = |reason: String| CatalogProblem::Registry { registry: place.registry.clone(), reason };
        let version = match version {
            Some(version) => version.clone(),
            None => {
                let any = place.reference(&namespace, name, "latest").map_err(invalid)?;
                let tags = self.registry(&any, false)?.tags().await?;
                newest(tags.iter().map(|tag| tag.replace('_', "+"))).ok_or(CatalogProblem::NoVersion(shown))?
            }
        };
        let reference = place.reference(&namespace, name, &version.to_string()).map_err(invalid)?;
        self.artefact(&reference, observer).await
    }

    /// The newest version of what an origin names. An origin whose tag is not a version is left as it is: the tag says
    /// which version is meant. So is one that is pinned to a digest.
    ///
    /// # Errors
    /// [`CatalogError`] if the registry cannot list its tags.
    pub async fn newest(&self, origin: PackageOrigin) -> Result<PackageOrigin, CatalogError> {
        match origin {
            PackageOrigin::Named { namespace: namespace @ Some(_), name, .. } => {
                Ok(PackageOrigin::Named { namespace, name, version: None })
            }
            PackageOrigin::Oci(reference @ OciReference { digest: None, tag: Some(_), .. }) => {
                let version = reference.tag.as_deref().and_then(version_of);
                let Some(version) = version else { return Ok(PackageOrigin::Oci(reference)) };
                let tags = async { self.registry(&reference, false)?.tags().await };
                let tags = tags.await.map_err(|error| CatalogError::new(&format!("oci://{reference}"), error))?;
                let newest = tags.into_iter().filter(|tag| version_of(tag).is_some_and(|newer| newer > version));
                let newest = newest.filter(|tag| version_of(tag).is_some_and(|version| version.pre.is_empty()));
                let tag = newest.max_by_key(|tag| version_of(tag)).or(reference.tag.clone());
                Ok(PackageOrigin::Oci(OciReference { tag, ..reference }))
            }
            other => Ok(other),
        }
    }

    /// The place that a registry's well-known document names. Without a document, the registry itself has the packages.
    async fn well_known(&self, registry: &str) -> Result<OciPlace, CatalogProblem> {
        let failed = |reason: String| CatalogProblem::Registry { registry: registry.to_owned(), reason };
        let scheme = if self.registries.is_plain(registry) { "http" } else { "https" };
        let url = Url::parse(&format!("{scheme}://{registry}/.well-known/wasm-pkg/registry.json"))
            .map_err(|error| failed(error.to_string()))?;
        match self.client.get(&url).await?.read(REPLY_BYTES_MAX, "registry", &()).await {
            Ok(bytes) => Ok(Metadata::parse(&bytes).map_err(failed)?.oci_place(registry)),
            Err(error) if error.problem == TransferProblem::NotFound => Ok(Metadata::default().oci_place(registry)),
            Err(error) => Err(error.into()),
        }
    }
}

/// A package of a local registry: `ROOT/NAMESPACE/NAME/VERSION.wasm`.
fn local(
    root: &Path,
    namespace: &str,
    name: &str,
    version: Option<&Version>,
    shown: &str,
) -> Result<Content, CatalogProblem> {
    let directory = PluginDirectory::open(root)?;
    // The parts are names of plugins, without `/` and `..`.
    let inside = Path::new(namespace).join(name);
    let version = match version {
        Some(version) => version.clone(),
        None => {
            let names = directory.names(&inside)?.filter_map(|name| name.into_string().ok());
            let versions = names.filter_map(|name| name.strip_suffix(".wasm").map(str::to_owned));
            newest(versions).ok_or_else(|| CatalogProblem::NoVersion(shown.to_owned()))?
        }
    };
    let file = inside.join(format!("{version}.wasm"));
    Ok(Content {
        pinned: root.join(&file).display().to_string(),
        fallback_name: plugin_name_from(name),
        document: None,
        files: Vec::new(),
        component: directory.read(&file, COMPONENT_BYTES_MAX)?,
        signature: None,
    })
}

/// The version that a tag names. Tags have no `+`; `_` stands for it.
fn version_of(tag: &str) -> Option<Version> {
    Version::parse(&tag.replace('_', "+")).ok()
}

/// The newest version that is not a pre-release.
fn newest(versions: impl Iterator<Item = String>) -> Option<Version> {
    versions.filter_map(|text| Version::parse(&text).ok()).filter(|version| version.pre.is_empty()).max()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn newest_version_is_not_a_pre_release_and_not_a_word() {
        let tags = ["1.2.0", "1.10.0", "2.0.0-rc.1", "latest", "sha256-ab.sig"];
        assert_eq!(newest(tags.iter().map(|tag| (*tag).to_owned())), Some(Version::new(1, 10, 0)));
        assert_eq!(newest(std::iter::once("latest".to_owned())), None);
    }

    #[test]
    fn local_registry_has_a_file_for_each_version() {
        let root = tempfile::tempdir().expect("a directory");
        std::fs::create_dir_all(root.path().join("acme/hello")).expect("made");
        std::fs::write(root.path().join("acme/hello/1.0.0.wasm"), "one").expect("written");
        std::fs::write(root.path().join("acme/hello/1.1.0.wasm"), "two").expect("written");
        let content = |version: Option<&Version>| local(root.path(), "acme", "hello", version, "acme:hello");
        assert_eq!(content(None).expect("the newest").component, b"two");
        assert_eq!(content(Some(&Version::new(1, 0, 0))).expect("it is there").component, b"one");
        assert!(content(Some(&Version::new(3, 0, 0))).is_err());
    }

    #[test]
    fn version_with_build_metadata_becomes_a_tag() {
        let place = OciPlace { registry: "ghcr.io".to_owned(), prefix: String::new() };
        let reference: OciReference = place.reference("a", "b", "1.0.0+x").expect("a reference");
        assert_eq!(reference.tag.as_deref(), Some("1.0.0_x"));
    }
}
