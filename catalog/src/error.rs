//! The error of the catalog's operations.

use std::path::PathBuf;

use plugbay_files::{FileError, FileProblem};
use plugbay_manifest::ManifestError;

use crate::difference::Difference;
use crate::digest::Digest;
use crate::http::{TransferError, TransferProblem};
use crate::key::SignatureError;
use crate::limits::{CONFIG_FILES_MAX, DOCUMENT_BYTES_MAX};
use crate::origin::OriginError;
use crate::store::StoreError;

/// An operation of the catalog failed. The catalog is unchanged.
#[derive(Debug, thiserror::Error)]
#[error("{subject}: {problem}")]
pub struct CatalogError {
    subject: String,
    #[source]
    problem: Box<CatalogProblem>,
}

/// The problem of an operation. Its text follows the plugin or the reference that it concerns.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CatalogProblem {
    /// The reference cannot be read.
    #[error(transparent)]
    Origin(#[from] OriginError),
    /// A file cannot be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// A transfer failed.
    #[error(transparent)]
    Transfer(#[from] TransferError),
    /// The manifest is wrong.
    #[error("the manifest is invalid: {}", .0.to_string().replace('\n', "; "))]
    Manifest(#[from] ManifestError),
    /// The signature is wrong, or is required and not there.
    #[error(transparent)]
    Signature(#[from] SignatureError),
    /// The catalog's database failed or refused the change.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The document is neither JSON nor YAML, by the end of its URL.
    #[error("Unsupported manifest: a manifest's URL ends with .json, .yaml or .yml, and a component's with .wasm")]
    UnsupportedManifest,
    /// A document is not text.
    #[error("{0} is not UTF-8 text")]
    NotText(String),
    /// A YAML document contains its component and is too large.
    #[error(
        "a YAML manifest has at most {DOCUMENT_BYTES_MAX} bytes: write the manifest as JSON, or name the component's URL"
    )]
    YamlTooLarge,
    /// The field `plugin` contains source code.
    #[error(
        "`plugin` contains source code, which is not run: compile it to WebAssembly, and write its URL or its base64"
    )]
    SourceCode,
    /// The manifest names no component.
    #[error("the manifest names no component: write its URL, its path or its base64 into `plugin` or `entry_point`")]
    NoCode,
    /// A manifest from a server names a file of this machine.
    #[error("the manifest names a file on this machine ({0}), which only a manifest on this machine may do")]
    LocalCode(String),
    /// A directory has no component.
    #[error("{} has no `.wasm` file: build the plugin, or name its component as `entry_point` in the manifest", .0.display())]
    NoComponent(PathBuf),
    /// A directory has several components.
    #[error("{} has more than one `.wasm` file: name one as `entry_point` in the manifest", .0.display())]
    SeveralComponents(PathBuf),
    /// A directory has too many configuration files.
    #[error("its directory `config` has more than {CONFIG_FILES_MAX} documents")]
    TooManyFiles,
    /// A configuration file is not an object.
    #[error("{0} is not a mapping of keys to values")]
    ConfigFile(String),
    /// The bytes are not a component.
    #[error("the component cannot be used: {0}")]
    Component(String),
    /// The settings name no registry for a package.
    #[error("no registry is configured for `{0}`: add its namespace to the settings of wkg, or install it as oci://…")]
    NoRegistry(String),
    /// A registry's well-known document cannot be used.
    #[error("the registry {registry} cannot be used: {reason}")]
    Registry {
        /// The registry.
        registry: String,
        /// The reason.
        reason: String,
    },
    /// A package has no version.
    #[error("the registry has no version of `{0}` that is a semantic version and not a pre-release")]
    NoVersion(String),
    /// A package cannot be published as one file.
    #[error(
        "its manifest and configuration are beside its component: put them inside it, since a registry stores one file"
    )]
    NotSelfContained,
    /// An uploaded plugin has no place to be updated from.
    #[error("it was uploaded, and its manifest names no URL of a newer one: give a reference to update it from")]
    NoOrigin,
    /// An update found another plugin.
    #[error("it is the plugin `{found}`, not `{expected}`: install it under its own name")]
    OtherPlugin {
        /// The installed plugin.
        expected: String,
        /// The plugin that was found.
        found: String,
    },
    /// A registry serves other content under the same version.
    #[error(
        "version {version} has other content than the installed one: it was {installed}, and now is {found}. A published \
         version does not change; ask the publisher, and accept the change only if it was meant"
    )]
    VersionMoved {
        /// The version.
        version: semver::Version,
        /// The digest of the installed component.
        installed: Digest,
        /// The digest of the component that was found.
        found: Digest,
    },
    /// The operator has not confirmed everything that the plugin asks for.
    #[error("it asks for more than is confirmed: {}", .0.summary())]
    Unconfirmed(Box<Difference>),
}

