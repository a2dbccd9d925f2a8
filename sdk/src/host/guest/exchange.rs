//! `plugbay:plugin/exchange`.

use super::failure;
use crate::bindings::imports::plugbay::plugin::exchange;
use crate::error::Result;

pub(crate) use exchange::{
    is_request, request_body, request_header, request_headers, request_method, request_param, request_params,
    request_path, request_previous, request_query, request_route,
};

pub(crate) fn response_status(status: u16) -> Result<()> {
    exchange::response_status(status).map_err(failure)
}

pub(crate) fn response_header(name: &str, value: &[u8]) -> Result<()> {
    exchange::response_header(name, value).map_err(failure)
}

pub(crate) fn response_body(body: &[u8]) -> Result<()> {
    exchange::response_body(body).map_err(failure)
}
