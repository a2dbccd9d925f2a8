//! Artefacts of an OCI registry, as a server of the tests answers requests for them.

use std::time::Duration;

use plugbay_catalog::Digest;
use serde_json::{Value, json};

use super::server::{Answer, Received};

/// A component as an artefact with one layer, in the form that wkg publishes.
#[derive(Clone)]
pub(crate) struct Artefact {
    /// The manifest. Tests change it to make a registry lie.
    pub(crate) manifest: Value,
    /// The content that is served for the layer.
    pub(crate) content: Vec<u8>,
    digest: Digest,
}

impl Artefact {
    pub(crate) fn new(component: Vec<u8>) -> Self {
        let digest = Digest::of(&component);
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": {
                "mediaType": "application/vnd.wasm.config.v0+json",
                "digest": Digest::of(b"{}").to_string(),
                "size": 2,
            },
            "layers": [{
                "mediaType": "application/wasm",
                "digest": digest.to_string(),
                "size": component.len(),
            }],
        });
        Artefact { manifest, content: component, digest }
    }

    /// An artefact whose layer of 100 MB arrives too slowly to be complete within a test.
    pub(crate) fn slow() -> impl Fn(&Received) -> Answer + Send + Sync + 'static {
        let mut artefact = Artefact::new(Vec::new());
        artefact.manifest["layers"][0]["size"] = json!(100_000_000);
        move |request| match request.line().contains("/blobs/") {
            true => Answer::Endless {
                start: "HTTP/1.1 200 OK\r\ncontent-length: 100000000\r\n\r\n",
                piece: vec![0; 1000],
                pause: Duration::from_millis(10),
            },
            false => artefact.answer(request),
        }
    }

    /// Whether a request is for the layer of this artefact.
    pub(crate) fn has(&self, request: &Received) -> bool {
        request.line().contains(&self.digest.to_string())
    }

    /// Answers a request: with the manifest under any tag or digest, and with the content.
    pub(crate) fn answer(&self, request: &Received) -> Answer {
        if request.line().contains("/manifests/") {
            bytes(self.manifest.to_string().as_bytes())
        } else if request.line().contains("/blobs/") {
            bytes(&self.content)
        } else {
            Answer::status("404 Not Found", &[], "")
        }
    }
}

fn bytes(body: &[u8]) -> Answer {
    let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
    Answer::Bytes([head.as_bytes(), body].concat())
}
