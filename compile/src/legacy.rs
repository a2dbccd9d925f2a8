//! The adapter that makes a WASI preview 1 command a component.
//!
//! Preview 1 programs are core modules: they import functions of `wasi_snapshot_preview1` and export `_start`. An
//! adapter from the wasmtime project implements those functions with WASI 0.2. Adapter and module, encoded as one
//! component, export `wasi:cli/run`. From then on there is one kind of legacy plugin, linked, limited and run in one
//! way, for either version of WASI.
//!
//! The module's imports and exports are checked first, because the encoder's own messages are about worlds and
//! adapters, which the author of such a program need not know.

use std::collections::BTreeSet;

use wasi_preview1_component_adapter_provider::{
    WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME as PREVIEW1, WASI_SNAPSHOT_PREVIEW1_COMMAND_ADAPTER as ADAPTER,
};
use wasm_encoder::{Module, RawSection};
use wasmparser::{BinaryReaderError, ExternalKind, Import, Parser, Payload, TypeRef};
use wit_component::ComponentEncoder;

/// Maximum length of a name quoted in a message: a module's names may have 100,000 bytes.
const NAME_CHARS_MAX: usize = 100;

/// Why a module cannot be run as a WASI preview 1 command.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LegacyError {
    /// The bytes are not a WebAssembly module.
    #[error("it is not a WebAssembly module: {message}")]
    NotAModule {
        /// The problem, with its position in bytes.
        message: String,
    },
    /// The bytes are a component, not a module, and need no adapter.
    #[error("it is a component already, not a WASI preview 1 module")]
    IsComponent,
    /// The module is a library: it has an initialiser and functions, but nothing to run.
    #[error(
        "it is a WASI reactor (it exports `_initialize` and no `_start`): a legacy plugin is a program with a `main` function; \
         build it as a command, not as a library"
    )]
    Reactor,
    /// The module exports no `_start`.
    #[error(
        "it exports no function `_start`, so there is nothing to run: a legacy plugin is a program with a `main` function, \
         built for WASI (for Rust: `--target wasm32-wasip1` or `wasm32-wasip2`)"
    )]
    NoStart,
    /// The module has no memory through which to exchange data with WASI.
    #[error("it exports no memory called `memory`, which every WASI preview 1 program does")]
    NoMemory,
    /// The module needs threads.
    #[error(
        "it imports `{import}`, which only programs with threads do, and threads are not available: build it without (for Rust: `--target wasm32-wasip1`)"
    )]
    Threads {
        /// The import, as `module.name`.
        import: String,
    },
    /// The module imports something that is not part of preview 1.
    #[error("it imports `{import}`, which is not part of WASI preview 1: only functions of `{PREVIEW1}` are available")]
    UnknownImport {
        /// The import, as `module.name`.
        import: String,
    },
    /// The adapter and the module do not fit together.
    #[error("it cannot be adapted to WASI 0.2: {message}")]
    Adapt {
        /// The encoder's message.
        message: String,
    },
}

impl From<BinaryReaderError> for LegacyError {
    fn from(error: BinaryReaderError) -> Self {
        LegacyError::NotAModule { message: error.to_string() }
    }
}

/// Converts a WASI preview 1 command module to a component, which imports WASI 0.2 and exports `wasi:cli/run`.
///
/// # Errors
/// [`LegacyError`] if it is not a module or not a command, or needs more than preview 1.
pub(crate) fn componentize(module: &[u8]) -> Result<Vec<u8>, LegacyError> {
    if Parser::is_component(module) {
        return Err(LegacyError::IsComponent);
    }
    let module = examine(module)?;
    ComponentEncoder::default()
        // Otherwise only the compiler, which knows nothing of the adapter, would notice a `_start` of another type.
        .validate(true)
        .module(&module)
        .and_then(|encoder| encoder.adapter(PREVIEW1, ADAPTER))
        .and_then(|mut encoder| encoder.encode())
        .map_err(|error| LegacyError::Adapt { message: format!("{error:#}") })
}

