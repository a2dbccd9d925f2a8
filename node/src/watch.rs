//! Watching files: which of them changed, once they have been quiet for a moment.
//!
//! A file that is being written is thus not reported before it is whole, unless its writer pauses for longer; the end of
//! its writing is then another change. A burst of changes is one report.
//!
//! [`watch_plugins`] reloads plugins whose files have changed.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use notify::event::{AccessKind, AccessMode};
use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use parking_lot::Mutex;
use plugbay::{LoadError, Runtime};
use tokio::sync::Notify;
use tokio::time::{Instant, timeout, timeout_at};

/// How long files must be left alone before a change is reported: an editor or a compiler writes several at once.
const QUIET: Duration = Duration::from_millis(200);
/// The longest wait for that, because a file may be written without end.
const QUIET_WAIT_MAX: Duration = Duration::from_secs(5);

/// Files and directories that are watched. Dropping it ends the watching.
pub struct FileWatch {
    watcher: RecommendedWatcher,
    shared: Arc<Shared>,
}

/// Files cannot be watched.
#[derive(Debug, thiserror::Error)]
#[error("{} cannot be watched: {message}", path.display())]
pub struct WatchError {
    path: PathBuf,
    message: String,
}

/// What the watcher's thread and the task that waits for changes share.
#[derive(Default)]
struct Shared {
    watched: Mutex<Vec<Watched>>,
    changed: Mutex<BTreeSet<PathBuf>>,
    wake: Notify,
}

/// A path to watch. A file is watched through its directory, because most programs replace a file instead of writing to
/// it.
#[derive(Debug, Clone)]
enum Watched {
    File(PathBuf),
    /// A directory with everything in it.
    Tree(PathBuf),
    /// The files directly in a directory, except for those of these names and hidden ones.
    Files(PathBuf, &'static [&'static str]),
}

impl Watched {
    fn path(&self) -> &Path {
        match self {
            Watched::File(path) | Watched::Tree(path) | Watched::Files(path, _) => path,
        }
    }

    fn has(&self, changed: &Path) -> bool {
        match self {
            Watched::File(path) => path == changed,
            Watched::Tree(path) => changed.starts_with(path),
            Watched::Files(path, except) => {
                let name = changed.file_name().unwrap_or_default().to_string_lossy();
                changed.parent() == Some(path)
                    && !name.starts_with('.')
                    && !except.contains(&&*name)
                    && !changed.is_dir()
            }
        }
    }
}

impl Shared {
    fn note(&self, event: notify::Result<Event>) {
        let watched = self.watched.lock();
        let is_changed = |watched: &Watched| match &event {
            Ok(event) if !event.need_rescan() => {
                is_change(event.kind) && event.paths.iter().any(|path| watched.has(path))
            }
            // The system has lost events, so anything may have changed.
            _ => true,
        };
        let changed: Vec<PathBuf> =
            watched.iter().filter(|watched| is_changed(watched)).map(|watched| watched.path().to_owned()).collect();
        if !changed.is_empty() {
            self.changed.lock().extend(changed);
            self.wake.notify_one();
        }
    }
}

/// Whether something was written. Reading a file is an event, too.
fn is_change(kind: EventKind) -> bool {
    !matches!(kind, EventKind::Access(access) if access != AccessKind::Close(AccessMode::Write))
}

impl FileWatch {
    /// Creates a watch of nothing.
    ///
    /// # Errors
    /// [`WatchError`] if the system does not allow another watch.
    pub fn new() -> Result<Self, WatchError> {
        let shared = Arc::new(Shared::default());
        let noted = shared.clone();
        let watcher = notify::recommended_watcher(move |event| noted.note(event));
        let watcher = watcher.map_err(|error| failed(Path::new("."), &error))?;
        Ok(FileWatch { watcher, shared })
    }

    /// Watches a file, which need not exist, or a directory with everything in it.
    ///
    /// # Errors
    /// [`WatchError`] if the path or its directory cannot be watched.
    pub fn add(&mut self, path: &Path) -> Result<(), WatchError> {
        let path = absolute(path);
        if path.is_dir() {
            self.watch(&path, RecursiveMode::Recursive)?;
            self.shared.watched.lock().push(Watched::Tree(path));
        } else {
            self.watch(path.parent().unwrap_or(&path), RecursiveMode::NonRecursive)?;
            self.shared.watched.lock().push(Watched::File(path));
        }
        Ok(())
    }

