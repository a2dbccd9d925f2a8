//! A package as one file: its manifest files embedded in the component.

use plugbay_compile::append_custom_section;
use plugbay_compile::scan::{self, ScanLimits};
use plugbay_manifest::{Layer, Manifest, SECTION};

use super::package::Package;
use crate::error::{LoadError, LoadErrorKind};

impl Package {
    /// Returns the component with its manifest embedded: the whole plugin in one file, except for a `config` directory.
    /// Bytes that already contain the whole manifest are returned unchanged; otherwise one custom section is appended.
    ///
    /// # Errors
    /// [`LoadError`] if the bytes are not WebAssembly or exceed a limit, or if the manifest is invalid.
    pub fn to_component(&self) -> Result<Vec<u8>, LoadError> {
        let failed = |failure: LoadErrorKind| LoadError::of_package(&self.origin, failure);
        let scan = scan::scan(&self.bytes, &ScanLimits::default()).map_err(|error| failed(error.into()))?;
        let mut layers = vec![self.fallback_layer().map_err(|error| failed(error.into()))?];
        for section in &scan.manifests {
            layers.extend(Layer::from_section(&self.origin, section).map_err(|error| failed(error.into()))?);
        }
        let carried = Manifest::from_layers(&layers).ok();
        layers.extend(self.layers().cloned());
        let whole = Manifest::from_layers(&layers).map_err(|error| failed(error.into()))?;
        let mut bytes = self.bytes.clone();
        if carried.as_ref() != Some(&whole) {
            let documents: Vec<String> = self.layers().map(Layer::to_json).collect();
            append_custom_section(&mut bytes, SECTION, documents.join("\n").as_bytes());
        }
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn layer(value: serde_json::Value) -> Layer {
        Layer::from_value("plugin.yaml", value).expect("a layer")
    }

    fn manifests(bytes: &[u8]) -> Vec<Vec<u8>> {
        scan::scan(bytes, &ScanLimits::default()).expect("scanned").manifests
    }

    #[test]
    fn manifest_file_is_put_inside_once() {
        for empty in [&b"\0asm\x0d\0\x01\0"[..], b"\0asm\x01\0\0\0"] {
            let file = layer(json!({ "name": "demo", "version": "1.2.3" }));
            let once = Package::from_bytes("x", empty).manifest(file.clone()).to_component().expect("embedded");
            assert_eq!(manifests(&once).len(), 1);
            let twice = Package::from_bytes("x", once.clone()).manifest(file).to_component().expect("embedded");
            assert_eq!(twice, once, "nothing is added that is there already");
            let changed = layer(json!({ "version": "1.2.4" }));
            let changed = Package::from_bytes("x", once).manifest(changed).to_component().expect("embedded");
            assert_eq!(manifests(&changed).len(), 2);
        }
    }

    #[test]
    fn component_without_manifest_files_is_not_touched() {
        let bytes = b"\0asm\x0d\0\x01\0";
        assert_eq!(Package::from_bytes("x", &bytes[..]).to_component().expect("as it is"), bytes);
        assert!(Package::from_bytes("x", &b"nonsense"[..]).to_component().is_err());
    }
}
