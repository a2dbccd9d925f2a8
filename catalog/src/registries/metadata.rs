//! The well-known document of a registry, which says where its packages are.

use serde::Deserialize;

use crate::oci::OciReference;

/// The well-known document of a registry, `/.well-known/wasm-pkg/registry.json`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Metadata {
    preferred_protocol: Option<String>,
    oci: Option<OciMetadata>,
    oci_registry: Option<String>,
    oci_namespace_prefix: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct OciMetadata {
    registry: Option<String>,
    namespace_prefix: Option<String>,
}

/// The repositories of an OCI registry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OciPlace {
    pub(crate) registry: String,
    pub(crate) prefix: String,
}

impl Metadata {
    /// Reads the well-known document of a registry.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Metadata, String> {
        let metadata: Metadata = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
        match metadata.preferred_protocol.as_deref() {
            None | Some("oci") => Ok(metadata),
            Some(other) => Err(format!("the protocol `{}` is not supported", other.escape_debug())),
        }
    }

    /// The place of packages: what the document says, or the registry itself.
    pub(crate) fn oci_place(&self, registry: &str) -> OciPlace {
        let oci = self.oci.clone().unwrap_or_default();
        let named = oci.registry.or_else(|| self.oci_registry.clone());
        let prefix = oci.namespace_prefix.or_else(|| self.oci_namespace_prefix.clone());
        OciPlace {
            registry: named.unwrap_or_else(|| registry.to_owned()).to_ascii_lowercase(),
            prefix: prefix.unwrap_or_default(),
        }
    }
}

impl OciPlace {
    /// The reference of a package.
    ///
    /// # Errors
    /// A text, if the registry's document names no valid registry or prefix.
    pub(crate) fn reference(&self, namespace: &str, name: &str, version: &str) -> Result<OciReference, String> {
        let tag = version.replace('+', "_");
        format!("{}/{}{namespace}/{name}:{tag}", self.registry, self.prefix).parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn well_known_document_is_read_in_both_forms() {
        let place = |text: &str| Metadata::parse(text.as_bytes()).map(|metadata| metadata.oci_place("acme.example"));
        let expected = Ok(OciPlace { registry: "ghcr.io".to_owned(), prefix: "a/".to_owned() });
        assert_eq!(
            place(r#"{"preferredProtocol":"oci","oci":{"registry":"ghcr.io","namespacePrefix":"a/"}}"#),
            expected
        );
        assert_eq!(place(r#"{"ociRegistry":"ghcr.io","ociNamespacePrefix":"a/"}"#), expected);
        assert_eq!(place("{}"), Ok(OciPlace { registry: "acme.example".to_owned(), prefix: String::new() }));
        assert!(place(r#"{"preferredProtocol":"warg"}"#).is_err());
        let hostile = Metadata::parse(br#"{"oci":{"namespacePrefix":"../"}}"#).expect("a document");
        assert!(hostile.oci_place("acme.example").reference("a", "b", "1.0.0").is_err());
    }
}
