//! The directories granted to a trusted plugin, and `wasi:filesystem/preopens`, through which its guest accesses them.
//!
//! A path can change its meaning: another plugin, or the same one, may write to a parent directory and replace a
//! directory with a link to `/etc`. Therefore a directory is opened once per load, and every instance gets that open
//! directory; no instance opens a path. Opening is itself safe from such swaps:
//!
//! 1. The path is resolved, so that no link, `.` or `..` is left. Policies are consulted for the resolved path as well
//!    as for the manifest's path.
//! 2. The resolved path is opened name by name from the root, each name relative to the directory before it, and a name
//!    that has become a link fails. The directory that is open in the end therefore had exactly the resolved path,
//!    whatever was swapped meanwhile: the policy sees a swap before step 1, and a later swap fails the load.
//!
//! wasmtime-wasi guards the tree below an open directory: it follows no link that leads out of it.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use plugbay_manifest::PermissionAction;
use wasmtime::component::{HasData, Linker, Resource, ResourceTable};
use wasmtime_wasi::filesystem::{Descriptor, Dir};
use wasmtime_wasi::p2::bindings::filesystem::preopens;
use wasmtime_wasi::{FsPerms, OpenMode};

use super::{CallState, HostState, PluginContext};
use crate::capability::{Denial, Grants};

/// A host directory that was granted to a plugin and opened when the plugin was loaded.
pub(crate) struct Directory {
    /// The path in the manifest, which is also the directory's name in the guest.
    guest_path: String,
    /// The path without links.
    resolved: String,
    /// Whether the plugin was allowed to write when it was loaded.
    writable: bool,
    opened: Dir,
}

/// Why a directory cannot be opened for a plugin.
pub(crate) enum NotOpened {
    /// The path does not exist or is not a directory.
    Io(io::Error),
    /// Its own path is allowed, but not the path to which its links lead, or something below it.
    Denied {
        /// The path without links.
        resolved: String,
        denial: Box<Denial>,
    },
}

impl From<io::Error> for NotOpened {
    fn from(error: io::Error) -> Self {
        NotOpened::Io(error)
    }
}

impl Directory {
    /// Opens the directory if the manifest and the operator allow it and everything below it.
    pub(crate) fn open(path: &str, grants: &Grants) -> Result<Self, NotOpened> {
        let (canonical, resolved) = resolve(path)?;
        if let Err(denial) = grants.check_directory(path, &resolved, PermissionAction::Read) {
            return Err(NotOpened::Denied { resolved, denial: Box::new(denial) });
        }
        let writable = grants.check_directory(path, &resolved, PermissionAction::Write).is_ok();
        let opened = Dir::new(open_without_links(&canonical)?, FsPerms::ReadOnly, OpenMode::READ, false);
        Ok(Directory { guest_path: path.to_owned(), resolved, writable, opened })
    }

    /// Returns the directory for an instance, with the permissions that are granted now.
    fn lent(&self, plugin: &PluginContext, call: &CallState) -> Option<Dir> {
        let permissions = &plugin.permissions;
        permissions.check_directory(&call.origin, &self.guest_path, &self.resolved, PermissionAction::Read).ok()?;
        let mut lent = self.opened.clone();
        if self.writable && permissions.holds_directory(&self.guest_path, &self.resolved, PermissionAction::Write) {
            lent.perms = FsPerms::ReadWrite;
            lent.open_mode = OpenMode::READ | OpenMode::WRITE;
        }
        Some(lent)
    }
}

impl std::fmt::Debug for Directory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Directory { guest_path, resolved, writable, .. } = self;
        f.debug_struct("Directory")
            .field("guest_path", guest_path)
            .field("resolved", resolved)
            .field("writable", writable)
            .finish_non_exhaustive()
    }
}