/// Checks the module's imports and exports, and returns the module without the sections that describe it as part of a
/// component, which the encoder would trust.
fn examine(bytes: &[u8]) -> Result<Vec<u8>, LegacyError> {
    let adapted = adapted_functions()?;
    let mut exports = BTreeSet::new();
    let mut module = Module::new();
    for payload in Parser::new(0).parse_all(bytes) {
        let payload = payload?;
        match &payload {
            Payload::ImportSection(section) => {
                for import in section.clone().into_imports() {
                    let import = import?;
                    check_import(import, &adapted)?;
                }
            }
            Payload::ExportSection(section) => {
                for export in section.clone() {
                    let export = export?;
                    exports.insert((export.name, is_function(export.kind)));
                }
            }
            Payload::CustomSection(section) if section.name().starts_with("component-type") => {
                continue;
            }
            _ => {}
        }
        if let Some((id, range)) = payload.as_section() {
            // The parser announces the code section before it knows whether all of it is there.
            let Some(data) = bytes.get(range) else {
                return Err(LegacyError::NotAModule { message: "its code section is cut short".to_owned() });
            };
            module.section(&RawSection { id, data });
        }
    }
    if !exports.contains(&("_start", true)) {
        let reactor = exports.contains(&("_initialize", true));
        return Err(if reactor { LegacyError::Reactor } else { LegacyError::NoStart });
    }
    if !exports.contains(&("memory", false)) {
        return Err(LegacyError::NoMemory);
    }
    Ok(module.finish())
}

fn is_function(kind: ExternalKind) -> bool {
    matches!(kind, ExternalKind::Func | ExternalKind::FuncExact)
}

fn check_import(import: Import<'_>, adapted: &BTreeSet<&str>) -> Result<(), LegacyError> {
    let name = || {
        let full = format!("{}.{}", import.module, import.name);
        full.chars().take(NAME_CHARS_MAX).collect()
    };
    match (import.module, import.ty) {
        (PREVIEW1, TypeRef::Func(_)) if adapted.contains(import.name) => Ok(()),
        ("wasi", TypeRef::Func(_)) if import.name == "thread-spawn" => Err(LegacyError::Threads { import: name() }),
        (_, TypeRef::Memory(memory)) if memory.shared => Err(LegacyError::Threads { import: name() }),
        _ => Err(LegacyError::UnknownImport { import: name() }),
    }
}

/// Returns the functions of preview 1, as the adapter exports them.
fn adapted_functions() -> Result<BTreeSet<&'static str>, LegacyError> {
    let mut functions = BTreeSet::new();
    for payload in Parser::new(0).parse_all(ADAPTER) {
        let Payload::ExportSection(section) = payload? else {
            continue;
        };
        for export in section {
            let export = export?;
            // Other names are internal to the adapter and the encoder.
            let internal =
                export.name.contains(':') || matches!(export.name, "cabi_import_realloc" | "reset_adapter_state");
            if is_function(export.kind) && !internal {
                functions.insert(export.name);
            }
        }
    }
    Ok(functions)
}

#[cfg(test)]
mod tests {
    use wasmtime::component::{Component, Linker, ResourceTable};
    use wasmtime::{Config, Engine, Store};
    use wasmtime_wasi::p2::bindings::Command;
    use wasmtime_wasi::p2::pipe::{MemoryInputPipe, MemoryOutputPipe};
    use wasmtime_wasi::{WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView};

    use super::*;

    /// A command that copies its standard input to its standard output, in pieces of at most 7 bytes.
    const CAT: &str = r#"
        (module
            (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
            (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
            (memory (export "memory") 1)
            (func (export "_start")
                (loop $again
                    (i32.store (i32.const 0) (i32.const 64))
                    (i32.store (i32.const 4) (i32.const 7))
                    (if (call $read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8)) (then unreachable))
                    (i32.store (i32.const 4) (i32.load (i32.const 8)))
                    (if (i32.load (i32.const 8)) (then
                        (if (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 12)) (then unreachable))
                        (br $again))))))"#;

    struct Host {
        wasi: WasiCtx,
        table: ResourceTable,
    }

