//! Packages at URLs: a manifest that names or contains its component, or a component.

use std::path::Path;

use plugbay_manifest::{Format, plugin_name_from};
use url::Url;

use super::document::{self, Code};
use super::{Content, Fetcher};
use crate::error::CatalogProblem;
use crate::http::{TransferObserver, TransferProblem, public};
use crate::limits::{COMPONENT_BYTES_MAX, DOCUMENT_BYTES_MAX, LINK_DOCUMENT_BYTES_MAX, SIGNATURE_BYTES_MAX};
use crate::origin::SIGNATURE_EXTENSION;

impl Fetcher {
    pub(super) async fn url(&self, url: &Url, observer: &dyn TransferObserver) -> Result<Content, CatalogProblem> {
        let signature = self.signature_at(url).await?;
        let stem = Path::new(url.path()).file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let fallback_name = plugin_name_from(&stem);
        if url.path().ends_with(".wasm") {
            let component = self.download(url, observer).await?;
            let pinned = public(url);
            return Ok(Content { pinned, fallback_name, document: None, files: Vec::new(), component, signature });
        }
        let format = Format::from_path(Path::new(url.path())).ok_or(CatalogProblem::UnsupportedManifest)?;
        let bytes_max = if format == Format::Json { LINK_DOCUMENT_BYTES_MAX } else { DOCUMENT_BYTES_MAX };
        let response = self.client.get(url).await?;
        // Paths in it are relative to the URL that answered.
        let base = response.url().clone();
        let bytes = response.read(bytes_max, "manifest", observer).await?;
        let text = String::from_utf8(bytes).map_err(|_| CatalogProblem::NotText(url.path().to_owned()))?;
        let read = document::read(url.path(), format, text)?;
        let component = match read.code {
            Code::Inline(component) => component,
            Code::Named(named) => {
                let target = base.join(&named).map_err(|_| CatalogProblem::NoCode)?;
                if target.scheme() == "file" {
                    return Err(CatalogProblem::LocalCode(target.path().to_owned()));
                }
                self.download(&target, observer).await?
            }
            Code::Source => return Err(CatalogProblem::SourceCode),
            Code::Nowhere => return Err(CatalogProblem::NoCode),
        };
        let pinned = public(url);
        Ok(Content { pinned, fallback_name, document: Some(read.document), files: Vec::new(), component, signature })
    }

    /// Downloads a component.
    pub(super) async fn download(&self, url: &Url, observer: &dyn TransferObserver) -> Result<Vec<u8>, CatalogProblem> {
        let name = url.path_segments().and_then(|mut segments| segments.next_back()).unwrap_or_default().to_owned();
        Ok(self.client.get(url).await?.read(COMPONENT_BYTES_MAX, &name, observer).await?)
    }

    /// The signature file beside a URL, if signatures are looked for and there is one.
    async fn signature_at(&self, url: &Url) -> Result<Option<String>, CatalogProblem> {
        if !self.trust.looks_for_signatures() {
            return Ok(None);
        }
        let mut beside = url.clone();
        beside.set_path(&format!("{}{SIGNATURE_EXTENSION}", url.path()));
        match self.client.get(&beside).await?.read(SIGNATURE_BYTES_MAX, "signature", &()).await {
            Ok(bytes) => Ok(String::from_utf8(bytes).ok()),
            Err(error) if error.problem == TransferProblem::NotFound => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}
