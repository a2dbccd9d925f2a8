//! The host's file, `plugbay.yaml`: reading it, and looking up the entry of a plugin.
//!
//! Only a file that the operator names is read. A file that happens to be in the current directory could grant
//! permissions without the operator's knowledge.

use std::path::{Path, PathBuf};

use plugbay::Policy;
use plugbay::manifest::limits::DOCUMENT_BYTES_MAX;
use plugbay::manifest::{
    self, CatalogSettings, DockerEntry, Format, ManifestError, PluginEntry, PluginSource, Resources, Rule, ServerEntry,
    Supervision, ToolPattern,
};
use plugbay::policy::UnreachableRule;
use plugbay_catalog::PackageOrigin;
use plugbay_files::FileError;

/// The host's file and its directory, to which paths in it are relative.
#[derive(Clone, Debug, Default)]
pub struct HostFile {
    directory: PathBuf,
    contents: manifest::HostFile,
}

/// The host's file cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HostFileError {
    /// It cannot be read.
    #[error("the host's file {_0}")]
    Read(FileError),
    /// Its content is invalid.
    #[error("the host's file is invalid:\n{_0}")]
    Content(ManifestError),
}

impl HostFile {
    /// Reads a regular file of at most [`DOCUMENT_BYTES_MAX`] bytes.
    ///
    /// # Errors
    /// [`HostFileError`] if it cannot be read, is too large or is invalid.
    pub fn read(path: &Path) -> Result<Self, HostFileError> {
        HostFile::read_with(Some(path), [])
    }

    /// Reads the file, if one is named, with variables of the environment that override fields of it
    /// ([`manifest::HostFile::parse_with`]). Without a file, paths in the variables are relative to the current
    /// directory.
    ///
    /// # Errors
    /// [`HostFileError`] if the file cannot be read or is too large, or the file or a variable is invalid.
    pub fn read_with(
        path: Option<&Path>,
        variables: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, HostFileError> {
        let mut file = HostFile::default();
        let (mut origin, mut text, mut format) = ("the environment".to_owned(), String::new(), Format::Yaml);
        if let Some(path) = path {
            let bytes = plugbay_files::read_file(path, DOCUMENT_BYTES_MAX as u64);
            text = bytes.and_then(|bytes| plugbay_files::text(path, bytes)).map_err(HostFileError::Read)?;
            format = format_of(path);
            origin = path.display().to_string();
            file.directory = path.parent().map(Path::to_owned).unwrap_or_default();
        }
        file.contents =
            manifest::HostFile::parse_with(origin, &text, format, variables).map_err(HostFileError::Content)?;
        if let Some(tls) = &mut file.contents.server.tls {
            tls.certificate = file.directory.join(&tls.certificate);
            tls.key = file.directory.join(&tls.key);
        }
        if let Some(ca) = file.contents.server.otlp.as_mut().and_then(|otlp| otlp.ca.as_mut()) {
            *ca = file.directory.join(&*ca);
        }
        for tls in file.contents.docker.iter_mut().filter_map(|engine| engine.tls.as_mut()) {
            let client = tls.client.iter_mut().flat_map(|(certificate, key)| [certificate, key]);
            tls.ca.iter_mut().chain(client).for_each(|path| *path = file.directory.join(&*path));
        }
        Ok(file)
    }

    /// The parts that differ from those of another file and that a host uses only when it starts.
    pub(crate) fn parts_for_a_restart(&self, other: &HostFile) -> Vec<&'static str> {
        let (own, other) = (&self.contents, &other.contents);
        let (server, others) = (at_start(&own.server), at_start(&other.server));
        let parts = [
            ("plugins", own.plugins != other.plugins),
            ("plugins_dir", own.plugins_dir != other.plugins_dir),
            ("catalog", own.catalog != other.catalog),
            ("mcp", own.mcp != other.mcp),
            ("server", server != others),
            ("ceilings", own.ceilings != other.ceilings),
            ("environment", own.environment != other.environment),
            ("data_dir", own.data_dir != other.data_dir),
            ("processes", own.supervision != other.supervision),
            ("docker", own.docker != other.docker),
            ("logger_parents", own.logger_parents != other.logger_parents),
        ];
        parts.into_iter().filter_map(|(part, differs)| differs.then_some(part)).collect()
    }

    pub(crate) fn policy(&self) -> &[Rule] {
        &self.contents.policy
    }

    /// The ceilings as written.
    pub(crate) fn ceilings(&self) -> &Resources {
        &self.contents.ceilings
    }

