//! Scans of ordinary files and of files made to attack the host.

use wasm_encoder::{
    CodeSection, Component, ComponentExportKind, ComponentInstanceSection, CustomSection, ElementSection, Elements,
    Function, FunctionSection, InstanceSection, MemorySection, MemoryType, Module, ModuleArg, RawSection, TypeSection,
    ValType,
};

use super::*;

const MODULE_SECTION: u8 = 1;
const COMPONENT_SECTION: u8 = 4;
const TYPE_SECTION: u8 = 7;

fn wasm(text: &str) -> Vec<u8> {
    wat::parse_str(text).expect("the test's text is valid")
}

fn sample() -> Vec<u8> {
    wasm(
        r#"(component
            (import "wasi:sockets/tcp@0.2.0" (instance (export "f" (func))))
            (import "log" (func $log))
            (core module $m
                (type $f (func (param i32 i64) (result i32)))
                (func (type $f) (local f64 f64) i32.const 1)
                (func (type $f) i32.const 2)
                (memory 3)
                (table 7 funcref)
                (elem (i32.const 0) func 0 1 1)
                (data (i32.const 0) "twelve bytes"))
            (core instance (instantiate $m))
            (component $inner)
            (instance $i (instantiate $inner))
            (core func (canon lower (func $log)))
            (export "plugbay:plugin/actions@0.2.0" (instance $i)))"#,
    )
}

fn refused(bytes: &[u8]) -> ScanError {
    scan(bytes, &ScanLimits::default()).expect_err("the file must be refused")
}

#[track_caller]
fn check_limit(bytes: &[u8], expected: Quantity) {
    match refused(bytes) {
        ScanError::Limit { quantity, allowed, observed } => {
            assert_eq!(quantity, expected);
            assert_eq!(allowed, ScanLimits::default().allowed(expected));
            assert!(observed > allowed, "{observed} is not above {allowed}");
        }
        other => panic!("expected the limit of {expected}, got: {other}"),
    }
}

/// A module of `functions` functions, all with the same parameters, locals and body.
fn module(functions: u32, parameters: usize, locals: u32, body: impl Fn(&mut Function)) -> Vec<u8> {
    let (mut types, mut indices, mut code) = (TypeSection::new(), FunctionSection::new(), CodeSection::new());
    types.ty().function(vec![ValType::I64; parameters], []);
    for _ in 0..functions {
        indices.function(0);
        let mut function = Function::new([(locals, ValType::I64)]);
        body(&mut function);
        function.instructions().end();
        code.function(&function);
    }
    Module::new().section(&types).section(&indices).section(&code).clone().finish()
}

fn component_of(id: u8, inner: &[u8]) -> Component {
    let mut component = Component::new();
    component.section(&RawSection { id, data: inner });
    component
}

#[test]
fn component_tells_its_imports_and_exports() {
    let scan = scan(&sample(), &ScanLimits::default()).expect("the sample is admitted");
    assert_eq!(scan.kind, Kind::Component);
    let imports: Vec<_> = scan.imports.iter().map(|import| (import.name.as_str(), import.kind)).collect();
    assert_eq!(imports, [("wasi:sockets/tcp@0.2.0", ItemKind::Instance), ("log", ItemKind::Function)]);
    let export = Export { name: "plugbay:plugin/actions@0.2.0".to_owned(), kind: ItemKind::Instance };
    assert_eq!(scan.exports, [export]);
}

#[test]
fn component_tells_its_totals() {
    let scan = scan(&sample(), &ScanLimits::default()).expect("the sample is admitted");
    for (quantity, expected) in [
        (Quantity::Bytes, sample().len() as u64),
        (Quantity::CoreModules, 1),
        (Quantity::Components, 2),
        (Quantity::Depth, 2),
        (Quantity::Instances, 2),
        (Quantity::Adapters, 1),
        (Quantity::Functions, 2),
        // Three parameters and results each, and two locals.
        (Quantity::Locals, 8),
        (Quantity::SegmentElements, 3),
        (Quantity::ModuleMemories, 1),
        (Quantity::Memories, 1),
        (Quantity::MemoryBytes, 3 * 65_536),
        (Quantity::Tables, 1),
        (Quantity::TableElements, 7),
        (Quantity::Imports, 2),
        (Quantity::Exports, 1),
        (Quantity::NameBytes, "plugbay:plugin/actions@0.2.0".len() as u64),
        (Quantity::ManifestBytes, 0),
    ] {
        assert_eq!(scan.total(quantity), expected, "{quantity}");
    }
    assert!(scan.total(Quantity::DataBytes) >= 12);
    assert_eq!(scan.total(Quantity::FunctionWeight), 5 * scan.total(Quantity::FunctionBytes));
}

