//! The answers to requests that are not let in.

use std::time::Duration;

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::header::{RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, StatusCode};
use serde_json::json;

use super::{Scope, TokenState};

/// A request is not let in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// The request has no token, and needs one.
    #[error("this needs a token{}: send it as `Authorization: Bearer pbk_…`; `plugbay token create` makes one",
        scope.as_ref().map(|scope| format!(" with the scope `{scope}`")).unwrap_or_default())]
    TokenNeeded {
        /// The scope that the token needs.
        scope: Option<Scope>,
    },
    /// The request's token was not issued by this host, has expired, or was revoked.
    #[error("the token is not valid: {}", match ended {
        Some(TokenState::Expired) => "it has expired",
        Some(TokenState::Revoked) => "it was revoked",
        _ => "this host did not issue it",
    })]
    InvalidToken {
        /// Why it is no longer valid; `None` if it never was.
        ended: Option<TokenState>,
    },
    /// The caller lacks a scope.
    #[error("the token of `{consumer}` lacks the scope `{scope}`")]
    InsufficientScope {
        /// The caller's name.
        consumer: String,
        /// The scope.
        scope: Scope,
    },
    /// The address sent too many wrong tokens.
    #[error("too many wrong tokens came from this address: try again in {} s", seconds(retry_after))]
    TooManyAttempts {
        /// How long further ones are refused.
        retry_after: Duration,
    },
    /// The request addresses the server by a name that it does not have.
    #[error("the server is not known by the name in `Host`: use one of its own names")]
    UnknownHost,
    /// A web page of another origin made the request.
    #[error("a web page of another origin made this request, and such requests are not served")]
    CrossOrigin,
    /// A sandboxed web page made the request, as all pages are that plugins serve.
    #[error(
        "a web page without an origin of its own made this request (`Origin: null`): pages that plugins serve are \
         sandboxed, and may read but change nothing in their reader's name. Send the request from a program, or from a \
         page of the application that serves this router"
    )]
    OpaqueOrigin,
    /// A request with the cookie of a session does not say which page made it.
    #[error(
        "the session of a browser changes things only in requests that say which page made them (`Origin`, \
         `Sec-Fetch-Site`), as browsers do: programs send a token as `Authorization: Bearer pbk_…`"
    )]
    UnknownOrigin,
    /// The code of a link was used, has expired, or is not of this host.
    #[error("the link to sign in is not valid: it is used once, within 10 minutes; `plugbay token link` makes another")]
    InvalidCode,
    /// The server has no tokens, so there are no sessions.
    #[error("this server has no tokens: it runs without a data directory, or may not write to it")]
    NoTokens,
    /// The tokens cannot be read.
    #[error("the host cannot read its tokens")]
    Unavailable,
}

impl Refusal {
    /// The stable name of this kind of refusal.
    pub fn code(&self) -> &'static str {
        match self {
            Refusal::TokenNeeded { .. } => "unauthenticated",
            Refusal::InvalidToken { .. } => "invalid_token",
            Refusal::InsufficientScope { .. } => "insufficient_scope",
            Refusal::TooManyAttempts { .. } => "too_many_attempts",
            Refusal::UnknownHost => "unknown_host",
            Refusal::CrossOrigin => "cross_origin",
            Refusal::OpaqueOrigin => "opaque_origin",
            Refusal::UnknownOrigin => "unknown_origin",
            Refusal::InvalidCode => "invalid_code",
            Refusal::NoTokens => "not_supported",
            Refusal::Unavailable => "tokens_unavailable",
        }
    }

    /// The HTTP status.
    pub fn status(&self) -> StatusCode {
        match self {
            Refusal::TokenNeeded { .. } | Refusal::InvalidToken { .. } => StatusCode::UNAUTHORIZED,
            Refusal::InvalidCode => StatusCode::UNAUTHORIZED,
            Refusal::InsufficientScope { .. }
            | Refusal::CrossOrigin
            | Refusal::OpaqueOrigin
            | Refusal::UnknownOrigin => StatusCode::FORBIDDEN,
            Refusal::NoTokens => StatusCode::CONFLICT,
            Refusal::TooManyAttempts { .. } => StatusCode::TOO_MANY_REQUESTS,
            Refusal::UnknownHost => StatusCode::MISDIRECTED_REQUEST,
            Refusal::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// The challenge of RFC 6750. Scopes and codes have no characters that would need an escape.
    fn challenge(&self) -> Option<String> {
        match self {
            Refusal::TokenNeeded { scope: None } | Refusal::InvalidCode => Some("Bearer realm=\"plugbay\"".to_owned()),
            Refusal::TokenNeeded { scope: Some(scope) } => Some(format!("Bearer realm=\"plugbay\", scope=\"{scope}\"")),
            Refusal::InvalidToken { .. } => Some("Bearer realm=\"plugbay\", error=\"invalid_token\"".to_owned()),
            Refusal::InsufficientScope { scope, .. } => {
                Some(format!("Bearer realm=\"plugbay\", error=\"insufficient_scope\", scope=\"{scope}\""))
            }
            _ => None,
        }
    }
}

/// Whole seconds, at least one.
fn seconds(duration: &Duration) -> u64 {
    duration.as_secs() + u64::from(duration.subsec_nanos() > 0)
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let text = self.to_string();
        let body = json!({ "status": "error", "msg": text, "code": self.code(), "detail": text, "error": text });
        let mut response = (self.status(), Json(body)).into_response();
        let headers = response.headers_mut();
        if let Some(challenge) = self.challenge().and_then(|text| HeaderValue::try_from(text).ok()) {
            headers.insert(WWW_AUTHENTICATE, challenge);
        }
        match &self {
            Refusal::TooManyAttempts { retry_after } => {
                headers.insert(RETRY_AFTER, seconds(retry_after).max(1).into());
            }
            Refusal::Unavailable => {
                headers.insert(RETRY_AFTER, 1.into());
            }
            _ => {}
        }
        response
    }
}
