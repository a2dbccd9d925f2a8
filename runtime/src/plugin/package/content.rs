//! The digest of a package's content, by which a reload notices whether its files have changed.

use sha2::{Digest, Sha256};

use super::Package;
use crate::error::LoadErrorKind;

impl Package {
    /// Returns the SHA-256 of what was read for the package: its component, which has the digest `component`, its
    /// manifest layers and its configuration files.
    ///
    /// # Errors
    /// [`LoadErrorKind`] if a configuration file cannot be read.
    pub(crate) fn content_digest(
        &self,
        component: &[u8; 32],
        environment: Option<&str>,
    ) -> Result<[u8; 32], LoadErrorKind> {
        let mut digest = Sha256::new();
        digest.update(component);
        for layer in self.layers() {
            digest.update(layer.to_json());
        }
        for layer in self.config_layers(environment)? {
            digest.update(serde_json::json!([layer.origin, layer.values]).to_string());
        }
        Ok(digest.finalize().into())
    }
}
