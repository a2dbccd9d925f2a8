//! An HTTP server for any host of `wasi:http`: it depends on `wstd` and knows nothing of Plugbay.
//!
//! Plugbay answers below `/plugins/wasi-http/` with it. Both bodies are streamed: `/echo` sends each part back as it
//! arrives.

use wstd::http::body::Body;
use wstd::http::{Error, Method, Request, Response, StatusCode};

#[wstd::http_server]
async fn main(request: Request<Body>) -> Result<Response<Body>, Error> {
    match (request.method(), request.uri().path()) {
        (&Method::GET, "/") => Ok(Response::new(greeting(request.uri().query()).into())),
        (&Method::POST, "/echo") => Ok(Response::new(request.into_body())),
        _ => Ok(Response::builder().status(StatusCode::NOT_FOUND).body("no such page\n".into())?),
    }
}

fn greeting(query: Option<&str>) -> String {
    let name = query.unwrap_or_default().split('&').find_map(|pair| pair.strip_prefix("name="));
    format!("Hello, {}!\n", name.unwrap_or("World"))
}
