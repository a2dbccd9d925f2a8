//! The host's file, `plugbay.yaml`, as far as this program needs it: policy, ceilings, environment, data directory, and
//! plugins with their options.
//!
//! Only a file that is named is read. One that merely lies in the current directory could widen what a plugin may do
//! without anybody having said so.

use std::path::{Path, PathBuf};

use plugbay::Ceilings;
use plugbay::manifest::{self, Format, HostPlugin, PluginSource, Resources, Rule};
use serde_json::Value;

use crate::error::Error;

/// A file that was read, and where it is: paths in it are relative to it.
#[derive(Debug, Default)]
pub(super) struct HostFile {
    directory: PathBuf,
    contents: manifest::HostFile,
}

impl HostFile {
    pub(super) fn read(path: &Path) -> Result<Self, Error> {
        let shown = path.display();
        let text = std::fs::read_to_string(path)
            .map_err(|error| Error::Usage(format!("cannot read the host's file {shown}: {error}")))?;
        let contents =
            manifest::HostFile::parse(shown.to_string(), &text, Format::from_path(path).unwrap_or(Format::Yaml))
                .map_err(Error::HostFile)?;
        Ok(HostFile { directory: path.parent().map(Path::to_owned).unwrap_or_default(), contents })
    }

    pub(super) fn policy(&self) -> &[Rule] {
        &self.contents.policy
    }

    pub(super) fn ceilings(&self) -> Resources {
        self.contents.ceilings.clone()
    }

    pub(super) fn environment(&self) -> Option<&str> {
        self.contents.environment.as_deref()
    }

    pub(super) fn data_dir(&self) -> Option<PathBuf> {
        self.contents.data_dir.as_ref().map(|directory| self.directory.join(directory))
    }

    /// The plugins on this machine that the file names.
    pub(super) fn local_plugins(&self) -> impl Iterator<Item = PathBuf> + '_ {
        self.contents.plugins.iter().filter_map(|plugin| self.local(plugin))
    }

    /// The options of the plugin at `path`, if the file names it.
    pub(super) fn options_of(&self, path: &Path) -> Vec<(String, Value)> {
        self.entries_of(path).flat_map(|plugin| plugin.options.clone()).collect()
    }

    /// What the file says of the plugin at `path` alone.
    pub(super) fn permissions_of(&self, path: &Path) -> Vec<Rule> {
        self.entries_of(path).flat_map(|plugin| plugin.permissions.clone()).collect()
    }

    fn entries_of(&self, path: &Path) -> impl Iterator<Item = &HostPlugin> {
        let wanted = path.canonicalize().ok();
        self.contents.plugins.iter().filter(move |plugin| {
            let local = self.local(plugin).and_then(|local| local.canonicalize().ok());
            local.is_some() && local == wanted
        })
    }

    fn local(&self, plugin: &HostPlugin) -> Option<PathBuf> {
        match &plugin.source {
            PluginSource::Local(local) => Some(self.directory.join(local)),
            PluginSource::Https(_) | PluginSource::Oci(_) => None,
        }
    }
}

/// The file's ceilings: what it leaves out has the default, 0 lifts it.
pub(super) fn ceilings(file: &Resources) -> Ceilings {
    let default = Ceilings::default();
    Ceilings {
        calls_per_second: match file.rate_limit {
            Some(rate) if rate.calls == 0 => None,
            Some(rate) => Some(f64::from(rate.calls) / rate.period.as_secs_f64()),
            None => default.calls_per_second,
        },
        instances: match file.instances {
            Some(manifest::Instances::Count(count)) if count > 0 => count,
            _ => default.instances,
        },
        ..default
    }
}

/// Whether a plugin has files of configuration, and none of this name: an environment that was misspelt, perhaps.
pub(super) fn lacks_environment(plugin: &Path, name: &str) -> bool {
    let Ok(files) = plugin.join("config").read_dir() else { return false };
    let is_it = |path: &Path| path.file_stem().is_some_and(|stem| stem == name) && Format::from_path(path).is_some();
    !files.flatten().any(|file| is_it(&file.path()))
}

/// An environment names a file: it may not lead elsewhere.
pub(super) fn environment_name(name: &str) -> Result<&str, String> {
    let plain = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'));
    if plain { Ok(name) } else { Err(format!("--environment `{name}`: use letters, digits, `_` and `-`")) }
}
