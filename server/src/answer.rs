//! Answers: the one place that maps errors to statuses and bodies.
//!
//! The body of an error is `{"status":"error","msg","code","detail","error"}`. `detail` and `error` repeat `msg`, for
//! clients that were written for FastAPI and for Pup. In development mode, `msg` is the full text of the error and
//! `details` has what programs need of it. Otherwise `msg` is the text for outsiders, and `details` has the values that
//! do not fit alone, because more may say something of the inside of a plugin or of the host.

use std::time::Duration;

use axum::body::Body;
use axum::response::Response;
use http::header::{ALLOW, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderValue, StatusCode};
use plugbay::InvokeError;
use plugbay::error::{InvokeErrorKind, PayloadProblem, RouteError, RouteErrorKind};
use serde::Serialize;
use serde_json::{Value, json};

use crate::ServerSettings;

/// The time after which a client that found the server or a plugin busy should try again.
const BUSY_RETRY_AFTER: Duration = Duration::from_secs(1);

const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// An answer with a value as JSON.
pub fn json(status: StatusCode, value: &impl Serialize) -> Response {
    match serde_json::to_vec(value) {
        Ok(body) => with_json(status, body),
        Err(error) => {
            tracing::error!("an answer cannot be written as JSON: {error}");
            self::error(StatusCode::INTERNAL_SERVER_ERROR, "host_error", "the host failed")
        }
    }
}

/// An answer with an error of the server itself.
pub fn error(status: StatusCode, code: &str, message: &str) -> Response {
    of_error(status, code, message, None)
}

/// The answer to a method that a path of the host does not have. The router adds `Allow`.
pub(crate) async fn method_not_allowed() -> Response {
    let message = "the path does not take this method: `Allow` lists those that it takes";
    error(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", message)
}

/// The answer to a request that the server is too busy for.
pub fn busy(message: &str) -> Response {
    let mut response = error(StatusCode::SERVICE_UNAVAILABLE, "busy", message);
    set_retry_after(&mut response, BUSY_RETRY_AFTER);
    response
}

/// The answer of a call that failed.
pub fn invoke_error(error: &InvokeError, settings: &ServerSettings) -> Response {
    let (message, details) = match settings.development {
        true => (error.to_string().into(), error.to_json().get_mut("details").map(Value::take)),
        false => (error.public(), problems(error.problems())),
    };
    let mut response = of_error(status(error.http_status()), error.code(), &message, details);
    if let Some(after) = retry_after(error.kind()) {
        set_retry_after(&mut response, after);
    }
    response
}

/// The answer of a route that failed.
pub fn route_error(error: &RouteError, settings: &ServerSettings) -> Response {
    if let Some(error) = error.invoke_error() {
        return invoke_error(error, settings);
    }
    let mut response = of_error(status(error.http_status()), error.code(), &error.public(), problems(error.problems()));
    if let RouteErrorKind::OtherMethods { allowed } = error.kind() {
        let allowed = allowed.iter().map(|method| method.name());
        response.headers_mut().insert(ALLOW, allow(allowed));
    }
    response
}

/// The details with the values that do not fit, if there are any.
fn problems(problems: Vec<PayloadProblem>) -> Option<Value> {
    (!problems.is_empty()).then(|| json!({ "problems": problems }))
}

/// The value of `Allow` for these methods. The server answers `HEAD` where there is `GET`, and `OPTIONS` everywhere.
pub(crate) fn allow<'a>(methods: impl Iterator<Item = &'a str>) -> HeaderValue {
    let mut list = String::new();
    for method in methods {
        list.push_str(method);
        list.push_str(if method == "GET" { ", HEAD, " } else { ", " });
    }
    list.push_str("OPTIONS");
    HeaderValue::try_from(list).unwrap_or(HeaderValue::from_static("OPTIONS"))
}

/// The time after which the same call may succeed, if its error says so.
fn retry_after(kind: &InvokeErrorKind) -> Option<Duration> {
    match kind {
        InvokeErrorKind::RateLimited { retry_after, .. } => Some(*retry_after),
        InvokeErrorKind::PluginFailed { retry_after, .. } => *retry_after,
        InvokeErrorKind::LoadFailed { retry_after, .. } => Some(*retry_after),
        InvokeErrorKind::Busy { .. } => Some(BUSY_RETRY_AFTER),
        _ => None,
    }
}

/// Sets `Retry-After`, in whole seconds and not sooner than the time.
fn set_retry_after(response: &mut Response, after: Duration) {
    let seconds = after.as_secs() + u64::from(after.subsec_nanos() > 0);
    response.headers_mut().insert(RETRY_AFTER, seconds.max(1).into());
}

pub(crate) fn of_error(status: StatusCode, code: &str, message: &str, details: Option<Value>) -> Response {
    let mut body = json!({ "status": "error", "msg": message, "code": code, "detail": message, "error": message });
    if let Some(details) = details {
        body["details"] = details;
    }
    with_json(status, body.to_string())
}

/// An answer whose body is JSON already.
pub(crate) fn with_json(status: StatusCode, body: impl Into<Body>) -> Response {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, JSON);
    response
}

/// An answer without a body.
pub(crate) fn with_status(status: StatusCode) -> Response {
    let mut response = Response::default();
    *response.status_mut() = status;
    response
}

/// A status that the runtime gives, all of which are valid.
fn status(number: u16) -> StatusCode {
    StatusCode::from_u16(number).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

#[cfg(test)]
mod tests {
    use super::*;
    use plugbay::Failure;

    fn check(kind: InvokeErrorKind, expected: (u16, Option<&str>)) {
        let response = invoke_error(&InvokeError::new("p", "a", kind), &ServerSettings::default());
        let after = response.headers().get(RETRY_AFTER).map(|after| after.to_str().expect("digits"));
        assert_eq!((response.status().as_u16(), after), expected);
    }

    #[test]
    fn error_that_passes_says_when_to_retry() {
        let (calls, period) = (1, Duration::from_secs(60));
        let retry_after = Duration::from_millis(1_200);
        check(InvokeErrorKind::RateLimited { calls, period, retry_after }, (429, Some("2")));
        check(InvokeErrorKind::Busy { reason: "no", allowed: 1 }, (503, Some("1")));
        let message = String::new;
        let retry_after = Some(Duration::ZERO);
        check(InvokeErrorKind::PluginFailed { message: message(), retry_after }, (503, Some("1")));
        check(InvokeErrorKind::PluginFailed { message: message(), retry_after: None }, (503, None));
        check(InvokeErrorKind::PluginDisabled, (503, None));
        let failure = Failure { status_code: Some(418), ..Failure::new("teapot", "no") };
        check(InvokeErrorKind::Guest { failure: Box::new(failure) }, (418, None));
    }

    #[test]
    fn allow_has_the_methods_that_the_server_answers() {
        assert_eq!(allow(["GET", "POST"].into_iter()), "GET, HEAD, POST, OPTIONS");
    }
}
