//! Bodies of requests as JSON.

use axum::extract::{FromRequest, Request};
use bytes::Bytes;
use http::StatusCode;
use http::header::CONTENT_LENGTH;
use serde::de::DeserializeOwned;

use super::AdminState;
use super::error::AdminError;
use crate::access::{Identity, Refusal};

/// A body that is JSON of this type. An empty body is an empty object, whose members all have defaults if it is valid.
pub(crate) struct Body<T>(pub(crate) T);

impl<T: DeserializeOwned> FromRequest<AdminState> for Body<T> {
    type Rejection = AdminError;

    async fn from_request(request: Request, state: &AdminState) -> Result<Self, AdminError> {
        // The body of a caller who may do nothing is not read. The handler checks the scope that it needs.
        if request.extensions().get().is_none_or(|identity: &Identity| identity.scopes().is_empty()) {
            return Err(Refusal::TokenNeeded { scope: None }.into());
        }
        let bytes = read(request, state.server().settings().body_bytes_max).await?;
        let bytes: &[u8] = if bytes.is_empty() { b"{}" } else { &bytes };
        match serde_json::from_slice(bytes) {
            Ok(value) => Ok(Body(value)),
            Err(error) => Err(AdminError::invalid(format!("the body is not as expected: {error}"))),
        }
    }
}

/// The bytes of a body, if it has at most this many, which is also the limit of its route. One that is announced to be
/// larger is refused unread.
pub(crate) async fn read(request: Request, allowed: usize) -> Result<Bytes, AdminError> {
    let too_large =
        || AdminError::new(StatusCode::PAYLOAD_TOO_LARGE, "payload_too_large", "the body is larger than allowed here");
    let announced = request.headers().get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    if announced.is_some_and(|length| length > allowed as u64) {
        return Err(too_large());
    }
    Bytes::from_request(request, &()).await.map_err(|rejection| match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => too_large(),
        _ => AdminError::invalid(rejection.body_text()),
    })
}
