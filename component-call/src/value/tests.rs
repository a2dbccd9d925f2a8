//! The meaning of texts of each type, and the messages for texts that do not fit.

use wasmtime::component::{Type, Val};

use super::{from_text, to_json, to_wave};
use crate::fixture::ty;

/// Checks that `text`, parsed as the type of this name, is the value with this WAVE and this JSON.
fn check(name: &str, text: &str, wave: &str, json: &str) {
    let value = match from_text(text, &ty(name)) {
        Ok(value) => value,
        Err(error) => panic!("`{text}` as {name}: {error}"),
    };
    assert_eq!(to_wave(&value).expect("the type has a text form"), wave, "WAVE of `{text}` as {name}");
    assert_eq!(to_json(&value).expect("the type has a text form").to_string(), json, "JSON of `{text}` as {name}");
}

#[test]
fn text_of_each_type_gives_its_value() {
    check("bool", "true", "true", "true");
    check("s8", "-128", "-128", "-128");
    check("u64", "18446744073709551615", "18446744073709551615", "18446744073709551615");
    check("s64", "-9223372036854775808", "-9223372036854775808", "-9223372036854775808");
    check("f32", "0.1", "0.1", "0.1");
    check("f32", "3", "3", "3.0");
    check("f64", "1e3", "1000", "1000.0");
    check("f64", "-0", "-0", "-0.0");
    check("f64", "nan", "nan", r#""nan""#);
    check("f64", "-inf", "-inf", r#""-inf""#);
    check("f32", r#""inf""#, "inf", r#""inf""#);
    check("char", "'☃'", "'☃'", r#""☃""#);
    check("char", r#""☃""#, "'☃'", r#""☃""#);
    check("char", r"'\u{0}'", r"'\u{0}'", r#""\u0000""#);
    check("string", r#""a\tb""#, r#""a\tb""#, r#""a\tb""#);
    check("string", r#""\u00e9""#, r#""é""#, r#""é""#);
    check("bytes", "[0, 255]", "[0, 255]", "[0,255]");
    check("bytes", "[]", "[]", "[]");
    check("matrix", "[[1], [], [0.5, nan]]", "[[1], [], [0.5, nan]]", r#"[[1.0],[],[0.5,"nan"]]"#);
    check("three", "[1, 2, 3]", "[1, 2, 3]", "[1,2,3]");
    check("pair", r#"("a", -1)"#, r#"("a", -1)"#, r#"["a",-1]"#);
    check("pair", r#"["a", -1]"#, r#"("a", -1)"#, r#"["a",-1]"#);
    check("single", "('x')", "('x')", r#"["x"]"#);
    check("colour", "dark-blue", "dark-blue", r#""dark-blue""#);
    check("colour", r#""dark-blue""#, "dark-blue", r#""dark-blue""#);
    check("colour", "none", "%none", r#""none""#);
    check("colour", "%ok", "%ok", r#""ok""#);
    check("access", "{write, read}", "{read, write}", r#"["read","write"]"#);
    check("access", "{%none}", "{none}", r#"["none"]"#);
    check("access", r#"["run-as-root"]"#, "{run-as-root}", r#"["run-as-root"]"#);
    check("access", "{}", "{}", "[]");
    check("many-flags", "{b6, a0}", "{a0, b6}", r#"["a0","b6"]"#);
    check("point", "{y: 2, x: -1}", "{x: -1, y: 2}", r#"{"x":-1,"y":2}"#);
    check("point", r#"{"y": 2, "x": -1}"#, "{x: -1, y: 2}", r#"{"x":-1,"y":2}"#);
}

#[test]
fn text_of_options_and_results_gives_their_values() {
    check("maybe", "none", "none", "null");
    check("maybe", "null", "none", "null");
    check("maybe", "some(1)", "some(1)", "1");
    check("maybe", "1", "some(1)", "1");
    check("maybe-text", r#""none""#, r#"some("none")"#, r#""none""#);
    check("maybe-colour", "none", "none", "null");
    check("maybe-colour", "%none", "some(%none)", r#""none""#);
    check("maybe-maybe", "none", "none", "null");
    check("maybe-maybe", "some(none)", "some(none)", r#"{"some":null}"#);
    check("maybe-maybe", "some(1)", "some(some(1))", r#"{"some":1}"#);
    check("maybe-maybe", r#"{"some": 1}"#, "some(some(1))", r#"{"some":1}"#);
    check("maybe-thrice", r#"some(some(none))"#, "some(some(none))", r#"{"some":{"some":null}}"#);
    check("maybe-thrice", r#"{"some": {"some": "x"}}"#, r#"some(some(some("x")))"#, r#"{"some":{"some":"x"}}"#);
    check("maybe-result", "null", "none", "null");
    check("maybe-result", r#"{"err": "x"}"#, r#"some(err("x"))"#, r#"{"err":"x"}"#);
    check("outcome", "7", "ok(7)", r#"{"ok":7}"#);
    check("outcome", r#"err("no")"#, r#"err("no")"#, r#"{"err":"no"}"#);
    check("outcome", r#"{"ok": 7}"#, "ok(7)", r#"{"ok":7}"#);
    check("outcome-ok", "err", "err", r#"{"err":null}"#);
    check("outcome-ok", r#"{"err": null}"#, "err", r#"{"err":null}"#);
    check("outcome-err", "ok", "ok", r#"{"ok":null}"#);
    check("outcome-err", r#""ok""#, "ok", r#"{"ok":null}"#);
    check("outcome-bare", "err", "err", r#"{"err":null}"#);
    check("outcome-maybe", "ok(none)", "ok(none)", r#"{"ok":null}"#);
    check("outcome-maybe", r#"{"err": 1}"#, "err(some(1))", r#"{"err":1}"#);
    check("options", "{}", "{:}", r#"{"label":null,"deep":null}"#);
    check("options", "{:}", "{:}", r#"{"label":null,"deep":null}"#);
    check("options", "{deep: some(none)}", "{deep: some(none)}", r#"{"label":null,"deep":{"some":null}}"#);
}

#[test]
fn text_of_variants_gives_their_values() {
    check("shape", "empty", "empty", r#""empty""#);
    check("shape", r#""empty""#, "empty", r#""empty""#);
    check("shape", r#"{"empty": null}"#, "empty", r#""empty""#);
    check("shape", "circle(0.5)", "circle(0.5)", r#"{"circle":0.5}"#);
    check("shape", r#"{"circle": 1}"#, "circle(1)", r#"{"circle":1.0}"#);
    check("shape", "label(none)", "label(none)", r#"{"label":null}"#);
    check("shape", "%ok((1, 2))", "%ok((1, 2))", r#"{"ok":[1,2]}"#);
    check("shape", "ok((1, 2))", "%ok((1, 2))", r#"{"ok":[1,2]}"#);
    check("shape", "err", "%err", r#""err""#);
    check(
        "shape",
        r#"{"path": {"some": 1, "points": [{"x": 1, "y": 2}], "colour": "ok"}}"#,
        "path({points: [{x: 1, y: 2}], colour: some(%ok), some: 1})",
        r#"{"path":{"points":[{"x":1,"y":2}],"colour":"ok","some":1.0}}"#,
    );
}

#[test]
fn bare_text_is_a_string_where_it_is_nothing_else() {
    for text in
        ["hello", "hello there", "", "12", "true", "{\"a\": 1}", "[1", "http://a/b", "it's", "null", "say \"x\""]
    {
        assert_eq!(from_text(text, &Type::String), Ok(Val::String(text.to_owned())), "`{text}`");
    }
    assert_eq!(from_text("\"a b\"", &Type::String), Ok(Val::String("a b".to_owned())));
    assert!(from_text("\"a b", &Type::String).is_err(), "an open quote is a mistake, not a text");
    assert!(from_text("hello", &ty("maybe-text")).is_err(), "only a plain string may go without quotes");
}

fn check_error(name: &str, text: &str, expected: &str) {
    match from_text(text, &ty(name)) {
        Ok(value) => panic!("`{text}` as {name} was read as {value:?}"),
        Err(error) => assert_eq!(error.to_string(), expected, "`{text}` as {name}"),
    }
}

#[test]
fn text_that_does_not_fit_is_told_what_would() {
    check_error("u8", "256", "`256` does not fit `u8`; a whole number from 0 to 255 would");
    check_error("s16", "1.5", "`1.5` does not fit `s16`; a whole number from -32768 to 32767 would");
    check_error("u64", "-1", "`-1` does not fit `u64`; a whole number from 0 to 18446744073709551615 would");
    check_error(
        "f32",
        "1e39",
        "`1e39` does not fit `f32`; a number from -3.4028235e38 to 3.4028235e38, nan, inf or -inf would",
    );
    check_error("f64", "1e400", "`1e400` does not fit `f64`; a number, nan, inf or -inf would");
    check_error("bool", "yes", "`yes` does not fit `bool`; `true` or `false` would");
    check_error(
        "char",
        "'x",
        "`'x` is neither WAVE (invalid token at 0..1) nor JSON (expected value at line 1 column 1); one character in quotes, such as `'x'`, would fit",
    );
    check_error("char", "\"xy\"", "`\"xy\"` does not fit `char`; one character in quotes, such as `'x'`, would");
    check_error("maybe-text", "x", "`x` does not fit `string`; a text in double quotes, such as `\"x\"`, would");
    check_error("maybe-maybe", "1", "`1` does not fit `option<option<u32>>`; none or a `option<u32>` would");
    check_error("bytes", "[1, 2, 300]", "at `[2]`: `300` does not fit `u8`; a whole number from 0 to 255 would");
    check_error("three", "[1, 2]", "`list<u16, 3>` takes exactly 3 values, and 2 came");
    check_error("pair", "(\"a\", 1, 2)", "`tuple<string, s64>` takes exactly 2 values, and 3 came");
    check_error(
        "pair",
        "[1, 2]",
        "at `[0]`: `1` does not fit `string`; a text in double quotes, such as `\"x\"`, would",
    );
    check_error(
        "colour",
        "redd",
        "there is no case `redd` (did you mean `red`?); it has red, green, dark-blue, none, ok",
    );
    check_error(
        "colour",
        "red(1)",
        "`red(1)` does not fit `enum { red, green, dark-blue, none, ok }`; one of red, green, dark-blue, none, ok would",
    );
    check_error(
        "access",
        "{raed}",
        "there is no flag `raed` (did you mean `read`?); it has read, write, none, run-as-root",
    );
    check_error("access", "[\"read\", \"read\"]", "the flag `read` came twice");
    check_error("point", "{x: 1}", "the field `y: s32` is missing");
    check_error("point", "{x: 1, y: 2, z: 3}", "there is no field `z`; it has x, y");
    check_error("point", "{\"x\": 1, \"Y\": 2}", "there is no field `Y` (did you mean `y`?); it has x, y");
    check_error(
        "point",
        "{x: 1, y: \"2\"}",
        "at `.y`: `\"2\"` does not fit `s32`; a whole number from -2147483648 to 2147483647 would",
    );
    check_error("point", "5", "`5` does not fit `record { x: s32, y: s32 }`; a record, such as `{x: …, y: …}`, would");
    check_error("shape", "circle", "the case `circle` carries a value, and none came: `circle(f64)`");
    check_error("shape", "empty(1)", "the case `empty` carries no value, and `1` came");
    check_error("shape", "{\"empty\": 1}", "the case `empty` carries no value, and `1` came");
    check_error(
        "shape",
        "circl(1)",
        "there is no case `circl` (did you mean `circle`?); it has empty, circle, path, label, ok, err",
    );
    check_error(
        "shape",
        "{\"path\": {\"points\": [{\"x\": 1, \"y\": 2}, {\"x\": true, \"y\": 2}], \"some\": 1}}",
        "at `.path.points[1].x`: `true` does not fit `s32`; a whole number from -2147483648 to 2147483647 would",
    );
    check_error(
        "outcome",
        "err(1)",
        "at `.err`: `1` does not fit `string`; a text in double quotes, such as `\"x\"`, would",
    );
    check_error("outcome-bare", "\"x\"", "`\"x\"` does not fit `result`; ok or err would");
}

#[test]
fn text_that_nests_too_deep_is_refused() {
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    check_error(
        "matrix",
        &deep,
        &format!(
            "`{}…` is neither WAVE (value nesting too deep at 99..100) nor JSON (recursion limit exceeded at line 1 column 128); \
             a list in brackets, such as `[…, …]`, would fit",
            "[".repeat(80)
        ),
    );
}

#[test]
fn long_texts_and_lists_are_read() {
    let text = "é☃\\\\ ".repeat(200_000);
    let value = from_text(&format!("\"{text}\""), &Type::String).expect("a long string is a string");
    assert_eq!(value, Val::String(text.replace("\\\\", "\\")));

    let list = format!("[{}1]", "1,".repeat(500_000));
    let value = from_text(&list, &ty("bytes")).expect("a long list is a list");
    assert!(matches!(value, Val::List(values) if values.len() == 500_001));
}
