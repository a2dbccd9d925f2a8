//! The API of a server in a native build: an address that a test has set.

use std::cell::RefCell;

use serde_json::json;

use crate::error::{Result, error};

thread_local! {
    static URL: RefCell<Option<String>> = const { RefCell::new(None) };
}

pub(crate) fn api_token(scopes: &[&str]) -> Result<String> {
    let Some(url) = URL.with_borrow(Clone::clone) else {
        let text = "native tests have no server: set its URL with `plugbay_sdk::native::set_api`";
        return Err(error(text).with_code("unavailable"));
    };
    Ok(json!({ "url": url, "token": "native", "scopes": scopes, "expiresInSeconds": 300 }).to_string())
}

/// Sets the URL of the server on this thread.
pub(crate) fn set_api(url: String) {
    URL.set(Some(url));
}
