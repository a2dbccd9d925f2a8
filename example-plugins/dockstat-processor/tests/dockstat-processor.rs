//! Native tests of the actions of the chain.

use plugbay_sdk::json;

#[test]
fn text_that_is_not_json_is_a_failure_and_no_error() {
    let mut processor = dockstat_processor::native_instance();
    let parsed = processor.call("parseInput", "{ name").expect("a result");
    assert_eq!((&parsed["success"], &parsed["error"]), (&json!(false), &json!("Invalid JSON")));
    assert_eq!(processor.call("validateSchema", &parsed).expect("a result"), parsed);
    assert_eq!(processor.call("sendNotification", &parsed).expect("a result"), parsed);
}

#[test]
fn name_is_transformed() {
    let mut processor = dockstat_processor::native_instance();
    let parsed = processor.call("parseInput", r#"{"name": "web"}"#).expect("a result");
    let valid = processor.call("validateSchema", parsed).expect("a result");
    let transformed = processor.call("transformData", valid).expect("a result");
    assert_eq!((&transformed["valid"], &transformed["data"]), (&json!(true), &json!({ "name": "WEB" })));
}
