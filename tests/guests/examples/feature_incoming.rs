//! Answers requests by the standard handler, `wasi:http/incoming-handler`, and exports nothing else. The path says how.

use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::{Value, json};
use wasip2::http::types::{
    ErrorCode, Fields, IncomingBody, IncomingRequest, Method, OutgoingBody, OutgoingResponse, ResponseOutparam,
};
use wasip2::io::streams::{OutputStream, StreamError};

struct Handler;

wasip2::http::proxy::export!(Handler);

static REQUESTS: AtomicU32 = AtomicU32::new(0);

impl wasip2::exports::http::incoming_handler::Guest for Handler {
    fn handle(request: IncomingRequest, out: ResponseOutparam) {
        let number = REQUESTS.fetch_add(1, Ordering::Relaxed) + 1;
        let path = request.path_with_query().unwrap_or_default();
        match path.split('?').next().unwrap_or_default() {
            "/seen" => answer(out, &seen(&request).to_string()),
            "/count" => answer(out, &number.to_string()),
            "/echo" => echo(request, out),
            "/none" => {}
            "/code" => ResponseOutparam::set(out, Err(ErrorCode::ConfigurationError)),
            "/informational" => begin(out, 103, &[]).finish(),
            "/panic" => panic!("before the response"),
            "/panic-later" => {
                let (stream, _body) = begin(out, 200, &[]).into_parts();
                write(&stream, b"begun").expect("the host reads");
                panic!("after the head of the response");
            }
            "/dropped" => {
                let (stream, body) = begin(out, 200, &[]).into_parts();
                write(&stream, b"begun").expect("the host reads");
                drop((stream, body));
            }
            "/short" => {
                let (stream, body) = begin(out, 200, &[("content-length", "10")]).into_parts();
                write(&stream, b"begun").expect("the host reads");
                drop(stream);
                OutgoingBody::finish(body.0, None).expect_err("the body is shorter than announced");
            }
            // As guests do whose language frees a handle some time after its last use, or never.
            "/left-open" => {
                let (stream, body) = begin(out, 200, &[]).into_parts();
                write(&stream, b"begun").expect("the host reads");
                drop(stream);
                std::mem::forget(body);
            }
            "/left-writing" => {
                let begun = begin(out, 200, &[]);
                write(&begun.0, b"begun").expect("the host reads");
                std::mem::forget(begun);
            }
            "/headers" => begin(out, 201, &HEADERS).finish(),
            "/two-lengths" => begin(out, 200, &[("content-length", "5"), ("content-length", "6")]).finish(),
            "/length" => {
                let (stream, body) = begin(out, 200, &[("content-length", "5")]).into_parts();
                write(&stream, b"exact").expect("the host reads");
                drop(stream);
                body.finish();
            }
            "/large-headers" => {
                let value = "x".repeat(1_000);
                let headers: Vec<(String, &str)> = (0..20).map(|n| (format!("x-{n}"), value.as_str())).collect();
                let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (name.as_str(), *value)).collect();
                begin(out, 200, &headers).finish();
            }
            "/endless" => {
                let (stream, _body) = begin(out, 200, &[]).into_parts();
                while write(&stream, &[b'x'; 4096]).is_ok() {}
            }
            "/slow" => {
                let (stream, _body) = begin(out, 200, &[]).into_parts();
                write(&stream, b"begun").expect("the host reads");
                loop {
                    std::hint::spin_loop();
                }
            }
            "/later" => {
                answer(out, "answered");
                eprintln!("it goes on after its response");
            }
            _ => begin(out, 404, &[]).finish(),
        }
    }
}

const HEADERS: [(&str, &str); 6] = [
    ("content-type", "text/plain"),
    ("x-own", "1"),
    ("set-cookie", "a=b"),
    ("access-control-allow-origin", "*"),
    ("content-security-policy", "default-src *"),
    ("content-length", "0"),
];

/// What the guest sees of a request.
fn seen(request: &IncomingRequest) -> Value {
    let headers: Vec<(String, String)> =
        request.headers().entries().into_iter().map(|(name, value)| (name, text(value))).collect();
    json!({
        "method": match request.method() { Method::Get => "GET".to_owned(), other => format!("{other:?}") },
        "path": request.path_with_query(), "authority": request.authority(), "headers": headers,
        "scheme": format!("{:?}", request.scheme()),
    })
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).expect("the tests send text")
}

/// A response whose body is still open.
struct Begun(OutputStream, Body);

struct Body(OutgoingBody);

impl Begun {
    fn into_parts(self) -> (OutputStream, Body) {
        (self.0, self.1)
    }

    /// Ends the body, which is empty.
    fn finish(self) {
        drop(self.0);
        self.1.finish();
    }
}

impl Body {
    fn finish(self) {
        OutgoingBody::finish(self.0, None).expect("the body is as long as announced");
    }
}

fn begin(out: ResponseOutparam, status: u16, headers: &[(&str, &str)]) -> Begun {
    let fields = Fields::new();
    for (name, value) in headers {
        fields.append(name, value.as_bytes()).expect("a header");
    }
    let response = OutgoingResponse::new(fields);
    response.set_status_code(status).expect("a status");
    let body = response.body().expect("the only body");
    ResponseOutparam::set(out, Ok(response));
    let stream = body.write().expect("the only stream");
    Begun(stream, Body(body))
}

fn write(stream: &OutputStream, bytes: &[u8]) -> Result<(), StreamError> {
    stream.blocking_write_and_flush(bytes)
}

fn answer(out: ResponseOutparam, text: &str) {
    let (stream, body) = begin(out, 200, &[("content-type", "application/json")]).into_parts();
    for chunk in text.as_bytes().chunks(4096) {
        write(&stream, chunk).expect("the host reads");
    }
    drop(stream);
    body.finish();
}

/// Writes each part of the request's body as it arrives.
fn echo(request: IncomingRequest, out: ResponseOutparam) {
    let body: IncomingBody = request.consume().expect("the only reader");
    let input = body.stream().expect("the only stream");
    let (output, sent) = begin(out, 200, &[]).into_parts();
    loop {
        match input.blocking_read(4096) {
            Ok(part) => write(&output, &part).expect("the client reads"),
            Err(StreamError::Closed) => break,
            // The host refuses the rest of the body.
            Err(StreamError::LastOperationFailed(_)) => return,
        }
    }
    drop(output);
    sent.finish();
}
