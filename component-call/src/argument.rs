//! Parses the words of a typed call into a function and its arguments.

use wasm_wave::untyped::UntypedFuncCall;
use wasmtime::component::{Type, Val};

use super::error::{CallError, ValueError};
use super::lookup::find;
use super::signature::ExportedFunction;
use super::type_text::{quote, type_text};
use super::value::{from_node, from_text};

/// The longest text of a call, in bytes: 4 MiB, as a plugin's payload.
const TEXT_BYTES_MAX: usize = 4 << 20;

/// Resolves `export` and `arguments` to a function and the values of its arguments.
///
/// `export` is an exported name, qualified by its interface or not, with one text per argument in `arguments`. Without
/// `arguments`, it is a whole call such as `add(1, 2)`, whose arguments are WAVE.
///
/// # Errors
/// [`CallError`] if the name does not match, or if the function or an argument is not suitable.
/// Each [`CallError`]: the name, the function or an argument does not fit.
pub fn resolve<'f>(
    functions: &'f [ExportedFunction],
    export: &str,
    arguments: &[impl AsRef<str>],
) -> Result<(&'f ExportedFunction, Vec<Val>), CallError> {
    let Some(open) = export.find('(') else {
        let function = find(functions, export)?;
        return Ok((function, parse_arguments(function, arguments)?));
    };
    let function = find(functions, &export[..open])?;
    if !arguments.is_empty() {
        return Err(CallError::ArgumentsTwice { text: quote(export), given: arguments.len() });
    }
    Ok((function, parse_call(function, export, open)?))
}

/// Parses a function's arguments, from one text each: WAVE, JSON, or for a `string` the bare text. Trailing parameters
/// of an option type may be omitted.
///
/// # Errors
/// [`CallError`], but not one about names.
fn parse_arguments(function: &ExportedFunction, arguments: &[impl AsRef<str>]) -> Result<Vec<Val>, CallError> {
    check_size(arguments.iter().map(|argument| argument.as_ref().len()).sum())?;
    values(function, arguments, |text, ty| from_text(text.as_ref(), ty))
}

/// Parses the arguments of a whole call, whose parentheses begin at `open`.
fn parse_call(function: &ExportedFunction, call: &str, open: usize) -> Result<Vec<Val>, CallError> {
    check_size(call.len())?;
    // WAVE allows fewer names than `find` does, so the parser gets a placeholder of the same length, which keeps the
    // positions in its messages correct.
    let text = format!("{:a<open$}{}", "", &call[open..]);
    let parsed = UntypedFuncCall::parse(&text)
        .map_err(|error| CallError::Syntax { text: quote(call), message: error.to_string() })?;
    let nodes: Vec<_> = match parsed.params_node() {
        Some(params) => params.as_tuple().map(Iterator::collect).unwrap_or_default(),
        None => Vec::new(),
    };
    values(function, &nodes, |node, ty| from_node(node, &text, ty))
}

fn check_size(bytes: usize) -> Result<(), CallError> {
    if bytes > TEXT_BYTES_MAX {
        return Err(CallError::TooLarge { bytes, bytes_max: TEXT_BYTES_MAX });
    }
    Ok(())
}

