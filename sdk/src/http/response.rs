//! Responses: a status, headers and a complete body.

use serde::de::DeserializeOwned;

use crate::error::{Result, error};
use crate::host::HttpAnswer;

/// The response to a [`Request`](super::Request).
#[derive(Debug, Clone)]
pub struct Response {
    url: String,
    answer: HttpAnswer,
}

impl Response {
    pub(super) fn new(url: String, answer: HttpAnswer) -> Self {
        Response { url, answer }
    }

    /// The status, such as 200.
    pub fn status(&self) -> u16 {
        self.answer.status
    }

    /// Whether the status is 200 to 299.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status())
    }

    /// The response itself if its status is 200 to 299.
    ///
    /// # Errors
    /// `http_status` for any other status, which is in the details.
    pub fn checked(self) -> Result<Self> {
        if self.is_success() {
            return Ok(self);
        }
        let path = self.url.split('?').next().unwrap_or_default();
        let failure = error(format!("{path} responded with status {}", self.status())).with_code("http_status");
        Err(failure.with_details(serde_json::json!({ "status": self.status() })))
    }

    /// The URL of the response, after all redirects.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The first header with this name, ignoring case, if its value is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers().find(|(given, _)| given.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// All headers whose values are text, in their order, with names in lower case.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &str)> {
        self.answer.headers.iter().map(|(name, value)| (&**name, &**value))
    }

    /// The body.
    pub fn bytes(&self) -> &[u8] {
        &self.answer.body
    }

    /// Consumes the response and returns the body.
    pub fn into_bytes(self) -> Vec<u8> {
        self.answer.body
    }

    /// The body as text.
    ///
    /// # Errors
    /// `invalid_response` if the body is not UTF-8.
    pub fn text(&self) -> Result<&str> {
        std::str::from_utf8(&self.answer.body).map_err(|_| self.unreadable("not text in UTF-8"))
    }

    /// The body read as JSON.
    ///
    /// # Errors
    /// `invalid_response` if the body is not JSON, or not a `T`.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T> {
        serde_json::from_slice(&self.answer.body)
            .map_err(|reason| self.unreadable(&format!("not as expected: {reason}")))
    }

    fn unreadable(&self, what: &str) -> crate::Error {
        let path = self.url.split('?').next().unwrap_or_default();
        error(format!("the body of {path} is {what}")).with_code("invalid_response")
    }
}
