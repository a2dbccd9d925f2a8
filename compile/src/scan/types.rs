//! Component types, whose declarations hold types again.
//!
//! wasmparser reads them by recursion, and so does the compiler: three bytes for each level, and some thousand levels
//! end the process. They are read here with a stack of their own, and never deeper than a scan admits.

use wasmparser::{
    BinaryReader, ComponentAlias, ComponentExternName, ComponentImport, ComponentType, ComponentTypeRef, CoreType,
};

use super::error::malformed;
use super::tally::Tally;
use super::{Quantity, ScanError};

type Read<T> = Result<T, wasmparser::Error>;

const COMPONENT_TYPE: u8 = 0x41;
const INSTANCE_TYPE: u8 = 0x42;

/// Counts a section of types with everything that they declare.
pub(super) fn read(mut section: BinaryReader<'_>, tally: &mut Tally<'_>) -> Result<(), ScanError> {
    let types = section.read_var_u32().map_err(|error| malformed(&error))?;
    tally.add(Quantity::Definitions, types.into())?;
    // How much is left to read of each type that is open. What comes first is the section, which holds nothing but
    // types.
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

/// Reads a declaration, or only says that it is one of a type, which comes next.
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

/// Reads what follows the byte of its kind.
fn skip<'a, T: wasmparser::FromReader<'a>>(section: &mut BinaryReader<'a>) -> Read<bool> {
    section.read_u8()?;
    section.read::<T>().map(|_| false)
}

/// Reads a type, or only the number of declarations of one that has them.
fn begin(section: &mut BinaryReader<'_>) -> Read<Option<u32>> {
    if matches!(section.clone().read_u8()?, COMPONENT_TYPE | INSTANCE_TYPE) {
        section.read_u8()?;
        return section.read_var_u32().map(Some);
    }
    section.read::<ComponentType<'_>>().map(|_| None)
}
