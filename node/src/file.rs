//! The host's file, `plugbay.yaml`: reading it, and looking up the entry of a plugin.
//!
//! Only a file that the operator names is read. A file that happens to be in the current directory could grant
//! permissions without the operator's knowledge.

use std::path::{Path, PathBuf};

use plugbay::Policy;
use plugbay::manifest::limits::DOCUMENT_BYTES_MAX;
use plugbay::manifest::{self, Format, ManifestError, PluginEntry, PluginSource, Resources, Rule};
use plugbay::policy::UnreachableRule;
use plugbay_files::FileError;
use serde_json::Value;

/// The host's file and its directory, to which paths in it are relative.
#[derive(Debug, Default)]
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
        let bytes = plugbay_files::read_file(path, DOCUMENT_BYTES_MAX as u64);
        let text = bytes.and_then(|bytes| plugbay_files::text(path, bytes)).map_err(HostFileError::Read)?;
        let format = Format::from_path(path).unwrap_or(Format::Yaml);
        let contents = manifest::HostFile::parse(path.display().to_string(), &text, format);
        let directory = path.parent().map(Path::to_owned).unwrap_or_default();
        Ok(HostFile { directory, contents: contents.map_err(HostFileError::Content)? })
    }

    pub(crate) fn policy(&self) -> &[Rule] {
        &self.contents.policy
    }

    /// The ceilings as written.
    pub(crate) fn ceilings(&self) -> &Resources {
        &self.contents.ceilings
    }

    /// The environment, if the file names one.
    pub fn environment(&self) -> Option<&str> {
        self.contents.environment.as_deref()
    }

    /// The data directory, if the file names one.
    pub fn data_dir(&self) -> Option<PathBuf> {
        self.contents.data_dir.as_ref().map(|directory| self.directory.join(directory))
    }

    /// The paths of the file's plugins on this machine.
    pub fn local_plugins(&self) -> impl Iterator<Item = PathBuf> + '_ {
        self.contents.plugins.iter().filter_map(|plugin| self.local(plugin))
    }

    /// One note for each plugin that is not on this machine, and for each unreachable rule.
    pub(crate) fn notes(&self) -> Vec<String> {
        let remote = self.contents.plugins.iter().filter_map(|plugin| match &plugin.source {
            PluginSource::Local(_) => None,
            PluginSource::Https(url) => Some(url.clone()),
            PluginSource::Oci(reference) => Some(format!("oci://{reference}")),
        });
        remote
            .map(|url| format!("the host's file names {url}, which is not loaded: only local plugins are supported"))
            .chain(self.unreachable_rules())
            .collect()
    }

    /// One note for each rule without effect, because a rule above it always decides.
    fn unreachable_rules(&self) -> impl Iterator<Item = String> + '_ {
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

    /// The options of the plugin at `path`, if the file has an entry for it.
    pub(crate) fn options_of(&self, path: &Path) -> Vec<(String, Value)> {
        self.entries_of(path).flat_map(|plugin| plugin.options.clone()).collect()
    }

    /// The rules for the plugin at `path` alone.
    pub(crate) fn permissions_of(&self, path: &Path) -> Vec<Rule> {
        self.entries_of(path).flat_map(|plugin| plugin.permissions.clone()).collect()
    }

    /// Whether the plugin at `path` may run in trusted mode.
    pub(crate) fn trusts(&self, path: &Path) -> bool {
        self.entries_of(path).any(|plugin| plugin.trusted)
    }

    fn entries_of(&self, path: &Path) -> impl Iterator<Item = &PluginEntry> {
        let wanted = path.canonicalize().ok();
        self.contents.plugins.iter().filter(move |plugin| {
            let local = self.local(plugin).and_then(|local| local.canonicalize().ok());
            local.is_some() && local == wanted
        })
    }

    fn local(&self, plugin: &PluginEntry) -> Option<PathBuf> {
        match &plugin.source {
            PluginSource::Local(local) => Some(self.directory.join(local)),
            PluginSource::Https(_) | PluginSource::Oci(_) => None,
        }
    }
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
    fn file_longer_than_a_document_is_refused_unparsed() {
        let error = read(&" ".repeat(DOCUMENT_BYTES_MAX + 1)).expect_err("too long");
        assert!(matches!(error, HostFileError::Read(_)) && error.to_string().contains("1048576"), "{error}");
    }

    #[cfg(unix)]
    #[test]
    fn device_is_refused_unread() {
        let error = HostFile::read(Path::new("/dev/zero")).expect_err("it has no end");
        assert!(error.to_string().contains("/dev/zero: is a device, not a regular file"), "{error}");
    }

    #[test]
    fn plugin_on_another_machine_is_noted() {
        let text = "plugins: [{ url: a.wasm }, { url: https://x.example/b.wasm }, { url: oci://ghcr.io/acme/c:1 }]";
        let notes = read(text).expect("a host's file").notes();
        assert_eq!(notes.len(), 2);
        assert!(
            notes[0].contains("https://x.example/b.wasm") && notes[1].contains("oci://ghcr.io/acme/c:1"),
            "{notes:?}"
        );
    }
}
