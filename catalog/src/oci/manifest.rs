//! The manifest of an artefact, and its config.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::http::TransferProblem;
use crate::limits::COMPONENT_BYTES_MAX;

pub(super) const MANIFEST_MEDIA_TYPE: &str = "application/vnd.oci.image.manifest.v1+json";
pub(super) const CONFIG_MEDIA_TYPE: &str = "application/vnd.wasm.config.v0+json";
pub(super) const LAYER_MEDIA_TYPE: &str = "application/wasm";

/// The annotation that holds the signature of the package: the text of a minisign signature file. It need not be
/// trusted, because a signature proves itself.
pub(super) const SIGNATURE_ANNOTATION: &str = "plugbay.signature.minisign";

/// Content of a registry, by its digest.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Descriptor {
    pub(super) media_type: String,
    pub(super) digest: String,
    pub(super) size: u64,
}

/// The manifest of an artefact.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct OciManifest {
    pub(super) schema_version: u32,
    #[serde(default)]
    pub(super) media_type: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) artifact_type: Option<String>,
    /// Absent in an index, which lists other manifests.
    #[serde(default)]
    pub(super) config: Option<Descriptor>,
    #[serde(default)]
    pub(super) layers: Vec<Descriptor>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) annotations: BTreeMap<String, String>,
}

/// The config of a WebAssembly artefact, version 0.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct WasmConfig {
    /// RFC 3339.
    pub(super) created: String,
    pub(super) author: Option<String>,
    pub(super) architecture: &'static str,
    pub(super) os: &'static str,
    pub(super) layer_digests: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) component: Option<WasmComponent>,
}

/// The world of a component.
#[derive(Debug, Serialize)]
pub(super) struct WasmComponent {
    pub(super) exports: Vec<String>,
    pub(super) imports: Vec<String>,
    pub(super) target: Option<String>,
}

/// The layer of a WebAssembly artefact, checked.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct WasmLayer {
    pub(super) digest: Digest,
    pub(super) bytes: u64,
}

impl OciManifest {
    pub(super) fn parse(bytes: &[u8]) -> Result<OciManifest, TransferProblem> {
        serde_json::from_slice(bytes).map_err(|error| {
            TransferProblem::Protocol(format!("the registry's manifest is not that of an artefact: {error}"))
        })
    }

    /// The only layer. Its size is checked before anything is downloaded.
    pub(super) fn wasm_layer(&self) -> Result<WasmLayer, TransferProblem> {
        let not_wasm = |text: String| TransferProblem::NotWasm(text);
        let Some(config) = &self.config else {
            return Err(not_wasm("it is a list of artefacts; name one of them by its digest".to_owned()));
        };
        if config.media_type != CONFIG_MEDIA_TYPE {
            let found = shown(&config.media_type);
            return Err(not_wasm(format!(
                "its config is {found}, not {CONFIG_MEDIA_TYPE}; publish it with wkg or plugbay"
            )));
        }
        let [layer] = &*self.layers else {
            return Err(not_wasm(format!("it has {} layers; a component has one", self.layers.len())));
        };
        if layer.media_type != LAYER_MEDIA_TYPE {
            return Err(not_wasm(format!("its layer is {}, not {LAYER_MEDIA_TYPE}", shown(&layer.media_type))));
        }
        if layer.size > COMPONENT_BYTES_MAX {
            return Err(TransferProblem::TooLarge(COMPONENT_BYTES_MAX));
        }
        let digest = layer.digest.parse::<Digest>();
        let digest =
            digest.map_err(|error| TransferProblem::Protocol(format!("its layer cannot be checked: {error}")))?;
        Ok(WasmLayer { digest, bytes: layer.size })
    }
}

fn shown(media_type: &str) -> String {
    format!("`{}`", media_type.chars().take(100).collect::<String>().escape_debug())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn sample() -> Value {
        let digest = Digest::of(b"x").to_string();
        json!({
            "schemaVersion": 2,
            "mediaType": MANIFEST_MEDIA_TYPE,
            "config": { "mediaType": CONFIG_MEDIA_TYPE, "digest": digest, "size": 2 },
            "layers": [{ "mediaType": LAYER_MEDIA_TYPE, "digest": digest, "size": 1, "annotations": {} }],
        })
    }

    fn layer(value: &Value) -> Result<WasmLayer, TransferProblem> {
        OciManifest::parse(value.to_string().as_bytes()).expect("a manifest").wasm_layer()
    }

    #[test]
    fn artefact_of_wkg_has_one_layer() {
        assert_eq!(layer(&sample()), Ok(WasmLayer { digest: Digest::of(b"x"), bytes: 1 }));
    }

    #[test]
    fn other_artefacts_are_refused() {
        for (path, value, expected) in [
            ("/config/mediaType", json!("application/vnd.oci.image.config.v1+json"), "its config is"),
            ("/layers", json!([]), "0 layers"),
            ("/layers/0/mediaType", json!("application/vnd.oci.image.layer.v1.tar+gzip"), "its layer is"),
            ("/layers/0/size", json!(u64::MAX), "larger than"),
            ("/layers/0/digest", json!("md5:1234"), "cannot be checked"),
            ("/config", Value::Null, "a list of artefacts"),
        ] {
            let mut changed = sample();
            *changed.pointer_mut(path).expect("a field") = value;
            let error = layer(&changed).expect_err(path).to_string();
            assert!(error.contains(expected), "{error}");
        }
        assert!(OciManifest::parse(b"[]").is_err());
    }
}
