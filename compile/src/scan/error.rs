//! The error of scanning a file.

use thiserror::Error;

use super::Quantity;

/// Why a file was refused before it was compiled.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ScanError {
    /// The file is empty.
    #[error("the file is empty")]
    Empty,
    /// The file is native code: a `.cwasm`, or some other ELF file.
    #[error(
        "the file is compiled machine code, which is never accepted from outside: give the WebAssembly component (.wasm) \
         that it was compiled from"
    )]
    CompiledArtifact,
    /// The file is WebAssembly text.
    #[error("the file is WebAssembly text: turn it into a binary first, with `wasm-tools parse FILE.wat -o FILE.wasm`")]
    Text,
    /// The file is not WebAssembly.
    #[error("the file is not WebAssembly: it starts with the bytes {start}, not with 00 61 73 6d")]
    NotWasm {
        /// The first bytes, at most eight, in hexadecimal.
        start: String,
    },
    /// The file is WebAssembly of a version or layer that is not supported.
    #[error("the file is WebAssembly of an unknown version ({version}) or layer ({layer})")]
    Version {
        /// The version that the header names.
        version: u16,
        /// The layer that the header names: 0 is a core module, 1 a component.
        layer: u16,
    },
    /// The file ends inside a section.
    #[error("the file is cut off: it ends after {size} bytes, in the middle of a section")]
    Truncated {
        /// The file's size in bytes.
        size: u64,
    },
    /// The file is not well-formed.
    #[error("the file is malformed at byte {offset}: {message}")]
    Malformed {
        /// The position, in bytes from the start of the file.
        offset: u64,
        /// The problem.
        message: String,
    },
    /// A component in the file imports a module or a component. No toolchain makes such files, and their expanded size
    /// cannot be determined without compiling them.
    #[error("the file imports a {what}, which this host does not support: import instances and functions instead")]
    ImportsCode {
        /// `component` or `core module`.
        what: &'static str,
    },
    /// The file exceeds a limit.
    #[error("the file is over a limit: {observed} {quantity}, where at most {allowed} are allowed")]
    Limit {
        /// The exceeded quantity.
        quantity: Quantity,
        /// The limit.
        allowed: u64,
        /// The amount in the file, or the amount counted when the limit was exceeded.
        observed: u64,
    },
}

impl ScanError {
    /// Returns the stable name of this kind of error.
    pub fn code(&self) -> &'static str {
        match self {
            ScanError::Empty | ScanError::NotWasm { .. } | ScanError::Version { .. } => "not_wasm",
            ScanError::CompiledArtifact => "compiled_artifact",
            ScanError::Text => "wasm_text",
            ScanError::Truncated { .. } => "truncated_component",
            ScanError::Malformed { .. } => "malformed_component",
            ScanError::ImportsCode { .. } => "unsupported_component",
            ScanError::Limit { .. } => "component_too_large",
        }
    }
}

/// Converts an error of wasmparser.
pub(super) fn malformed(error: &wasmparser::Error) -> ScanError {
    ScanError::Malformed { offset: error.offset() as u64, message: error.message().to_owned() }
}
