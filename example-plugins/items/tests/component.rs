//! The declared tests of the component, an upload, and its tools.

use plugbay_testing::{TestHost, assert_test_files_pass, json};

#[test]
fn declared_tests_pass() {
    assert_test_files_pass(env!("CARGO_MANIFEST_DIR"));
}

#[test]
fn picture_is_uploaded_and_downloaded() {
    let host = TestHost::new();
    let items = host.plugin(env!("CARGO_MANIFEST_DIR")).load();
    let upload = |bytes: &[u8]| items.request("PUT", "/items/1/picture").body(bytes);
    upload(b"x").send().assert_status(404);
    items.request("POST", "/items").json(json!({ "name": "Tea" })).send().assert_status(201);
    items.request("GET", "/items/1/picture").send().assert_status(404);
    upload(b"\x89PNG\0").send().assert_status(204);
    let picture = items.request("GET", "/items/1/picture").send();
    assert_eq!((picture.header("content-type"), &*picture.body), (Some("application/octet-stream"), &b"\x89PNG\0"[..]));
    assert!(picture.header("content-disposition").is_some_and(|it| it.contains("item-1")), "{picture:?}");
    upload(&[0; 100_001]).send().assert_status(400);
}

#[test]
fn actions_are_tools() {
    let host = TestHost::new();
    let items = host.plugin(env!("CARGO_MANIFEST_DIR")).load();
    let tools = items.tools();
    let list = tools.iter().find(|tool| tool.name == "items.list_items").expect("a tool");
    assert_eq!((list.title.as_deref(), list.hints.read_only), (Some("List items"), Some(true)));
    let create = tools.iter().find(|tool| tool.name == "items.create_item").expect("a tool");
    assert_eq!(create.input_schema["properties"]["name"]["maxLength"], 100);
    let created = items.tool("create_item").call(json!({ "name": "Tea" }));
    assert_eq!(created.structured_content, Some(json!({ "id": 1, "name": "Tea", "price_cents": 0 })));
    let refused = items.tool("clear_data").identity("assistant", &["call"]).call(json!({}));
    assert!(refused.is_error && refused.text().is_some_and(|text| text.contains("permission_denied")), "{refused:?}");
    assert!(!items.tool("clear_data").identity("ada", &["manage"]).call(json!({})).is_error);
}
