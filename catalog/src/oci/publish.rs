//! Publishing a component in a registry, in the form in which `wkg` publishes and takes it.
//!
//! A registry stores one file, so a manifest beside the component has to be put inside it first; the host's runtime
//! does that. The signature covers the component as it is published.

use std::collections::BTreeMap;
use std::time::SystemTime;

use super::manifest::{
    CONFIG_MEDIA_TYPE, Descriptor, LAYER_MEDIA_TYPE, MANIFEST_MEDIA_TYPE, OciManifest, SIGNATURE_ANNOTATION,
    WasmComponent, WasmConfig,
};
use super::reference::OciReference;
use crate::digest::Digest;
use crate::error::{CatalogError, CatalogProblem};
use crate::fetch::Fetcher;
use crate::http::{TransferError, TransferObserver, TransferProblem};
use crate::key::PrivateKey;
use crate::limits::COMPONENT_BYTES_MAX;
use crate::package::Package;

/// The options of publishing.
#[derive(Debug)]
#[non_exhaustive]
pub struct PublishOptions<'a> {
    /// The key that signs it. Default: none.
    pub key: Option<&'a PrivateKey>,
    /// Whether a tag that names other content is moved. Default: false.
    pub overwrite: bool,
    /// The time that the artefact's config names. Default: now.
    pub created: SystemTime,
}

impl Default for PublishOptions<'_> {
    fn default() -> Self {
        PublishOptions { key: None, overwrite: false, created: SystemTime::now() }
    }
}

/// A published package.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Published {
    /// The reference, pinned to the digest.
    pub reference: OciReference,
    /// Whether the tag named this component already, with a signature if one was asked for. Nothing was sent then.
    pub unchanged: bool,
}

/// Publishes a package under a reference. Without a tag, the tag is the package's version.
///
/// # Errors
/// [`CatalogError`] with [`CatalogProblem::NotSelfContained`] if the package has a manifest or configuration beside its
/// component, or with the problem of the transfer: [`TransferProblem::Exists`] if the tag names other content.
pub async fn publish(
    fetcher: &Fetcher,
    package: &Package,
    reference: &OciReference,
    options: &PublishOptions<'_>,
    observer: &dyn TransferObserver,
) -> Result<Published, CatalogError> {
    let failed = |problem: CatalogProblem| CatalogError::new(&format!("oci://{reference}"), problem);
    if package.document.is_some() || !package.files.is_empty() {
        return Err(failed(CatalogProblem::NotSelfContained));
    }
    // `+` is allowed in versions, but not in tags. wkg writes `_` for it as Helm does.
    let tag = reference.tag.clone().unwrap_or_else(|| package.manifest.version.to_string().replace('+', "_"));
    let reference = OciReference { tag: Some(tag.clone()), digest: None, ..reference.clone() };
    let signature = match options.key {
        Some(key) => {
            let comment = format!("{} {}", package.manifest.name, package.manifest.version);
            Some(key.sign(&package.statement(), &comment).map_err(|error| failed(error.into()))?)
        }
        None => None,
    };
    let transfer = async {
        let registry = fetcher.registry(&reference, true)?;
        let config = serde_json::to_vec(&config(package, options.created)).map_err(invalid(&reference))?;
        let manifest = serde_json::to_vec(&manifest(package, &config, signature)).map_err(invalid(&reference))?;
        if let Some((known, digest)) = registry.tagged(&reference).await? {
            if known.wasm_layer().is_ok_and(|layer| layer.digest == package.component_digest)
                && (options.key.is_none() || known.annotations.contains_key(SIGNATURE_ANNOTATION))
            {
                return Ok(Published { reference: reference.pinned(digest), unchanged: true });
            }
            if !options.overwrite {
                let url = registry.url(&format!("manifests/{tag}"));
                return Err(TransferProblem::Exists(digest).at(&url));
            }
        }
        registry.upload(package.component.clone(), observer).await?;
        registry.upload(config.into(), &()).await?;
        let digest = registry.put_manifest(&tag, manifest).await?;
        Ok(Published { reference: reference.pinned(digest), unchanged: false })
    };
    transfer.await.map_err(|error: TransferError| failed(error.into()))
}

