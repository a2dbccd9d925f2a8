//! The contribution of each section to the counts.
//!
//! Each section is read item by item and nothing is stored but counts, the outermost imports and exports, and embedded
//! manifests. Instructions are not read.

use wasmparser::{
    BinaryReader, ComponentExternalKind, ComponentInstance, ComponentTypeRef, CompositeInnerType, ElementItems,
    ExternalKind, FromReader, FunctionBody, Imports, Instance, MemoryType, Payload, SectionLimited, TypeRef,
};

use super::Quantity;
use super::error::malformed;
use super::tally::Tally;
use super::types;
use super::{Export, Import, ItemKind, MANIFEST_SECTION, Scan, ScanError};

/// The default page size of a memory, as a power of two.
const PAGE_SIZE_LOG2: u32 = 16;

/// Counts a section of the file's `bytes`; `outermost` is set if it belongs to the outermost component or module.
pub(super) fn read(
    payload: Payload<'_>,
    bytes: &[u8],
    outermost: bool,
    scan: &mut Scan,
    tally: &mut Tally<'_>,
) -> Result<(), ScanError> {
    match payload {
        // Core modules.
        Payload::TypeSection(section) => items(section, tally, |group, tally| {
            // A group of types counts as its number of types: the section's own count has one for the group.
            tally.add(Quantity::Definitions, group.types().len().saturating_sub(1) as u64)?;
            for ty in group.types() {
                tally.add(Quantity::Types, 1)?;
                tally.declare_type(match &ty.composite_type.inner {
                    CompositeInnerType::Func(function) => function.params().len() + function.results().len(),
                    _ => 0,
                });
            }
            Ok(())
        }),
        Payload::ImportSection(section) => {
            items(section, tally, |imports, tally| core_imports(imports, outermost, scan, tally))
        }
        Payload::FunctionSection(section) => {
            tally.add(Quantity::Functions, section.count().into())?;
            items(section, tally, |type_index, tally| {
                tally.define_function(type_index);
                Ok(())
            })
        }
        Payload::TableSection(section) => items(section, tally, |table, tally| {
            tally.add(Quantity::Tables, 1)?;
            tally.add(Quantity::TableElements, table.ty.initial)
        }),
        Payload::MemorySection(section) => items(section, tally, |memory, tally| {
            tally.see_memory()?;
            tally.add(Quantity::Memories, 1)?;
            tally.add(Quantity::MemoryBytes, minimum_bytes(&memory))
        }),
        Payload::ExportSection(section) => items(section, tally, |export, tally| {
            keep_export(outermost, export.name, core_kind(export.kind), scan, tally)
        }),
        Payload::ElementSection(section) => items(section, tally, |element, tally| {
            let count = match element.items {
                ElementItems::Functions(items) => items.count(),
                ElementItems::Expressions(_, items) => items.count(),
            };
            tally.add(Quantity::SegmentElements, count.into())
        }),
        Payload::DataSection(section) => {
            tally.add(Quantity::DataBytes, section.range().len() as u64)?;
            tally.add(Quantity::Definitions, section.count().into())
        }
        Payload::CodeSectionEntry(body) => code(&body, tally),
        Payload::TagSection(section) => tally.add(Quantity::Definitions, section.count().into()),
        Payload::GlobalSection(section) => tally.add(Quantity::Definitions, section.count().into()),

        // Components.
        Payload::InstanceSection(section) => items(section, tally, |instance, tally| match instance {
            Instance::Instantiate { args, .. } => {
                tally.add(Quantity::Definitions, args.len() as u64)?;
                tally.instantiate_module()
            }
            Instance::FromExports(exports) => tally.add(Quantity::Definitions, exports.len() as u64),
        }),
        Payload::ComponentInstanceSection(section) => items(section, tally, |instance, tally| match instance {
            ComponentInstance::Instantiate { args, .. } => {
                tally.add(Quantity::Definitions, args.len() as u64)?;
                tally.instantiate_component()
            }
            ComponentInstance::FromExports(exports) => tally.add(Quantity::Definitions, exports.len() as u64),
        }),
        Payload::CoreTypeSection(section) => {
            tally.add(Quantity::Types, section.count().into())?;
            tally.add(Quantity::Definitions, section.count().into())
        }
        Payload::ComponentTypeSection(section) => {
            let range = section.range();
            types::read(BinaryReader::new(bytes.get(range.clone()).unwrap_or_default(), range.start), tally)
        }
        Payload::ComponentAliasSection(section) => tally.add(Quantity::Definitions, section.count().into()),
        Payload::ComponentCanonicalSection(section) => tally.adapt(section.count().into()),
        Payload::ComponentImportSection(section) => items(section, tally, |import, tally| {
            match import.ty {
                ComponentTypeRef::Module(_) => return Err(ScanError::ImportsCode { what: "core module" }),
                ComponentTypeRef::Component(_) => return Err(ScanError::ImportsCode { what: "component" }),
                _ => {}
            }
            keep_import(outermost, import.name.name, None, component_kind(import.ty.kind()), scan, tally)
        }),
        Payload::ComponentExportSection(section) => items(section, tally, |export, tally| {
            keep_export(outermost, export.name.name, component_kind(export.kind), scan, tally)
        }),

        Payload::CustomSection(section) if section.name() == MANIFEST_SECTION => {
            tally.add(Quantity::ManifestBytes, section.data().len() as u64)?;
            scan.manifests.push(section.data().to_vec());
            Ok(())
        }
        _ => Ok(()),
    }
}

