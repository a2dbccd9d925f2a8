//! The text that a package's signature covers.
//!
//! It lists the digests of everything that decides what the plugin does: the component, the manifest beside it, which
//! may override what the component says, and the configuration files. Name and version are in the manifest, so they are
//! covered too. The text is reproducible, so that minisign's own command can verify a signature.

use std::fmt;

use crate::digest::Digest;
use crate::package::{ConfigFile, ManifestDocument};

/// The digests of a package, as they are signed.
///
/// ```text
/// plugbay package 1
/// component sha256:…
/// manifest sha256:…
/// config/default.yaml sha256:…
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    component: Digest,
    manifest: Option<Digest>,
    files: Vec<(String, Digest)>,
}

impl Statement {
    /// The statement of a package. The order of the files does not matter.
    pub fn of(component: Digest, document: Option<&ManifestDocument>, files: &[ConfigFile]) -> Statement {
        let mut files: Vec<_> =
            files.iter().map(|file| (file.name.clone(), Digest::of(file.text.as_bytes()))).collect();
        files.sort();
        Statement { component, manifest: document.map(ManifestDocument::digest), files }
    }
}

/// The signed text. Each line ends with a line feed. A package without a manifest beside its component has the line
/// `manifest none`.
impl fmt::Display for Statement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "plugbay package 1")?;
        writeln!(f, "component {}", self.component)?;
        match self.manifest {
            Some(digest) => writeln!(f, "manifest {digest}")?,
            None => writeln!(f, "manifest none")?,
        }
        self.files.iter().try_for_each(|(name, digest)| writeln!(f, "{name} {digest}"))
    }
}
