//! The scan of a component before it is compiled.
//!
//! Compiling is the one stage at which a hostile file can cost the host more than its own size: the time and memory
//! that Cranelift takes depend on how many functions, types, table entries and instances a file declares, and a few
//! hundred bytes can declare millions. A scan reads the sections once, in time linear in the size of the file, counts
//! what compiling will have to process, and refuses a file that exceeds its [`ScanLimits`].
//!
//! A scan is not a validation. It reads no instruction, resolves no index and checks no type: an admitted file may
//! still be invalid, which [`Compiler`](crate::Compiler) reports. It is a filter and not a proof either: some files
//! within the limits compile slowly, which is why compilation has a deadline of its own.

mod error;
mod recognise;
mod sections;
mod tally;
mod types;

pub use self::error::ScanError;
pub use crate::limits::{Quantity, ScanLimits};

use wasmparser::{Chunk, Parser, Payload};

use self::error::malformed;
use self::tally::Tally;

/// The custom section that contains a component's manifest.
pub const MANIFEST_SECTION: &str = "plugbay:manifest";

/// The kind of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A WebAssembly component.
    Component,
    /// A plain WebAssembly module, such as a WASI preview 1 command.
    CoreModule,
}

/// The kind of an import or an export.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ItemKind {
    /// A function.
    Function,
    /// An instance, the form in which an interface such as `wasi:cli/run@0.2.0` is imported and exported.
    Instance,
    /// A type.
    Type,
    /// A core module.
    Module,
    /// A component.
    Component,
    /// A value.
    Value,
    /// A table of a core module.
    Table,
    /// A memory of a core module.
    Memory,
    /// A global of a core module.
    Global,
    /// An exception tag of a core module.
    Tag,
}

/// An import of the outermost component or module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Import {
    /// The name with its version, such as `wasi:sockets/tcp@0.2.0`. In a core module: the module's name.
    pub name: String,
    /// The second name of a core module's import, such as `fd_write`.
    pub field: Option<String>,
    /// The kind of the import.
    pub kind: ItemKind,
}

/// An export of the outermost component or module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Export {
    /// The name with its version.
    pub name: String,
    /// The kind of the export. The functions inside an exported instance are known only after compiling.
    pub kind: ItemKind,
}

/// The result of a [`scan`](fn@scan).
#[derive(Clone, Debug)]
pub struct Scan {
    /// The kind of the file.
    pub kind: Kind,
    /// The imports of the outermost component or module, in the file's order.
    pub imports: Vec<Import>,
    /// The exports of the outermost component or module, in the file's order.
    pub exports: Vec<Export>,
    /// The contents of every custom section named [`MANIFEST_SECTION`], at any depth, in the file's order.
    pub manifests: Vec<Vec<u8>>,
    /// Whether it is composed of parts that call each other: inner components with functions of their own. The tools
    /// that build a single component produce none.
    pub is_composed: bool,
    totals: [u64; Quantity::ALL.len()],
}

impl Scan {
    /// Returns the amount of `quantity` in the whole file, including nested modules and components.
    pub fn total(&self, quantity: Quantity) -> u64 {
        self.totals[quantity as usize]
    }
}

/// Scans `bytes`.
///
/// Never panics, takes time linear in the length of `bytes`, and retains at most the names and manifests that the
/// limits admit, plus two bytes for each type and function of the modules being read.
///
/// # Errors
///
/// [`ScanError`] if `bytes` are not a component or module in binary form, are truncated, cannot be parsed, or exceed a
/// limit.
pub fn scan(bytes: &[u8], limits: &ScanLimits) -> Result<Scan, ScanError> {
    let mut tally = Tally::new(limits);
    tally.add(Quantity::Bytes, bytes.len() as u64)?;
    let kind = recognise::kind(bytes)?;
    let mut scan = Scan {
        kind,
        imports: Vec::new(),
        exports: Vec::new(),
        manifests: Vec::new(),
        is_composed: false,
        totals: [0; Quantity::ALL.len()],
    };
    tally.enter(kind)?;

    let mut parsers = vec![Parser::new(0)];
    let mut rest = bytes;
    while let Some(parser) = parsers.last_mut() {
        let payload = match parser.parse(rest, rest.is_empty()) {
            Ok(Chunk::Parsed { consumed, payload }) => {
                rest = rest.get(consumed..).unwrap_or_default();
                payload
            }
            // The input is exhausted, but the parser expects more.
            Ok(Chunk::NeedMoreData(_)) => return Err(truncated(bytes)),
            Err(_) if rest.is_empty() => return Err(truncated(bytes)),
            Err(error) => return Err(malformed(&error)),
        };
        match payload {
            // The parser accepts an inner module that lacks its last sections: only its declared size reveals that.
            Payload::ModuleSection { unchecked_range, .. } | Payload::ComponentSection { unchecked_range, .. }
                if unchecked_range.end > bytes.len() =>
            {
                return Err(truncated(bytes));
            }
            Payload::ModuleSection { parser, .. } => {
                tally.enter(Kind::CoreModule)?;
                parsers.push(parser);
            }
            Payload::ComponentSection { parser, .. } => {
                tally.enter(Kind::Component)?;
                parsers.push(parser);
            }
            Payload::End(_) => {
                tally.leave()?;
                parsers.pop();
            }
            payload => {
                scan.is_composed |= parsers.len() > 1 && matches!(payload, Payload::ComponentCanonicalSection(_));
                sections::read(payload, bytes, parsers.len() == 1, &mut scan, &mut tally)?;
            }
        }
    }
    scan.totals = tally.totals();
    Ok(scan)
}

fn truncated(bytes: &[u8]) -> ScanError {
    ScanError::Truncated { size: bytes.len() as u64 }
}

#[cfg(test)]
mod tests;
