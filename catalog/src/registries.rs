//! The settings of registries: which registry has the packages of a namespace, and the credentials.
//!
//! They are those of `wkg` (`~/.config/wasm-pkg/config.toml`), read as that tool reads them, and the user names and
//! passwords in Docker's `config.json`. This crate reads no environment and finds no home directory: the caller gives
//! it the texts. Docker's credential helpers are programs, and are not run.

mod metadata;
mod wkg;

use std::collections::HashMap;
use std::fmt;
use std::path::{Path, PathBuf};

use data_encoding::BASE64;
use plugbay_files::{FileError, FileProblem, read_file, text};
use serde::Deserialize;

pub(crate) use self::metadata::{Metadata, OciPlace};
use self::wkg::WkgFile;
use crate::limits::SETTINGS_BYTES_MAX;

/// The name of a variable with a bearer token, before and after the registry.
const TOKEN_PREFIX: &str = "WKG_REGISTRY_";
const TOKEN_SUFFIX: &str = "_AUTH_BEARER";

/// The settings of all registries. `Default` has none.
#[derive(Clone, Debug, Default)]
pub struct Registries {
    default_registry: Option<String>,
    namespaces: HashMap<String, Mapping>,
    packages: HashMap<String, Mapping>,
    registries: HashMap<String, Settings>,
    /// The bearer tokens of the environment, by the variable that names their registry.
    tokens: HashMap<String, Credentials>,
    /// The namespace of a package that is named without one.
    default_namespace: Option<String>,
}

/// The settings cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the registry settings {origin} are invalid: {reason}")]
#[non_exhaustive]
pub struct RegistriesError {
    /// The file.
    pub origin: String,
    /// The reason. It never quotes a credential.
    pub reason: String,
}

/// The credentials of a registry.
#[derive(Clone, PartialEq, Eq)]
pub enum Credentials {
    /// A user and a password, or a personal access token in its place.
    Password {
        /// The user.
        user: String,
        /// The password.
        password: String,
    },
    /// A bearer token.
    Token(String),
}

/// Shows neither user nor password.
impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials(…)")
    }
}

/// The registry of a namespace or a package.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
enum Mapping {
    /// Its well-known document says where the packages are.
    Registry(String),
    /// The settings say it.
    Custom { registry: String, metadata: Metadata },
}

/// The settings of one registry.
#[derive(Clone, Debug, Default)]
struct Settings {
    plain: bool,
    credentials: Option<Credentials>,
    local_root: Option<PathBuf>,
}

/// The location of the packages of a namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum PackagePlace {
    /// In a directory: `ROOT/NAMESPACE/NAME/VERSION.wasm`.
    Local(PathBuf),
    /// In an OCI registry whose place is known.
    Oci(OciPlace),
    /// In a registry whose well-known document says it.
    WellKnown(String),
}

impl Registries {
    /// Reads the settings of `wkg`, a TOML document. Parts for other tools are ignored.
    ///
    /// # Errors
    /// [`RegistriesError`] if the text is too large or not such a document.
    pub fn from_wkg(origin: &str, text: &str) -> Result<Registries, RegistriesError> {
        let failed = |reason: String| RegistriesError { origin: origin.to_owned(), reason };
        if text.len() as u64 > SETTINGS_BYTES_MAX {
            return Err(failed(format!("they have more than {SETTINGS_BYTES_MAX} bytes")));
        }
        // The message of the parser alone: its excerpt of the text could show a password.
        let file: WkgFile = toml::from_str(text).map_err(|error| failed(error.message().to_owned()))?;
        let mut registries = HashMap::new();
        for (name, settings) in file.registry {
            registries.insert(name.to_ascii_lowercase(), settings.read().map_err(|reason| failed(reason.to_owned()))?);
        }
        Ok(Registries {
            default_registry: file.default_registry,
            namespaces: file.namespace_registries,
            packages: file.package_registry_overrides,
            registries,
            tokens: HashMap::new(),
            default_namespace: None,
        })
    }

    /// Adds the users and passwords of Docker's `config.json` for registries that have none yet. Entries of credential
    /// helpers are skipped.
    ///
    /// # Errors
    /// [`RegistriesError`] if the text is too large or not such a document.
    pub fn add_docker(&mut self, origin: &str, text: &str) -> Result<(), RegistriesError> {
        #[derive(Deserialize)]
        struct DockerFile {
            #[serde(default)]
            auths: HashMap<String, DockerAuth>,
        }
        #[derive(Deserialize)]
        struct DockerAuth {
            auth: Option<String>,
        }
        let failed = |reason: String| RegistriesError { origin: origin.to_owned(), reason };
        if text.len() as u64 > SETTINGS_BYTES_MAX {
            return Err(failed(format!("they have more than {SETTINGS_BYTES_MAX} bytes")));
        }
        let file: DockerFile = serde_json::from_str(text)
            .map_err(|error| failed(format!("not a document of Docker at line {}", error.line())))?;
        for (name, entry) in file.auths {
            let name = name.strip_prefix("https://").unwrap_or(&name).trim_end_matches('/').to_ascii_lowercase();
            let Some(credentials) = entry.auth.as_deref().and_then(basic) else { continue };
            self.registries.entry(name).or_default().credentials.get_or_insert(credentials);
        }
        Ok(())
    }

