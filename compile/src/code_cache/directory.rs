//! A directory that belongs to this user alone, and the files in it that do.
//!
//! On Unix the directory is opened once and all files are opened through its handle, so that a name that has since been
//! redirected has no effect. Other systems are trusted to have made the user's own directories private, as Windows
//! does.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

/// Why a directory cannot hold compiled code.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CodeCacheError {
    /// It cannot be created or opened.
    #[error("the directory for compiled code, {}, cannot be opened: {error}", path.display())]
    Open {
        /// The directory.
        path: PathBuf,
        /// The reason.
        error: io::Error,
    },
    /// It is a file or a link.
    #[error("{} is not a directory itself (a link is not followed): name another one for compiled code", path.display())]
    NotDirectory {
        /// The directory.
        path: PathBuf,
    },
    /// It belongs to another user.
    #[error(
        "{} belongs to user {owner} and not to user {user}, who runs this: compiled code is native code, and its writer \
         could run anything; name a directory of your own",
        path.display()
    )]
    ForeignOwner {
        /// The directory.
        path: PathBuf,
        /// Its owner's user id.
        owner: u32,
        /// This process's user id.
        user: u32,
    },
    /// Other users may write to it.
    #[error(
        "{} may be written by others (mode {mode:o}): compiled code is native code, and its writer could run \
         anything; name a directory of your own, or, if this one serves nothing else, run `chmod 700 {}`",
        path.display(),
        path.display()
    )]
    WritableByOthers {
        /// The directory.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
}

/// The directory, checked when it was opened.
#[derive(Debug)]
pub(super) struct Directory {
    path: PathBuf,
    #[cfg(unix)]
    handle: std::os::fd::OwnedFd,
}

impl Directory {
    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

#[cfg(unix)]
mod unix {
    use std::os::unix::fs::DirBuilderExt;

    use rustix::fs::{FileType, Mode, OFlags, Stat};
    use rustix::io::Errno;

    use super::*;

    const WRITABLE_BY_OTHERS: u32 = 0o022;

    impl Directory {
        /// Opens `path`, which is created for this user alone if it does not exist.
        pub(in super::super) fn open(path: PathBuf) -> Result<Self, CodeCacheError> {
            let open_error = |path: &Path, error| CodeCacheError::Open { path: path.to_owned(), error };
            std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&path).or_else(|error| {
                match error.kind() {
                    // This may be a dangling link, which opening it below reports.
                    io::ErrorKind::AlreadyExists => Ok(()),
                    _ => Err(open_error(&path, error)),
                }
            })?;
            let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            let handle = match rustix::fs::open(&path, flags, Mode::empty()) {
                Ok(handle) => handle,
                Err(Errno::LOOP | Errno::NOTDIR) => return Err(CodeCacheError::NotDirectory { path }),
                Err(error) => return Err(open_error(&path, error.into())),
            };
            let stat = rustix::fs::fstat(&handle).map_err(|error| open_error(&path, error.into()))?;
            let user = rustix::process::geteuid().as_raw();
            if stat.st_uid != user {
                return Err(CodeCacheError::ForeignOwner { path, owner: stat.st_uid, user });
            }
            let mode = permissions(&stat);
            if mode & WRITABLE_BY_OTHERS != 0 {
                return Err(CodeCacheError::WritableByOthers { path, mode });
            }
            Ok(Directory { path, handle })
        }

        /// Opens a regular file of this user that no other user may write.
        pub(in super::super) fn open_own_file(&self, name: &str) -> io::Result<File> {
            // Does not wait for a writer if a pipe was put there.
            let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
            let file = rustix::fs::openat(&self.handle, name, flags, Mode::empty())?;
            let stat = rustix::fs::fstat(&file)?;
            let own = stat.st_uid == rustix::process::geteuid().as_raw();
            if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile
                || !own
                || permissions(&stat) & WRITABLE_BY_OTHERS != 0
            {
                return Err(io::Error::new(io::ErrorKind::PermissionDenied, "it is not a file of this user alone"));
            }
            Ok(file.into())
        }

        /// Returns a path that leads to `file`: on Linux through the handle, so that it cannot lead to another file.
        pub(in super::super) fn path_of(&self, file: &File, name: &str) -> PathBuf {
            use std::os::fd::AsRawFd;

            let through_handle = PathBuf::from(format!("/proc/self/fd/{}", file.as_raw_fd()));
            if cfg!(target_os = "linux") && through_handle.exists() { through_handle } else { self.path.join(name) }
        }
    }

    // The types of `st_mode` differ between systems.
    #[allow(clippy::useless_conversion)]
    fn permissions(stat: &Stat) -> u32 {
        u32::from(stat.st_mode) & 0o7777
    }
}

#[cfg(not(unix))]
impl Directory {
    /// Opens `path`, which is created if it does not exist.
    pub(super) fn open(path: PathBuf) -> Result<Self, CodeCacheError> {
        if let Err(error) = std::fs::create_dir_all(&path) {
            return Err(CodeCacheError::Open { path, error });
        }
        match std::fs::symlink_metadata(&path) {
            Ok(metadata) if metadata.is_dir() => Ok(Directory { path }),
            Ok(_) => Err(CodeCacheError::NotDirectory { path }),
            Err(error) => Err(CodeCacheError::Open { path, error }),
        }
    }

    /// Opens a file of the directory.
    pub(super) fn open_own_file(&self, name: &str) -> io::Result<File> {
        File::open(self.path.join(name))
    }

    /// Returns the path of that file.
    pub(super) fn path_of(&self, _file: &File, name: &str) -> PathBuf {
        self.path.join(name)
    }
}
