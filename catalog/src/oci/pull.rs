//! Downloading a component from a registry.

use super::manifest::{OciManifest, SIGNATURE_ANNOTATION};
use super::reference::OciReference;
use super::registry::Registry;
use crate::digest::Digest;
use crate::http::{TransferError, TransferObserver};

/// A downloaded artefact. Its digests were checked.
pub(crate) struct Pulled {
    pub(crate) component: Vec<u8>,
    /// The digest of the artefact's manifest.
    pub(crate) digest: Digest,
    /// The signature of the artefact's annotations.
    pub(crate) signature: Option<String>,
}

/// Downloads the artefact of a reference. Its manifest is read once: all that follows is named by digests in it, so a
/// tag that moves meanwhile has no effect.
pub(crate) async fn pull(
    registry: &Registry,
    reference: &OciReference,
    observer: &dyn TransferObserver,
) -> Result<Pulled, TransferError> {
    let (bytes, digest) = registry.manifest(reference).await?;
    let url = registry.url(&format!("manifests/{digest}"));
    let manifest = OciManifest::parse(&bytes).map_err(|problem| problem.at(&url))?;
    let layer = manifest.wasm_layer().map_err(|problem| problem.at(&url))?;
    let component = registry.blob(layer.digest, layer.bytes, &reference.to_string(), observer).await?;
    let signature = manifest.annotations.get(SIGNATURE_ANNOTATION).cloned();
    Ok(Pulled { component, digest, signature })
}
