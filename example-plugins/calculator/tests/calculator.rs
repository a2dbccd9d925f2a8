//! Native tests of the plugin's actions.

use plugbay_sdk::{Error, Value, json};

fn call(action: &str, payload: Value) -> Result<Value, Error> {
    calculator::native_instance().call(action, payload)
}

fn check(action: &str, payload: Value, expected: Value) {
    assert_eq!(call(action, payload).expect("a result"), json!({ "status": "ok", "result": expected }));
}

fn check_code(action: &str, payload: Value, expected: &str) {
    let failure = call(action, payload.clone()).expect_err("an error");
    assert_eq!(failure.code(), expected, "{action} {payload}: {failure}");
}

#[test]
fn numbers_are_calculated() {
    check("divide", json!({ "a": 10, "b": 4 }), json!(2.5));
    check("percent", json!({ "of": 50, "percent": 20 }), json!(10.0));
    check("power", json!({ "base": -2, "exponent": 63 }), json!(i64::MIN));
    check("mean", json!({ "numbers": [1, 2, 6] }), json!(3.0));
}

#[test]
fn division_by_zero_has_code_status_and_details() {
    let failure = call("divide", json!({ "a": 1, "b": 0 })).expect_err("no result");
    assert_eq!(failure.to_string(), "divide_by_zero: Cannot divide by zero");
    assert_eq!((failure.status(), failure.details()), (Some(400), Some(r#"{"a":1.0}"#)));
}

#[test]
fn result_beyond_the_largest_number_is_an_overflow() {
    check_code("divide", json!({ "a": 1e300, "b": 1e-300 }), "overflow");
    check_code("power", json!({ "base": 2, "exponent": 63 }), "overflow");
}

#[test]
fn payload_of_the_wrong_type_is_a_validation_error() {
    check_code("divide", json!({ "a": "one", "b": 2 }), "validation_error");
    check_code("divide", json!({ "a": 1 }), "validation_error");
    check_code("divide", json!({ "a": 1, "b": 2, "c": 3 }), "validation_error");
    check_code("percent", json!({ "of": 1, "percent": 256 }), "validation_error");
}

#[test]
fn value_out_of_range_is_refused_even_without_a_host() {
    check_code("percent", json!({ "of": 1, "percent": 101 }), "out_of_range");
    check_code("mean", json!({ "numbers": [] }), "no_numbers");
}

#[test]
fn ranges_are_in_the_manifest() {
    let manifest = calculator::native_instance().manifest();
    let payload = |action: usize| &manifest[1]["actions"][action]["payload"]["properties"];
    assert_eq!(payload(1)["percent"], json!({ "type": "integer", "minimum": 0, "maximum": 100 }));
    assert_eq!(payload(3)["numbers"]["minItems"], json!(1));
}
