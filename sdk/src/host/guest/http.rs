//! One request and its response, over `wasi:http`.

use std::time::Instant;

use wasip2::clocks::monotonic_clock;
use wasip2::http::outgoing_handler::{self, ErrorCode};
use wasip2::http::types::{
    Fields, FutureIncomingResponse, IncomingResponse, Method, OutgoingBody, OutgoingRequest, Scheme, http_error_code,
};
use wasip2::io::poll::{self, Pollable};
use wasip2::io::streams::StreamError;

use crate::host::{HttpAnswer, HttpCall, HttpFailure};

/// The size of one read.
const CHUNK_BYTES: u64 = 64 << 10;

pub(crate) fn http_send(call: &HttpCall) -> Result<HttpAnswer, HttpFailure> {
    let request = request(call)?;
    let body = request.body().map_err(|()| invalid("the body's length"))?;
    let future = outgoing_handler::handle(request, None).map_err(|code| failure(&code))?;
    write(body, &call.body, call.deadline)?;
    let response = header(&future, call.deadline)?;
    let headers = response
        .headers()
        .entries()
        .into_iter()
        .filter_map(|(name, value)| Some((name.to_ascii_lowercase(), String::from_utf8(value).ok()?)))
        .collect();
    let (status, body) = (response.status(), read(&response, call.deadline)?);
    Ok(HttpAnswer { status, headers, body })
}

fn request(call: &HttpCall) -> Result<OutgoingRequest, HttpFailure> {
    let fields = Fields::new();
    for (name, value) in &call.headers {
        fields.append(name, value.as_bytes()).map_err(|_| invalid(&format!("header `{name}`")))?;
    }
    if !call.body.is_empty() && !call.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-length")) {
        let length = call.body.len().to_string();
        fields.append("content-length", length.as_bytes()).map_err(|_| invalid("the body's length"))?;
    }
    let request = OutgoingRequest::new(fields);
    let url = &call.url;
    let scheme = if url.is_https { Scheme::Https } else { Scheme::Http };
    request.set_method(&method(&call.method)).map_err(|()| invalid("the method"))?;
    request.set_scheme(Some(&scheme)).map_err(|()| invalid("the scheme"))?;
    request.set_authority(Some(&url.authority)).map_err(|()| invalid("the host"))?;
    request.set_path_with_query(Some(&url.path_with_query)).map_err(|()| invalid("the path"))?;
    Ok(request)
}

fn method(name: &str) -> Method {
    match name {
        "GET" => Method::Get,
        "HEAD" => Method::Head,
        "POST" => Method::Post,
        "PUT" => Method::Put,
        "PATCH" => Method::Patch,
        "DELETE" => Method::Delete,
        "OPTIONS" => Method::Options,
        other => Method::Other(other.to_owned()),
    }
}

/// Writes the body as fast as the host accepts it. If the host stops, the response contains the reason.
fn write(body: OutgoingBody, mut bytes: &[u8], deadline: Option<Instant>) -> Result<(), HttpFailure> {
    let stream = body.write().map_err(|()| invalid("the body"))?;
    while !bytes.is_empty() {
        wait(&stream.subscribe(), deadline)?;
        let Ok(permit) = stream.check_write() else { break };
        let (now, rest) = bytes.split_at(bytes.len().min(permit as usize));
        if stream.write(now).is_err() {
            break;
        }
        bytes = rest;
    }
    drop(stream);
    // If this fails, the host has already given up on the body.
    let _ = OutgoingBody::finish(body, None);
    Ok(())
}

fn header(future: &FutureIncomingResponse, deadline: Option<Instant>) -> Result<IncomingResponse, HttpFailure> {
    wait(&future.subscribe(), deadline)?;
    match future.get() {
        Some(Ok(answer)) => answer.map_err(|code| failure(&code)),
        _ => Err(HttpFailure::Unavailable("the host did not answer".to_owned())),
    }
}

fn read(response: &IncomingResponse, deadline: Option<Instant>) -> Result<Vec<u8>, HttpFailure> {
    let broken = |()| HttpFailure::Unavailable("the response has no body".to_owned());
    let body = response.consume().map_err(broken)?;
    let stream = body.stream().map_err(broken)?;
    let mut bytes = Vec::new();
    loop {
        wait(&stream.subscribe(), deadline)?;
        match stream.read(CHUNK_BYTES) {
            Ok(chunk) => bytes.extend_from_slice(&chunk),
            Err(StreamError::Closed) => return Ok(bytes),
            Err(StreamError::LastOperationFailed(error)) => {
                return Err(http_error_code(&error).map_or_else(
                    || HttpFailure::Unavailable("the response was cut off".to_owned()),
                    |code| failure(&code),
                ));
            }
        }
    }
}

/// Waits until the pollable is ready or the deadline has passed.
fn wait(pollable: &Pollable, deadline: Option<Instant>) -> Result<(), HttpFailure> {
    let Some(deadline) = deadline else {
        pollable.block();
        return Ok(());
    };
    let left = deadline.saturating_duration_since(Instant::now());
    let timer = monotonic_clock::subscribe_duration(u64::try_from(left.as_nanos()).unwrap_or(u64::MAX));
    if poll::poll(&[pollable, &timer]).contains(&0) { Ok(()) } else { Err(HttpFailure::Timeout) }
}

fn invalid(what: &str) -> HttpFailure {
    HttpFailure::Invalid(format!("{what} is not valid"))
}

fn failure(code: &ErrorCode) -> HttpFailure {
    match code {
        ErrorCode::HttpRequestDenied => HttpFailure::Denied,
        ErrorCode::DestinationIpProhibited => HttpFailure::Prohibited,
        ErrorCode::DnsTimeout
        | ErrorCode::ConnectionTimeout
        | ErrorCode::ConnectionReadTimeout
        | ErrorCode::ConnectionWriteTimeout
        | ErrorCode::HttpResponseTimeout => HttpFailure::Timeout,
        ErrorCode::HttpRequestBodySize(most) => HttpFailure::Limit(over("the request's body", most.as_ref())),
        ErrorCode::HttpResponseBodySize(most) => HttpFailure::Limit(over("the response's body", most.as_ref())),
        ErrorCode::HttpResponseHeaderSectionSize(most) => {
            HttpFailure::Limit(over("the response's header", most.map(u64::from).as_ref()))
        }
        ErrorCode::HttpRequestUriTooLong => HttpFailure::Limit("the URL is too long".to_owned()),
        ErrorCode::ConnectionLimitReached => HttpFailure::Limit("too many requests".to_owned()),
        ErrorCode::HttpRequestUriInvalid => HttpFailure::Invalid("the URL does not name a valid host".to_owned()),
        ErrorCode::HttpRequestMethodInvalid => HttpFailure::Invalid("the method is not allowed".to_owned()),
        ErrorCode::InternalError(Some(text)) => HttpFailure::Unavailable(text.clone()),
        ErrorCode::DnsError(_) => HttpFailure::Unavailable("the host's name cannot be resolved".to_owned()),
        ErrorCode::ConnectionRefused => HttpFailure::Unavailable("the connection was refused".to_owned()),
        ErrorCode::TlsCertificateError => HttpFailure::Unavailable("the host's certificate is not trusted".to_owned()),
        other => HttpFailure::Unavailable(format!("{other:?}").trim_start_matches("ErrorCode::").to_owned()),
    }
}

fn over(what: &str, most: Option<&u64>) -> String {
    match most {
        Some(most) => format!("{what} is larger than the maximum of {most} bytes"),
        None => format!("{what} is too large"),
    }
}
