//! The body of a request, read as a whole under the server's limits.

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_LENGTH};
use http::{HeaderMap, HeaderValue, StatusCode};
use http_body_util::{BodyExt, LengthLimitError, Limited};

use crate::{ServerSettings, answer};

/// Reads a body.
///
/// # Errors
/// The answer, which ends the connection: the rest of the body is not read.
pub(super) async fn read(headers: &HeaderMap, body: Body, settings: &ServerSettings) -> Result<Bytes, Response> {
    if http_body::Body::is_end_stream(&body) {
        return Ok(Bytes::new());
    }
    let allowed = settings.body_bytes_max;
    if let Some(refused) = refuse_announced(headers, allowed) {
        return Err(refused);
    }
    let read = tokio::time::timeout(settings.body_timeout, Limited::new(body, allowed).collect()).await;
    match read {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(too_large(allowed)),
        Ok(Err(_)) => Err(refused(StatusCode::BAD_REQUEST, "incomplete_body", "the body could not be read")),
        Err(_) => {
            let message = format!("the body did not arrive within {:?}", settings.body_timeout);
            Err(refused(StatusCode::REQUEST_TIMEOUT, "body_timeout", &message))
        }
    }
}

/// Returns the answer to a request whose header announces a larger body than allowed.
pub(super) fn refuse_announced(headers: &HeaderMap, allowed: usize) -> Option<Response> {
    let announced = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    announced.is_some_and(|length| length > allowed as u64).then(|| too_large(allowed))
}

fn too_large(allowed: usize) -> Response {
    let message = format!("the body of a request may have {allowed} bytes");
    refused(StatusCode::PAYLOAD_TOO_LARGE, "payload_too_large", &message)
}

fn refused(status: StatusCode, code: &str, message: &str) -> Response {
    let mut response = answer::error(status, code, message);
    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    response
}
