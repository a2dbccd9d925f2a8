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
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use serde_json::Value;

use crate::error::ConfigProblem;
use crate::scope::{PluginScope, drop_dead, make_private_directory, sync_directory};

/// The file in the plugin's directory: one JSON object, always replaced as a whole.
const FILE: &str = "config.json";

/// The values of all plugins of a runtime, by plugin name.
#[derive(Default)]
pub(crate) struct ConfigStores(Mutex<HashMap<Arc<str>, Entry>>);

enum Entry {
    /// Values that outlive unloading.
    Memory(Arc<StoredValues>),
    /// Values that are read again at the next load, since the file may have changed by then.
    File(Weak<StoredValues>),
}

impl Entry {
    fn values(&self) -> Option<Arc<StoredValues>> {
        match self {
            Entry::Memory(values) => Some(values.clone()),
            Entry::File(values) => values.upgrade(),
        }
    }

    fn is_needed(&self) -> bool {
        match self {
            Entry::Memory(values) => Arc::strong_count(values) > 1 || values.changes() > 0,
            Entry::File(values) => values.strong_count() > 0,
        }
    }
}

impl ConfigStores {
    /// Returns the values of this scope's plugin. Reads its file if no revision of it is loaded.
    ///
    /// # Errors
    /// [`ConfigProblem`] if the file is damaged or cannot be read.
    pub(crate) fn open(&self, scope: &PluginScope) -> Result<Arc<StoredValues>, ConfigProblem> {
        let mut all = self.0.lock();
        if let Some(values) = all.get(&scope.name).and_then(Entry::values) {
            return Ok(values);
        }
        let values = Arc::new(StoredValues::open(scope)?);
        let entry = match scope.directory {
            Some(_) => Entry::File(Arc::downgrade(&values)),
            None => Entry::Memory(values.clone()),
        };
        drop_dead(&mut all, Entry::is_needed);
        all.insert(scope.name.clone(), entry);
        Ok(values)
    }

    /// Drops the values of a plugin, so that handles of an unloaded revision no longer share theirs with later
    /// revisions. Returns whether any were in memory.
    pub(crate) fn forget(&self, name: &str) -> bool {
        let entry = self.0.lock().remove(name);
        matches!(entry, Some(Entry::Memory(values)) if values.changes() > 0)
    }
}

/// The values that a plugin has set.
pub(crate) struct StoredValues {
    plugin: Arc<str>,
    /// `None` if they are only in memory.
    path: Option<PathBuf>,
    values: Mutex<BTreeMap<String, Value>>,
    /// The number of changes.
    changes: AtomicU64,
    /// Held by the only writer while the value is written to disk.
    writer: tokio::sync::Mutex<()>,
}

impl StoredValues {
    fn open(scope: &PluginScope) -> Result<Self, ConfigProblem> {
        let path = scope.directory.as_ref().map(|directory| directory.join(FILE));
        let values = path.as_deref().map_or_else(|| Ok(BTreeMap::new()), read_file)?;
        Ok(StoredValues {
            plugin: scope.name.clone(),
            path,
            values: Mutex::new(values),
            changes: AtomicU64::new(0),
            writer: tokio::sync::Mutex::default(),
        })
    }

    /// Returns the number of changes since the values were opened.
    pub(super) fn changes(&self) -> u64 {
        self.changes.load(Ordering::Acquire)
    }

    /// Returns the values and the number of changes that led to them.
    pub(super) fn read(&self) -> (u64, BTreeMap<String, Value>) {
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
        if self.path.is_none() {
            self.show(|values| drop(values.insert(key, value)));
            return Ok(());
        }
        let written = tokio::spawn(async move {
            let _writer = self.writer.lock().await;
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
        let Some(path) = &self.path else { return Ok(()) };
        make_private_directory(path.parent().unwrap_or(Path::new(".")))?;
        let _lock = lock(&path.with_extension("lock"))?;
        // Another process may have set other keys since the file was read.
        let mut next = read(path)?;
        next.insert(key, value);
        replace(path, &next)?;
        self.show(|values| *values = next);
        Ok(())
    }

    fn show(&self, change: impl FnOnce(&mut BTreeMap<String, Value>)) {
        let mut values = self.values.lock();
        change(&mut values);
        self.changes.fetch_add(1, Ordering::Release);
    }

    /// Describes where the values are stored, for the operator.
    pub(super) fn place(&self) -> String {
        match &self.path {
            Some(path) => path.display().to_string(),
            None => format!("memory of plugin `{}`", self.plugin),
        }
    }
}

fn read_file(path: &Path) -> Result<BTreeMap<String, Value>, ConfigProblem> {
    let problem =
        |message: String| ConfigProblem { key: "(stored values)".into(), origin: path.display().to_string(), message };
    read(path).map_err(|error| match error.kind() {
        io::ErrorKind::InvalidData => problem(format!("the file is damaged ({error}); repair or remove it")),
        _ => problem(format!("cannot be read: {error}")),
    })
}

/// Returns the values in the file; none if it does not exist.
fn read(path: &Path) -> io::Result<BTreeMap<String, Value>> {
    match std::fs::read(path) {
        Ok(bytes) => serde_json::from_slice(&bytes).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(BTreeMap::new()),
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

fn replace(path: &Path, values: &BTreeMap<String, Value>) -> io::Result<()> {
    let directory = path.parent().unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(directory)?;
    serde_json::to_writer_pretty(&mut file, values)?;
    file.flush()?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    sync_directory(directory)
}
