//! `plugbay call`: any function of any component.

use crate::harness::assert::assert_contains;
use crate::harness::command::{Plugbay, Ran};
use crate::harness::guest::{component, example, feature};

#[test]
fn functions_are_called_with_wave_or_json() {
    for (arguments, answer) in [
        (vec!["add", "2", "40"], "42"),
        (vec!["add(2, 40)"], "42"),
        (vec!["area", "rectangle((2, 3))"], "ok(6)"),
        (vec!["acme:geometry/shapes.area", "{\"rectangle\": [2, 3]}"], "ok(6)"),
        (vec!["centre", "[{x: 1, y: 2}]"], "some({x: 1, y: 2})"),
        (vec!["greet", "World"], "\"Hello, World!\""),
    ] {
        assert_eq!(call(&arguments).exits_with(0).stdout.trim(), answer, "{arguments:?}");
    }
}

#[test]
fn answer_is_json_on_request() {
    assert_eq!(
        call(&["centre", "[{x: 1, y: 2}]", "--json"]).exits_with(0).json(),
        serde_json::json!({ "x": 1.0, "y": 2.0 })
    );
}

#[test]
fn functions_are_listed_without_a_function_name() {
    let ran = call(&[]).exits_with(0);
    assert_contains(&ran.stdout, &["add: func(a: u32, b: u32) -> u32\n", "acme:geometry/shapes@1.2.0#area"]);
    let functions = call(&["--json"]).exits_with(0).json();
    assert_eq!(functions[0], serde_json::json!({ "name": "add", "type": "add: func(a: u32, b: u32) -> u32" }));
}

#[test]
fn error_result_exits_with_1() {
    let ran = call(&["area", "circle(-1)"]).exits_with(1);
    assert_contains(&ran.stdout, &["err", "radius -1"]);
}

#[test]
fn mismatched_arguments_exit_with_2() {
    for (arguments, words) in [
        (vec!["add", "2"], vec!["2 arguments"]),
        (vec!["add", "2", "x"], vec!["`b`", "u32"]),
        (vec!["ad", "1", "2"], vec!["`add`"]),
    ] {
        assert_contains(&call(&arguments).exits_with(2).stderr, &words);
    }
}

#[test]
fn limits_are_those_of_a_plugin() {
    for (arguments, exit_code, words) in [
        (vec!["spin", "--fuel", "5e6"], 5, vec!["error[out_of_fuel]", "5000000"]),
        (vec!["spin", "--timeout", "200ms", "--fuel", "100000000000"], 5, vec!["error[timeout]", "200ms"]),
        (vec!["hoard", "--max-memory", "8MiB"], 5, vec!["error[memory_limit]", "8.0 MiB allowed"]),
        (vec!["break-down", "oh no"], 6, vec!["error[plugin_trapped]", "oh no"]),
    ] {
        assert_contains(&call(&arguments).exits_with(exit_code).stderr, &words);
    }
}

#[test]
fn argument_is_read_from_a_file_or_standard_input() {
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), "[{x: 1, y: 2}]\n").expect("written");
    let named = format!("@{}", file.path().display());
    assert_eq!(call(&["centre", &named]).exits_with(0).stdout.trim(), "some({x: 1, y: 2})");
    let path = component::GEOMETRY.path();
    let arguments = ["call", path.to_str().expect("UTF-8"), "centre", "-"];
    assert_eq!(
        Plugbay::new(arguments)
            .stdin(std::fs::File::open(file.path()).expect("opened"))
            .run()
            .exits_with(0)
            .stdout
            .trim(),
        "some({x: 1, y: 2})"
    );
    assert_contains(&call(&["add", "-", "-"]).exits_with(2).stderr, &["once"]);
    assert_contains(&call(&["add", "@/no/such/file", "1"]).exits_with(2).stderr, &["/no/such/file"]);
}

#[test]
fn action_of_a_plugin_can_be_called_as_a_function() {
    let path = feature::ECHO.path();
    let arguments = ["call", path.to_str().expect("UTF-8"), "handle", "echo", "[1, 2]"];
    assert_eq!(Plugbay::new(arguments).run().exits_with(0).stdout.trim(), "ok(\"[1,2]\")");
}

#[test]
fn file_that_is_not_a_component_exits_with_3() {
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), b"not a component").expect("written");
    Plugbay::new(["call", file.path().to_str().expect("UTF-8"), "x"]).run().exits_with(3);
}

/// An example plugin is called as any component is, without using its contract.
#[test]
fn statistics_are_on_standard_error() {
    let path = example::HELLO.path();
    let ran =
        Plugbay::new(["call", path.to_str().expect("UTF-8"), "handle", "no-such-action", "null", "--stats"]).run();
    assert_contains(&ran.stderr, &["fuel", "memory"]);
}

fn call(arguments: &[&str]) -> Ran {
    let path = component::GEOMETRY.path();
    Plugbay::new([&["call", path.to_str().expect("a path in UTF-8")], arguments].concat()).run()
}
