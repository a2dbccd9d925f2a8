//! The format of an entry: machine code, then a trailer with its length and checksum.
//!
//! The trailer is last because wasmtime maps the whole file and finds everything from its start.

use std::fs::File;
use std::io::{self, Read, Write};

/// The name of the format. It is part of every key, so that entries of another format are not found.
pub(super) const FORMAT: &[u8; 8] = b"plugbay1";
/// The size of the trailer: the format's name, the length in eight bytes and the checksum in four, little-endian.
const TRAILER_BYTES: usize = FORMAT.len() + 8 + 4;
/// The size of a read: 256 KiB, which fits in a processor's second-level cache.
const BUFFER_BYTES: usize = 256 << 10;

/// Writes an entry.
pub(super) fn write(file: &mut File, code: &[u8]) -> io::Result<()> {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(code);
    file.write_all(code)?;
    file.write_all(&trailer(code.len() as u64, hasher))
}

/// Reads an entry to its end and compares its length and checksum.
pub(super) fn check(mut file: &File) -> io::Result<()> {
    let size = file.metadata()?.len();
    let length = size
        .checked_sub(TRAILER_BYTES as u64)
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "it is shorter than its trailer"))?;
    let mut hasher = crc32fast::Hasher::new();
    let mut code = file.take(length);
    let mut buffer = vec![0; BUFFER_BYTES.min(size as usize)];
    loop {
        match code.read(&mut buffer)? {
            0 => break,
            read => hasher.update(&buffer[..read]),
        }
    }
    let mut found = [0; TRAILER_BYTES];
    file.read_exact(&mut found)?;
    if found != trailer(length, hasher) {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "its checksum is wrong"));
    }
    Ok(())
}

/// Returns the trailer for code of this length in bytes. The checksum covers the length too.
fn trailer(length: u64, mut hasher: crc32fast::Hasher) -> [u8; TRAILER_BYTES] {
    let length = length.to_le_bytes();
    hasher.update(&length);
    let mut trailer = [0; TRAILER_BYTES];
    let (format, rest) = trailer.split_at_mut(FORMAT.len());
    let (size, checksum) = rest.split_at_mut(length.len());
    format.copy_from_slice(FORMAT);
    size.copy_from_slice(&length);
    checksum.copy_from_slice(&hasher.finalize().to_le_bytes());
    trailer
}
