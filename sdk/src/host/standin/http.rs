//! HTTP in a native build: responses that a test has set.

use std::cell::RefCell;
use std::collections::BTreeMap;

use crate::host::{HttpAnswer, HttpCall, HttpFailure};

thread_local! {
    static ANSWERS: RefCell<BTreeMap<String, HttpAnswer>> = const { RefCell::new(BTreeMap::new()) };
}

pub(crate) fn http_send(call: &HttpCall) -> Result<HttpAnswer, HttpFailure> {
    let url = call.url.to_string();
    ANSWERS.with_borrow(|answers| answers.get(&url).cloned()).ok_or_else(|| {
        HttpFailure::Unavailable(format!(
            "native tests send no requests, and no response is set for `{url}`: set one with \
             `plugbay_sdk::native::set_http`, or test the compiled plugin with `plugbay-testing`"
        ))
    })
}

/// Sets the response of a URL on this thread.
pub(crate) fn set_http(url: String, answer: HttpAnswer) {
    ANSWERS.with_borrow_mut(|answers| answers.insert(url, answer));
}
