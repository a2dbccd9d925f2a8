//! HTTP requests to hosts that the plugin may access.
//!
//! ```
//! use plugbay_sdk::prelude::*;
//! use plugbay_sdk::http;
//!
//! #[derive(Deserialize)]
//! struct Forecast {
//!     celsius: f64,
//! }
//!
//! fn celsius(city: &str) -> Result<f64> {
//!     let response = http::get("https://weather.example.org/forecast").query("city", city).send()?;
//!     let forecast: Forecast = response.checked()?.json()?;
//!     Ok(forecast.celsius)
//! }
//! # plugbay_sdk::native::set_http("https://weather.example.org/forecast?city=Bern", 200, r#"{"celsius": 7.5}"#);
//! # assert_eq!(celsius("Bern").unwrap(), 7.5);
//! ```
//!
//! The manifest requests the host, `{ resource: "http.weather.example.org", actions: [execute] }`, and the operator
//! grants it. A port other than the scheme's default is part of the resource: `http.weather.example.org:8443`.
//! Addresses outside of the public internet (this machine, its network) are reachable only if the operator names them.
//!
//! The module uses the standard interface `wasi:http`, which a plugin may also use directly.

mod request;
mod response;
mod url;

pub use request::Request;
pub use response::Response;
pub(crate) use url::Url;

/// A GET request.
pub fn get(url: impl Into<String>) -> Request {
    request("GET", url)
}

/// A HEAD request, whose response is that of a GET without the body.
pub fn head(url: impl Into<String>) -> Request {
    request("HEAD", url)
}

/// A POST request.
pub fn post(url: impl Into<String>) -> Request {
    request("POST", url)
}

/// A PUT request.
pub fn put(url: impl Into<String>) -> Request {
    request("PUT", url)
}

/// A PATCH request.
pub fn patch(url: impl Into<String>) -> Request {
    request("PATCH", url)
}

/// A DELETE request.
pub fn delete(url: impl Into<String>) -> Request {
    request("DELETE", url)
}

/// A request with any method.
pub fn request(method: impl Into<String>, url: impl Into<String>) -> Request {
    Request::new(method.into(), url.into())
}
