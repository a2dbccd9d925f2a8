//! The components that provide the tests of this crate with types and functions.
//!
//! One component has a function for each type in [`TYPES`] that takes a list of that type and returns it. A list is
//! passed as an address and a length for any element type, so the same few instructions echo all of them, while
//! wasmtime lowers and lifts every value in full.

use std::fmt::Write;
use std::sync::OnceLock;

use wasmtime::component::{Component, Linker, Type, Val};
use wasmtime::{Config, Engine, Store};

use super::signature::{ExportedFunction, exported_functions};

/// Types by name and in WAT. `$name` refers to an earlier type.
pub(super) const TYPES: &[(&str, &str)] = &[
    ("bool", "bool"),
    ("s8", "s8"),
    ("u8", "u8"),
    ("s16", "s16"),
    ("u16", "u16"),
    ("s32", "s32"),
    ("u32", "u32"),
    ("s64", "s64"),
    ("u64", "u64"),
    ("f32", "f32"),
    ("f64", "f64"),
    ("char", "char"),
    ("string", "string"),
    ("bytes", "(list u8)"),
    ("matrix", "(list (list f32))"),
    ("three", "(list u16 3)"),
    ("pair", "(tuple string s64)"),
    ("single", "(tuple char)"),
    ("colour", r#"(enum "red" "green" "dark-blue" "none" "ok")"#),
    ("access", r#"(flags "read" "write" "none" "run-as-root")"#),
    ("many-flags", r#"(flags "a0" "a1" "a2" "a3" "a4" "a5" "a6" "a7" "a8" "a9" "b0" "b1" "b2" "b3" "b4" "b5" "b6")"#),
    ("maybe", "(option u32)"),
    ("maybe-text", "(option string)"),
    ("maybe-colour", "(option $colour)"),
    ("maybe-maybe", "(option (option u32))"),
    ("maybe-thrice", "(option (option (option string)))"),
    ("maybe-result", "(option (result u8 (error string)))"),
    ("outcome", "(result u32 (error string))"),
    ("outcome-ok", "(result string)"),
    ("outcome-err", "(result (error $colour))"),
    ("outcome-bare", "(result)"),
    ("outcome-maybe", "(result (option u8) (error (option u8)))"),
    ("point", r#"(record (field "x" s32) (field "y" s32))"#),
    ("options", r#"(record (field "label" (option string)) (field "deep" (option (option u8))))"#),
    ("path", r#"(record (field "points" (list $point)) (field "colour" (option $colour)) (field "some" f64))"#),
    (
        "shape",
        r#"(variant (case "empty") (case "circle" f64) (case "path" $path) (case "label" (option string)) (case "ok" (tuple u8 u8)) (case "err"))"#,
    ),
    (
        "everything",
        r#"(record (field "shapes" (list $shape)) (field "result" (result $shape (error $point))) (field "access" $access)
            (field "id" u64) (field "initial" char) (field "pairs" (list (tuple string $maybe-maybe))))"#,
    ),
];

/// Core functions of some signatures, which definitions can lift, and a function without parameters or a result.
const CORE: &str = r#"
    (core module $module
        (memory (export "memory") 256)
        (global $free (mut i32) (i32.const 64))
        (func (export "realloc") (param i32 i32) (param $align i32) (param $size i32) (result i32)
            (local $at i32)
            (local.set $at (i32.and
                (i32.add (global.get $free) (i32.sub (local.get $align) (i32.const 1)))
                (i32.sub (i32.const 0) (local.get $align))))
            (global.set $free (i32.add (local.get $at) (local.get $size)))
            (local.get $at))
        (func (export "echo") (param i32 i32) (result i32)
            (i32.store (i32.const 0) (local.get 0))
            (i32.store (i32.const 4) (local.get 1))
            (i32.const 0))
        (func (export "add") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1)))
        (func (export "zero") (result i32) (i32.const 0))
        (func (export "take") (param i32))
        (func (export "take-two") (param i32 i32))
        (func (export "take-three") (param i32 i32 i32))
        (func (export "nothing")))
    (core instance $core (instantiate $module))
    (alias core export $core "memory" (core memory $memory))
    (alias core export $core "realloc" (core func $realloc))
    (func $nothing (canon lift (core func $core "nothing")))
"#;

/// An engine that supports every type, including those that plugins may not use.
pub(super) fn engine() -> &'static Engine {
    static ENGINE: OnceLock<Engine> = OnceLock::new();
    ENGINE.get_or_init(|| {
        let mut config = Config::new();
        config.wasm_component_model_fixed_length_lists(true).wasm_component_model_map(true);
        Engine::new(&config).expect("the engine takes these settings")
    })
}

/// Compiles a component from WAT: `definitions` come after [`CORE`].
pub(super) fn component(definitions: &str) -> Component {
    let text = format!("(component {CORE} {definitions})");
    let bytes = wat::parse_str(&text).expect("the component is well-formed WAT");
    Component::new(engine(), bytes).expect("the component is valid")
}

/// Defines an exported interface with functions without parameters or results.
pub(super) fn interface(export: &str, functions: &[&str]) -> String {
    let functions: String = functions.iter().map(|name| format!(r#" (export "{name}" (func $nothing))"#)).collect();
    format!(r#"(instance (export "{export}"){functions})"#)
}

/// Creates a function of this signature, with types from [`TYPES`]. It is not part of a component and cannot be called.
pub(super) fn signature(name: &str, params: &[(&str, &str)], result: Option<&str>) -> ExportedFunction {
    ExportedFunction {
        name: name.to_owned(),
        interface: None,
        function: name.to_owned(),
        params: params.iter().map(|(name, type_name)| ((*name).to_owned(), ty(type_name))).collect(),
        result: result.map(ty),
        is_async: false,
        index: echo_function("bool").index,
    }
}

fn echo() -> &'static (Component, Vec<ExportedFunction>) {
    static ECHO: OnceLock<(Component, Vec<ExportedFunction>)> = OnceLock::new();
    ECHO.get_or_init(|| {
        let mut text = String::new();
        for (name, ty) in TYPES {
            write!(
                text,
                r#"(type ${name}-defined {ty})
                (export ${name} "{name}" (type ${name}-defined))
                (func (export "echo-{name}") (param "values" (list ${name})) (result (list ${name}))
                    (canon lift (core func $core "echo") (memory $memory) (realloc (core func $realloc))))"#
            )
            .expect("a string takes any text");
        }
        let component = component(&text);
        let functions = exported_functions(&component);
        (component, functions)
    })
}

fn echo_function(name: &str) -> &'static ExportedFunction {
    let wanted = format!("echo-{name}");
    echo().1.iter().find(|function| function.name == wanted).expect("the type is in the table")
}

/// Returns the type of this name.
pub(super) fn ty(name: &str) -> Type {
    match &echo_function(name).params[..] {
        [(_, Type::List(list))] => list.ty(),
        params => panic!("echo-{name} takes {params:?}"),
    }
}

/// Passes values of a type to a component and returns the values that it returns.
pub(super) fn echoed(name: &str, values: Vec<Val>) -> Vec<Val> {
    let mut store = Store::new(engine(), ());
    let instance = Linker::new(engine()).instantiate(&mut store, &echo().0).expect("the component imports nothing");
    let function = instance.get_func(&mut store, echo_function(name).index).expect("the index is the component's");
    let mut results = [Val::Bool(false)];
    function.call(&mut store, &[Val::List(values)], &mut results).expect("the values have the function's type");
    match results {
        [Val::List(values)] => values,
        [other] => panic!("echo-{name} answered {other:?}"),
    }
}
