//! The scope of a plugin's services: the plugin's name, and the directory and the clock that they use.

use std::collections::HashMap;
use std::io;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::clock::Clock;

/// The scope of a plugin's services: a handle that all of them share.
#[derive(Clone)]
pub(crate) struct PluginScope(Arc<Scope>);

/// The contents of a [`PluginScope`].
pub(crate) struct Scope {
    pub(crate) name: Arc<str>,
    /// The directory in which this plugin's services store their files; `None` stores everything in memory. Created by
    /// the first write.
    pub(crate) directory: Option<PathBuf>,
    pub(crate) clock: Arc<dyn Clock>,
}

impl PluginScope {
    pub(crate) fn new(name: Arc<str>, directory: Option<PathBuf>, clock: Arc<dyn Clock>) -> Self {
        PluginScope(Arc::new(Scope { name, directory, clock }))
    }
}

impl Deref for PluginScope {
    type Target = Scope;

    fn deref(&self) -> &Scope {
        &self.0
    }
}

/// Drops the entries of unloaded plugins from a map of all plugins, but only when the map is full: scanning it at each
/// load would make loads slower as plugins are added.
pub(crate) fn drop_dead<K, V>(all: &mut HashMap<K, V>, is_there: impl Fn(&V) -> bool) {
    if all.len() == all.capacity() {
        all.retain(|_, entry| is_there(entry));
    }
}

/// Creates a directory that only this user can enter, and syncs it so that it survives a power failure. An existing
/// directory is made private as well.
///
/// # Errors
/// Those of the file system.
pub(crate) fn make_private_directory(directory: &Path) -> io::Result<()> {
    if !directory.is_dir() {
        let mut builder = std::fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(directory)?;
        if let Some(parent) = directory.parent().filter(|parent| !parent.as_os_str().is_empty()) {
            sync_directory(parent)?;
        }
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        if std::fs::metadata(directory)?.permissions().mode() & 0o077 != 0 {
            std::fs::set_permissions(directory, std::fs::Permissions::from_mode(0o700))?;
        }
    }
    Ok(())
}

/// Syncs a directory, so that the names of its files are on disk.
///
/// # Errors
/// Those of the file system.
pub(crate) fn sync_directory(directory: &Path) -> io::Result<()> {
    // On other systems a directory cannot be opened, and the file system persists names by itself.
    if cfg!(unix) { std::fs::File::open(directory)?.sync_all() } else { Ok(()) }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn what_is_gone_is_forgotten_before_the_map_grows() {
        let mut all = HashMap::new();
        for number in 0..10_000 {
            drop_dead(&mut all, |kept| *kept);
            all.insert(number, number < 10);
        }
        assert!(all.len() < 100 && (0..10).all(|number| all.contains_key(&number)), "{}", all.len());
    }

    #[test]
    fn directory_is_closed_to_others_whether_new_or_there() {
        let parent = tempfile::tempdir().expect("a directory");
        let mode = |path: &Path| std::fs::metadata(path).expect("it is there").permissions().mode() & 0o777;
        let new = parent.path().join("data/plugin");
        make_private_directory(&new).expect("made");
        assert_eq!((mode(&new), mode(&parent.path().join("data"))), (0o700, 0o700));
        std::fs::set_permissions(&new, std::fs::Permissions::from_mode(0o755)).expect("set");
        make_private_directory(&new).expect("closed");
        assert_eq!(mode(&new), 0o700);
    }
}
