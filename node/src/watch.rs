//! Watching files: which of them changed, once they have been left alone for a moment.
//!
//! A file that is being written is thus not reported before it is whole, unless its writer pauses for longer; the end
//! of its writing is then another change. A burst of changes is one report.
//!
//! Files are looked at several times a second. Notifications of the operating system would be sooner by a fraction of a
//! second, but end when a watched directory is replaced, are lost when there are too many, do not exist on every file
//! system, and would be a dependency. A look at the files of a hundred plugins takes about a millisecond.
//!
//! [`watch_plugins`] reloads plugins whose files have changed.

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use plugbay::{LoadError, Plugin, Runtime};

/// The time between two looks. Files must be the same at both before a change is reported.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// The number of looks after which a change is reported even if files still change.
const LOOKS_MAX: u32 = 25;
/// How often the watched plugins are compared with the loaded ones.
const PLUGINS_EVERY: Duration = Duration::from_secs(2);
/// The depth to which a directory is watched, and the number of its files.
const DEPTH_MAX: usize = 16;
const FILES_MAX: usize = 10_000;
/// The directories of a crate that are watched; the others may be a build's.
const CRATE_DIRECTORIES: [&str; 3] = ["src", "config", "wit"];

/// Files and directories that are watched.
#[derive(Debug, Clone, Default)]
pub struct FileWatch {
    watched: BTreeMap<PathBuf, Files>,
}

/// Files with what is known of each without reading it.
type Files = BTreeMap<PathBuf, Stamp>;

#[derive(Debug, Clone, PartialEq, Eq)]
struct Stamp {
    modified: Option<SystemTime>,
    bytes: u64,
    /// A file that replaces another one may have the same size and time.
    #[cfg(unix)]
    inode: u64,
}

impl FileWatch {
    /// Watches a file, which need not exist, or a directory with everything in it except for hidden files. Of a crate's
    /// directory, it watches the files in it and its directories `src`, `config` and `wit`.
    pub fn add(&mut self, path: &Path) {
        let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        self.watched.entry(path).or_insert_with_key(|path| files_of(path));
    }

    /// Waits until watched paths have changed and been left alone for 200 ms, and returns them as absolute paths. If
    /// files change without end, they are reported after 5 s. If the future is dropped, no change is lost.
    pub async fn changed(&mut self) -> BTreeSet<PathBuf> {
        let (mut last, mut looks) = (self.watched.clone(), 0);
        loop {
            tokio::time::sleep(LOOK_EVERY).await;
            let now = look(self.watched.keys().cloned().collect()).await;
            if now == self.watched {
                looks = 0;
            } else if now == last || looks >= LOOKS_MAX {
                let changed = now.iter().filter(|(path, files)| self.watched.get(*path) != Some(*files));
                let changed = changed.map(|(path, _)| path.clone()).collect();
                self.watched = now;
                return changed;
            } else {
                looks += 1;
            }
            last = now;
        }
    }

    /// Watches these paths and no others.
    fn set(&mut self, paths: &BTreeSet<PathBuf>) {
        self.watched.retain(|path, _| paths.contains(path));
        for path in paths {
            self.add(path);
        }
    }
}

/// Looks at the files of each path, on a thread that may block.
async fn look(paths: Vec<PathBuf>) -> BTreeMap<PathBuf, Files> {
    let looked = tokio::task::spawn_blocking(move || {
        paths.into_iter().map(|path| (path.clone(), files_of(&path))).collect::<BTreeMap<_, _>>()
    });
    match looked.await {
        Ok(files) => files,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // The executor is shutting down.
            Err(_) => std::future::pending().await,
        },
    }
}

fn files_of(path: &Path) -> Files {
    let mut files = Files::new();
    if path.join("Cargo.toml").is_file() {
        collect(path, 1, &mut files);
        // A build writes it.
        files.remove(&path.join("Cargo.lock"));
        CRATE_DIRECTORIES.iter().for_each(|name| collect(&path.join(name), DEPTH_MAX, &mut files));
    } else {
        collect(path, DEPTH_MAX, &mut files);
    }
    files
}

