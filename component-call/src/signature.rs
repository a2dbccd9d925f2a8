//! The functions that a component exports, with their types.
//!
//! They come from the compiled component's own type, so no WIT file is needed and no guest code runs.

use std::fmt;

use wasmtime::component::types::{ComponentFunc, ComponentItem};
use wasmtime::component::{Component, ComponentExportIndex, Type};

use super::error::CallError;
use super::type_text::{TypeText, cut, type_text};

/// Maximum length of a signature's text; real ones have some hundred bytes.
const SIGNATURE_BYTES_MAX: usize = 8 << 10;

/// A function that a component exports, at its root or in an interface.
///
/// Displays as in WIT, with its full name: `docs:adder/add@0.1.0#add: func(x: u32, y: u32) -> u32`.
#[derive(Clone)]
pub struct ExportedFunction {
    /// The full name: `interface#function`, or the function's own name if it is exported at the root.
    pub name: String,
    /// The interface's name in the component, such as `docs:adder/add@0.1.0`; `None` at the root.
    pub interface: Option<String>,
    /// The function's own name, such as `add`, or `[method]counter.next`.
    pub function: String,
    /// Parameters in order, with their names.
    pub params: Vec<(String, Type)>,
    /// The type of the result, if there is one.
    pub result: Option<Type>,
    /// Whether it is an `async func`.
    pub is_async: bool,
    /// The index of the function in any instance of the component, for `Instance::get_func`.
    pub index: ComponentExportIndex,
}

impl ExportedFunction {
    fn new(interface: Option<&str>, function: &str, ty: &ComponentFunc, index: ComponentExportIndex) -> Self {
        ExportedFunction {
            name: match interface {
                Some(interface) => format!("{interface}#{function}"),
                None => function.to_owned(),
            },
            interface: interface.map(str::to_owned),
            function: function.to_owned(),
            params: ty.params().map(|(name, ty)| (name.to_owned(), ty)).collect(),
            result: ty.results().next(),
            is_async: ty.async_(),
            index,
        }
    }

    /// Checks that the function can be called with text and that its result has a text form.
    ///
    /// # Errors
    /// [`CallError::NotCallable`] with the first part of the signature that has no text form.
    pub fn callable(&self) -> Result<(), CallError> {
        let params = self.params.iter().map(|(name, ty)| (format!("parameter `{name}`"), ty));
        let result = self.result.iter().map(|ty| ("its result".to_owned(), ty));
        for (position, ty) in params.chain(result) {
            if !has_text(ty) {
                let function = self.name.clone();
                return Err(CallError::NotCallable { function, position, ty: type_text(ty) });
            }
        }
        Ok(())
    }
}

impl fmt::Display for ExportedFunction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&cut(SIGNATURE_BYTES_MAX, &Signature(self)))
    }
}

/// Shows the signature, because `wasmtime`'s index means nothing to people.
impl fmt::Debug for ExportedFunction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ExportedFunction({self})")
    }
}

struct Signature<'a>(&'a ExportedFunction);

impl fmt::Display for Signature<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let function = self.0;
        write!(f, "{}: {}func(", function.name, if function.is_async { "async " } else { "" })?;
        for (index, (name, ty)) in function.params.iter().enumerate() {
            write!(f, "{}{name}: {}", if index > 0 { ", " } else { "" }, TypeText(ty))?;
        }
        f.write_str(")")?;
        match &function.result {
            Some(ty) => write!(f, " -> {}", TypeText(ty)),
            None => Ok(()),
        }
    }
}

/// Lists all functions that a component exports at its root and in its interfaces, in the order of its exports.
///
/// Functions that cannot be called with text are included: see [`ExportedFunction::callable`]. Instances nested in
/// exported instances are omitted, because WIT cannot express them.
pub fn exported_functions(component: &Component) -> Vec<ExportedFunction> {
    let engine = component.engine();
    let mut functions = Vec::new();
    for (name, item) in component.component_type().exports(engine) {
        let Some(index) = component.get_export_index(None, name) else {
            continue;
        };
        match item.ty {
            ComponentItem::ComponentFunc(ty) => functions.push(ExportedFunction::new(None, name, &ty, index)),
            ComponentItem::ComponentInstance(interface) => {
                for (function, item) in interface.exports(engine) {
                    let ComponentItem::ComponentFunc(ty) = item.ty else {
                        continue;
                    };
                    let Some(index) = component.get_export_index(Some(&index), function) else {
                        continue;
                    };
                    functions.push(ExportedFunction::new(Some(name), function, &ty, index));
                }
            }
            _ => {}
        }
    }
    functions
}

/// Returns whether every value of the type has a text form.
fn has_text(ty: &Type) -> bool {
    let absent_or_text = |ty: Option<Type>| ty.as_ref().is_none_or(has_text);
    match ty {
        Type::Own(_) | Type::Borrow(_) | Type::Stream(_) | Type::Future(_) | Type::ErrorContext | Type::Map(_) => false,
        Type::List(list) => has_text(&list.ty()),
        Type::FixedLengthList(list) => has_text(&list.ty()),
        Type::Option(option) => has_text(&option.ty()),
        Type::Record(record) => record.fields().all(|field| has_text(&field.ty)),
        Type::Tuple(tuple) => tuple.types().all(|ty| has_text(&ty)),
        Type::Variant(variant) => variant.cases().all(|case| absent_or_text(case.ty)),
        Type::Result(result) => absent_or_text(result.ok()) && absent_or_text(result.err()),
        Type::Bool
        | Type::S8
        | Type::U8
        | Type::S16
        | Type::U16
        | Type::S32
        | Type::U32
        | Type::S64
        | Type::U64
        | Type::Float32
        | Type::Float64
        | Type::Char
        | Type::String
        | Type::Enum(_)
        | Type::Flags(_) => true,
    }
}