#[test]
fn core_module_tells_both_names_of_its_imports() {
    let bytes = wasm(
        r#"(module
            (import "wasi_snapshot_preview1" "fd_write" (func (param i32 i32 i32 i32) (result i32)))
            (memory (export "memory") 1)
            (func (export "_start")))"#,
    );
    let scan = scan(&bytes, &ScanLimits::default()).expect("the module is admitted");
    assert_eq!(scan.kind, Kind::CoreModule);
    assert_eq!(scan.imports[0].name, "wasi_snapshot_preview1");
    assert_eq!(scan.imports[0].field.as_deref(), Some("fd_write"));
    let exports: Vec<_> = scan.exports.iter().map(|export| (export.name.as_str(), export.kind)).collect();
    assert_eq!(exports, [("memory", ItemKind::Memory), ("_start", ItemKind::Function)]);
}

#[test]
fn manifests_of_all_depths_are_kept_in_the_order_of_the_file() {
    let manifest = |data: &'static [u8]| CustomSection { name: MANIFEST_SECTION.into(), data: data.into() };
    let module = Module::new().section(&manifest(b"one")).clone().finish();
    let inner = component_of(MODULE_SECTION, &module).finish();
    let mut component = component_of(COMPONENT_SECTION, &inner);
    component.section(&CustomSection { name: "name".into(), data: b"other"[..].into() }).section(&manifest(b"two"));
    let scan = scan(&component.finish(), &ScanLimits::default()).expect("the component is admitted");
    assert_eq!(scan.manifests, [b"one", b"two"]);
    assert_eq!(scan.total(Quantity::ManifestBytes), 6);
}

#[test]
fn every_quantity_at_its_limit_is_admitted_and_one_above_is_refused() {
    let mut with_manifest = component_of(COMPONENT_SECTION, &sample());
    with_manifest.section(&CustomSection { name: MANIFEST_SECTION.into(), data: b"{}"[..].into() });
    let bytes = [with_manifest.finish(), sample()];
    for quantity in Quantity::ALL {
        let totals = bytes.iter().map(|bytes| {
            let scan = scan(bytes, &ScanLimits::default()).expect("the sample is admitted");
            (bytes, scan.total(quantity))
        });
        let (bytes, total) = totals.max_by_key(|(_, total)| *total).expect("there are two samples");
        assert!(total > 0, "no sample has any {quantity}");
        scan(bytes, &limited(quantity, total)).expect("what is at the limit is admitted");
        match scan(bytes, &limited(quantity, total - 1)) {
            Err(ScanError::Limit { quantity: refused, .. }) => assert_eq!(refused, quantity),
            other => panic!("{quantity}: {other:?}"),
        }
    }
}

/// The default limits, with a changed limit for one quantity.
fn limited(quantity: Quantity, allowed: u64) -> ScanLimits {
    let mut limits = ScanLimits::default();
    let field = match quantity {
        Quantity::Bytes => &mut limits.component_bytes_max,
        Quantity::CoreModules => &mut limits.core_modules_max,
        Quantity::Components => &mut limits.components_max,
        Quantity::Depth => &mut limits.depth_max,
        Quantity::Instances => &mut limits.instances_max,
        Quantity::Adapters => &mut limits.adapters_max,
        Quantity::Functions => &mut limits.functions_max,
        Quantity::FunctionBytes => &mut limits.function_bytes_max,
        Quantity::FunctionWeight => &mut limits.function_weight_max,
        Quantity::CodeBytes => &mut limits.code_bytes_max,
        Quantity::Locals => &mut limits.locals_max,
        Quantity::Types => &mut limits.types_max,
        Quantity::SegmentElements => &mut limits.segment_elements_max,
        Quantity::Definitions => &mut limits.definitions_max,
        Quantity::DataBytes => &mut limits.data_bytes_max,
        Quantity::ModuleMemories => &mut limits.module_memories_max,
        Quantity::Memories => &mut limits.memories_max,
        Quantity::MemoryBytes => &mut limits.memory_bytes_max,
        Quantity::Tables => &mut limits.tables_max,
        Quantity::TableElements => &mut limits.table_elements_max,
        Quantity::Imports => &mut limits.imports_max,
        Quantity::Exports => &mut limits.exports_max,
        Quantity::NameBytes => &mut limits.name_bytes_max,
        Quantity::ManifestBytes => &mut limits.manifest_bytes_max,
    };
    *field = allowed;
    limits
}

