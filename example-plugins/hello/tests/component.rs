//! A test of the component.

use plugbay_testing::{TestHost, json};

#[test]
fn component_greets_and_refuses_an_invalid_payload() {
    let host = TestHost::new();
    let hello = host.plugin(env!("CARGO_MANIFEST_DIR")).load();
    assert_eq!(hello.call("hello", json!({ "name": "Ada" })), json!("Hello, Ada!"));
    assert_eq!(hello.call_error("hello", json!({})).code(), "validation_error");
    hello.assert_nothing_denied();
}
