//! The API of the host's server: its address, and short-lived tokens of the plugin's own.
//!
//! ```
//! use plugbay_sdk::prelude::*;
//! use plugbay_sdk::api;
//!
//! /// The memory of the host, in bytes.
//! fn memory() -> Result<u64> {
//!     let state: Value = api::token(&["read"])?.get("/state").send()?.checked()?.json()?;
//!     Ok(state["data"]["memory"]["rss"].as_u64().unwrap_or_default())
//! }
//! # assert_eq!(memory().unwrap_err().code(), "unavailable");
//! ```
//!
//! Most plugins need none of this, because the other modules reach the host's services directly. It is for the parts of
//! the API that have no service, such as Pup's `/state`.
//!
//! The manifest requests each scope: `permissions: [{ resource: api.read }]`, and the operator grants it. `api.read`,
//! `api.call` and `api.manage` are for the host and all plugins; the scope `call:greeter` needs `api.call.greeter`.
//! Requests with the token to the server need no permission for [`http`]. `api.manage` allows everything
//! that the host can do, including changes of permissions.
//!
//! A token is valid for 300 seconds, and the host replaces it when less than 30 seconds are left. So ask for it before
//! each use, and store none. All tokens of a plugin are revoked when it is unloaded.

use std::time::Duration;

use serde::Deserialize;

use crate::error::{Result, error};
use crate::host;
use crate::http::{self, Request};

/// A token of the plugin, and the server that it is for.
#[derive(Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Token {
    /// The URL of the server, without a path.
    pub url: String,
    /// The text of the token.
    pub token: String,
    /// Its scopes, sorted.
    pub scopes: Vec<String>,
    expires_in_seconds: u64,
}

impl Token {
    /// The time for which the token is still valid.
    pub fn expires_in(&self) -> Duration {
        Duration::from_secs(self.expires_in_seconds)
    }

    /// Begins a `GET` of a path of the server, such as `/state`, with the token.
    pub fn get(&self, path: &str) -> Request {
        self.request("GET", path)
    }

    /// Begins a `POST` to a path of the server with the token.
    pub fn post(&self, path: &str) -> Request {
        self.request("POST", path)
    }

    /// Begins a request to a path of the server with the token.
    pub fn request(&self, method: &str, path: &str) -> Request {
        let url = format!("{}/{}", self.url.trim_end_matches('/'), path.trim_start_matches('/'));
        http::request(method, url).bearer(&self.token)
    }
}

/// Omits the token.
impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Token").field("url", &self.url).field("scopes", &self.scopes).finish_non_exhaustive()
    }
}

/// A token with these scopes: `read`, `call`, `manage`, or one of them for one plugin, as in `call:greeter`.
///
/// # Errors
/// `permission_denied` if a scope was not granted, `invalid_argument` if a text is not a scope, and `unavailable` if
/// the host has no server that listens.
pub fn token(scopes: &[&str]) -> Result<Token> {
    let json = host::api_token(scopes)?;
    serde_json::from_str(&json)
        .map_err(|problem| error(format!("the host's answer cannot be read: {problem}")).with_code("invalid_data"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::native;

    #[test]
    fn request_has_the_token() {
        native::set_api("http://127.0.0.1:7070");
        native::set_http("http://127.0.0.1:7070/state", 200, "{}");
        let token = token(&["read"]).expect("a token");
        assert_eq!((&*token.scopes, token.expires_in()), (&["read".to_owned()][..], Duration::from_secs(300)));
        assert_eq!(token.get("/state").send().expect("an answer").status(), 200);
        assert!(!format!("{token:?}").contains(&token.token));
    }
}