    /// Watches the files directly in a directory, except for those of these names and hidden ones.
    ///
    /// # Errors
    /// [`WatchError`] if the directory cannot be watched.
    pub fn add_files(&mut self, directory: &Path, except: &'static [&'static str]) -> Result<(), WatchError> {
        let directory = absolute(directory);
        self.watch(&directory, RecursiveMode::NonRecursive)?;
        self.shared.watched.lock().push(Watched::Files(directory, except));
        Ok(())
    }

    fn watch(&mut self, path: &Path, mode: RecursiveMode) -> Result<(), WatchError> {
        self.watcher.watch(path, mode).map_err(|error| failed(path, &error))
    }

    /// Waits until watched paths have changed and been quiet for 200 ms, and returns them as absolute paths. If the
    /// future is dropped, no change is lost.
    pub async fn changed(&mut self) -> BTreeSet<PathBuf> {
        let mut first = None;
        while self.shared.changed.lock().is_empty() {
            self.shared.wake.notified().await;
        }
        loop {
            let begun: Instant = *first.get_or_insert_with(Instant::now);
            let quiet = timeout(QUIET, self.shared.wake.notified());
            match timeout_at(begun + QUIET_WAIT_MAX, quiet).await {
                Ok(Ok(())) => {}
                Ok(Err(_)) | Err(_) => break,
            }
        }
        std::mem::take(&mut *self.shared.changed.lock())
    }
}

impl std::fmt::Debug for FileWatch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FileWatch").field("watched", &*self.shared.watched.lock()).finish_non_exhaustive()
    }
}

fn failed(path: &Path, error: &notify::Error) -> WatchError {
    let message = match error.kind {
        notify::ErrorKind::MaxFilesWatch => {
            "the system's limit of watched files is reached (fs.inotify.max_user_watches)".to_owned()
        }
        _ => error.to_string(),
    };
    WatchError { path: path.to_owned(), message }
}

/// The path as events report it: absolute, with the directory's links resolved.
fn absolute(path: &Path) -> PathBuf {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    if absolute.is_dir() {
        return absolute.canonicalize().unwrap_or(absolute);
    }
    match (absolute.parent().and_then(|parent| parent.canonicalize().ok()), absolute.file_name()) {
        (Some(parent), Some(name)) => parent.join(name),
        _ => absolute,
    }
}

/// Reloads the plugins of a runtime that were loaded from files, whenever their files have changed in content. `report`
/// receives the name of each plugin that was reloaded, or why it could not be: it then continues to serve as it was.
///
/// Runs until it is dropped. Plugins that are loaded later are watched from the next change on.
///
/// # Errors
/// [`WatchError`] if their files cannot be watched.
pub async fn watch_plugins(
    runtime: &Runtime,
    mut report: impl FnMut(&str, Result<(), LoadError>),
) -> Result<(), WatchError> {
    let mut watch = FileWatch::new()?;
    let mut watched = BTreeSet::new();
    loop {
        for path in runtime.plugins().iter().flat_map(plugbay::Plugin::files) {
            if watched.insert(path.clone()) {
                watch.add(&path)?;
            }
        }
        let changed = watch.changed().await;
        for plugin in runtime.plugins() {
            if plugin.files().iter().any(|path| changed.contains(&absolute(path))) {
                let name = plugin.name();
                match runtime.reload_if_changed(&name).await {
                    Ok(true) => report(&name, Ok(())),
                    Ok(false) => {}
                    Err(error) => report(&name, Err(error)),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn changed(watch: &mut FileWatch) -> Vec<PathBuf> {
        let changed = timeout(Duration::from_secs(60), watch.changed()).await;
        changed.expect("the change is seen").into_iter().collect()
    }

    #[tokio::test]
    async fn file_that_is_written_or_replaced_has_changed() {
        let directory = tempfile::tempdir().expect("a directory");
        let root = directory.path().canonicalize().expect("it exists");
        let file = root.join("a.wasm");
        let mut watch = FileWatch::new().expect("a watch");
        watch.add(&file).expect("its directory exists");
        std::fs::write(&file, "1").expect("written");
        assert_eq!(changed(&mut watch).await, std::slice::from_ref(&file));
        std::fs::write(root.join("other"), "2").expect("written");
        std::fs::rename(root.join("other"), &file).expect("renamed");
        assert_eq!(changed(&mut watch).await, [file]);
    }

    #[tokio::test]
    async fn change_deep_in_a_directory_is_one_of_the_directory() {
        let directory = tempfile::tempdir().expect("a directory");
        let root = directory.path().canonicalize().expect("it exists");
        let mut watch = FileWatch::new().expect("a watch");
        watch.add(&root).expect("it exists");
        std::fs::create_dir_all(root.join("a/b")).expect("created");
        std::fs::write(root.join("a/b/c"), "1").expect("written");
        assert_eq!(changed(&mut watch).await, [root]);
    }

    #[test]
    fn excepted_and_hidden_files_and_reading_are_not_changes() {
        let watched = Watched::Files("/crate".into(), &["Cargo.lock"]);
        assert!(watched.has(Path::new("/crate/Cargo.toml")));
        for other in ["/crate/Cargo.lock", "/crate/.swp", "/crate/src/lib.rs", "/crate"] {
            assert!(!watched.has(Path::new(other)), "{other}");
        }
        assert!(!is_change(EventKind::Access(AccessKind::Read)));
        assert!(is_change(EventKind::Access(AccessKind::Close(AccessMode::Write))));
    }
}