/// Adds a file, or the files of a directory down to a depth. Files that cannot be read are left out.
fn collect(path: &Path, depth: usize, files: &mut Files) {
    let Ok(metadata) = path.metadata() else { return };
    if !metadata.is_dir() {
        let stamp = Stamp {
            modified: metadata.modified().ok(),
            bytes: metadata.len(),
            #[cfg(unix)]
            inode: std::os::unix::fs::MetadataExt::ino(&metadata),
        };
        files.insert(path.to_owned(), stamp);
        return;
    }
    let Ok(entries) = path.read_dir() else { return };
    for entry in entries.flatten().filter(|entry| !entry.file_name().to_string_lossy().starts_with('.')) {
        // The type is that of a link itself, so a link to a directory is not followed.
        let is_directory = entry.file_type().is_ok_and(|kind| kind.is_dir());
        if files.len() < FILES_MAX && (!is_directory || depth > 1) && (is_directory || entry.path().is_file()) {
            collect(&entry.path(), depth.saturating_sub(1), files);
        }
    }
}

/// Reloads the plugins of a runtime that were loaded from files, whenever their files have changed in content. `report`
/// receives the name of each plugin that was reloaded, or why it could not be: it then continues to serve as it was.
/// Plugins that are loaded later are watched from two seconds after their load on; a change before is seen then.
///
/// Runs until it is dropped.
pub async fn watch_plugins(runtime: &Runtime, mut report: impl FnMut(&str, Result<(), LoadError>)) -> Infallible {
    let (mut watch, mut watched) = (FileWatch::default(), BTreeSet::new());
    loop {
        let files: BTreeSet<PathBuf> = runtime.plugins().iter().flat_map(Plugin::files).collect();
        watch.set(&files);
        // Files may have changed between their load and now.
        let new: BTreeSet<PathBuf> = files.difference(&watched).cloned().collect();
        watched = files;
        let changed = match new.is_empty() {
            true => tokio::time::timeout(PLUGINS_EVERY, watch.changed()).await.unwrap_or_default(),
            false => new,
        };
        for plugin in runtime.plugins() {
            if !plugin.files().iter().any(|path| changed.contains(path)) {
                continue;
            }
            let name = plugin.name();
            match runtime.reload_if_changed(&name).await {
                Ok(true) => report(&name, Ok(())),
                Ok(false) => {}
                Err(error) => report(&name, Err(error)),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn changed(watch: &mut FileWatch) -> Vec<PathBuf> {
        let changed = tokio::time::timeout(Duration::from_secs(60), watch.changed()).await;
        changed.expect("the change is seen").into_iter().collect()
    }

    #[tokio::test]
    async fn file_that_is_written_replaced_or_removed_has_changed() {
        let directory = tempfile::tempdir().expect("a directory");
        let file = directory.path().join("a.wasm");
        let mut watch = FileWatch::default();
        watch.add(&file);
        let expected = [file.clone()];
        std::fs::write(&file, "1").expect("written");
        assert_eq!(changed(&mut watch).await, expected);
        std::fs::write(directory.path().join("other"), "2").expect("written");
        std::fs::rename(directory.path().join("other"), &file).expect("renamed");
        assert_eq!(changed(&mut watch).await, expected);
        std::fs::remove_file(&file).expect("removed");
        assert_eq!(changed(&mut watch).await, expected);
    }

    #[tokio::test]
    async fn change_deep_in_a_directory_is_one_of_the_directory() {
        let directory = tempfile::tempdir().expect("a directory");
        let mut watch = FileWatch::default();
        watch.add(directory.path());
        std::fs::create_dir_all(directory.path().join("a/b")).expect("created");
        std::fs::write(directory.path().join("a/b/c"), "1").expect("written");
        assert_eq!(changed(&mut watch).await, [directory.path()]);
    }

    #[test]
    fn builds_of_a_crate_and_hidden_files_are_not_watched() {
        let directory = tempfile::tempdir().expect("a directory");
        let write = |name: &str| {
            let path = directory.path().join(name);
            std::fs::create_dir_all(path.parent().expect("a directory")).expect("created");
            std::fs::write(path, "").expect("written");
        };
        ["Cargo.toml", "Cargo.lock", ".swp", "src/a/lib.rs", "target/x", "plugin.yaml", "config/default.yaml"]
            .into_iter()
            .for_each(write);
        let files = files_of(directory.path());
        let names: Vec<_> = files.keys().map(|path| path.strip_prefix(directory.path()).expect("inside")).collect();
        let expected = ["Cargo.toml", "config/default.yaml", "plugin.yaml", "src/a/lib.rs"];
        assert_eq!(names, expected.map(Path::new));
    }
}
