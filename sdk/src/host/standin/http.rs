//! The world outside, of which a test says what it answers.

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
            "outside the sandbox nothing is sent, and nothing was prepared for `{url}`: prepare it with \
             `plugbay_sdk::native::set_http`, or test the compiled plugin with `plugbay-testing`"
        ))
    })
}

/// What this URL answers on this thread.
pub(crate) fn set_http(url: String, answer: HttpAnswer) {
    ANSWERS.with_borrow_mut(|answers| answers.insert(url, answer));
}
