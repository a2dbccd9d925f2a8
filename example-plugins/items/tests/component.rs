//! The declared tests of the component, and an upload.

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
