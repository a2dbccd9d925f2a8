//! `plugbay:plugin/api`.

use super::failure;
use crate::bindings::imports::plugbay::plugin::api;
use crate::error::Result;

pub(crate) fn api_token(scopes: &[&str]) -> Result<String> {
    let scopes: Vec<String> = scopes.iter().map(|&scope| scope.to_owned()).collect();
    api::token(&scopes).map_err(failure)
}
