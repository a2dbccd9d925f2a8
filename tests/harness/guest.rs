//! Every guest as a constant: `feature::ECHO`, `hostile::PANIC`, `command::PLAIN`, `component::GEOMETRY`,
//! `example::HELLO`.
//!
//! `build.rs` generates them from the directories. Unused constants are denied here, so a guest or an example plugin
//! that no test uses does not compile.

use std::path::PathBuf;

use super::build;

/// A plugin that the tests build.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Guest {
    /// A library in `guests/examples`.
    Library(&'static str),
    /// A WASI command in `guests/src/bin`.
    Command(&'static str),
    /// A crate in `example-plugins`.
    Example(&'static str),
}

impl Guest {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Guest::Library(name) | Guest::Command(name) | Guest::Example(name) => name,
        }
    }

    /// The component's file.
    pub(crate) fn path(self) -> PathBuf {
        let file = format!("{}.wasm", self.name());
        match self {
            Guest::Library(_) => build::guests("wasm32-wasip2").join("examples").join(file),
            Guest::Command(_) => build::guests("wasm32-wasip2").join(file),
            Guest::Example(name) => build::example(name),
        }
    }

    /// The core module of a command, for preview 1.
    pub(crate) fn preview1_path(self) -> PathBuf {
        build::guests("wasm32-wasip1").join(format!("{}.wasm", self.name()))
    }

    /// The directory of an example plugin's source.
    pub(crate) fn directory(self) -> PathBuf {
        build::workspace().join("example-plugins").join(self.name())
    }

    pub(crate) fn bytes(self) -> Vec<u8> {
        let path = self.path();
        std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }
}

#[deny(dead_code)]
mod listed {
    use super::Guest;

    include!(concat!(env!("OUT_DIR"), "/guests.rs"));
}

pub(crate) use listed::*;