#[cfg(test)]
mod tests {
    use wasmtime::Store;
    use wasmtime::component::{Linker, Val};

    use super::*;
    use crate::fixture::{component, engine, interface, signature};

    const ADD: &str = r#"
        (func $add (param "x" u32) (param "y" u32) (result u32) (canon lift (core func $core "add")))
        (instance (export "docs:adder/add@0.1.0") (export "add" (func $add)))"#;

    #[test]
    fn exported_functions_are_listed_with_their_types() {
        let definitions = format!(r#"(export "start" (func $nothing)) {ADD} {}"#, interface("empty", &[]));
        let functions = exported_functions(&component(&definitions));
        let listed: Vec<_> = functions.iter().map(ToString::to_string).collect();
        assert_eq!(listed, ["start: func()", "docs:adder/add@0.1.0#add: func(x: u32, y: u32) -> u32"]);
        assert_eq!(functions[0].interface, None);
        assert_eq!(functions[1].interface.as_deref(), Some("docs:adder/add@0.1.0"));
    }

    #[test]
    fn index_of_an_exported_function_calls_it() {
        let component = component(ADD);
        let functions = exported_functions(&component);
        let mut store = Store::new(engine(), ());
        let instance = Linker::new(engine()).instantiate(&mut store, &component).expect("nothing is imported");
        let function = instance.get_func(&mut store, functions[0].index).expect("the component has this function");
        let mut results = [Val::Bool(false)];
        function.call(&mut store, &[Val::U32(2), Val::U32(40)], &mut results).expect("the function adds");
        assert_eq!(results, [Val::U32(42)]);
    }

    #[test]
    fn core_module_inside_a_component_is_no_function() {
        let exported = r#"(core module $other) (export "code" (core module $other))"#;
        assert!(exported_functions(&component(exported)).is_empty());
    }

    #[test]
    fn types_are_written_as_in_wit() {
        for (name, expected) in [
            ("matrix", "list<list<f32>>"),
            ("three", "list<u16, 3>"),
            ("pair", "tuple<string, s64>"),
            ("colour", "enum { red, green, dark-blue, none, ok }"),
            ("access", "flags { read, write, none, run-as-root }"),
            ("maybe-maybe", "option<option<u32>>"),
            ("outcome", "result<u32, string>"),
            ("outcome-ok", "result<string>"),
            ("outcome-err", "result<_, enum { red, green, dark-blue, none, ok }>"),
            ("outcome-bare", "result"),
            ("options", "record { label: option<string>, deep: option<option<u8>> }"),
        ] {
            assert_eq!(signature("f", &[("v", name)], None).to_string(), format!("f: func(v: {expected})"));
        }
        let text = signature("draw", &[("at", "point"), ("c", "char")], Some("bool")).to_string();
        assert_eq!(text, "draw: func(at: record { x: s32, y: s32 }, c: char) -> bool");
    }

    #[test]
    fn long_signature_is_cut() {
        let text = signature("f", &[("everything", "everything"); 100], None).to_string();
        assert_eq!(text.len(), SIGNATURE_BYTES_MAX + "…".len());
        assert!(text.ends_with('…'));
    }

    #[test]
    fn function_with_handles_or_maps_is_listed_and_not_callable() {
        let functions = exported_functions(&component(
            r#"
            (export "start" (func $nothing))
            (type $defined (resource (rep i32)))
            (export $blob "blob" (type $defined))
            (func (export "[constructor]blob") (result (own $blob)) (canon lift (core func $core "zero")))
            (func (export "[method]blob.close") (param "self" (borrow $blob)) (canon lift (core func $core "take")))
            (func (export "keep") (param "some" u32) (param "blob" (option (own $blob)))
                (canon lift (core func $core "take-three")))
            (func (export "fill") (param "table" (map string u32))
                (canon lift (core func $core "take-two") (memory $memory) (realloc (core func $realloc))))"#,
        ));
        let expected = [
            ("start: func()", None),
            ("[constructor]blob: func() -> own<resource>", Some(("its result", "own<resource>"))),
            ("[method]blob.close: func(self: borrow<resource>)", Some(("parameter `self`", "borrow<resource>"))),
            ("keep: func(some: u32, blob: option<own<resource>>)", Some(("parameter `blob`", "option<own<resource>>"))),
            ("fill: func(table: map<string, u32>)", Some(("parameter `table`", "map<string, u32>"))),
        ];
        assert_eq!(functions.len(), expected.len());
        for (function, (text, refused)) in functions.iter().zip(expected) {
            assert_eq!(function.to_string(), text);
            let refused = refused.map(|(position, ty)| CallError::NotCallable {
                function: function.name.clone(),
                position: position.to_owned(),
                ty: ty.to_owned(),
            });
            assert_eq!(function.callable().err(), refused, "{text}");
        }
    }
}
