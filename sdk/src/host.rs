//! The plugin's calls to its host. This is the only module that imports the contract.
//!
//! In the sandbox, the calls go to the component's imports; in a native build, such as for `cargo test`, to a stand-in
//! in the same process. No other module of this crate depends on which of the two it is.

#[cfg(target_family = "wasm")]
mod guest;
#[cfg(not(target_family = "wasm"))]
mod standin;

#[cfg(target_family = "wasm")]
pub(crate) use guest::*;
#[cfg(not(target_family = "wasm"))]
pub(crate) use standin::*;

/// A request, whose redirects are not followed.
#[derive(Clone)]
pub(crate) struct HttpCall {
    pub(crate) method: String,
    pub(crate) url: crate::http::Url,
    pub(crate) headers: Vec<(String, String)>,
    #[cfg_attr(not(target_family = "wasm"), allow(dead_code, reason = "the stand-in answers by the URL alone"))]
    pub(crate) body: Vec<u8>,
    #[cfg_attr(not(target_family = "wasm"), allow(dead_code, reason = "the stand-in answers at once"))]
    pub(crate) deadline: Option<std::time::Instant>,
}

/// The complete response to a request.
#[derive(Debug, Clone)]
pub(crate) struct HttpAnswer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

/// The reason why a request has no response.
#[cfg_attr(not(target_family = "wasm"), allow(dead_code, reason = "the stand-in sends nothing"))]
pub(crate) enum HttpFailure {
    Denied,
    Prohibited,
    Timeout,
    Limit(String),
    Invalid(String),
    Unavailable(String),
}
