//! The HTTP request that an action answers, and the parts of the answer beyond JSON.
//!
//! ```no_run
//! use plugbay_sdk::exchange;
//! use plugbay_sdk::prelude::*;
//!
//! fn download() -> Result<()> {
//!     let Some(request) = exchange::request() else { bail!(code = "no_request", "call it through its route") };
//!     if request.header("if-none-match").as_deref() == Some("\"7\"") {
//!         return exchange::set_status(304);
//!     }
//!     exchange::add_header("etag", "\"7\"")?;
//!     exchange::add_header("content-type", "text/plain")?;
//!     exchange::set_body(format!("file {}", request.param("id").unwrap_or_default()))
//! }
//! ```
//!
//! The answer of an action is its JSON result. For HTTP clients, a status, headers or a body are added here; other
//! callers do not see them.

use serde::de::DeserializeOwned;

use crate::error::{Result, error};
use crate::host;

/// The request that the action answers.
#[derive(Debug)]
pub struct Request(());

/// The HTTP request that the running action answers; `None` if it was not called through a route.
pub fn request() -> Option<Request> {
    host::is_request().then_some(Request(()))
}

impl Request {
    /// The method in upper case, such as `GET`.
    pub fn method(&self) -> String {
        host::request_method().unwrap_or_default()
    }

    /// The path below the plugin's own mount point, percent-decoded, such as `/items/7`.
    pub fn path(&self) -> String {
        host::request_path().unwrap_or_default()
    }

    /// The template of the route that matched, such as `/items/{id}`.
    pub fn route(&self) -> Option<String> {
        host::request_route()
    }

    /// The value of a path parameter.
    pub fn param(&self, name: &str) -> Option<String> {
        host::request_param(name)
    }

    /// The path parameters, in the order of the template.
    pub fn params(&self) -> Vec<(String, String)> {
        host::request_params()
    }

    /// The query parameters, in the order of the URL. A name can occur several times.
    pub fn query(&self) -> Vec<(String, String)> {
        host::request_query()
    }

    /// The first value of a header as text; `None` if it is absent, is not text, or is not visible to plugins. The
    /// operator decides which headers are; credentials and cookies never are.
    pub fn header(&self, name: &str) -> Option<String> {
        host::request_header(name).into_iter().next().and_then(|value| String::from_utf8(value).ok())
    }

    /// The visible headers, with names in lower case.
    pub fn headers(&self) -> Vec<(String, Vec<u8>)> {
        host::request_headers()
    }

    /// The body as it was sent; `None` if there was none.
    pub fn body(&self) -> Option<Vec<u8>> {
        host::request_body()
    }

    /// The result of the previous action of the route's chain; `None` for the first.
    ///
    /// # Errors
    /// `invalid_data` if it is not a `T`.
    pub fn previous<T: DeserializeOwned>(&self) -> Result<Option<T>> {
        let Some(json) = host::request_previous() else { return Ok(None) };
        serde_json::from_str(&json).map(Some).map_err(|reason| {
            let wanted = std::any::type_name::<T>();
            error(format!("the previous result is not a `{wanted}`: {reason}")).with_code("invalid_data")
        })
    }
}

/// Sets the status of the answer, 200 to 599. Default: 200.
///
/// # Errors
/// `invalid_argument` for any other.
pub fn set_status(status: u16) -> Result<()> {
    host::response_status(status)
}

/// Adds a header to the answer.
///
/// # Errors
/// `invalid_argument` if the server sets the header itself (framing, cookies, CORS, security), or if HTTP does not
/// allow the name or the value; `limit_exceeded` beyond 64 headers or 16 KiB.
pub fn add_header(name: &str, value: impl AsRef<[u8]>) -> Result<()> {
    host::response_header(name, value.as_ref())
}

/// Sets the body of the answer, which takes the place of the JSON result for HTTP clients. Default content type:
/// `application/octet-stream`.
///
/// # Errors
/// `limit_exceeded` beyond 4 MiB.
pub fn set_body(body: impl AsRef<[u8]>) -> Result<()> {
    host::response_body(body.as_ref())
}