    /// The processes and their settings.
    pub fn supervision(&self) -> &Supervision {
        &self.contents.supervision
    }

    /// The consumers whose tokens the operator revoked: `api.revoked` of a `pup.json`.
    pub fn revoked_consumers(&self) -> &[String] {
        &self.contents.supervision.api.revoked
    }

    /// The names before the targets of plugins' log lines.
    pub(crate) fn logger_parents(&self) -> &[String] {
        &self.contents.logger_parents
    }

    /// The Docker engines, with paths that are no longer relative to the file.
    pub(crate) fn docker(&self) -> &[DockerEntry] {
        &self.contents.docker
    }

    /// The directory of the file, to which its paths are relative.
    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }

    /// The environment, if the file names one.
    pub fn environment(&self) -> Option<&str> {
        self.contents.environment.as_deref()
    }

    /// The data directory, if the file names one.
    pub fn data_dir(&self) -> Option<PathBuf> {
        self.contents.data_dir.as_ref().map(|directory| self.directory.join(directory))
    }

    /// The actions that are tools for assistants.
    pub fn mcp(&self) -> &[ToolPattern] {
        &self.contents.mcp
    }

    /// The settings of the server, with paths that are no longer relative to the file.
    pub fn server(&self) -> &ServerEntry {
        &self.contents.server
    }

    /// The settings of the catalog.
    pub(crate) fn catalog(&self) -> &CatalogSettings {
        &self.contents.catalog
    }

    /// The directory whose plugins are all loaded, if the file names one.
    pub fn plugins_dir(&self) -> Option<PathBuf> {
        self.contents.plugins_dir.as_ref().map(|directory| self.directory.join(directory))
    }

    /// The references to packages that the catalog has to fetch, as it reads them: at URLs, in registries, and
    /// manifests on this machine, which name or contain their component.
    pub(crate) fn fetched_plugins(&self) -> impl Iterator<Item = String> + '_ {
        self.contents.plugins.iter().filter_map(|plugin| match self.local(plugin) {
            Some(path) => is_manifest(&path).then(|| path_text(&path)),
            None => remote(&plugin.source),
        })
    }

    /// The paths of the file's plugins on this machine: directories and components.
    pub fn local_plugins(&self) -> impl Iterator<Item = PathBuf> + '_ {
        self.contents.plugins.iter().filter_map(|plugin| self.local(plugin)).filter(|path| !is_manifest(path))
    }

    /// One note for each rule without effect, because a rule above it always decides.
    pub(crate) fn unreachable_rules(&self) -> impl Iterator<Item = String> + '_ {
        let of_plugins = self.contents.plugins.iter().enumerate();
        let of_plugins =
            of_plugins.map(|(index, plugin)| (format!("plugins[{index}].permissions"), &plugin.permissions));
        let lists = std::iter::once(("policy".to_owned(), &self.contents.policy)).chain(of_plugins);
        lists.flat_map(|(list, rules)| {
            let unreachable = Policy::from_rules(rules).unreachable_rules();
            unreachable.into_iter().map(move |UnreachableRule { index, rule, covered_by, .. }| {
                format!(
                    "the host's file: {list}[{index}] (`{rule}`) has no effect, because `{covered_by}` is above it and \
                     the first rule that matches decides"
                )
            })
        })
    }

    /// The entries for the plugin at `path`.
    pub(crate) fn of_path(&self, path: &Path) -> Vec<&PluginEntry> {
        let wanted = path.canonicalize().ok();
        let is_it = |plugin: &&PluginEntry| {
            let local = self.local(plugin).and_then(|local| local.canonicalize().ok());
            local.is_some() && local == wanted
        };
        self.contents.plugins.iter().filter(is_it).collect()
    }

    /// The entries for an installed plugin: by its name, or by the reference that it was installed from.
    pub(crate) fn of_installed(&self, name: &str, origin: &str) -> Vec<&PluginEntry> {
        let is_it = |plugin: &&PluginEntry| match &plugin.source {
            PluginSource::Installed(named) => named == name,
            PluginSource::Local(_) => self.local(plugin).is_some_and(|path| path_text(&path) == origin),
            source => remote(source).is_some_and(|reference| reference == origin),
        };
        self.contents.plugins.iter().filter(is_it).collect()
    }

    fn local(&self, plugin: &PluginEntry) -> Option<PathBuf> {
        match &plugin.source {
            PluginSource::Local(local) => Some(self.directory.join(local)),
            PluginSource::Https(_) | PluginSource::Oci(_) | PluginSource::Installed(_) => None,
        }
    }
}

