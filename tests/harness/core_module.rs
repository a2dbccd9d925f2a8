//! Plugins from the text of a core module, for code that no compiler would produce.
//!
//! A module answers `ping` like every guest, with the number of pings that this instance has had (up to nine), and runs
//! the given instructions for every other action.

use std::path::Path;

use wit_component::{ComponentEncoder, StringEncoding};
use wit_parser::Resolve;

use super::build::workspace;

/// The name of the core export behind `actions.handle`.
pub(crate) const HANDLE: &str = "plugbay:plugin/actions@0.2.0#handle";

/// The parts of a module that tests vary. Addresses below 1024 are reserved for the fixed part of the module.
pub(crate) struct CoreModule {
    /// Fields of the module, added to the fixed ones.
    pub(crate) fields: String,
    /// The instructions that `handle` runs for any action but `ping`. They must leave the address of the answer, an
    /// `i32`.
    pub(crate) attack: String,
    /// The memory's minimum in pages, and its maximum if any.
    pub(crate) memory: String,
    /// The body of `cabi_realloc`, which takes four `i32` and returns an address.
    pub(crate) realloc: String,
}

impl Default for CoreModule {
    fn default() -> Self {
        CoreModule {
            fields: String::new(),
            attack: "(i32.const 16)".to_owned(),
            memory: "2".to_owned(),
            realloc: "
                (global.set $free (i32.and (i32.add (global.get $free) (i32.const 7)) (i32.const -8)))
                (global.get $free)
                (global.set $free (i32.add (global.get $free) (local.get $new_bytes)))"
                .to_owned(),
        }
    }
}

impl CoreModule {
    /// A module that runs these instructions.
    pub(crate) fn attacking(attack: &str) -> Self {
        CoreModule { attack: attack.to_owned(), ..CoreModule::default() }
    }

    /// Adds fields to the module.
    pub(crate) fn with(self, fields: &str) -> Self {
        CoreModule { fields: fields.to_owned(), ..self }
    }

    /// The module as a component of the plugin world.
    pub(crate) fn plugin(&self) -> Vec<u8> {
        self.component(&workspace().join("wit"), "action-provider")
    }

    /// The module as a component of the world in another WIT package.
    pub(crate) fn component(&self, wit: &Path, world: &str) -> Vec<u8> {
        let mut resolve = Resolve::default();
        let (package, _) = resolve.push_path(wit).expect("the WIT is valid");
        let world = resolve.select_world(&[package], Some(world)).expect("the world is there");
        encode(&self.text(), &resolve, world)
    }

    /// The module's text. The answer at address 16 is `ok`, with the text of one digit at address 64.
    pub(crate) fn text(&self) -> String {
        let CoreModule { fields, attack, memory, realloc } = self;
        format!(
            r#"(module
                (memory (export "memory") {memory})
                (global $free (mut i32) (i32.const 1024))
                (global $pings (mut i32) (i32.const 0))
                (data (i32.const 16) "\00\00\00\00" "\40\00\00\00" "\01\00\00\00")
                (func (export "cabi_realloc")
                    (param $old i32) (param $old_bytes i32) (param $align i32) (param $new_bytes i32) (result i32)
                    {realloc})
                (func (export "{HANDLE}")
                    (param $action i32) (param $action_bytes i32) (param $payload i32) (param $payload_bytes i32)
                    (result i32)
                    (if (result i32) (i32.eq (local.get $action_bytes) (i32.const 4))
                        (then
                            (global.set $pings (i32.add (global.get $pings) (i32.const 1)))
                            (i32.store8 (i32.const 64) (i32.add (global.get $pings) (i32.const 48)))
                            (i32.const 16))
                        (else {attack})))
                {fields})"#
        )
    }
}

/// A component from a core module's text and the inline WIT that it implements.
pub(crate) fn component(text: &str, wit: &str, world: &str) -> Vec<u8> {
    let mut resolve = Resolve::default();
    let package = resolve.push_str("inline.wit", wit).expect("the WIT is valid");
    let world = resolve.select_world(&[package], Some(world)).expect("the world is there");
    encode(text, &resolve, world)
}

fn encode(text: &str, resolve: &Resolve, world: wit_parser::WorldId) -> Vec<u8> {
    let mut module = wat::parse_str(text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    wit_component::embed_component_metadata(&mut module, resolve, world, StringEncoding::UTF8)
        .expect("the world can be embedded");
    let mut encoder = ComponentEncoder::default().module(&module).expect("the module has the world's exports");
    encoder.encode().expect("the module fits the world")
}

/// The component with core modules added at its end, each instantiated. The first six have a table.
pub(crate) fn with_more_modules(mut component: Vec<u8>, count: u32) -> Vec<u8> {
    use wasm_encoder::{ComponentSection, InstanceSection, Module, ModuleArg, ModuleSection, TableSection, TableType};

    let first = core_modules(&component);
    let mut instances = InstanceSection::new();
    for number in 0..count {
        let mut tables = TableSection::new();
        if number < 6 {
            let element_type = wasm_encoder::RefType::FUNCREF;
            tables.table(TableType { element_type, minimum: 1, maximum: None, table64: false, shared: false });
        }
        let mut module = Module::new();
        module.section(&tables);
        ModuleSection(&module).append_to_component(&mut component);
        instances.instantiate(first + number, [] as [(&str, ModuleArg); 0]);
    }
    instances.append_to_component(&mut component);
    component
}

/// The core modules that a component defines itself.
fn core_modules(component: &[u8]) -> u32 {
    let mut modules = 0;
    // After the header, each section is its id, its size in LEB128 and its content.
    let mut rest = &component[8..];
    while let Some((id, after)) = rest.split_first() {
        modules += u32::from(*id == wasm_encoder::ComponentSectionId::CoreModule as u8);
        let length = 1 + after.iter().position(|byte| byte & 0x80 == 0).expect("a size");
        let size = after[..length].iter().rev().fold(0, |size, byte| size << 7 | usize::from(byte & 0x7f));
        rest = &after[length + size..];
    }
    modules
}
