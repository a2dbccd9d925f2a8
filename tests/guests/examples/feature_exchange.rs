//! Returns what it sees of the HTTP request that it answers, and sets the parts of the response that its payload lists.

use plugbay_guests::{Failure, Value, error, exchange, json};

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8_lossy(&bytes).into_owned()
}

fn request() -> Value {
    let headers: Vec<_> =
        exchange::request_headers().into_iter().map(|(name, value)| json!([name, text(value)])).collect();
    json!({
        "is_request": exchange::is_request(),
        "method": exchange::request_method(),
        "path": exchange::request_path(),
        "route": exchange::request_route(),
        "id": exchange::request_param("id"),
        "params": exchange::request_params(),
        "query": exchange::request_query(),
        "headers": headers,
        "accept": exchange::request_header("Accept").into_iter().map(text).collect::<Vec<_>>(),
        "cookie": exchange::request_header("cookie").len(),
        "body": exchange::request_body().map(text),
        "previous": exchange::request_previous(),
    })
}

/// Sets `status`, each of `headers` and `body`; returns the failures.
fn respond(payload: &Value) -> Value {
    let mut failures: Vec<Value> = Vec::new();
    let mut check = |set: Result<(), Failure>| failures.extend(set.err().map(error));
    if let Some(status) = payload["status"].as_u64() {
        check(exchange::response_status(status as u16));
    }
    for header in payload["headers"].as_array().into_iter().flatten() {
        let part = |index: usize| header[index].as_str().unwrap_or_default();
        check(exchange::response_header(part(0), part(1).as_bytes()));
    }
    if let Some(body) = payload["body"].as_str() {
        check(exchange::response_body(body.as_bytes()));
    }
    if let Some(bytes) = payload["body_bytes"].as_u64() {
        check(exchange::response_body(&vec![b'x'; bytes as usize]));
    }
    json!(failures)
}

plugbay_guests::actions!(|action, payload| match action {
    "request" => Ok(request()),
    "respond" => Ok(respond(&payload)),
    "respond_and_fail" => {
        respond(&payload);
        Err(plugbay_guests::failure("refused", "after all"))
    }
    other => plugbay_guests::unknown(other),
});
