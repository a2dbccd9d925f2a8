//! `plugbay:plugin/data`.

use crate::bindings::imports::plugbay::plugin::data;
use crate::error::{Error, INTERNAL_ERROR, Result, error};

pub(crate) fn data_get(key: &str) -> Result<Option<String>> {
    data::get(key).map_err(failure)
}

pub(crate) fn data_set(key: &str, json: &str) -> Result<()> {
    data::set(key, json).map_err(failure)
}

pub(crate) fn data_set_many(entries: &[(String, String)]) -> Result<()> {
    data::set_many(entries).map_err(failure)
}

pub(crate) fn data_delete(key: &str) -> Result<bool> {
    data::delete(key).map_err(failure)
}

pub(crate) fn data_keys(prefix: &str, cursor: Option<&str>, limit: u32) -> Result<(Vec<String>, Option<String>)> {
    data::keys(prefix, cursor, limit).map(|page| (page.keys, page.cursor)).map_err(failure)
}

fn failure(failure: data::Error) -> Error {
    let (code, text) = match failure {
        data::Error::Denied(text) => ("permission_denied", text),
        data::Error::Invalid(text) => ("invalid_argument", text),
        data::Error::Limit(text) => ("limit_exceeded", text),
        data::Error::Unavailable(text) => ("unavailable", text),
        data::Error::Other(text) => (INTERNAL_ERROR, text),
    };
    error(text).code(code)
}
