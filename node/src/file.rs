//! The host's file, `plugbay.yaml`: reading it, and looking up the entry of a plugin.
//!
//! Only a file that the operator names is read. A file that happens to be in the current directory could grant
//! permissions without the operator's knowledge.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use plugbay::manifest::{self, Format, ManifestError, PluginEntry, PluginSource, Resources, Rule};
use plugbay::{Ceilings, Policy, UnreachableRule};
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
    #[error("cannot read the host's file {}: {reason}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The reason.
        reason: String,
    },
    /// Its content is invalid.
    #[error("the host's file is invalid:\n{_0}")]
    Content(ManifestError),
}

impl HostFile {
    /// Reads a file of at most [`DOCUMENT_BYTES_MAX`](manifest::limits::DOCUMENT_BYTES_MAX) bytes.
    ///
    /// # Errors
    /// [`HostFileError`] if it cannot be read, is too large or is invalid.
    pub fn read(path: &Path) -> Result<Self, HostFileError> {
        let text = read_bounded(path).map_err(|reason| HostFileError::Read { path: path.to_owned(), reason })?;
        let format = Format::from_path(path).unwrap_or(Format::Yaml);
        let contents = manifest::HostFile::parse(path.display().to_string(), &text, format);
        let directory = path.parent().map(Path::to_owned).unwrap_or_default();
        Ok(HostFile { directory, contents: contents.map_err(HostFileError::Content)? })
    }

    pub(crate) fn policy(&self) -> &[Rule] {
        &self.contents.policy
    }

    /// The ceilings as written.
    pub fn written_ceilings(&self) -> &Resources {
        &self.contents.ceilings
    }

    /// The ceilings of the file, with defaults for omitted ones. 0 removes a ceiling.
    pub fn ceilings(&self) -> Ceilings {
        let (written, default) = (&self.contents.ceilings, Ceilings::default());
        Ceilings {
            timeout: unless_zero(written.timeout, default.timeout, |timeout| timeout.is_zero()),
            memory_bytes: unless_zero(written.max_memory_bytes, default.memory_bytes, |bytes| *bytes == 0),
            fuel: unless_zero(written.max_fuel, default.fuel, |fuel| *fuel == 0),
            calls_per_second: match written.rate_limit {
                Some(rate) if rate.calls == 0 => None,
                Some(rate) => Some(f64::from(rate.calls) / rate.period.as_secs_f64()),
                None => default.calls_per_second,
            },
            instances: match written.instances {
                Some(manifest::Instances::Count(count)) if count > 0 => count,
                _ => default.instances,
            },
        }
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

/// The text of a file that is no longer than a document may be. Nothing that is not a regular file is opened: a device
/// has no end, and a pipe may have no writer.
fn read_bounded(path: &Path) -> Result<String, String> {
    let limit = manifest::limits::DOCUMENT_BYTES_MAX;
    let text_of = |error: std::io::Error| error.to_string();
    if !std::fs::metadata(path).map_err(text_of)?.is_file() {
        return Err("it is not a regular file".to_owned());
    }
    let mut bytes = Vec::new();
    File::open(path).map_err(text_of)?.take(limit as u64 + 1).read_to_end(&mut bytes).map_err(text_of)?;
    if bytes.len() > limit {
        return Err(format!("it has more than {limit} bytes"));
    }
    String::from_utf8(bytes).map_err(|error| match error.as_bytes() {
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => "it is UTF-16: save it as UTF-8".to_owned(),
        _ => format!("it is not UTF-8 text: {error}"),
    })
}

/// The written value or the default; none if the written value is zero.
fn unless_zero<T: Clone>(written: Option<T>, default: Option<T>, is_zero: impl Fn(&T) -> bool) -> Option<T> {
    match written {
        None => default,
        Some(value) => Some(value).filter(|value| !is_zero(value)),
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
        let error = read(&" ".repeat(manifest::limits::DOCUMENT_BYTES_MAX + 1)).expect_err("too long");
        assert!(matches!(&error, HostFileError::Read { reason, .. } if reason.contains("1048576")), "{error}");
    }

    #[cfg(unix)]
    #[test]
    fn device_is_refused_unread() {
        let error = HostFile::read(Path::new("/dev/zero")).expect_err("it has no end");
        assert!(error.to_string().contains("not a regular file"), "{error}");
    }

    #[test]
    fn zero_removes_a_ceiling_and_nothing_leaves_the_default() {
        let file =
            read("ceilings: { max_fuel: 0, rate_limit: { calls: 10, period_seconds: 2 } }").expect("a host's file");
        let ceilings = file.ceilings();
        assert_eq!((ceilings.fuel, ceilings.calls_per_second), (None, Some(5.0)));
        assert_eq!(ceilings.timeout, Ceilings::default().timeout);
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
