//! Native tests of the plugin's action, and of its length.

use plugbay_sdk::json;

#[test]
fn hello_with_a_name_greets() {
    let answer = hello::native_instance().call("hello", json!({ "name": "World" }));
    assert_eq!(answer.expect("a greeting"), json!("Hello, World!"));
}

#[test]
fn hello_without_a_name_is_a_validation_error() {
    let failure = hello::native_instance().call("hello", json!({})).expect_err("a name is needed");
    assert_eq!(failure.code(), "validation_error");
    assert!(failure.message().contains("missing field `name`"), "{failure}");
}

#[test]
fn source_of_the_plugin_has_at_most_15_lines() {
    let source = include_str!("../src/lib.rs");
    let lines = source.lines().filter(|line| !line.trim().is_empty() && !line.starts_with("//!"));
    assert!(lines.count() <= 15);
}