/// Counts a section's items and visits each.
fn items<'a, T: FromReader<'a>>(
    section: SectionLimited<'a, T>,
    tally: &mut Tally<'_>,
    mut visit: impl FnMut(T, &mut Tally<'_>) -> Result<(), ScanError>,
) -> Result<(), ScanError> {
    tally.add(Quantity::Definitions, section.count().into())?;
    for item in section {
        visit(item.map_err(|error| malformed(&error))?, tally)?;
    }
    Ok(())
}

/// Counts a function's body. Its locals are declared in groups, so that five bytes can stand for 50,000 of them.
fn code(body: &FunctionBody<'_>, tally: &mut Tally<'_>) -> Result<(), ScanError> {
    let size = body.range().len() as u64;
    tally.raise(Quantity::FunctionBytes, size)?;
    tally.add(Quantity::CodeBytes, size)?;
    let mut locals = tally.next_body_signature();
    for group in body.get_locals_reader().map_err(|error| malformed(&error))? {
        let (count, _) = group.map_err(|error| malformed(&error))?;
        locals = locals.saturating_add(count.into());
    }
    tally.add(Quantity::Locals, locals)?;
    tally.raise(Quantity::FunctionWeight, size.saturating_mul(locals.max(1)))
}

fn minimum_bytes(memory: &MemoryType) -> u64 {
    let page = 1_u64.checked_shl(memory.page_size_log2.unwrap_or(PAGE_SIZE_LOG2)).unwrap_or(u64::MAX);
    memory.initial.saturating_mul(page)
}

fn core_imports(
    imports: Imports<'_>,
    outermost: bool,
    scan: &mut Scan,
    tally: &mut Tally<'_>,
) -> Result<(), ScanError> {
    match imports {
        Imports::Single(_, import) => {
            keep_import(outermost, import.module, Some(import.name), reference_kind(import.ty), scan, tally)
        }
        Imports::Compact1 { module, items } => items.into_iter().try_for_each(|item| {
            tally.add(Quantity::Definitions, 1)?;
            let item = item.map_err(|error| malformed(&error))?;
            keep_import(outermost, module, Some(item.name), reference_kind(item.ty), scan, tally)
        }),
        Imports::Compact2 { module, ty, names } => names.into_iter().try_for_each(|name| {
            tally.add(Quantity::Definitions, 1)?;
            let name = name.map_err(|error| malformed(&error))?;
            keep_import(outermost, module, Some(name), reference_kind(ty), scan, tally)
        }),
    }
}

/// Counts an import, and stores it if it belongs to the outermost component or module.
fn keep_import(
    outermost: bool,
    name: &str,
    field: Option<&str>,
    kind: ItemKind,
    scan: &mut Scan,
    tally: &mut Tally<'_>,
) -> Result<(), ScanError> {
    if kind == ItemKind::Memory {
        tally.see_memory()?;
    }
    if !outermost {
        return Ok(());
    }
    tally.add(Quantity::Imports, 1)?;
    tally.raise(Quantity::NameBytes, name.len().max(field.unwrap_or_default().len()) as u64)?;
    scan.imports.push(Import { name: name.to_owned(), field: field.map(str::to_owned), kind });
    Ok(())
}

/// Counts an export, and stores it if it belongs to the outermost component or module.
fn keep_export(
    outermost: bool,
    name: &str,
    kind: ItemKind,
    scan: &mut Scan,
    tally: &mut Tally<'_>,
) -> Result<(), ScanError> {
    if !outermost {
        return Ok(());
    }
    tally.add(Quantity::Exports, 1)?;
    tally.raise(Quantity::NameBytes, name.len() as u64)?;
    scan.exports.push(Export { name: name.to_owned(), kind });
    Ok(())
}

fn component_kind(kind: ComponentExternalKind) -> ItemKind {
    match kind {
        ComponentExternalKind::Func => ItemKind::Function,
        ComponentExternalKind::Instance => ItemKind::Instance,
        ComponentExternalKind::Type => ItemKind::Type,
        ComponentExternalKind::Module => ItemKind::Module,
        ComponentExternalKind::Component => ItemKind::Component,
        ComponentExternalKind::Value => ItemKind::Value,
    }
}

fn core_kind(kind: ExternalKind) -> ItemKind {
    match kind {
        ExternalKind::Func | ExternalKind::FuncExact => ItemKind::Function,
        ExternalKind::Table => ItemKind::Table,
        ExternalKind::Memory => ItemKind::Memory,
        ExternalKind::Global => ItemKind::Global,
        ExternalKind::Tag => ItemKind::Tag,
    }
}

fn reference_kind(ty: TypeRef) -> ItemKind {
    match ty {
        TypeRef::Func(_) | TypeRef::FuncExact(_) => ItemKind::Function,
        TypeRef::Table(_) => ItemKind::Table,
        TypeRef::Memory(_) => ItemKind::Memory,
        TypeRef::Global(_) => ItemKind::Global,
        TypeRef::Tag(_) => ItemKind::Tag,
    }
}
