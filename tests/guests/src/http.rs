//! Requests over `wasi:http` that a payload describes, and their responses as JSON.

use wasip2::http::outgoing_handler::{self, ErrorCode, FutureIncomingResponse};
use wasip2::http::types::{Fields, IncomingResponse, Method, OutgoingBody, OutgoingRequest, RequestOptions, Scheme};
use wasip2::io::streams::StreamError;

use crate::{Value, json};

/// Sends `{scheme, authority, path, method, headers, body_bytes, …_timeout_ms}`. Every field has a default.
pub fn send(payload: &Value) -> Result<FutureIncomingResponse, String> {
    let text = |member: &str, default: &str| payload[member].as_str().unwrap_or(default).to_owned();
    let fields = Fields::new();
    for (name, value) in payload["headers"].as_object().into_iter().flatten() {
        let value = value.as_str().unwrap_or_default();
        fields.append(name, value.as_bytes()).map_err(|error| format!("{error:?}"))?;
    }
    let request = OutgoingRequest::new(fields);
    let method = match &*text("method", "GET") {
        "GET" => Method::Get,
        "HEAD" => Method::Head,
        "POST" => Method::Post,
        "CONNECT" => Method::Connect,
        other => Method::Other(other.to_owned()),
    };
    let scheme = match &*text("scheme", "http") {
        "http" => Scheme::Http,
        "https" => Scheme::Https,
        other => Scheme::Other(other.to_owned()),
    };
    request.set_method(&method).map_err(|()| "MethodRefused")?;
    request.set_scheme(Some(&scheme)).map_err(|()| "SchemeRefused")?;
    request.set_authority(Some(&text("authority", ""))).map_err(|()| "AuthorityRefused")?;
    request.set_path_with_query(Some(&text("path", "/"))).map_err(|()| "PathRefused")?;
    let options = options(payload);
    let body = request.body().map_err(|()| "NoBody")?;
    let response = outgoing_handler::handle(request, Some(options)).map_err(|code| code_name(&code))?;
    write(body, payload["body_bytes"].as_u64().unwrap_or(0))?;
    Ok(response)
}

fn options(payload: &Value) -> RequestOptions {
    let nanoseconds = |member: &str| payload[member].as_u64().map(|ms| ms * 1_000_000);
    let options = RequestOptions::new();
    let _ = options.set_connect_timeout(nanoseconds("connect_timeout_ms"));
    let _ = options.set_first_byte_timeout(nanoseconds("first_byte_timeout_ms"));
    let _ = options.set_between_bytes_timeout(nanoseconds("between_bytes_timeout_ms"));
    options
}

/// Writes this many bytes, or stops when the host stops reading. The response then contains the reason.
fn write(body: OutgoingBody, mut bytes: u64) -> Result<(), String> {
    let stream = body.write().map_err(|()| "NoStream")?;
    while bytes > 0 {
        let pollable = stream.subscribe();
        pollable.block();
        let Ok(permit) = stream.check_write() else { break };
        let now = permit.min(bytes).min(64 << 10);
        if stream.write(&vec![b'x'; now as usize]).is_err() {
            break;
        }
        bytes -= now;
    }
    drop(stream);
    let _ = OutgoingBody::finish(body, None);
    Ok(())
}

/// Waits for the response's header.
pub fn header(response: &FutureIncomingResponse) -> Result<IncomingResponse, String> {
    response.subscribe().block();
    match response.get() {
        Some(Ok(answer)) => answer.map_err(|code| code_name(&code)),
        other => Err(format!("{other:?}")),
    }
}

/// Sends a request and reads the whole response: `{status, headers, body, body_bytes}` or `{error, body_bytes}`.
pub fn fetch(payload: &Value) -> Value {
    let response = match send(payload).and_then(|response| header(&response)) {
        Ok(response) => response,
        Err(error) => return json!({ "error": error }),
    };
    let headers: Vec<_> = response
        .headers()
        .entries()
        .into_iter()
        .map(|(name, value)| json!([name, String::from_utf8_lossy(&value)]))
        .collect();
    let status = response.status();
    let (body, bytes, error) = read(&response);
    match error {
        Some(error) => json!({ "error": error, "body_bytes": bytes }),
        None => json!({ "status": status, "headers": headers, "body": body, "body_bytes": bytes }),
    }
}

/// Returns the start of the body, its length, and the error that it ended with.
fn read(response: &IncomingResponse) -> (String, u64, Option<String>) {
    const KEPT: usize = 1024;
    let (mut start, mut bytes) = (Vec::new(), 0);
    let Ok(body) = response.consume() else { return (String::new(), 0, Some("Consumed".to_owned())) };
    let Ok(stream) = body.stream() else { return (String::new(), 0, Some("NoStream".to_owned())) };
    let error = loop {
        match stream.blocking_read(64 << 10) {
            Ok(chunk) => {
                bytes += chunk.len() as u64;
                start.extend(chunk.into_iter().take(KEPT.saturating_sub(start.len())));
            }
            Err(StreamError::Closed) => break None,
            Err(StreamError::LastOperationFailed(error)) => {
                let code = wasip2::http::types::http_error_code(&error);
                break Some(code.map_or_else(|| error.to_debug_string(), |code| code_name(&code)));
            }
        }
    };
    (String::from_utf8_lossy(&start).into_owned(), bytes, error)
}

/// Returns the name of an error code, such as `HttpRequestDenied` or `HttpResponseBodySize(Some(16777216))`.
fn code_name(code: &ErrorCode) -> String {
    format!("{code:?}").trim_start_matches("ErrorCode::").to_owned()
}
