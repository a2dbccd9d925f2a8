//! `plugbay:plugin/cache`.

use crate::bindings::imports::plugbay::plugin::cache;
use crate::error::{Error, INTERNAL_ERROR, Result, error};

pub(crate) fn cache_get(key: &str) -> Result<Option<String>> {
    cache::get(key).map_err(failure)
}

pub(crate) fn cache_set(key: &str, json: &str, ttl_ms: Option<i64>) -> Result<()> {
    cache::set(key, json, ttl_ms).map_err(failure)
}

pub(crate) fn cache_get_or_set(key: &str, json: &str, ttl_ms: Option<i64>) -> Result<String> {
    cache::get_or_set(key, json, ttl_ms).map_err(failure)
}

pub(crate) fn cache_get_many(keys: &[String]) -> Result<Vec<Option<String>>> {
    cache::get_many(keys).map_err(failure)
}

pub(crate) fn cache_set_many(entries: &[(String, String)], ttl_ms: Option<i64>) -> Result<()> {
    cache::set_many(entries, ttl_ms).map_err(failure)
}

pub(crate) fn cache_delete(key: &str) -> Result<bool> {
    cache::delete(key).map_err(failure)
}

pub(crate) fn cache_delete_pattern(pattern: &str) -> Result<u64> {
    cache::delete_pattern(pattern).map_err(failure)
}

pub(crate) fn cache_clear() -> Result<u64> {
    cache::clear().map_err(failure)
}

fn failure(failure: cache::Error) -> Error {
    let (code, text) = match failure {
        cache::Error::Denied(text) => ("permission_denied", text),
        cache::Error::Invalid(text) => ("invalid_argument", text),
        cache::Error::Limit(text) => ("limit_exceeded", text),
        cache::Error::Unavailable(text) => ("unavailable", text),
        cache::Error::Other(text) => (INTERNAL_ERROR, text),
    };
    error(text).with_code(code)
}
