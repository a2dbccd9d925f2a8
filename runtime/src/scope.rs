//! The scope of one plugin: the name, the directory and the clock with which its services work.

use std::collections::HashMap;
use std::io;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::clock::Clock;

/// The scope in which one plugin's services work. All of them hold it, so that it is one value that they share.
#[derive(Clone)]
pub(crate) struct PluginScope(Arc<Scope>);

/// What a [`PluginScope`] shares.
pub(crate) struct Scope {
    pub(crate) name: Arc<str>,
    /// The directory of what this plugin's services store; `None` stores it in memory only. Made by the first write.
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

/// Drops the entries of what is gone from a map that knows all plugins, when it is full: a look at all of them for each
/// plugin that is loaded would take the longer the more there are.
pub(crate) fn forget_gone<K, V>(all: &mut HashMap<K, V>, is_there: impl Fn(&V) -> bool) {
    if all.len() == all.capacity() {
        all.retain(|_, entry| is_there(entry));
    }
}

/// Makes a directory that only this user can enter, and sees to it that it is still there after a power cut. One that
/// is there already is closed to others.
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

/// Waits until the names of files in a directory are on disk.
///
/// # Errors
/// Those of the file system.
pub(crate) fn sync_directory(directory: &Path) -> io::Result<()> {
    // Elsewhere a directory cannot be opened, and its file system keeps names without being asked.
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
            forget_gone(&mut all, |kept| *kept);
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