#[test]
fn limit_error_names_quantity_allowed_and_observed() {
    let error = scan(&sample(), &limited(Quantity::TableElements, 6)).expect_err("the table has seven");
    assert_eq!(error.to_string(), "the file is over a limit: 7 minimum table elements, where at most 6 are allowed");
    assert_eq!(Quantity::TableElements.limit_name(), "table_elements_max");
}

#[test]
fn many_empty_functions_are_refused() {
    check_limit(&component_of(MODULE_SECTION, &module(900_000, 0, 0, |_| {})).finish(), Quantity::Functions);
}

#[test]
fn one_huge_function_is_refused() {
    let huge = module(1, 0, 0, |function| {
        for _ in 0..1 << 19 {
            function.instructions().i64_const(1).drop();
        }
    });
    check_limit(&component_of(MODULE_SECTION, &huge).finish(), Quantity::FunctionBytes);
}

#[test]
fn long_function_with_many_locals_is_refused() {
    let heavy = module(1, 0, 5_000, |function| {
        for _ in 0..1 << 16 {
            function.instructions().nop();
        }
    });
    check_limit(&component_of(MODULE_SECTION, &heavy).finish(), Quantity::FunctionWeight);
}

#[test]
fn many_locals_and_parameters_in_few_bytes_are_refused() {
    check_limit(&module(1_000, 0, 50_000, |_| {}), Quantity::Locals);
    check_limit(&module(20_000, 1_000, 0, |_| {}), Quantity::Locals);
}

#[test]
fn many_segment_elements_are_refused() {
    let mut elements = ElementSection::new();
    for _ in 0..1_000 {
        elements.passive(Elements::Functions(vec![0; 1_000].into()));
    }
    check_limit(&Module::new().section(&elements).clone().finish(), Quantity::SegmentElements);
}

#[test]
fn minimum_memory_above_the_limit_is_refused_also_where_it_overflows() {
    for minimum in [(1 << 16) + 1, u64::from(u32::MAX), u64::MAX] {
        let ty = MemoryType { minimum, maximum: None, memory64: true, shared: false, page_size_log2: None };
        let mut memories = MemorySection::new();
        memories.memory(ty);
        check_limit(&Module::new().section(&memories).clone().finish(), Quantity::MemoryBytes);
    }
}

#[test]
fn second_memory_of_a_module_is_refused_whether_imported_or_not() {
    for module in ["(memory 1) (memory 1)", r#"(import "" "m" (memory 1)) (memory 1)"#] {
        check_limit(&wasm(&format!("(component (core module {module}))")), Quantity::ModuleMemories);
    }
    scan(&wasm("(component (core module (memory 1)) (core module (memory 1)))"), &ScanLimits::default())
        .expect("two modules may have one each");
}

#[test]
fn deep_nesting_is_refused() {
    let bytes = (0..1_000).fold(Component::new().finish(), |inner, _| component_of(COMPONENT_SECTION, &inner).finish());
    check_limit(&bytes, Quantity::Depth);
}

/// A type section of `depth` nested types, three bytes each.
fn nested_types(kind: u8, depth: usize) -> Vec<u8> {
    let mut section = vec![1];
    (0..depth).for_each(|_| section.extend([kind, 1, 0x01]));
    section.push(0x7f);
    component_of(TYPE_SECTION, &section).finish()
}

