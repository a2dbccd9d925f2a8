//! Bounded reading of files that are not trusted.
//!
//! A plugin's directory may come from an attacker, and Plugbay looks into it before it has decided anything. Every file in
//! it is therefore read through [`PluginDirectory`]: a name is resolved inside the directory, so that no link leads out of
//! it; what it names is looked at before it is opened and again once it is open, so that no pipe is waited for and no device
//! is read; and no more than a given number of bytes is read, so that a file that grows, or is sparse, takes no memory.
//!
//! An entry that is there but is not a regular file is an error, never "no such file": a plugin without its manifest would
//! run without the limits that the manifest states. Errors say what the entry is, and never quote what is in it.
//!
//! [`read_file`] and [`read_stream`] are for files that the user names. Their links are followed, their sizes are bounded.

#![forbid(unsafe_code)]

mod directory;
mod error;
mod read;

pub use directory::PluginDirectory;
pub use error::{FileError, FileProblem};
pub use read::{read_file, read_stream, text};

/// Bytes that a text file of a plugin may have: a manifest, a configuration file, a `Cargo.toml`, a file of tests.
pub const TEXT_FILE_BYTES_MAX: u64 = 1 << 20;
