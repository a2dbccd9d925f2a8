//! Native tests answer no HTTP requests. What an action sets of its response is dropped.

use crate::error::Result;

/// Query or path parameters.
type Params = Vec<(String, String)>;

pub(crate) fn is_request() -> bool {
    false
}

pub(crate) fn request_method() -> Option<String> {
    None
}

pub(crate) fn request_path() -> Option<String> {
    None
}

pub(crate) fn request_route() -> Option<String> {
    None
}

pub(crate) fn request_param(_name: &str) -> Option<String> {
    None
}

pub(crate) fn request_params() -> Params {
    Vec::new()
}

pub(crate) fn request_query() -> Params {
    Vec::new()
}

pub(crate) fn request_header(_name: &str) -> Vec<Vec<u8>> {
    Vec::new()
}

pub(crate) fn request_headers() -> Vec<(String, Vec<u8>)> {
    Vec::new()
}

pub(crate) fn request_body() -> Option<Vec<u8>> {
    None
}

pub(crate) fn request_previous() -> Option<String> {
    None
}

pub(crate) fn response_status(_status: u16) -> Result<()> {
    Ok(())
}

pub(crate) fn response_header(_name: &str, _value: &[u8]) -> Result<()> {
    Ok(())
}

pub(crate) fn response_body(_body: &[u8]) -> Result<()> {
    Ok(())
}
