//! The cache of compiled code on disk, so that a component is compiled once and not by each process.
//!
//! An entry is a file named by everything that its code depends on: the component's SHA-256, this crate's version and
//! the [`fingerprint`] of the engine, which covers wasmtime's version, the processor's features and every setting that
//! changes code. Entries are mapped into memory, so a 40 MB interpreter loads in milliseconds and is shared by all
//! processes that use it.
//!
//! Machine code from a file runs with all rights of the host. Therefore the directory must belong to this user alone,
//! entries are read only if they do too, and nothing from outside is ever stored in it: only [`MachineCode`], which
//! this host's compiler made.
//!
//! An entry ends with a checksum of the rest. wasmtime checks only the first bytes of a file, and a flipped bit in
//! machine code is an arbitrary instruction; CRC-32 reads 20 GB/s and more, which is 5 µs for the code of a small
//! plugin and 4 ms for that of an interpreter. It protects against faulty disks and files truncated by a crash, not
//! against attackers, and not against faults after the check.
//!
//! A fault of the cache never fails a load: an entry that cannot be read or does not match is removed and compiled
//! again, and an entry that cannot be written is not cached.

mod directory;
mod entry;
mod mapped;

use std::fs::File;
use std::hash::{Hash, Hasher};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use etcetera::BaseStrategy;
use sha2::{Digest, Sha256};
use wasmtime::Engine;
use wasmtime::component::Component;

pub use self::directory::CodeCacheError;
use self::directory::Directory;
pub use self::mapped::MappedCode;
use crate::compiler::MachineCode;
use crate::hex;
use crate::limits::CODE_CACHE_BYTES_MAX;

/// The share of the limit that an eviction leaves in use, in percent: 90, so that not each new entry needs an eviction.
const EVICTION_TARGET_PERCENT: u64 = 90;
/// The resolution of an entry's last use: an hour. Recording each use would write to the disk on each start.
const USE_RECORDED_EVERY: Duration = Duration::from_secs(60 * 60);
/// The age at which an unfinished file counts as abandoned by its process: an hour.
const ABANDONED_AFTER: Duration = Duration::from_secs(60 * 60);
const ENTRY_SUFFIX: &str = ".cwasm";
const UNFINISHED_PREFIX: &str = ".unfinished-";

/// A directory of compiled code. Any number of processes may share one.
#[derive(Debug)]
pub struct CodeCache {
    directory: Directory,
    bytes_max: u64,
}

/// The key of an entry, which is its file's name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CodeKey(String);

impl CodeKey {
    /// Returns the key of the component whose SHA-256 is `digest`, compiled for the engine with this [`fingerprint`].
    pub(crate) fn new(fingerprint: &[u8; 32], digest: &[u8; 32]) -> Self {
        let mut hash = Sha256::new();
        hash.update(entry::FORMAT);
        // The compiled code may contain more than the component: this crate adds an adapter to preview 1 commands.
        hash.update(env!("CARGO_PKG_VERSION"));
        hash.update([0]);
        hash.update(fingerprint);
        hash.update(digest);
        CodeKey(hex(&hash.finalize()))
    }

    fn file_name(&self) -> String {
        format!("{}{ENTRY_SUFFIX}", self.0)
    }
}

impl CodeCache {
    /// Returns the default directory of this user's compiled code: `plugbay/code` in `$XDG_CACHE_HOME` or `~/.cache`,
    /// or on Windows in the local application data. `None` if the user has no home directory, or one that is a relative
    /// path, which would be another directory for each working directory.
    pub fn user_directory() -> Option<PathBuf> {
        let caches = etcetera::choose_base_strategy().ok()?.cache_dir();
        caches.is_absolute().then(|| caches.join("plugbay").join("code"))
    }

    /// Opens the cache in `directory`, which is created if it does not exist.
    ///
    /// # Errors
    ///
    /// [`CodeCacheError`] if the directory cannot be created or opened, is a link, belongs to another user, or is
    /// writable by other users.
    pub fn open(directory: impl Into<PathBuf>) -> Result<Self, CodeCacheError> {
        Ok(CodeCache { directory: Directory::open(directory.into())?, bytes_max: CODE_CACHE_BYTES_MAX })
    }

    /// Sets the maximum total size of all entries, in bytes. Default: [`CODE_CACHE_BYTES_MAX`]. Adding an entry evicts
    /// the least recently used ones.
    #[must_use]
    pub fn with_bytes_max(mut self, bytes_max: u64) -> Self {
        self.bytes_max = bytes_max;
        self
    }

    /// Returns the directory of the entries.
    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    /// Returns the component of this key, if it is cached and intact.
    pub(crate) fn get(&self, engine: &Engine, key: &CodeKey) -> Option<Component> {
        let name = key.file_name();
        match self.load(engine, &name) {
            Ok(component) => Some(component),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => {
                tracing::warn!(entry = name, %error, "compiled code cannot be used and is removed");
                let _ = std::fs::remove_file(self.path().join(name));
                None
            }
        }
    }

