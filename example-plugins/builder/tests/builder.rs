//! Native tests of the plugin's actions and its manifest.

use plugbay_sdk::json;

#[test]
fn guest_book_keeps_signed_entries() {
    let mut book = builder::native_instance();
    book.load().expect("open");
    let entry = json!({ "guest": "Ann", "text": "Hello" });
    assert_eq!(book.call("sign", &entry).expect("signed"), json!({ "number": 2 }));
    let entries = book.call("read", ()).expect("entries");
    assert_eq!(entries, json!([{ "guest": "the house", "text": "Welcome" }, entry]));
}

#[test]
fn entry_without_a_guest_is_refused() {
    let failure = builder::native_instance().call("sign", json!({ "guest": " ", "text": "" })).expect_err("no guest");
    assert_eq!(failure.to_string(), "no_guest: an entry needs the name of a guest");
}

#[test]
fn routes_are_declared_with_their_chains() {
    let manifest = builder::native_instance().manifest();
    assert_eq!(manifest[0]["name"], "guest_book");
    let routes = json!([
        { "method": "GET", "path": "/entries", "actions": ["read"] },
        { "method": "POST", "path": "/entries", "actions": ["check", "sign"] },
    ]);
    assert_eq!(manifest[0]["routes"], routes);
}
