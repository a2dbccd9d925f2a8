//! The origin of a package, as the operator writes it.

use std::fmt;
use std::path::{Path, PathBuf};

use plugbay_manifest::Format;
use url::Url;

use crate::error::visible;
use crate::limits::REFERENCE_CHARS_MAX;
use crate::oci::OciReference;

/// The signature of a plugin's directory.
pub(crate) const SIGNATURE_FILE: &str = "plugbay.minisig";
/// The extension that a signature adds to the name of the signed file.
pub(crate) const SIGNATURE_EXTENSION: &str = ".minisig";

/// The origin of a package.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PackageOrigin {
    /// A plugin's directory.
    Directory(PathBuf),
    /// A component on this machine.
    File(PathBuf),
    /// A manifest on this machine, which names or contains the component.
    LocalManifest(PathBuf),
    /// The URL of a manifest, or of a component if its path ends with `.wasm`.
    Url(Url),
    /// An artefact in a registry.
    Oci(OciReference),
    /// A package of the configured registries.
    Named {
        /// The namespace. Without one, the configured default is meant.
        namespace: Option<String>,
        /// The package's name.
        name: String,
        /// The version. Without one, the newest is meant.
        version: Option<semver::Version>,
    },
}

/// A text is not a reference to a package.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{reference}` is not a reference to a plugin: {reason}")]
#[non_exhaustive]
pub struct OriginError {
    /// The text, shortened.
    pub reference: String,
    /// The problem, and a valid form.
    pub reason: String,
}

impl PackageOrigin {
    /// Reads a reference: a path, `file://`, `https://`, `oci://`, `NAMESPACE:NAME@VERSION` or `NAME@VERSION`. A path
    /// that exists is a path, whatever else it looks like.
    ///
    /// # Errors
    /// [`OriginError`] says what is wrong and what to write instead.
    pub fn parse(text: &str) -> Result<PackageOrigin, OriginError> {
        let failed = |reason: String| {
            let shown: String = text.chars().take(200).collect();
            OriginError { reference: visible(&shown), reason: visible(&reason) }
        };
        if text.is_empty() {
            return Err(failed("it is empty".to_owned()));
        }
        if text.chars().count() > REFERENCE_CHARS_MAX {
            return Err(failed(format!("it has more than {REFERENCE_CHARS_MAX} characters")));
        }
        if let Some(reference) = text.strip_prefix("oci://") {
            return reference.parse().map(PackageOrigin::Oci).map_err(failed);
        }
        if text.starts_with("jsr:") || text.starts_with("npm:") {
            let rule = "compile the plugin to a WebAssembly component, and publish or name that";
            return Err(failed(format!("it is a JavaScript package, which is not run here: {rule}")));
        }
        if text.contains("://") {
            return from_url(text).map_err(failed);
        }
        let path = Path::new(text);
        if !path.exists()
            && let Some(named) = named(text)
        {
            return named.map_err(failed);
        }
        Ok(from_path(path))
    }
}

impl PackageOrigin {
    /// The file in which the signature of a package on this machine is looked for: `plugbay.minisig` in a directory,
    /// `NAME.minisig` beside a file.
    pub fn signature_file(&self) -> Option<PathBuf> {
        match self {
            PackageOrigin::Directory(path) => Some(path.join(SIGNATURE_FILE)),
            PackageOrigin::File(path) | PackageOrigin::LocalManifest(path) => {
                let mut name = path.file_name()?.to_owned();
                name.push(SIGNATURE_EXTENSION);
                Some(path.with_file_name(name))
            }
            PackageOrigin::Url(_) | PackageOrigin::Oci(_) | PackageOrigin::Named { .. } => None,
        }
    }
}

fn from_url(text: &str) -> Result<PackageOrigin, String> {
    let url = Url::parse(text).map_err(|error| error.to_string())?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err("it contains a user or a password: give credentials in the settings of the registry".to_owned());
    }
    match url.scheme() {
        "file" => {
            let path = url.to_file_path();
            path.map(|path| from_path(&path))
                .map_err(|()| "file:// needs an absolute path, as in file:///srv/plugins/hello".to_owned())
        }
        "https" => Ok(PackageOrigin::Url(url)),
        "http" => Err("http:// is not encrypted, so the plugin could be replaced on its way: use https://".to_owned()),
        other => Err(format!("`{other}://` is not supported: use a path, file://, https:// or oci://")),
    }
}

