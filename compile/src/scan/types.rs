//! Component types, whose declarations contain types.
//!
//! wasmparser reads them recursively, and so does the compiler: three bytes per level, and some thousand levels crash
//! the process. Here they are read with an explicit stack, never deeper than a scan admits.

use wasmparser::{
    BinaryReader, ComponentAlias, ComponentExternName, ComponentImport, ComponentType, ComponentTypeRef, CoreType,
};

use super::error::malformed;
use super::tally::Tally;
use super::{Quantity, ScanError};

type Read<T> = Result<T, wasmparser::Error>;

const COMPONENT_TYPE: u8 = 0x41;
const INSTANCE_TYPE: u8 = 0x42;

/// Counts a section of types and everything that they declare.
pub(super) fn read(mut section: BinaryReader<'_>, tally: &mut Tally<'_>) -> Result<(), ScanError> {
    let types = section.read_var_u32().map_err(|error| malformed(&error))?;
    tally.add(Quantity::Definitions, types.into())?;
    // The number of items left to read in each open type. The first is the section itself, which contains only types.
    let mut open = vec![types];
    while let Some(left) = open.last_mut() {
        let Some(rest) = left.checked_sub(1) else {
            open.pop();
            continue;
        };
        *left = rest;
        if open.len() > 1 && !declares_type(&mut section).map_err(|error| malformed(&error))? {
            continue;
        }
        tally.add(Quantity::Types, 1)?;
        if let Some(declarations) = begin(&mut section).map_err(|error| malformed(&error))? {
            tally.add(Quantity::Definitions, declarations.into())?;
            open.push(declarations);
            tally.nest(open.len() as u64 - 1)?;
        }
    }
    Ok(())
}

/// Reads a declaration, or returns `true` if it declares a type, which comes next.
fn declares_type(section: &mut BinaryReader<'_>) -> Read<bool> {
    let kind = section.clone().read_u8()?;
    match kind {
        0x00 => skip::<CoreType<'_>>(section),
        0x01 => section.read_u8().map(|_| true),
        0x02 => skip::<ComponentAlias<'_>>(section),
        0x03 => skip::<ComponentImport<'_>>(section),
        _ => skip::<(ComponentExternName<'_>, ComponentTypeRef)>(section),
    }
}

/// Reads the rest of an item after its kind byte.
fn skip<'a, T: wasmparser::FromReader<'a>>(section: &mut BinaryReader<'a>) -> Read<bool> {
    section.read_u8()?;
    section.read::<T>().map(|_| false)
}

/// Reads a type, or only its number of declarations if it has any.
fn begin(section: &mut BinaryReader<'_>) -> Read<Option<u32>> {
    if matches!(section.clone().read_u8()?, COMPONENT_TYPE | INSTANCE_TYPE) {
        section.read_u8()?;
        return section.read_var_u32().map(Some);
    }
    section.read::<ComponentType<'_>>().map(|_| None)
}