/// The settings of the server without those that a host reads again.
fn at_start(server: &ServerEntry) -> ServerEntry {
    let mut server = server.clone();
    server.log_level = None;
    server
}

/// The format of a host's file. Pup's may be called `pup.jsonc`, because it has comments.
fn format_of(path: &Path) -> Format {
    let is_jsonc = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("jsonc"));
    Format::from_path(path).unwrap_or(if is_jsonc { Format::Json } else { Format::Yaml })
}

/// Whether a path is that of a manifest document.
fn is_manifest(path: &Path) -> bool {
    Format::from_path(path).is_some() && !path.is_dir()
}

/// A path as the catalog records it as an origin.
fn path_text(path: &Path) -> String {
    path.canonicalize().as_deref().unwrap_or(path).display().to_string()
}

/// The reference to a package that is not on this machine, in the catalog's spelling. One that the catalog cannot read
/// is left as it is written, so that its error names it.
fn remote(source: &PluginSource) -> Option<String> {
    let text = match source {
        PluginSource::Local(_) | PluginSource::Installed(_) => return None,
        PluginSource::Https(url) => url.clone(),
        PluginSource::Oci(reference) => format!("oci://{reference}"),
    };
    Some(PackageOrigin::parse(&text).map_or(text, |origin| origin.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<HostFile, HostFileError> {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("plugbay.yaml");
        std::fs::write(&path, text).expect("written");
        HostFile::read(&path)
    }

    #[test]
    fn file_is_read_in_the_format_of_its_name() {
        let directory = tempfile::tempdir().expect("a directory");
        let json = "{ // of Pup\n \"processes\": [{ \"id\": \"web\", \"cmd\": \"true\" },], }";
        let yaml = "processes: [{ id: web, cmd: 'true' }]";
        for (name, text) in [("pup.json", json), ("pup.jsonc", json), ("host.yml", yaml), ("host.conf", yaml)] {
            let path = directory.path().join(name);
            std::fs::write(&path, text).expect("written");
            let read = HostFile::read(&path).unwrap_or_else(|error| panic!("{name}: {error}"));
            assert_eq!(read.supervision().processes.len(), 1, "{name}");
        }
    }

    #[test]
    fn file_longer_than_a_document_is_refused_unparsed() {
        let error = read(&" ".repeat(DOCUMENT_BYTES_MAX + 1)).expect_err("too long");
        assert!(matches!(error, HostFileError::Read(_)) && error.to_string().contains("1048576"), "{error}");
    }

    #[test]
    fn paths_of_the_certificate_are_relative_to_the_file() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("plugbay.yaml");
        std::fs::write(&path, "server: { tls: { certificate: a.pem, key: /b.pem } }").expect("written");
        let tls = HostFile::read(&path).expect("valid").server().tls.clone().expect("a certificate");
        assert_eq!((tls.certificate, tls.key), (directory.path().join("a.pem"), PathBuf::from("/b.pem")));
    }

    #[test]
    fn files_of_a_docker_engine_are_relative_to_the_file() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("plugbay.yaml");
        let tls = "{ ca: a.pem, cert: b.pem, key: /c.pem }";
        std::fs::write(&path, format!("docker: [{{ name: a, url: tcp://a, tls: {tls} }}]")).expect("written");
        let file = HostFile::read(&path).expect("valid");
        let tls = file.docker()[0].tls.clone().expect("files");
        let expected = (directory.path().join("b.pem"), PathBuf::from("/c.pem"));
        assert_eq!((tls.ca, tls.client), (Some(directory.path().join("a.pem")), Some(expected)));
    }

    #[cfg(unix)]
    #[test]
    fn device_is_refused_unread() {
        let error = HostFile::read(Path::new("/dev/zero")).expect_err("it has no end");
        assert!(error.to_string().contains("/dev/zero: is a device, not a regular file"), "{error}");
    }

    #[test]
    fn entry_applies_to_the_installed_plugin_that_it_names() {
        let text = "plugins: [{ name: b }, { url: https://X.example/b.wasm }, { url: oci://ghcr.io/acme/c:1 }]";
        let file = read(text).expect("a host's file");
        let count = |name: &str, origin: &str| file.of_installed(name, origin).len();
        assert_eq!(count("b", "https://x.example/b.wasm"), 2, "its name, and its reference");
        assert_eq!((count("c", "oci://ghcr.io/acme/c:1"), count("c", "oci://ghcr.io/acme/c:2")), (1, 0));
        assert_eq!(file.fetched_plugins().count(), 2);
    }
}