fn from_path(path: &Path) -> PackageOrigin {
    if path.is_dir() {
        return PackageOrigin::Directory(path.to_owned());
    }
    match Format::from_path(path) {
        Some(_) => PackageOrigin::LocalManifest(path.to_owned()),
        None => PackageOrigin::File(path.to_owned()),
    }
}

/// Reads the name of a package. `None` if the text looks like a path.
fn named(text: &str) -> Option<Result<PackageOrigin, String>> {
    let (package, version) = match text.split_once('@') {
        Some((package, version)) => (package, Some(version)),
        None => (text, None),
    };
    let (namespace, name) = match package.split_once(':') {
        Some((namespace, name)) => (Some(namespace), name),
        None => (None, package),
    };
    // A text with neither a namespace nor a version is a path.
    if (namespace.is_none() && version.is_none()) || text.contains(['/', '\\']) {
        return None;
    }
    let read = || {
        for part in namespace.into_iter().chain([name]) {
            plugbay_manifest::check_plugin_name(part)?;
        }
        let version = version.map(|version| {
            let rule = "write three numbers such as 1.0.0, or leave it out for the newest";
            semver::Version::parse(version).map_err(|error| format!("the version is invalid ({error}): {rule}"))
        });
        Ok(PackageOrigin::Named {
            namespace: namespace.map(str::to_owned),
            name: name.to_owned(),
            version: version.transpose()?,
        })
    };
    Some(read())
}

/// The text that [`PackageOrigin::parse`] reads. A path is absolute if its file exists, so that an update finds it
/// again.
impl fmt::Display for PackageOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PackageOrigin::Directory(path) | PackageOrigin::File(path) | PackageOrigin::LocalManifest(path) => {
                let absolute = path.canonicalize();
                write!(f, "{}", absolute.as_deref().unwrap_or(path).display())
            }
            PackageOrigin::Url(url) => f.write_str(url.as_str()),
            PackageOrigin::Oci(reference) => write!(f, "oci://{reference}"),
            PackageOrigin::Named { namespace, name, version } => {
                if let Some(namespace) = namespace {
                    write!(f, "{namespace}:")?;
                }
                f.write_str(name)?;
                match version {
                    Some(version) => write!(f, "@{version}"),
                    // Without a namespace, `NAME` alone would be a path.
                    None => Ok(()),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_form_is_recognised() {
        let parse = |text: &str| PackageOrigin::parse(text).expect(text);
        assert!(matches!(parse("oci://ghcr.io/acme/hello:1.0.0"), PackageOrigin::Oci(_)));
        assert!(matches!(parse("https://example.org/plugin.yaml"), PackageOrigin::Url(_)));
        assert!(matches!(parse("file:///srv/plugins/plugin.json"), PackageOrigin::LocalManifest(_)));
        assert!(matches!(parse("plugins/hello.wasm"), PackageOrigin::File(_)));
        assert!(matches!(parse("src"), PackageOrigin::Directory(_)));
        assert!(matches!(parse("hello"), PackageOrigin::File(_)));
        assert!(matches!(parse("hello@1.0.0"), PackageOrigin::Named { namespace: None, version: Some(_), .. }));
        assert!(matches!(parse("acme:hello"), PackageOrigin::Named { namespace: Some(_), version: None, .. }));
        assert_eq!(parse("acme:hello@1.0.0").to_string(), "acme:hello@1.0.0");
        assert_eq!(parse("file:///srv/a%20b.wasm"), PackageOrigin::File("/srv/a b.wasm".into()));
    }

    #[track_caller]
    fn check_refused(text: &str, part: &str) {
        let error = PackageOrigin::parse(text).expect_err(text).to_string();
        assert!(error.contains(part), "{error}");
    }

    #[test]
    fn what_is_not_supported_says_what_to_write() {
        check_refused("", "is empty");
        check_refused("http://example.org/plugin.yaml", "use https://");
        check_refused("jsr:@pup/plugin@1.0.0", "JavaScript");
        check_refused("Acme:hello@1.0.0", "is not a plugin name");
        check_refused("ftp://example.org/x", "is not supported");
        check_refused("https://me:secret@example.org/x.yaml", "contains a user");
        check_refused("acme:hello@1", "three numbers");
        check_refused("file://host/x.wasm", "absolute path");
        check_refused("oci://hello", "has no repository");
        check_refused(&"x".repeat(5000), "characters");
    }
}
