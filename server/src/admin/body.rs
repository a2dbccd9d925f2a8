//! Bodies of requests as JSON.

use axum::extract::{FromRequest, Request};
use bytes::Bytes;
use http::StatusCode;
use serde::de::DeserializeOwned;

use super::error::AdminError;

/// A body that is JSON of this type. An empty body is an empty object, whose members all have defaults if it is valid.
pub(crate) struct Body<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = AdminError;

    async fn from_request(request: Request, state: &S) -> Result<Self, AdminError> {
        let bytes = read(request, state).await?;
        let bytes: &[u8] = if bytes.is_empty() { b"{}" } else { &bytes };
        match serde_json::from_slice(bytes) {
            Ok(value) => Ok(Body(value)),
            Err(error) => Err(AdminError::invalid(format!("the body is not as expected: {error}"))),
        }
    }
}

/// The bytes of a body within the limit of its route.
pub(crate) async fn read<S: Send + Sync>(request: Request, state: &S) -> Result<Bytes, AdminError> {
    Bytes::from_request(request, state).await.map_err(|rejection| match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => {
            AdminError::new(StatusCode::PAYLOAD_TOO_LARGE, "payload_too_large", "the body is larger than allowed here")
        }
        _ => AdminError::invalid(rejection.body_text()),
    })
}