/// Returns the path without links, and its text in the form that policies use.
pub(crate) fn resolve(path: &str) -> io::Result<(PathBuf, String)> {
    let canonical = Path::new(path).canonicalize()?;
    let resolved = canonical.to_str().ok_or_else(|| io::Error::other("its path is not UTF-8"))?;
    // Windows resolves `C:\photos` to `\\?\C:\photos`, a form that policies do not use.
    let resolved = resolved.strip_prefix(r"\\?\").unwrap_or(resolved).to_owned();
    Ok((canonical, resolved))
}

/// Opens a directory by its canonical path, and fails if any part of the path is a link.
#[cfg(unix)]
fn open_without_links(canonical: &Path) -> io::Result<File> {
    use std::path::Component;

    use rustix::fs::{CWD, Mode, OFlags, openat};

    // As wasmtime-wasi opens directories: with `O_PATH`, a directory need not be readable to be entered.
    #[cfg(any(target_os = "linux", target_os = "android", target_os = "freebsd"))]
    let how = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    #[cfg(not(any(target_os = "linux", target_os = "android", target_os = "freebsd")))]
    let how = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mut opened = openat(CWD, "/", how, Mode::empty())?;
    for component in canonical.components() {
        match component {
            Component::RootDir => {}
            Component::Normal(name) => opened = openat(&opened, name, how, Mode::empty())?,
            _ => return Err(io::Error::other("its path is not canonical")),
        }
    }
    Ok(File::from(opened))
}

/// Opens a directory by its canonical path. On Windows the standard library offers no equivalent: the directory cannot
/// be replaced once it is open, but it can be between resolving and opening.
#[cfg(windows)]
fn open_without_links(canonical: &Path) -> io::Result<File> {
    use std::os::windows::fs::OpenOptionsExt;

    const FILE_SHARE_READ_AND_WRITE: u32 = 3;
    const FILE_FLAG_BACKUP_SEMANTICS: u32 = 0x0200_0000;
    const FILE_FLAG_OPEN_REPARSE_POINT: u32 = 0x0020_0000;
    let mut options = File::options();
    options.read(true).share_mode(FILE_SHARE_READ_AND_WRITE);
    let opened = options.custom_flags(FILE_FLAG_BACKUP_SEMANTICS | FILE_FLAG_OPEN_REPARSE_POINT).open(canonical)?;
    if opened.metadata()?.is_dir() { Ok(opened) } else { Err(io::ErrorKind::NotADirectory.into()) }
}

/// Adds `wasi:filesystem/preopens` to a linker.
pub(crate) fn add_to_linker(linker: &mut Linker<HostState>) -> wasmtime::Result<()> {
    preopens::add_to_linker::<_, Granted>(linker, HostState::directories)
}

struct Granted;

impl HasData for Granted {
    type Data<'a> = Directories<'a>;
}

/// The state that `wasi:filesystem/preopens` works on.
pub(crate) struct Directories<'a> {
    pub(crate) plugin: &'a PluginContext,
    pub(crate) call: &'a CallState,
    pub(crate) table: &'a mut ResourceTable,
}

impl preopens::Host for Directories<'_> {
    fn get_directories(&mut self) -> wasmtime::Result<Vec<(Resource<Descriptor>, String)>> {
        let Directories { plugin, call, table } = self;
        let mut lent = Vec::new();
        for directory in &plugin.wasi.directories {
            if let Some(opened) = directory.lent(plugin, call) {
                lent.push((table.push(Descriptor::Dir(opened))?, directory.guest_path.clone()));
            }
        }
        Ok(lent)
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::{MetadataExt, symlink};

    use super::*;

    #[test]
    fn path_with_a_link_in_it_is_not_opened() {
        let root = tempfile::tempdir().expect("made");
        let root = root.path().canonicalize().expect("there");
        std::fs::create_dir_all(root.join("a/b")).expect("made");
        symlink("a", root.join("link")).expect("linked");
        let opened = open_without_links(&root.join("a/b")).expect("opened");
        let there = std::fs::metadata(root.join("a/b")).expect("there");
        assert_eq!(opened.metadata().expect("open").ino(), there.ino());
        for through_link in ["link", "link/b"] {
            assert!(open_without_links(&root.join(through_link)).is_err(), "{through_link}");
        }
        std::fs::write(root.join("file"), "x").expect("written");
        assert!(open_without_links(&root.join("file")).is_err());
        assert!(open_without_links(Path::new("/")).is_ok());
    }
}
