//! Bounded reading of untrusted files.
//!
//! A plugin's directory may come from an attacker, and Plugbay reads it before any other check. Every file in it is
//! therefore read through [`PluginDirectory`]:
//! - A name is resolved inside the directory, so that no link leads out of it.
//! - The entry is checked before it is opened and again once it is open, so that reading never blocks on a pipe and
//!   never reads a device.
//! - At most a given number of bytes is read, so that a growing or sparse file cannot exhaust memory.
//!
//! An entry that exists but is not a regular file is an error, never "no such file": a plugin without its manifest
//! would run without the limits that the manifest sets. Errors name the kind of the entry, and never quote its
//! contents.
//!
//! [`read_file`] and [`read_stream`] are for files that the user names. They follow links; sizes are bounded.

#![forbid(unsafe_code)]

mod directory;
mod error;
mod read;

pub use directory::PluginDirectory;
pub use error::{FileError, FileProblem};
pub use read::{read_file, read_stream, text};

/// Maximum size in bytes of a plugin's text file: a manifest, a configuration file, a `Cargo.toml` or a test file.
pub const TEXT_FILE_BYTES_MAX: u64 = 1 << 20;
