//! A registry's side of the distribution protocol, as far as a component needs it.

use bytes::Bytes;
use hyper::header::{LINK, LOCATION};
use hyper::{Method, StatusCode};
use serde::Deserialize;
use tokio::sync::Mutex;
use url::Url;

use super::access;
use super::manifest::{MANIFEST_MEDIA_TYPE, OciManifest};
use super::reference::{OciReference, is_tag};
use crate::digest::Digest;
use crate::http::{Authorization, Client, Request, Response, TransferError, TransferObserver, TransferProblem};
use crate::limits::{OCI_MANIFEST_BYTES_MAX, REPLY_BYTES_MAX, TAG_PAGES_MAX};
use crate::registries::Credentials;

/// One repository of a registry.
pub(crate) struct Registry {
    client: Client,
    /// `https://REGISTRY/v2/REPOSITORY/`.
    base: Url,
    credentials: Option<Credentials>,
    /// The scope that the token service is asked for: `repository:NAME:pull` or `…:pull,push`.
    scope: String,
    /// The answer to the registry's challenge, once it is known.
    authorization: Mutex<Option<Authorization>>,
}

#[derive(Deserialize)]
struct Tags {
    tags: Option<Vec<String>>,
}

impl Registry {
    /// The repository of a reference. `plain` reaches it without encryption, which the client has to allow too.
    pub(crate) fn new(
        client: Client,
        reference: &OciReference,
        plain: bool,
        credentials: Option<Credentials>,
        writes: bool,
    ) -> Result<Registry, TransferError> {
        let scheme = if plain { "http" } else { "https" };
        let text = format!("{scheme}://{}/v2/{}/", reference.registry, reference.repository);
        let base = Url::parse(&text).map_err(|_| TransferError { url: text, problem: TransferProblem::Url })?;
        let actions = if writes { "pull,push" } else { "pull" };
        let scope = format!("repository:{}:{actions}", reference.repository);
        Ok(Registry { client, base, credentials, scope, authorization: Mutex::new(None) })
    }

    /// The URL of content of the repository. The parts were checked and need no encoding.
    pub(super) fn url(&self, path: &str) -> Url {
        let mut url = self.base.clone();
        url.set_path(&format!("{}{path}", self.base.path()));
        url
    }

    /// Makes a request, and makes it again with an answer to the registry's challenge.
    pub(super) async fn send(&self, request: Request) -> Result<Response, TransferError> {
        let known = self.authorization.lock().await.clone();
        let response = self.client.send(Request { authorization: known, ..request.clone() }).await?;
        // A challenge of another host, where a redirect led, gets no answer: the credentials are not for it.
        if response.status() != StatusCode::UNAUTHORIZED || response.url().origin() != self.base.origin() {
            return Ok(response);
        }
        let answer = access::answer(&self.client, &response, self.credentials.as_ref(), &self.scope).await?;
        let Some(answer) = answer else { return Ok(response) };
        *self.authorization.lock().await = Some(answer.clone());
        self.client.send(Request { authorization: Some(answer), ..request }).await
    }

    /// A manifest as it is stored, with its digest. A reference with a digest is checked against it.
    pub(super) async fn manifest(&self, reference: &OciReference) -> Result<(Vec<u8>, Digest), TransferError> {
        let url = self.url(&format!("manifests/{}", reference.wanted()));
        let mut request = Request::new(Method::GET, url.clone());
        request.accept = Some(MANIFEST_MEDIA_TYPE);
        let bytes = self.send(request).await?.read(OCI_MANIFEST_BYTES_MAX, "manifest", &()).await?;
        let actual = Digest::of(&bytes);
        match reference.digest {
            Some(expected) if expected != actual => Err(TransferProblem::Digest { expected, actual }.at(&url)),
            _ => Ok((bytes, actual)),
        }
    }

