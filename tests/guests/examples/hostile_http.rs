//! Tries to reach what it must not, or more of it than it may: one request for each that its payload describes.

use plugbay_guests::{Value, http};

plugbay_guests::attack!(|payload| {
    let requests = payload.as_array().cloned().unwrap_or_default();
    requests.iter().map(follow).collect::<Vec<Value>>().into()
});

/// Follows a redirect to wherever it leads, as a plugin would that knows no better.
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