    fn load(&self, engine: &Engine, name: &str) -> io::Result<Component> {
        let file = self.directory.open_own_file(name)?;
        entry::check(&file)?;
        record_use(&file);
        // SAFETY: the file must be the output of `Engine::precompile_component` of this version of wasmtime, and must
        // not change while it is mapped.
        //
        // Its writer: `open_own_file` checked, through the file's own handle, that it is a regular file of this user in
        // a directory of this user, that no other user may write either, and that no link led to it. So it was written
        // by this user (or root), who can make this process do anything without the help of a cache. The mapped file is
        // the file that was checked, not one that has taken its name meanwhile: the path leads through the handle if
        // the system offers that.
        //
        // Its contents: this crate writes only `MachineCode` to the directory, which only this crate's compiler makes,
        // possibly in a child process that had to prove that its engine has the same fingerprint. The name contains the
        // fingerprint, which covers wasmtime's version; wasmtime compares version, target and settings again. The
        // checksum has just shown that the bytes are unchanged.
        //
        // Its stability: entries are written under another name and renamed when they are complete. After that this
        // crate only removes the name or sets the times, neither of which affects a mapping.
        #[allow(unsafe_code)]
        let component = unsafe { Component::deserialize_file(engine, self.directory.path_of(&file, name)) };
        component.map_err(|error| io::Error::other(format!("{error:#}")))
    }

    /// Adds an entry, and evicts others if the cache is full. An entry that cannot be written is not cached.
    pub(crate) fn put(&self, key: &CodeKey, code: &MachineCode) {
        let written = self.write(&key.file_name(), code).and_then(|()| self.evict());
        if let Err(error) = written {
            tracing::warn!(directory = %self.path().display(), %error, "compiled code cannot be cached");
        }
    }

    fn write(&self, name: &str, code: &MachineCode) -> io::Result<()> {
        if code.as_bytes().len() as u64 > self.bytes_max {
            return Ok(());
        }
        // tempfile creates it for this user alone (0600).
        let mut file = tempfile::Builder::new().prefix(UNFINISHED_PREFIX).tempfile_in(self.path())?;
        entry::write(file.as_file_mut(), code.as_bytes())?;
        file.persist(self.path().join(name)).map_err(|error| error.error)?;
        Ok(())
    }

    /// Removes the least recently used entries of a full cache, and unfinished files of processes that died.
    fn evict(&self) -> io::Result<()> {
        let now = SystemTime::now();
        let mut entries = Vec::new();
        for file in std::fs::read_dir(self.path())? {
            let file = file?;
            // Another process removed the file.
            let Ok(metadata) = file.metadata() else { continue };
            let used = metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH);
            let name = file.file_name();
            let name = name.to_string_lossy();
            if name.ends_with(ENTRY_SUFFIX) {
                entries.push((used, metadata.len(), file.path()));
            } else if name.starts_with(UNFINISHED_PREFIX)
                && now.duration_since(used).is_ok_and(|age| age > ABANDONED_AFTER)
            {
                let _ = std::fs::remove_file(file.path());
            }
        }
        let mut total: u64 = entries.iter().map(|(_, bytes, _)| bytes).sum();
        if total <= self.bytes_max {
            return Ok(());
        }
        entries.sort_unstable();
        let kept = self.bytes_max / 100 * EVICTION_TARGET_PERCENT;
        // The newest entry stays, however large: it has just been requested.
        entries.pop();
        for (_, bytes, path) in entries {
            if total <= kept {
                break;
            }
            let _ = std::fs::remove_file(path);
            total -= bytes;
        }
        Ok(())
    }
}

/// Makes a component from code that was just compiled, for hosts without a cache to map it from.
pub(crate) fn load(engine: &Engine, code: &MachineCode) -> wasmtime::Result<Component> {
    // SAFETY: a `MachineCode` was made by this crate's compiler and has never left memory, or came through a pipe from
    // a child process that this host started and that had to prove that its engine has the same fingerprint.
    #[allow(unsafe_code)]
    unsafe {
        Component::deserialize(engine, code.as_bytes())
    }
}

/// Returns a hash of everything in an engine that compiled code depends on: wasmtime's version, the target with the
/// processor's features, and the settings, without the memory pool's.
pub(crate) fn fingerprint(engine: &Engine) -> [u8; 32] {
    /// A SHA-256 [`Hasher`], because the 64 bits of the standard library's hashers are too few to identify native code.
    struct Sha256Hasher(Sha256);

    impl Hasher for Sha256Hasher {
        fn write(&mut self, bytes: &[u8]) {
            self.0.update(bytes);
        }

        fn finish(&self) -> u64 {
            let digest = self.0.clone().finalize();
            digest.iter().take(8).fold(0, |value, byte| value << 8 | u64::from(*byte))
        }
    }

    let mut hasher = Sha256Hasher(Sha256::new());
    engine.precompile_compatibility_hash().hash(&mut hasher);
    hasher.0.finalize().into()
}

/// Sets the entry's modification time, which records its last use to within an hour.
fn record_use(file: &File) {
    let now = SystemTime::now();
    let last = file.metadata().and_then(|metadata| metadata.modified());
    if last.is_ok_and(|last| now.duration_since(last).is_ok_and(|age| age > USE_RECORDED_EVERY)) {
        let _ = file.set_modified(now);
    }
}

#[cfg(test)]
mod tests;