/// A recursive reader of this file needs a stack of gibibytes.
#[test]
fn component_types_that_nest_without_end_are_over_a_limit() {
    for kind in [0x41, 0x42] {
        check_limit(&nested_types(kind, 10_000_000), Quantity::Depth);
        let depth = ScanLimits::default().depth_max as usize;
        check_limit(&nested_types(kind, depth), Quantity::Depth);
        let scan = scan(&nested_types(kind, depth - 1), &ScanLimits::default()).expect("as deep as may be");
        assert_eq!(scan.total(Quantity::Depth), depth as u64);
    }
}

#[test]
fn types_and_declarations_inside_types_are_counted() {
    let bytes = wasm(
        r#"(component
            (type $outer (component
                (import "i" (instance (type u8) (export "t" (type (eq 0)))))
                (type (record (field "a" u8)))
                (export "f" (func (param "p" string)))
                (core type (module (type (func)) (import "m" "f" (func (type 0)))))))
            (type (instance (alias outer 1 $outer (type)) (export "r" (type (sub resource))))))"#,
    );
    let scan = scan(&bytes, &ScanLimits::default()).expect("it is admitted");
    // Two outermost ones; in the first an instance, a record and a function, and a type in the instance.
    assert_eq!((scan.total(Quantity::Types), scan.total(Quantity::Depth)), (6, 3));
    wasmparser::Validator::new().validate_all(&bytes).expect("it is valid");
}

#[test]
fn instances_multiplied_by_nesting_are_refused() {
    let mut instances = InstanceSection::new();
    for _ in 0..100 {
        instances.instantiate(0, Vec::<(&str, ModuleArg)>::new());
    }
    let innermost = component_of(MODULE_SECTION, &Module::new().finish()).section(&instances).clone().finish();
    let mut components = ComponentInstanceSection::new();
    for _ in 0..100 {
        components.instantiate(0, Vec::<(&str, ComponentExportKind, u32)>::new());
    }
    let bytes = (0..3)
        .fold(innermost, |inner, _| component_of(COMPONENT_SECTION, &inner).section(&components).clone().finish());
    assert!(bytes.len() < 2_000);
    check_limit(&bytes, Quantity::Instances);
}

#[test]
fn component_taken_as_an_import_is_refused() {
    for (what, text) in [
        ("component", r#"(component (component (import "c" (component))))"#),
        ("core module", r#"(component (import "m" (core module)))"#),
    ] {
        assert_eq!(refused(&wasm(text)), ScanError::ImportsCode { what });
    }
}

#[test]
fn file_cut_off_anywhere_is_refused_or_ends_at_a_section() {
    let bytes = sample();
    let ends = section_ends(&bytes);
    assert!(ends.len() > 8, "the sample has many sections");
    for size in 0..bytes.len() {
        match scan(&bytes[..size], &ScanLimits::default()) {
            Ok(_) => assert!(ends.contains(&size), "cut off after {size} bytes"),
            Err(ScanError::Empty) => assert_eq!(size, 0),
            Err(ScanError::Truncated { size: told }) => assert_eq!(told, size as u64),
            Err(other) => panic!("cut off after {size} bytes: {other}"),
        }
    }
}

/// Returns the end of the header and of each section of the outermost component. The sample's sections are short: their
/// sizes have one or two bytes.
fn section_ends(bytes: &[u8]) -> Vec<usize> {
    let mut ends = vec![8];
    while let Some(&[_, low, high]) = bytes.get(ends[ends.len() - 1]..).and_then(|rest| rest.first_chunk()) {
        let start = ends[ends.len() - 1] + 2;
        ends.push(match low {
            0..0x80 => start + usize::from(low),
            _ => start + 1 + usize::from(low & 0x7f) + (usize::from(high) << 7),
        });
    }
    ends
}

#[test]
fn damaged_file_never_panics() {
    let whole = sample();
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    let mut refused = 0;
    for _ in 0..20_000 {
        let mut bytes = whole.clone();
        for _ in 0..=random() % 4 {
            let at = random() as usize % bytes.len();
            bytes[at] = random() as u8;
        }
        refused += u32::from(scan(&bytes, &ScanLimits::default()).is_err());
    }
    assert!(refused > 1_000, "damage must be noticed, at least where it breaks the structure");
    for size in 0..2_000 {
        let mut bytes = b"\0asm\x0d\0\x01\0".to_vec();
        bytes.extend((0..size % 200).map(|_| random() as u8));
        let _ = scan(&bytes, &ScanLimits::default());
    }
}