    /// Reads the files of wkg (`config.toml`) and Docker (`config.json`). A file that does not exist is left out.
    ///
    /// # Errors
    /// [`RegistriesError`] if a file cannot be read, is too large or is not such a document.
    pub fn from_files(wkg: Option<&Path>, docker: Option<&Path>) -> Result<Registries, RegistriesError> {
        let read = |path: &Path| match read_file(path, SETTINGS_BYTES_MAX).and_then(|bytes| text(path, bytes)) {
            Ok(text) => Ok(Some((path.display().to_string(), text))),
            Err(FileError { problem: FileProblem::NotFound, .. }) => Ok(None),
            Err(error) => {
                Err(RegistriesError { origin: path.display().to_string(), reason: error.problem.to_string() })
            }
        };
        let mut registries = match wkg.map(read).transpose()?.flatten() {
            Some((origin, text)) => Registries::from_wkg(&origin, &text)?,
            None => Registries::default(),
        };
        if let Some((origin, text)) = docker.map(read).transpose()?.flatten() {
            registries.add_docker(&origin, &text)?;
        }
        Ok(registries)
    }

    /// Sets the credentials of a registry, in place of others.
    pub fn set_credentials(&mut self, registry: &str, credentials: Credentials) {
        self.registries.entry(registry.to_ascii_lowercase()).or_default().credentials = Some(credentials);
    }

    /// Sets the namespace of packages that are named without one. Default: none.
    pub fn set_default_namespace(&mut self, namespace: impl Into<String>) {
        self.default_namespace = Some(namespace.into());
    }

    /// Adds the bearer tokens among these environment variables. As for `wkg`, `WKG_REGISTRY_<REGISTRY>_AUTH_BEARER`
    /// has the token of a registry, such as `WKG_REGISTRY_GHCR_IO_AUTH_BEARER`, and takes precedence over all other
    /// credentials of it.
    pub fn add_tokens(&mut self, environment: impl IntoIterator<Item = (String, String)>) {
        let is_token = |name: &str| name.starts_with(TOKEN_PREFIX) && name.ends_with(TOKEN_SUFFIX);
        let tokens = environment.into_iter().filter(|(name, token)| is_token(name) && !token.is_empty());
        self.tokens.extend(tokens.map(|(name, token)| (name, Credentials::Token(token))));
    }

    pub(crate) fn default_namespace(&self) -> Option<&str> {
        self.default_namespace.as_deref()
    }

    pub(crate) fn credentials(&self, registry: &str) -> Option<Credentials> {
        let of_files = || self.registries.get(registry)?.credentials.as_ref();
        self.tokens.get(&token_variable(registry)).or_else(of_files).cloned()
    }

    /// Whether the settings say that a registry is reached without encryption.
    pub(crate) fn is_plain(&self, registry: &str) -> bool {
        self.registries.get(registry).is_some_and(|settings| settings.plain)
    }

    /// The registries that are reached without encryption.
    pub(crate) fn plain(&self) -> impl Iterator<Item = &String> {
        self.registries.iter().filter(|(_, settings)| settings.plain).map(|(name, _)| name)
    }

    /// The namespace of a package, and where its packages are. The order is that of `wkg`: the package, its namespace,
    /// the default registry.
    pub(crate) fn place(&self, namespace: Option<&str>, name: &str) -> Option<(String, PackagePlace)> {
        let namespace = namespace?;
        let mapping = self.packages.get(&format!("{namespace}:{name}")).or_else(|| self.namespaces.get(namespace));
        let registry = match mapping {
            Some(Mapping::Custom { registry, metadata }) => {
                return Some((namespace.to_owned(), PackagePlace::Oci(metadata.oci_place(registry))));
            }
            Some(Mapping::Registry(registry)) => registry,
            None => self.default_registry.as_ref()?,
        };
        let registry = registry.to_ascii_lowercase();
        let local = self.registries.get(&registry).and_then(|settings| settings.local_root.clone());
        let place = local.map_or(PackagePlace::WellKnown(registry), PackagePlace::Local);
        Some((namespace.to_owned(), place))
    }
}

/// The environment variable with which `wkg` takes the bearer token of a registry.
fn token_variable(registry: &str) -> String {
    let letter = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' };
    let name: String = registry.chars().map(letter).collect();
    format!("{TOKEN_PREFIX}{name}{TOKEN_SUFFIX}")
}

