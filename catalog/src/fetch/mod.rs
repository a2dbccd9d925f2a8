//! From a reference to a package: the content is downloaded or read, its digests are taken, its signature is checked.
//!
//! The signature is checked before the component is looked at. Only the manifest beside it is parsed before, to find
//! the component, with the bounds of `plugbay-manifest`.

mod document;
mod local;
mod named;
mod remote;

use std::fmt;

use bytes::Bytes;
use plugbay_manifest::plugin_name_from;

use crate::digest::Digest;
use crate::error::{CatalogError, CatalogProblem};
use crate::http::{Client, NetworkOptions, TransferError, TransferObserver};
use crate::limits::COMPONENT_BYTES_MAX;
use crate::oci::{self, OciReference, Registry};
use crate::origin::PackageOrigin;
use crate::package::{ComponentReader, ConfigFile, ManifestDocument, Package, merge};
use crate::registries::Registries;
use crate::signature::{SignedBy, Trust};
use crate::statement::Statement;

/// Downloads and reads packages.
#[derive(Clone)]
pub struct Fetcher {
    client: Client,
    registries: Registries,
    trust: Trust,
}

/// A package whose content is complete and whose signature was checked. Its manifest was not checked yet.
#[derive(Clone)]
#[non_exhaustive]
pub struct FetchedPackage {
    /// The reference as it was given.
    pub origin: String,
    /// The exact content that was taken.
    pub pinned: String,
    /// The manifest beside the component.
    pub document: Option<ManifestDocument>,
    /// The configuration files, sorted by name.
    pub files: Vec<ConfigFile>,
    /// The component.
    pub component: Bytes,
    /// The component's digest.
    pub component_digest: Digest,
    /// The signer.
    pub signed_by: SignedBy,
    /// The name of a plugin whose manifest has none.
    fallback_name: String,
}

/// The content of a package, before its signature was checked.
struct Content {
    pinned: String,
    fallback_name: String,
    document: Option<ManifestDocument>,
    files: Vec<ConfigFile>,
    component: Vec<u8>,
    signature: Option<String>,
}

impl Fetcher {
    /// A fetcher with the operator's settings. A registry that the settings reach without encryption counts as named
    /// in `network`: its address may be private.
    ///
    /// # Errors
    /// [`TransferError`] if a root certificate cannot be used.
    pub fn new(mut network: NetworkOptions, registries: Registries, trust: Trust) -> Result<Fetcher, TransferError> {
        network.plain_hosts.extend(registries.plain().cloned());
        network.private_hosts.extend(registries.plain().cloned());
        Ok(Fetcher { client: Client::new(network)?, registries, trust })
    }

    /// Downloads or reads a package and checks its signature.
    ///
    /// # Errors
    /// [`CatalogError`] with the reference and the problem. Nothing is left behind.
    pub async fn fetch(
        &self,
        origin: &PackageOrigin,
        observer: &dyn TransferObserver,
    ) -> Result<FetchedPackage, CatalogError> {
        let origin = self.with_namespace(origin);
        let reference = origin.to_string();
        let failed = |problem: CatalogProblem| CatalogError::new(&reference, problem);
        let content = self.content(&origin, observer).await.map_err(failed)?;
        self.admit(&reference, content).map_err(failed)
    }

    /// Reads a package from a manifest that contains its component: a JSON document with base64 in `plugin`.
    ///
    /// # Errors
    /// [`CatalogError`] if the document is not a manifest with a component, or a signature is required.
    pub fn fetch_document(&self, origin: &str, text: &str) -> Result<FetchedPackage, CatalogError> {
        let failed = |problem: CatalogProblem| CatalogError::new(origin, problem);
        let read = document::read(origin, plugbay_manifest::Format::Json, text.to_owned()).map_err(failed)?;
        let component = match read.code {
            document::Code::Inline(component) => component,
            document::Code::Source => return Err(failed(CatalogProblem::SourceCode)),
            document::Code::Named(_) | document::Code::Nowhere => return Err(failed(CatalogProblem::NoCode)),
        };
        let content = Content {
            pinned: origin.to_owned(),
            fallback_name: "plugin".to_owned(),
            document: Some(read.document),
            files: Vec::new(),
            component,
            signature: None,
        };
        self.admit(origin, content).map_err(failed)
    }

    /// A component from memory, such as an upload or one whose manifest was just put inside. `name` is that of a plugin
    /// whose manifest has none.
    ///
    /// # Errors
    /// [`CatalogError`] if it is too large, or a signature is required: bytes alone have none.
    pub fn fetch_bytes(
        &self,
        origin: &str,
        name: &str,
        component: impl Into<Vec<u8>>,
    ) -> Result<FetchedPackage, CatalogError> {
        let component = component.into();
        let failed = |problem: CatalogProblem| CatalogError::new(origin, problem);
        if component.len() as u64 > COMPONENT_BYTES_MAX {
            let text = format!("it has more than the {COMPONENT_BYTES_MAX} bytes that are allowed");
            return Err(failed(CatalogProblem::Component(text)));
        }
        let content = Content {
            pinned: origin.to_owned(),
            fallback_name: plugin_name_from(name),
            document: None,
            files: Vec::new(),
            component,
            signature: None,
        };
        self.admit(origin, content).map_err(failed)
    }

