//! The values that plugins have set, stored in a file of the plugin's directory, or in memory if there is no data
//! directory.
//!
//! All revisions of a plugin share them. While one revision replaces another, both may set values, and neither
//! overwrites the other's. The same holds for processes that share a data directory; a process sees another's values
//! when it sets one itself or loads the plugin.

use std::collections::{BTreeMap, HashMap};
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use serde_json::Value;

use crate::error::ConfigProblem;
use crate::scope::{PluginScope, make_private_directory, sync_directory};

/// The file in the plugin's directory: one JSON object, always replaced as a whole.
const FILE: &str = "config.json";

/// The values that plugins have set in a runtime without a data directory, by plugin name. They outlive unloading.
#[derive(Clone, Default)]
pub(crate) struct ConfigMemory(Arc<Mutex<HashMap<Arc<str>, Values>>>);

type Values = BTreeMap<String, Value>;

impl ConfigMemory {
    /// Removes the values of a plugin. Returns whether there were any.
    pub(crate) fn remove(&self, plugin: &str) -> bool {
        self.0.lock().remove(plugin).is_some()
    }
}

/// The values that a plugin has set. Its revisions share them.
pub(crate) struct StoredValues {
    plugin: Arc<str>,
    place: Place,
    values: Mutex<Values>,
    /// The number of changes.
    changes: AtomicU64,
}

/// Where values are stored, so that they outlive the plugin.
enum Place {
    Memory(ConfigMemory),
    File(Box<ValuesFile>),
}

struct ValuesFile {
    path: PathBuf,
    /// Held by the only writer while a value is written to disk.
    writer: tokio::sync::Mutex<()>,
}

impl StoredValues {
    /// Reads the values of this scope's plugin: from its file, or from memory if there is no data directory.
    ///
    /// # Errors
    /// [`ConfigProblem`] if the file is damaged or cannot be read.
    pub(crate) fn open(scope: &PluginScope, memory: &ConfigMemory) -> Result<Arc<Self>, ConfigProblem> {
        let (place, values) = match &scope.directory {
            None => (Place::Memory(memory.clone()), memory.0.lock().get(&scope.name).cloned().unwrap_or_default()),
            Some(directory) => {
                let path = directory.join(FILE);
                let values = read_file(&path)?;
                (Place::File(Box::new(ValuesFile { path, writer: tokio::sync::Mutex::default() })), values)
            }
        };
        let (plugin, changes) = (scope.name.clone(), AtomicU64::new(0));
        Ok(Arc::new(StoredValues { plugin, place, values: Mutex::new(values), changes }))
    }

    /// Returns the number of changes since the values were opened.
    pub(super) fn changes(&self) -> u64 {
        self.changes.load(Ordering::Acquire)
    }

    /// Returns the values and the number of changes that led to them.
    pub(super) fn read(&self) -> (u64, Values) {
        let values = self.values.lock();
        (self.changes(), values.clone())
    }

    /// Stores a value. When this returns, it is on disk. The write completes even if the caller stops waiting:
    /// otherwise the file and the memory could differ.
    ///
    /// # Errors
    /// The reason why the value is not stored.
    pub(super) async fn write(self: Arc<Self>, key: &str, value: Value) -> Result<(), String> {
        let key = key.to_owned();
        if let Place::Memory(memory) = &self.place {
            let mut plugins = memory.0.lock();
            plugins.entry(self.plugin.clone()).or_default().insert(key.clone(), value.clone());
            self.show(|values| drop(values.insert(key, value)));
            return Ok(());
        }
        let written = tokio::spawn(async move {
            let Place::File(file) = &self.place else { return Ok(Ok(())) };
            let _writer = file.writer.lock().await;
            let stored = self.clone();
            tokio::task::spawn_blocking(move || stored.write_file(key, value)).await
        });
        match written.await.flatten() {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(format!("the value could not be stored: {}", error.kind())),
            Err(error) => Err(format!("the value could not be stored: {error}")),
        }
    }

    fn write_file(&self, key: String, value: Value) -> io::Result<()> {
        let Place::File(file) = &self.place else { return Ok(()) };
        let path = &file.path;
        make_private_directory(path.parent().unwrap_or(Path::new(".")))?;
        let _lock = lock(&path.with_extension("lock"))?;
        // Another process may have set other keys since the file was read.
        let mut next = read(path)?;
        next.insert(key, value);
        replace(path, &next)?;
        self.show(|values| *values = next);
        Ok(())
    }

    fn show(&self, change: impl FnOnce(&mut Values)) {
        let mut values = self.values.lock();
        change(&mut values);
        self.changes.fetch_add(1, Ordering::Release);
    }

    /// Describes where the values are stored, for the operator.
    pub(super) fn place(&self) -> String {
        match &self.place {
            Place::File(file) => file.path.display().to_string(),
            Place::Memory(_) => format!("memory of plugin `{}`", self.plugin),
        }
    }
}

fn read_file(path: &Path) -> Result<Values, ConfigProblem> {
    let problem =
        |message: String| ConfigProblem { key: "(stored values)".into(), origin: path.display().to_string(), message };
    read(path).map_err(|error| match error.kind() {
        io::ErrorKind::InvalidData => problem(format!("the file is damaged ({error}); repair or remove it")),
        _ => problem(format!("cannot be read: {error}")),
    })
}

/// Returns the values in the file; none if it does not exist.
fn read(path: &Path) -> io::Result<Values> {
    match std::fs::read(path) {
        Ok(bytes) => serde_json::from_slice(&bytes).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Values::new()),
        Err(error) => Err(error),
    }
}

/// Waits until no other process writes the values, and blocks others until the returned file is dropped.
fn lock(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(path)?;
    file.lock()?;
    Ok(file)
}

fn replace(path: &Path, values: &Values) -> io::Result<()> {
    let directory = path.parent().unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(directory)?;
    serde_json::to_writer_pretty(&mut file, values)?;
    file.flush()?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    sync_directory(directory)
}
