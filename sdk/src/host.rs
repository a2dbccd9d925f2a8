//! The plugin's calls to its host: the only module that imports the contract.
//!
//! Inside the sandbox that is the component's imports; in a native build, as for the author's `cargo test`, a stand-in
//! within the process. Nothing else in this crate knows which of the two it is.

#[cfg(target_family = "wasm")]
mod guest;
#[cfg(not(target_family = "wasm"))]
mod standin;

#[cfg(target_family = "wasm")]
pub(crate) use guest::*;
#[cfg(not(target_family = "wasm"))]
pub(crate) use standin::*;

/// Why a configuration call failed.
#[cfg_attr(not(target_family = "wasm"), allow(dead_code, reason = "the stand-in denies nothing"))]
pub(crate) enum ConfigFailure {
    Denied(String),
    Invalid(String),
    Unavailable(String),
    Other(String),
}

/// One request, redirects not followed.
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

/// Its response, read to its end.
#[derive(Debug, Clone)]
pub(crate) struct HttpAnswer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

/// Why a request has no response.
#[cfg_attr(not(target_family = "wasm"), allow(dead_code, reason = "the stand-in sends nothing"))]
pub(crate) enum HttpFailure {
    Denied,
    Prohibited,
    Timeout,
    Limit(String),
    Invalid(String),
    Unavailable(String),
}
