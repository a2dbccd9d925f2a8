//! Sends the requests that its payload describes, to destinations or in amounts that the host must refuse.

use plugbay_guests::{Value, http, json};
use wasip2::http::types::{Fields, Method, OutgoingRequest};

plugbay_guests::attack!(|payload| {
    if let Some(how) = payload["work"].as_str() {
        work(how);
    }
    if let Some(bytes) = payload["keep"].as_u64() {
        return keep(bytes as usize);
    }
    let requests = payload.as_array().cloned().unwrap_or_default();
    requests.iter().map(follow).collect::<Vec<Value>>().into()
});

/// Follows redirects without checking where they lead, as a naive plugin would.
fn follow(request: &Value) -> Value {
    let answer = http::fetch(request);
    let location = answer["headers"].as_array().into_iter().flatten().find(|header| header[0] == "location");
    let Some(url) = location.and_then(|header| header[1].as_str()) else { return answer };
    let (scheme, rest) = url.split_once("://").unwrap_or(("http", url));
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    let mut next = request.clone();
    next["scheme"] = scheme.into();
    next["authority"] = authority.into();
    next["path"] = format!("/{path}").into();
    follow(&next)
}

/// Makes the host copy headers forever, with a few guest instructions per copy.
fn work(how: &str) {
    let entries: Vec<(String, Vec<u8>)> = (0..250).map(|number| (format!("x-{number}"), vec![b'x'; 8])).collect();
    let fields = Fields::from_list(&entries).expect("they are below the limit");
    let repeated: Vec<Vec<u8>> = vec![vec![b'x'; 8]; 400];
    let many = Fields::new();
    many.set("x", &repeated).expect("they are below the limit");
    loop {
        match how {
            "append" => drop(fields.clone().append("y", b"y")),
            "delete" => drop(fields.clone().delete("y")),
            "from_list" => drop(Fields::from_list(&entries)),
            "set" => drop(many.set("x", &repeated)),
            "get" => drop(many.get("x")),
            "entries" => drop(fields.entries()),
            other => panic!("no work is called {other}"),
        }
    }
}

/// Puts long texts into requests that are never sent, and returns which of them the host accepted.
fn keep(bytes: usize) -> Value {
    let text = "x".repeat(bytes);
    let requests: Vec<OutgoingRequest> = (0..4).map(|_| OutgoingRequest::new(Fields::new())).collect();
    let method = requests[0].set_method(&Method::Other(text.clone())).is_ok();
    let authority = requests[1].set_authority(Some(&text)).is_ok();
    let path = requests[2].set_path_with_query(Some(&format!("/{text}"))).is_ok();
    json!([method, authority, path])
}
