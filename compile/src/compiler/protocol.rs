//! The protocol between the host and a compiling child.
//!
//! The child reads from its standard input one line of JSON, the [`Request`], and then the component. On success it
//! writes to its standard output the length of the machine code in eight bytes, little-endian, and then the machine
//! code. On failure it writes to its standard error one line of JSON, a [`CompileError`](super::CompileError), possibly
//! among other output.

use std::io::{self, BufRead, Read, Write};

use serde::{Deserialize, Serialize};

use crate::engine::CodeSettings;

/// The version, raised when anything here changes: a host never communicates with a worker of another version.
pub(super) const VERSION: u32 = 2;
/// Maximum length of the request's line: 1 KiB.
const REQUEST_BYTES_MAX: u64 = 1 << 10;

/// A request to compile a component within limits.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Request {
    pub(super) version: u32,
    pub(super) settings: CodeSettings,
    /// The [`fingerprint`](crate::code_cache::fingerprint) of the host's engine, in hexadecimal. The child's must
    /// be the same, or its code would not load.
    pub(super) fingerprint: String,
    pub(super) memory_bytes_max: u64,
    pub(super) cpu_seconds_max: u64,
    pub(super) component_bytes: u64,
}

impl Request {
    /// The line, its end included.
    pub(super) fn to_line(&self) -> Vec<u8> {
        let mut line = serde_json::to_vec(self).unwrap_or_default();
        line.push(b'\n');
        line
    }

    pub(super) fn read(input: &mut impl BufRead) -> Result<Self, String> {
        let mut line = Vec::new();
        input
            .take(REQUEST_BYTES_MAX)
            .read_until(b'\n', &mut line)
            .map_err(|error| format!("the request cannot be read: {error}"))?;
        let request: Request =
            serde_json::from_slice(&line).map_err(|error| format!("the request is not valid: {error}"))?;
        if request.version != VERSION {
            return Err(format!("the request has version {}, and this worker has {VERSION}", request.version));
        }
        Ok(request)
    }
}

/// Reads the component that follows a request.
pub(super) fn read_component(input: &mut impl Read, size: u64) -> io::Result<Vec<u8>> {
    let mut component = Vec::new();
    let room = usize::try_from(size).map_err(|_| io::ErrorKind::OutOfMemory)?;
    component.try_reserve_exact(room).map_err(|_| io::ErrorKind::OutOfMemory)?;
    input.take(size).read_to_end(&mut component)?;
    if component.len() as u64 != size {
        let message = format!("it ends after {} of {size} bytes", component.len());
        return Err(io::Error::new(io::ErrorKind::UnexpectedEof, message));
    }
    Ok(component)
}

/// Writes machine code with its length.
pub(super) fn write_code(output: &mut impl Write, code: &[u8]) -> io::Result<()> {
    output.write_all(&(code.len() as u64).to_le_bytes())?;
    output.write_all(code)?;
    output.flush()
}
