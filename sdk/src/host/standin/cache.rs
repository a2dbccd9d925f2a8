//! The plugin's cache, in this thread's memory. Keys follow the host's rules; the total size is not limited.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::check_key;
use crate::error::{Result, error};

/// As the host's `CACHE_TTL_DEFAULT`.
const TTL_DEFAULT_MS: i64 = 300_000;

struct Entry {
    json: String,
    /// `None` if the entry never expires.
    expires_at: Option<Instant>,
}

impl Entry {
    fn is_alive(&self) -> bool {
        self.expires_at.is_none_or(|end| Instant::now() < end)
    }
}

thread_local! {
    static ENTRIES: RefCell<BTreeMap<String, Entry>> = const { RefCell::new(BTreeMap::new()) };
}

pub(crate) fn cache_get(key: &str) -> Result<Option<String>> {
    check_key(key)?;
    Ok(ENTRIES.with_borrow(|entries| {
        let entry = entries.get(key).filter(|entry| entry.is_alive());
        entry.map(|entry| entry.json.clone())
    }))
}

pub(crate) fn cache_set(key: &str, json: &str, ttl_ms: Option<i64>) -> Result<()> {
    check_key(key)?;
    let ttl = u64::try_from(ttl_ms.unwrap_or(TTL_DEFAULT_MS)).ok().filter(|ms| *ms > 0);
    let expires_at = ttl.and_then(|ms| Instant::now().checked_add(Duration::from_millis(ms)));
    let entry = Entry { json: json.to_owned(), expires_at };
    ENTRIES.with_borrow_mut(|entries| entries.insert(key.to_owned(), entry));
    Ok(())
}

pub(crate) fn cache_get_or_set(key: &str, json: &str, ttl_ms: Option<i64>) -> Result<String> {
    match cache_get(key)? {
        Some(there) => Ok(there),
        None => cache_set(key, json, ttl_ms).map(|()| json.to_owned()),
    }
}

pub(crate) fn cache_get_many(keys: &[String]) -> Result<Vec<Option<String>>> {
    keys.iter().map(|key| cache_get(key)).collect()
}

pub(crate) fn cache_set_many(entries: &[(String, String)], ttl_ms: Option<i64>) -> Result<()> {
    entries.iter().try_for_each(|(key, _)| check_key(key))?;
    entries.iter().try_for_each(|(key, json)| cache_set(key, json, ttl_ms))
}

pub(crate) fn cache_delete(key: &str) -> Result<bool> {
    check_key(key)?;
    Ok(ENTRIES.with_borrow_mut(|entries| entries.remove(key)).is_some_and(|entry| entry.is_alive()))
}

pub(crate) fn cache_delete_pattern(pattern: &str) -> Result<u64> {
    if pattern.is_empty() {
        return Err(error("the pattern is empty").with_code("invalid_argument"));
    }
    let pattern: Vec<char> = pattern.chars().collect();
    Ok(remove(|key| matches(&pattern, &key.chars().collect::<Vec<char>>())))
}

pub(crate) fn cache_clear() -> Result<u64> {
    Ok(remove(|_| true))
}

fn remove(fits: impl Fn(&str) -> bool) -> u64 {
    ENTRIES.with_borrow_mut(|entries| {
        let removed = entries.extract_if(.., |key, _| fits(key));
        removed.filter(|(_, entry)| entry.is_alive()).count() as u64
    })
}

/// Whether a text matches a pattern. This takes exponential time in the worst case, which is fine for the few keys of a
/// test.
fn matches(pattern: &[char], text: &[char]) -> bool {
    match pattern {
        [] => text.is_empty(),
        ['*', rest @ ..] => (0..=text.len()).any(|from| matches(rest, &text[from..])),
        ['?', rest @ ..] => !text.is_empty() && matches(rest, &text[1..]),
        ['\\', literal @ ('*' | '?' | '\\'), rest @ ..] | [literal, rest @ ..] => {
            text.first() == Some(literal) && matches(rest, &text[1..])
        }
    }
}
