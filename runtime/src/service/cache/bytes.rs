//! Bytes in the cache, for `wasi:keyvalue`.
//!
//! The cache keeps JSON texts. Bytes that are one are kept as they are, so that `cache` and the standard read each
//! other's values; others are kept as a text that is not JSON, behind a mark with which no JSON begins.

use std::sync::Arc;

use serde::de::IgnoredAny;

use super::memory::Memory;
use super::{CacheError, PluginCache, ttl};

/// Before bytes that are no JSON, of which each is then one character.
const MARK: char = '\0';

/// Whether a cached text is bytes that are no JSON.
pub(super) fn is_bytes(text: &str) -> bool {
    text.starts_with(MARK)
}

fn to_text(bytes: Vec<u8>) -> String {
    match String::from_utf8(bytes) {
        Ok(text) if serde_json::from_str::<IgnoredAny>(&text).is_ok() => text,
        Ok(text) => marked(text.as_bytes()),
        Err(error) => marked(error.as_bytes()),
    }
}

fn marked(bytes: &[u8]) -> String {
    std::iter::once(MARK).chain(bytes.iter().map(|&byte| char::from(byte))).collect()
}

fn to_bytes(text: &str) -> Vec<u8> {
    match text.strip_prefix(MARK) {
        Some(bytes) => bytes.chars().map(|byte| u8::try_from(byte).unwrap_or_default()).collect(),
        None => text.as_bytes().to_vec(),
    }
}

impl PluginCache {
    pub(crate) fn bytes(&self, key: &str) -> Option<Vec<u8>> {
        self.memory().get(key).map(|text| to_bytes(&text))
    }

    /// Sets a key for as long as a value is kept whose plugin does not say.
    pub(crate) fn set_bytes(&self, key: &str, bytes: Vec<u8>) {
        self.memory().set(key, &to_text(bytes), ttl(None));
    }

    /// Replaces a value by what `replace` makes of it, atomically; `replace` runs again if the value changed meanwhile.
    pub(crate) fn update_bytes<T, E>(
        &self,
        key: &str,
        replace: impl Fn(Option<Vec<u8>>) -> Result<(Vec<u8>, T), E>,
    ) -> Result<T, E> {
        loop {
            let seen = self.memory().get(key);
            let (bytes, answer) = replace(seen.as_deref().map(to_bytes))?;
            if self.memory().swap(key, seen.as_ref(), &to_text(bytes), ttl(None)) {
                return Ok(answer);
            }
        }
    }

    /// The keys that are there and fit, in no order.
    ///
    /// # Errors
    /// [`CacheError::Limit`] if the scan takes too long.
    pub(crate) async fn keys(&self, fits: impl Fn(&str) -> bool + Send + 'static) -> Result<Vec<String>, CacheError> {
        Ok(Memory::keys(Arc::clone(self.memory()), fits).await?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_come_back_as_they_were_and_json_is_kept_as_it_is() {
        for bytes in [&b""[..], b"plain", b"{\"a\": 1}", b"7", &[0], &[0, 1, 127, 128, 255], "\0ü".as_bytes()] {
            let text = to_text(bytes.to_vec());
            assert_eq!(to_bytes(&text), bytes);
            assert_eq!(is_bytes(&text), serde_json::from_slice::<IgnoredAny>(bytes).is_err(), "{bytes:?}");
        }
        assert_eq!(to_text(b"[1, 2]".to_vec()), "[1, 2]");
    }
}