    impl WasiView for Host {
        fn ctx(&mut self) -> WasiCtxView<'_> {
            WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
        }
    }

    fn adapted(module: &str) -> Result<Vec<u8>, LegacyError> {
        componentize(&wat::parse_str(module).expect("the module is well-formed WAT"))
    }

    /// Runs a command with this standard input, and returns its standard output.
    async fn run(component: &[u8], input: &str) -> String {
        let engine = Engine::new(&Config::new()).expect("the default settings are valid");
        let component = Component::new(&engine, component).expect("the encoder makes valid components");
        let mut linker = Linker::new(&engine);
        wasmtime_wasi::p2::add_to_linker_async(&mut linker).expect("the linker is empty");
        let output = MemoryOutputPipe::new(1 << 20);
        let wasi = WasiCtxBuilder::new().stdin(MemoryInputPipe::new(input.to_owned())).stdout(output.clone()).build();
        let mut store = Store::new(&engine, Host { wasi, table: ResourceTable::new() });
        let command = Command::instantiate_async(&mut store, &component, &linker).await.expect("it imports only WASI");
        command.wasi_cli_run().call_run(&mut store).await.expect("it does not trap").expect("it succeeds");
        String::from_utf8(output.contents().into()).expect("it copies text")
    }

    #[tokio::test]
    async fn preview1_command_runs_as_a_component() {
        let component = adapted(CAT).expect("it is a preview 1 command");
        assert_eq!(run(&component, r#"{"action":"é","payload":null}"#).await, r#"{"action":"é","payload":null}"#);
        assert_eq!(run(&component, "").await, "");
    }

    #[tokio::test]
    async fn preview1_command_without_imports_runs_as_a_component() {
        let component = adapted(r#"(module (memory (export "memory") 1) (func (export "_start")))"#);
        assert_eq!(run(&component.expect("it is a preview 1 command"), "ignored").await, "");
    }

    #[tokio::test]
    async fn module_that_describes_itself_as_part_of_a_component_is_not_believed() {
        let nonsense = r#"(@custom "component-type:evil" "nonsense") (memory"#;
        let component = adapted(&CAT.replace("(memory", nonsense)).expect("it is a preview 1 command");
        assert_eq!(run(&component, "still here").await, "still here");
    }

    fn check_error(module: &str, expected: &LegacyError) {
        assert_eq!(adapted(module).as_ref().err(), Some(expected), "{module}");
    }

    #[test]
    fn module_that_is_no_command_is_told_why() {
        check_error("(module)", &LegacyError::NoStart);
        check_error(r#"(module (memory (export "_start") 1))"#, &LegacyError::NoStart);
        check_error(r#"(module (func (export "_initialize")) (func (export "run")))"#, &LegacyError::Reactor);
        check_error(r#"(module (func (export "_start")))"#, &LegacyError::NoMemory);
        check_error("(component)", &LegacyError::IsComponent);
    }

    #[test]
    fn import_beyond_preview1_is_named() {
        let threads = |import: &str| LegacyError::Threads { import: import.to_owned() };
        let unknown = |import: &str| LegacyError::UnknownImport { import: import.to_owned() };
        check_error(
            r#"(module (import "wasi" "thread-spawn" (func (param i32) (result i32))))"#,
            &threads("wasi.thread-spawn"),
        );
        check_error(r#"(module (import "env" "memory" (memory 1 2 shared)))"#, &threads("env.memory"));
        check_error(r#"(module (import "env" "memory" (memory 1)))"#, &unknown("env.memory"));
        check_error(r#"(module (import "wasi_unstable" "fd_write" (func)))"#, &unknown("wasi_unstable.fd_write"));
        check_error(
            r#"(module (import "wasi_snapshot_preview1" "sock_open" (func)))"#,
            &unknown("wasi_snapshot_preview1.sock_open"),
        );
        check_error(
            r#"(module (import "wasi_snapshot_preview1" "cabi_import_realloc" (func)))"#,
            &unknown("wasi_snapshot_preview1.cabi_import_realloc"),
        );
        let long = "x".repeat(10_000);
        let module = format!(r#"(module (import "{long}" "f" (func)))"#);
        check_error(&module, &unknown(&long[..NAME_CHARS_MAX]));
    }

    #[test]
    fn function_of_another_type_than_preview1_has_is_an_error() {
        let module = r#"(module (import "wasi_snapshot_preview1" "fd_close" (func (param i64)))
            (memory (export "memory") 1) (func (export "_start")))"#;
        match adapted(module) {
            Err(LegacyError::Adapt { message }) => {
                assert!(message.contains("fd_close"), "{message}")
            }
            other => panic!("{other:?}"),
        }
        let module = r#"(module (memory (export "memory") 1) (func (export "_start") (param i32)))"#;
        assert!(matches!(adapted(module), Err(LegacyError::Adapt { .. })));
    }

    #[test]
    fn bytes_that_are_no_module_are_an_error() {
        assert!(matches!(componentize(b"#!/bin/sh"), Err(LegacyError::NotAModule { .. })));
        assert!(matches!(componentize(b""), Err(LegacyError::NotAModule { .. })));

        let module = wat::parse_str(CAT).expect("it is well-formed WAT");
        let cut = (0..module.len()).map(|length| module[..length].to_vec());
        let flipped = (0..module.len()).map(|index| {
            let mut module = module.clone();
            module[index] ^= 0x15;
            module
        });
        for bytes in cut.chain(flipped) {
            if componentize(&bytes).is_ok() {
                wasmparser::validate(&bytes).expect("only valid modules become components");
            }
        }
    }
}