fn invalid(reference: &OciReference) -> impl Fn(serde_json::Error) -> TransferError {
    let url = reference.to_string();
    move |error| TransferError { url: url.clone(), problem: TransferProblem::Protocol(error.to_string()) }
}

fn config(package: &Package, created: SystemTime) -> WasmConfig {
    let facts = &package.facts;
    let component = facts.is_component.then(|| WasmComponent {
        exports: facts.exports.clone(),
        imports: facts.imports.clone(),
        target: None,
    });
    WasmConfig {
        created: humantime::format_rfc3339_seconds(created).to_string(),
        author: package.manifest.author.as_ref().map(|author| author.name.clone()),
        architecture: "wasm",
        os: if facts.is_component { "wasip2" } else { "wasip1" },
        layer_digests: vec![package.component_digest.to_string()],
        component,
    }
}

fn manifest(package: &Package, config: &[u8], signature: Option<String>) -> OciManifest {
    debug_assert!(package.component.len() as u64 <= COMPONENT_BYTES_MAX);
    let descriptor = |media_type: &str, digest: Digest, size: usize| Descriptor {
        media_type: media_type.to_owned(),
        digest: digest.to_string(),
        size: size as u64,
    };
    OciManifest {
        schema_version: 2,
        media_type: Some(MANIFEST_MEDIA_TYPE.to_owned()),
        artifact_type: None,
        config: Some(descriptor(CONFIG_MEDIA_TYPE, Digest::of(config), config.len())),
        layers: vec![descriptor(LAYER_MEDIA_TYPE, package.component_digest, package.component.len())],
        annotations: annotations(package, signature),
    }
}

/// The annotations that registries show, and the signature.
fn annotations(package: &Package, signature: Option<String>) -> BTreeMap<String, String> {
    let manifest = &package.manifest;
    let shown = [
        ("title", Some(manifest.title.clone().unwrap_or_else(|| manifest.name.clone()))),
        ("version", Some(manifest.version.to_string())),
        ("description", manifest.description.clone()),
        ("licenses", manifest.license.clone()),
        ("source", manifest.repository.clone()),
        ("authors", manifest.author.as_ref().map(|author| author.name.clone())),
    ];
    let shown =
        shown.into_iter().filter_map(|(name, value)| Some((format!("org.opencontainers.image.{name}"), value?)));
    shown.chain(signature.map(|signature| (SIGNATURE_ANNOTATION.to_owned(), signature))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use plugbay_manifest::{Layer, Manifest};
    use serde_json::json;

    #[test]
    fn config_has_the_fields_that_wkg_reads() {
        let layer = Layer::from_value("x", json!({ "name": "hello", "version": "1.0.0" })).expect("a layer");
        let component = bytes::Bytes::from_static(b"\0asm");
        let package = Package {
            manifest: Manifest::from_layers(&[layer]).expect("a manifest"),
            document: None,
            files: Vec::new(),
            component_digest: Digest::of(&component),
            component,
            facts: crate::package::ComponentFacts { is_component: true, ..Default::default() },
            origin: String::new(),
            pinned: String::new(),
            signed_by: crate::signature::SignedBy::Unchecked,
        };
        let config = serde_json::to_value(config(&package, SystemTime::UNIX_EPOCH)).expect("JSON");
        assert_eq!(
            config,
            json!({
                "created": "1970-01-01T00:00:00Z",
                "author": null,
                "architecture": "wasm",
                "os": "wasip2",
                "layerDigests": [package.component_digest.to_string()],
                "component": { "exports": [], "imports": [], "target": null },
            })
        );
        let manifest = manifest(&package, b"{}", None);
        assert_eq!(manifest.wasm_layer().expect("a component").bytes, 4);
    }
}
