//! What a component is, found out before anything compiles it.
//!
//! Compiling is the one stage at which a hostile file can cost the host more than its own size: the time and memory
//! that Cranelift takes depend on how many functions, types, table entries and instances a file declares, and a few
//! hundred bytes can declare millions. A scan walks the sections once, in time linear to the size of the file, counts
//! what compiling will have to pay for, and refuses what is above its [`ScanLimits`].
//!
//! A scan is not a validation. It reads no instruction, resolves no index and checks no type: a file that it admits may
//! still be nonsense, and [`Compiler`](crate::Compiler) says so. It is a filter and not a proof either: within the
//! limits there are files that compile slowly, which is why compilation has a deadline of its own.

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

/// The custom section in which a component carries its manifest.
pub const MANIFEST_SECTION: &str = "plugbay:manifest";

/// What a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A WebAssembly component.
    Component,
    /// A plain WebAssembly module, such as a WASI preview 1 command.
    CoreModule,
}

/// What sort of thing an import or an export is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ItemKind {
    /// A function.
    Function,
    /// An instance: what an interface such as `wasi:cli/run@0.2.0` is imported and exported as.
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

/// One import of the outermost component or module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Import {
    /// The name with its version, such as `wasi:sockets/tcp@0.2.0`. For a core module: the module's name.
    pub name: String,
    /// The second name that imports of a core module have, such as `fd_write`.
    pub field: Option<String>,
    /// What is imported.
    pub kind: ItemKind,
}

/// One export of the outermost component or module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Export {
    /// The name with its version.
    pub name: String,
    /// What is exported. The functions inside an exported instance are known only after compiling.
    pub kind: ItemKind,
}

/// What [`scan`] found.
#[derive(Clone, Debug)]
pub struct Scan {
    /// What the file is.
    pub kind: Kind,
    /// What the outermost component or module imports, in the file's order.
    pub imports: Vec<Import>,
    /// What the outermost component or module exports, in the file's order.
    pub exports: Vec<Export>,
    /// The contents of every custom section named [`MANIFEST_SECTION`], at any depth, in the file's order.
    pub manifests: Vec<Vec<u8>>,
    /// Whether it is a component of parts that call each other: inner components with functions of their own, as
    /// composing makes them. What one component's tools produce has none.
    pub is_composed: bool,
    totals: [u64; Quantity::ALL.len()],
}

impl Scan {
    /// How much of `quantity` the whole file has, nested modules and components included.
    pub fn total(&self, quantity: Quantity) -> u64 {
        self.totals[quantity as usize]
    }
}

/// Scans `bytes`.
///
/// Never panics, takes time linear to the length of `bytes`, and keeps at most the names and manifests that the limits
/// admit, plus two bytes for each type and function of the modules that are open at once.
///
/// # Errors
///
/// [`ScanError`] if `bytes` are not a component or module in binary form, are cut off, cannot be parsed, or are over a
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
            // Nothing is left to read, yet the parser is not at an end.
            Ok(Chunk::NeedMoreData(_)) => return Err(truncated(bytes)),
            Err(_) if rest.is_empty() => return Err(truncated(bytes)),
            Err(error) => return Err(malformed(&error)),
        };
        match payload {
            // The parser takes an inner module that lacks its last sections for a whole one: only its size shows it.
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