impl CatalogError {
    pub(crate) fn new(subject: &str, problem: impl Into<CatalogProblem>) -> CatalogError {
        // The query of a URL may hold a secret.
        let shown = if subject.contains("://") { subject.split('?').next().unwrap_or_default() } else { subject };
        CatalogError { subject: visible(shown), problem: Box::new(problem.into()) }
    }

    /// The plugin or the reference that the error is about.
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// The problem.
    pub fn problem(&self) -> &CatalogProblem {
        &self.problem
    }

    /// Whether the plugin is not in the catalog.
    pub fn is_not_installed(&self) -> bool {
        matches!(*self.problem, CatalogProblem::Store(StoreError::NotInstalled(_)))
    }

    /// The error's stable code.
    pub fn code(&self) -> &'static str {
        match &*self.problem {
            CatalogProblem::Origin(_) | CatalogProblem::NoOrigin => "invalid_reference",
            CatalogProblem::File(_) | CatalogProblem::NotText(_) => "file_unreadable",
            CatalogProblem::Transfer(error) => error.problem.code(),
            CatalogProblem::Manifest(_)
            | CatalogProblem::YamlTooLarge
            | CatalogProblem::TooManyFiles
            | CatalogProblem::ConfigFile(_) => "invalid_manifest",
            CatalogProblem::Signature(error) => error.code(),
            CatalogProblem::Store(error) => error.code(),
            CatalogProblem::UnsupportedManifest => "unsupported_manifest",
            CatalogProblem::SourceCode
            | CatalogProblem::NoCode
            | CatalogProblem::LocalCode(_)
            | CatalogProblem::NoComponent(_)
            | CatalogProblem::SeveralComponents(_)
            | CatalogProblem::Component(_) => "no_component",
            CatalogProblem::NoRegistry(_) | CatalogProblem::Registry { .. } => "no_registry",
            CatalogProblem::NoVersion(_) => "not_found",
            CatalogProblem::NotSelfContained => "not_self_contained",
            CatalogProblem::OtherPlugin { .. } => "other_plugin",
            CatalogProblem::VersionMoved { .. } => "version_moved",
            CatalogProblem::Unconfirmed(_) => "unconfirmed",
        }
    }

    /// Advice in addition to the text.
    pub fn hint(&self) -> Option<&'static str> {
        match &*self.problem {
            CatalogProblem::File(FileError { problem: FileProblem::NotFound, .. }) => {
                Some("a package of a registry is written NAMESPACE:NAME, NAME@VERSION or oci://REGISTRY/REPOSITORY:TAG")
            }
            CatalogProblem::Unconfirmed(_) => Some("look at what it asks for, and confirm it with --yes"),
            CatalogProblem::Transfer(TransferError { problem: TransferProblem::PrivateAddress(_), .. }) => {
                Some("hosts with private addresses are named one by one, so that no package can reach the others")
            }
            CatalogProblem::Transfer(TransferError { problem: TransferProblem::Denied(_), .. }) => Some(
                "credentials are those of wkg's config.toml, a token in WKG_REGISTRY_<REGISTRY>_AUTH_BEARER, or those of \
                 Docker's config.json",
            ),
            _ => None,
        }
    }
}

/// The text with its control characters and marks of direction escaped, so that it cannot drive a terminal or forge
/// another line. It may come from a command line, a web form or a manifest.
pub(crate) fn visible(text: &str) -> String {
    text.chars().flat_map(|c| c.escape_debug().filter(move |_| hidden(c)).chain((!hidden(c)).then_some(c))).collect()
}

fn hidden(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hidden_characters_are_escaped() {
        assert_eq!(visible("a\nb\u{1b}[31m \u{202e} `ä` \"x\" \\"), "a\\nb\\u{1b}[31m \\u{202e} `ä` \"x\" \\");
    }
}