    async fn content(
        &self,
        origin: &PackageOrigin,
        observer: &dyn TransferObserver,
    ) -> Result<Content, CatalogProblem> {
        match origin {
            PackageOrigin::Directory(path) => self.directory(path, observer).await,
            PackageOrigin::File(path) => self.file(path),
            PackageOrigin::LocalManifest(path) => self.local_manifest(path, observer).await,
            PackageOrigin::Url(url) => self.url(url, observer).await,
            PackageOrigin::Oci(reference) => self.artefact(reference, observer).await,
            PackageOrigin::Named { namespace, name, version } => {
                self.named(namespace.as_deref(), name, version.as_ref(), observer).await
            }
        }
    }

    /// The origin with the namespace that it leaves out, so that it means the same after the settings change.
    fn with_namespace(&self, origin: &PackageOrigin) -> PackageOrigin {
        match origin {
            PackageOrigin::Named { namespace: None, name, version } => PackageOrigin::Named {
                namespace: self.registries.default_namespace().map(str::to_owned),
                name: name.clone(),
                version: version.clone(),
            },
            other => other.clone(),
        }
    }

    async fn artefact(
        &self,
        reference: &OciReference,
        observer: &dyn TransferObserver,
    ) -> Result<Content, CatalogProblem> {
        let registry = self.registry(reference, false)?;
        let pulled = oci::pull(&registry, reference, observer).await?;
        let last = reference.repository.rsplit('/').next().unwrap_or_default();
        Ok(Content {
            pinned: format!("oci://{}", reference.pinned(pulled.digest)),
            fallback_name: plugin_name_from(last),
            document: None,
            files: Vec::new(),
            component: pulled.component,
            signature: pulled.signature,
        })
    }

    /// The registry of a reference, with its credentials.
    pub(crate) fn registry(&self, reference: &OciReference, writes: bool) -> Result<Registry, TransferError> {
        let credentials = self.registries.credentials(&reference.registry);
        let plain = self.registries.is_plain(&reference.registry) || self.client.is_plain(&reference.registry);
        Registry::new(self.client.clone(), reference, plain, credentials, writes)
    }

    /// Checks the signature over everything that was read.
    fn admit(&self, origin: &str, content: Content) -> Result<FetchedPackage, CatalogProblem> {
        let Content { pinned, fallback_name, document, mut files, component, signature } = content;
        files.sort_by(|a, b| a.name.cmp(&b.name));
        let component_digest = Digest::of(&component);
        let statement = Statement::of(component_digest, document.as_ref(), &files);
        let signed_by = self.trust.check(&statement, signature.as_deref())?;
        Ok(FetchedPackage {
            origin: origin.to_owned(),
            pinned,
            document,
            files,
            component: component.into(),
            component_digest,
            signed_by,
            fallback_name,
        })
    }
}

/// Shows no code.
impl fmt::Debug for FetchedPackage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("FetchedPackage");
        shown.field("component_digest", &self.component_digest).field("pinned", &self.pinned).finish_non_exhaustive()
    }
}

impl FetchedPackage {
    /// The text that a signature of this package covers.
    pub fn statement(&self) -> Statement {
        Statement::of(self.component_digest, self.document.as_ref(), &self.files)
    }

    /// Reads the component's facts, merges the layers of the manifest and checks it.
    ///
    /// # Errors
    /// [`CatalogError`] with [`CatalogProblem::Component`], [`CatalogProblem::Manifest`] or
    /// [`CatalogProblem::ConfigFile`].
    pub fn check(self, reader: &dyn ComponentReader) -> Result<Package, CatalogError> {
        let failed = |problem: CatalogProblem| CatalogError::new(&self.origin, problem);
        let facts = reader.read(&self.component).map_err(|reason| failed(CatalogProblem::Component(reason)))?;
        let manifest = merge(&self.origin, &self.fallback_name, &facts, self.document.as_ref());
        let manifest = manifest.map_err(|error| failed(error.into()))?;
        for file in &self.files {
            let values = file.values().map_err(|error| failed(error.into()))?;
            if !values.is_object() && !values.is_null() {
                return Err(failed(CatalogProblem::ConfigFile(file.name.clone())));
            }
        }
        Ok(Package {
            manifest,
            document: self.document,
            files: self.files,
            component: self.component,
            component_digest: self.component_digest,
            facts,
            origin: self.origin,
            pinned: self.pinned,
            signed_by: self.signed_by,
        })
    }
}