/// Returns one value for each parameter.
fn values<T>(
    function: &ExportedFunction,
    given: &[T],
    convert: impl Fn(&T, &Type) -> Result<Val, ValueError>,
) -> Result<Vec<Val>, CallError> {
    function.callable()?;
    let most = function.params.len();
    let least = function.params.iter().rposition(|(_, ty)| !matches!(ty, Type::Option(_))).map_or(0, |last| last + 1);
    if !(least..=most).contains(&given.len()) {
        return Err(CallError::ArgumentCount {
            function: function.name.clone(),
            signature: function.to_string(),
            least,
            most,
            given: given.len(),
        });
    }
    let value = |(index, (parameter, ty)): (usize, &(String, Type))| match given.get(index) {
        Some(given) => convert(given, ty).map_err(|error| CallError::Argument {
            function: function.name.clone(),
            parameter: parameter.clone(),
            ty: type_text(ty),
            error: Box::new(error),
        }),
        None => Ok(Val::Option(None)),
    };
    function.params.iter().enumerate().map(value).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::signature;
    use crate::value::to_wave;

    fn functions() -> Vec<ExportedFunction> {
        vec![
            signature("start", &[], None),
            signature("add", &[("x", "u32"), ("y", "u32")], Some("u32")),
            signature("greet", &[("name", "string"), ("times", "maybe"), ("colour", "maybe-colour")], Some("string")),
            signature("move", &[("from", "maybe"), ("to", "point")], None),
            signature("draw", &[("shape", "shape")], None),
        ]
    }

    /// Checks that `plugbay call FILE words…` is a call of this function with these arguments, in WAVE.
    fn check(words: &[&str], function: &str, expected: &[&str]) {
        let functions = functions();
        let (found, values) = match resolve(&functions, words[0], &words[1..]) {
            Ok(call) => call,
            Err(error) => panic!("{words:?}: {error}"),
        };
        let values: Vec<_> = values.iter().map(|value| to_wave(value).expect("it has a text form")).collect();
        assert_eq!((found.name.as_str(), values), (function, expected.iter().map(ToString::to_string).collect()));
    }

    #[test]
    fn arguments_one_by_one_give_their_values() {
        check(&["start"], "start", &[]);
        check(&["add", "1", "2"], "add", &["1", "2"]);
        check(&["greet", "World", "some(2)", "red"], "greet", &["\"World\"", "some(2)", "some(red)"]);
        check(&["greet", "World"], "greet", &["\"World\"", "none", "none"]);
        check(&["greet", "", "null", "null"], "greet", &["\"\"", "none", "none"]);
        check(&["move", "none", "{\"x\": 1, \"y\": -1}"], "move", &["none", "{x: 1, y: -1}"]);
        check(&["draw", "circle(2)"], "draw", &["circle(2)"]);
    }

    #[test]
    fn whole_call_gives_its_values() {
        check(&["start()"], "start", &[]);
        check(&[" add (1, 2) "], "add", &["1", "2"]);
        check(&["greet(\"World (1)\", 2)"], "greet", &["\"World (1)\"", "some(2)", "none"]);
        check(&["move(1, {y: 2, x: 1})"], "move", &["some(1)", "{x: 1, y: 2}"]);
        check(&["draw(ok((1, 2)))"], "draw", &["%ok((1, 2))"]);
    }

    fn check_error(words: &[&str], code: &str, message: &str) {
        let functions = functions();
        let error = resolve(&functions, words[0], &words[1..]).expect_err("the call has a mistake");
        assert_eq!((error.code(), error.to_string()), (code, message.to_owned()), "{words:?}");
    }

    #[test]
    fn wrong_call_names_the_function_and_the_parameter() {
        check_error(
            &["ad", "1", "2"],
            "unknown_function",
            "no exported function is called `ad` (did you mean `add`?); exported: start, add, greet, move, draw",
        );
        check_error(
            &["add", "1"],
            "validation_error",
            "`add` takes 2 arguments, and 1 came: add: func(x: u32, y: u32) -> u32",
        );
        check_error(&["start", "1"], "validation_error", "`start` takes no arguments, and 1 came: start: func()");
        check_error(
            &["greet()"],
            "validation_error",
            "`greet` takes 1 to 3 arguments, and 0 came: greet: func(name: string, times: option<u32>, \
             colour: option<enum { red, green, dark-blue, none, ok }>) -> string",
        );
        check_error(
            &["add", "1", "-2"],
            "validation_error",
            "parameter `y` of `add` has the type `u32`: `-2` does not fit `u32`; a whole number from 0 to 4294967295 would",
        );
        check_error(
            &["greet(world)"],
            "validation_error",
            "parameter `name` of `greet` has the type `string`: `world` does not fit `string`; \
             a text in double quotes, such as `\"x\"`, would",
        );
        check_error(
            &["move", "1", "{x: 1, z: 2}"],
            "validation_error",
            "parameter `to` of `move` has the type `record { x: s32, y: s32 }`: there is no field `z`; it has x, y",
        );
        check_error(
            &["add(1, 2", "3"],
            "validation_error",
            "`add(1, 2` brings its arguments in parentheses: no other arguments can follow, and 1 came",
        );
        check_error(
            &["add(1, 2"],
            "validation_error",
            "`add(1, 2` is not a call such as `add(1, 2)`: unexpected end of input at 8..8",
        );
    }

    #[test]
    fn text_beyond_the_limit_is_refused_before_it_is_read() {
        let half = "x".repeat(TEXT_BYTES_MAX / 2 + 1);
        let add = &functions()[1];
        let error = CallError::TooLarge { bytes: TEXT_BYTES_MAX + 2, bytes_max: TEXT_BYTES_MAX };
        assert_eq!(parse_arguments(add, &[&half, &half]), Err(error.clone()));
        assert_eq!(error.code(), "payload_too_large");
        let call = format!("add({half}{half})");
        assert!(matches!(resolve(&functions(), &call, &[] as &[&str]), Err(CallError::TooLarge { .. })));
    }
}