/// Reads the base64 of `USER:PASSWORD`, with or without padding.
fn basic(text: &str) -> Option<Credentials> {
    let text = text.trim_end_matches('=');
    let bytes = data_encoding::BASE64_NOPAD.decode(text.as_bytes()).or_else(|_| BASE64.decode(text.as_bytes())).ok()?;
    let (user, password) = std::str::from_utf8(&bytes).ok()?.split_once(':')?;
    Some(Credentials::Password { user: user.to_owned(), password: password.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SETTINGS: &str = r#"
        default_registry = "acme.example"
        [namespace_registries]
        test = { registry = "x", metadata = { preferredProtocol = "oci", oci = { registry = "ghcr.io", namespacePrefix = "webassembly/" } } }
        mine = "localhost:5000"
        files = "Files"
        [package_registry_overrides]
        "mine:other" = "other.example"
        [registry."localhost:5000".oci]
        auth = { username = "open", password = "sesame" }
        protocol = "http"
        [registry."ghcr.io".oci]
        auth = "b3BlbjpzZXNhbWU="
        [registry.files]
        type = "local"
        [registry.files.local]
        root = "/srv/packages"
    "#;

    fn settings() -> Registries {
        Registries::from_wkg("config.toml", SETTINGS).expect("settings")
    }

    #[test]
    fn package_is_found_as_wkg_finds_it() {
        let place = |namespace: &str, name: &str| settings().place(Some(namespace), name).expect("a place").1;
        let test = OciPlace { registry: "ghcr.io".to_owned(), prefix: "webassembly/".to_owned() };
        assert_eq!(place("test", "hello"), PackagePlace::Oci(test.clone()));
        let reference = test.reference("test", "hello", "1.0.0").expect("a reference");
        assert_eq!(reference.to_string(), "ghcr.io/webassembly/test/hello:1.0.0");
        assert_eq!(place("mine", "hello"), PackagePlace::WellKnown("localhost:5000".to_owned()));
        assert_eq!(place("mine", "other"), PackagePlace::WellKnown("other.example".to_owned()));
        assert_eq!(place("any", "hello"), PackagePlace::WellKnown("acme.example".to_owned()));
        assert_eq!(place("files", "hello"), PackagePlace::Local("/srv/packages".into()));
        assert_eq!(Registries::default().place(Some("any"), "hello"), None);
        assert_eq!(settings().place(None, "hello"), None, "no namespace is a default");
    }

    #[test]
    fn credentials_are_read_in_both_forms_and_never_shown() {
        let open = Credentials::Password { user: "open".to_owned(), password: "sesame".to_owned() };
        for registry in ["localhost:5000", "ghcr.io"] {
            assert_eq!(settings().credentials(registry), Some(open.clone()), "{registry}");
        }
        assert!(settings().is_plain("localhost:5000") && !settings().is_plain("ghcr.io"));
        let shown = format!("{:?}", settings());
        assert!(!shown.contains("sesame"), "{shown}");
        let error = Registries::from_wkg("x", "[registry.\"a.b\".oci]\nauth = 1 # sesame").expect_err("not an auth");
        assert!(!error.to_string().contains("sesame"), "{error}");
    }

    #[test]
    fn docker_adds_what_wkg_does_not_have() {
        let mut settings = settings();
        let text = r#"{"auths":{"https://quay.io/":{"auth":"YTpi"},"ghcr.io":{"auth":"YTpi"},"helper.io":{}}}"#;
        settings.add_docker("config.json", text).expect("a document");
        let credentials = |registry: &str| settings.credentials(registry);
        assert_eq!(credentials("quay.io"), Some(Credentials::Password { user: "a".into(), password: "b".into() }));
        assert!(matches!(credentials("ghcr.io"), Some(Credentials::Password { user, .. }) if user == "open"));
        assert_eq!(credentials("helper.io"), None);
        assert!(settings.add_docker("config.json", "auths").is_err());
    }

    #[test]
    fn files_that_do_not_exist_are_left_out() {
        let directory = tempfile::tempdir().expect("a directory");
        let (wkg, docker) = (directory.path().join("config.toml"), directory.path().join("config.json"));
        let none = Registries::from_files(Some(&wkg), Some(&docker)).expect("nothing is there");
        assert_eq!(none.place(Some("any"), "hello"), None);
        std::fs::write(&wkg, SETTINGS).expect("written");
        std::fs::write(&docker, r#"{"auths":{"quay.io":{"auth":"YTpi"}}}"#).expect("written");
        let both = Registries::from_files(Some(&wkg), Some(&docker)).expect("settings");
        assert!(both.credentials("quay.io").is_some() && both.credentials("ghcr.io").is_some());
        std::fs::write(&docker, b"\xff").expect("written");
        let error = Registries::from_files(None, Some(&docker)).expect_err("not text").to_string();
        assert!(error.contains("config.json") && error.contains("UTF-8"), "{error}");
    }

    #[test]
    fn token_of_the_environment_comes_before_other_credentials() {
        let mut settings = settings();
        settings.add_tokens(
            [
                ("WKG_REGISTRY_LOCALHOST_5000_AUTH_BEARER", "secret"),
                ("WKG_REGISTRY_GHCR_IO_AUTH_BEARER", ""),
                ("WKG_REGISTRY_GHCR_IO_AUTH_BASIC", "secret"),
                ("GHCR_IO", "secret"),
            ]
            .map(|(name, token)| (name.to_owned(), token.to_owned())),
        );
        assert_eq!(settings.credentials("localhost:5000"), Some(Credentials::Token("secret".to_owned())));
        assert!(matches!(settings.credentials("ghcr.io"), Some(Credentials::Password { .. })));
        assert!(!format!("{settings:?}").contains("secret"));
    }
}