    /// The manifest that a tag names, if the tag exists.
    pub(super) async fn tagged(
        &self,
        reference: &OciReference,
    ) -> Result<Option<(OciManifest, Digest)>, TransferError> {
        match self.manifest(reference).await {
            Ok((bytes, digest)) => {
                let manifest = OciManifest::parse(&bytes).map_err(|problem| problem.at(&self.base))?;
                Ok(Some((manifest, digest)))
            }
            Err(TransferError { problem: TransferProblem::NotFound, .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Content with this digest and size.
    pub(super) async fn blob(
        &self,
        digest: Digest,
        bytes: u64,
        what: &str,
        observer: &dyn TransferObserver,
    ) -> Result<Vec<u8>, TransferError> {
        let url = self.url(&format!("blobs/{digest}"));
        // One byte more shows that the registry sends more than the manifest says.
        let read = self.send(Request::new(Method::GET, url.clone())).await?.read(bytes + 1, what, observer).await;
        let content = read.map_err(|error| match error.problem {
            TransferProblem::TooLarge(_) => TransferProblem::Length { expected: bytes, actual: bytes + 1 }.at(&url),
            _ => error,
        })?;
        let actual = Digest::of(&content);
        if content.len() as u64 != bytes {
            return Err(TransferProblem::Length { expected: bytes, actual: content.len() as u64 }.at(&url));
        }
        if actual != digest {
            return Err(TransferProblem::Digest { expected: digest, actual }.at(&url));
        }
        Ok(content)
    }

    /// The tags of the repository.
    pub(crate) async fn tags(&self) -> Result<Vec<String>, TransferError> {
        let mut url = self.url("tags/list");
        let mut tags = Vec::new();
        for _ in 0..TAG_PAGES_MAX {
            let response = self.send(Request::new(Method::GET, url.clone())).await?;
            let next = response.header(LINK.as_str()).and_then(next_page).and_then(|link| url.join(&link).ok());
            let page = response.read(REPLY_BYTES_MAX, "tags", &()).await?;
            let page: Tags = serde_json::from_slice(&page)
                .map_err(|error| TransferProblem::Protocol(format!("the list of tags is invalid: {error}")).at(&url))?;
            tags.extend(page.tags.unwrap_or_default().into_iter().filter(|tag| is_tag(tag)));
            match next.filter(|next| next.origin() == url.origin()) {
                Some(next) => url = next,
                None => break,
            }
        }
        Ok(tags)
    }

    /// Uploads content unless the registry has it.
    pub(super) async fn upload(&self, content: Bytes, observer: &dyn TransferObserver) -> Result<(), TransferError> {
        let digest = Digest::of(&content);
        let known = self.send(Request::new(Method::HEAD, self.url(&format!("blobs/{digest}")))).await?;
        if known.status().is_success() {
            return Ok(());
        }
        let mut begin = Request::new(Method::POST, self.url("blobs/uploads/"));
        begin.body = Some((Bytes::new(), "application/octet-stream"));
        let begun = self.send(begin).await?;
        if begun.status() != StatusCode::ACCEPTED {
            return Err(begun.into_error().await);
        }
        let target = begun.header(LOCATION.as_str()).and_then(|location| begun.url().join(location).ok());
        let mut target = target.ok_or_else(|| TransferProblem::Location.at(begun.url()))?;
        target.query_pairs_mut().append_pair("digest", &digest.to_string());
        let bytes = content.len() as u64;
        observer.begun("upload", Some(bytes));
        let mut put = Request::new(Method::PUT, target.clone());
        put.body = Some((content, "application/octet-stream"));
        // The upload's place may be at another host, which gets no credentials of this registry.
        let same_host = target.origin() == self.base.origin();
        let stored = if same_host { self.send(put).await? } else { self.client.send(put).await? };
        if stored.status() != StatusCode::CREATED {
            return Err(stored.into_error().await);
        }
        observer.moved(bytes);
        observer.finished();
        Ok(())
    }

    /// Stores a manifest under a tag.
    pub(super) async fn put_manifest(&self, tag: &str, manifest: Vec<u8>) -> Result<Digest, TransferError> {
        let digest = Digest::of(&manifest);
        let url = self.url(&format!("manifests/{tag}"));
        let mut put = Request::new(Method::PUT, url.clone());
        put.body = Some((manifest.into(), MANIFEST_MEDIA_TYPE));
        let stored = self.send(put).await?;
        if !stored.status().is_success() {
            return Err(stored.into_error().await);
        }
        let named = stored.header("docker-content-digest").and_then(|named| named.parse::<Digest>().ok());
        match named {
            Some(actual) if actual != digest => Err(TransferProblem::Digest { expected: digest, actual }.at(&url)),
            _ => Ok(digest),
        }
    }
}

/// The target of a `Link` header field with `rel="next"`.
fn next_page(link: &str) -> Option<String> {
    let (target, relation) = link.strip_prefix('<')?.split_once('>')?;
    relation.contains("next").then(|| target.to_owned())
}
