//! `wasi:keyvalue@0.2.0-draft2`, and the draft before it, over the plugin's data, and over its cache.
//!
//! Both drafts are the same but for the types of cursors and counters, and for compare-and-swap. What is done is done
//! once, on [`HostState`]; it is said in the types of a draft by one macro (`keyvalue/same.rs`), and where the drafts
//! differ by each of them (`keyvalue/draft2.rs`, `keyvalue/draft1.rs`).
//!
//! The first draft stays. It is the one of wasmtime's `wasmtime serve -S keyvalue` and of wasmCloud's interfaces, so
//! components that are built for these import it. It costs 37 lines of code.

mod draft1;
mod draft2;
mod same;

use std::ops::RangeInclusive;

use plugbay_manifest::PermissionAction;
use sha2::{Digest, Sha256};
use wasmtime::component::{Linker, Resource};

use super::bindings::wasi;
use crate::host::HostState;
use crate::limits::{CACHE_BATCH_BYTES_MAX, DATA_PAGE_KEYS_MAX};
use crate::service::cache::{CacheError, PluginCache};
use crate::service::data::{DataError, Value, check_batch, check_key, check_size};
use crate::service::over_limit;

/// A bucket that a plugin opened. There is nothing to keep of it: which one it is, its handle says.
pub enum Bucket {}

/// What is behind a bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Behind {
    /// The plugin's `data`.
    Data,
    /// The plugin's `cache`.
    Cache,
}

impl Behind {
    fn named(identifier: &str) -> Option<Self> {
        match identifier {
            "" | "default" => Some(Behind::Data),
            "cache" => Some(Behind::Cache),
            _ => None,
        }
    }

    fn of(bucket: &Resource<Bucket>) -> Self {
        if bucket.rep() == Behind::Cache as u32 { Behind::Cache } else { Behind::Data }
    }

    fn resource(self, key: &str) -> String {
        match self {
            Behind::Data => format!("data.{key}"),
            Behind::Cache => format!("cache.{key}"),
        }
    }
}

/// What a plugin means to swap: not the value itself, of which a plugin could make the host hold a great many.
pub struct Cas {
    behind: Behind,
    key: String,
    looked_at: Fingerprint,
}

/// SHA-256 of a value; none where there was no value.
type Fingerprint = Option<[u8; 32]>;

fn fingerprint(value: Option<&[u8]>) -> Fingerprint {
    value.map(|value| Sha256::digest(value).into())
}

/// Why a call failed, in either draft.
enum Refused {
    NoSuchStore,
    Denied,
    Other(String),
}

impl From<CacheError> for Refused {
    fn from(error: CacheError) -> Self {
        match error {
            CacheError::Invalid(text) | CacheError::Limit(text) => Refused::Other(text),
        }
    }
}

impl From<DataError> for Refused {
    fn from(error: DataError) -> Self {
        Refused::Other(error.to_string())
    }
}

/// Puts both drafts' functions into a linker.
macro_rules! link {
    ($name:ident, $interface:ident) => {
        pub(crate) fn $name(linker: &mut Linker<HostState>) -> wasmtime::Result<()> {
            use wasmtime::component::HasSelf;
            wasi::keyvalue0_2_0_draft2::$interface::add_to_linker::<_, HasSelf<_>>(linker, |state| state)?;
            wasi::keyvalue0_2_0_draft::$interface::add_to_linker::<_, HasSelf<_>>(linker, |state| state)
        }
    };
}
link!(link_store, store);
link!(link_atomics, atomics);
link!(link_batch, batch);

/// What was set through the standard: any bytes, which `data` can answer where they are JSON.
fn value(bytes: Vec<u8>) -> Result<Value, DataError> {
    check_size(&bytes)?;
    let is_json = serde_json::from_slice::<serde::de::IgnoredAny>(&bytes).is_ok();
    Ok(Value { bytes, is_json })
}

/// The sum of the number that a value is, 0 where there is none, and another: as a value, and as a number between
/// bounds.
fn sum(old: Option<&[u8]>, delta: i128, bounds: RangeInclusive<i128>) -> Result<(Vec<u8>, i128), DataError> {
    let invalid = |text: &str| DataError::Invalid(text.to_owned());
    let old = match old {
        None => 0,
        Some(digits) => number(digits).ok_or_else(|| invalid("the value is not a number"))?,
    };
    match old.checked_add(delta).filter(|sum| bounds.contains(sum)) {
        Some(sum) => Ok((sum.to_string().into_bytes(), sum)),
        None => Err(invalid("the sum is too large or too small for a number")),
    }
}

/// The number that a value is.
fn number(digits: &[u8]) -> Option<i128> {
    std::str::from_utf8(digits).ok()?.parse().ok()
}

impl HostState {
    /// Counts the call, and checks one key.
    async fn keyvalue_may(&mut self, behind: Behind, key: &str, action: PermissionAction) -> Result<(), Refused> {
        self.end_host_call(key.len()).await;
        self.keyvalue_check(behind, key, action)
    }

    /// Counts the call, and checks all of its keys.
    async fn keyvalue_may_all(
        &mut self,
        behind: Behind,
        keys: &[String],
        action: PermissionAction,
    ) -> Result<(), Refused> {
        self.end_host_call(keys.iter().map(String::len).sum()).await;
        check_batch(keys.len())?;
        keys.iter().try_for_each(|key| self.keyvalue_check(behind, key, action))
    }

    fn keyvalue_check(&self, behind: Behind, key: &str, action: PermissionAction) -> Result<(), Refused> {
        check_key(key)?;
        self.check(&behind.resource(key), action).map_err(|_| Refused::Denied)
    }

    async fn keyvalue_open(&mut self, identifier: &str) -> Result<Resource<Bucket>, Refused> {
        self.end_host_call(identifier.len()).await;
        Behind::named(identifier).map(|behind| Resource::new_own(behind as u32)).ok_or(Refused::NoSuchStore)
    }

    async fn keyvalue_get(&mut self, behind: Behind, key: String) -> Result<Option<Vec<u8>>, Refused> {
        self.keyvalue_may(behind, &key, PermissionAction::Read).await?;
        let value = match behind {
            Behind::Data => self.plugin.data.kept().await?.get(key).await?.map(|value| value.bytes),
            Behind::Cache => self.plugin.cache.bytes(&key),
        };
        self.end_host_call(value.as_ref().map_or(0, Vec::len)).await;
        Ok(value)
    }

    async fn keyvalue_get_many(
        &mut self,
        behind: Behind,
        keys: Vec<String>,
    ) -> Result<Vec<Option<(String, Vec<u8>)>>, Refused> {
        self.keyvalue_may_all(behind, &keys, PermissionAction::Read).await?;
        let values: Vec<Option<Vec<u8>>> = match behind {
            Behind::Data => {
                let values = self.plugin.data.kept().await?.get_many(keys.clone()).await?;
                values.into_iter().map(|value| value.map(|value| value.bytes)).collect()
            }
            Behind::Cache => cached(&self.plugin.cache, &keys)?,
        };
        let pairs: Vec<_> = keys.into_iter().zip(values).map(|(key, value)| value.map(|value| (key, value))).collect();
        self.end_host_call(pairs.iter().flatten().map(|(key, value)| key.len() + value.len()).sum()).await;
        Ok(pairs)
    }

    async fn keyvalue_exists(&mut self, behind: Behind, key: String) -> Result<bool, Refused> {
        self.keyvalue_may(behind, &key, PermissionAction::Read).await?;
        Ok(match behind {
            Behind::Data => self.plugin.data.kept().await?.exists(key).await?,
            Behind::Cache => self.plugin.cache.bytes(&key).is_some(),
        })
    }

    async fn keyvalue_set(&mut self, behind: Behind, entries: Vec<(String, Vec<u8>)>) -> Result<(), Refused> {
        self.end_host_call(entries.iter().map(|(key, bytes)| key.len() + bytes.len()).sum()).await;
        check_batch(entries.len())?;
        for (key, bytes) in &entries {
            self.keyvalue_check(behind, key, PermissionAction::Write)?;
            check_size(bytes)?;
        }
        match behind {
            Behind::Data => {
                let entries = entries.into_iter().map(|(key, bytes)| Ok((key, value(bytes)?)));
                let entries = entries.collect::<Result<_, DataError>>()?;
                self.plugin.data.kept().await?.set(entries).await?;
            }
            Behind::Cache => entries.into_iter().for_each(|(key, bytes)| self.plugin.cache.set_bytes(&key, bytes)),
        }
        Ok(())
    }

    async fn keyvalue_delete(&mut self, behind: Behind, keys: Vec<String>) -> Result<(), Refused> {
        self.keyvalue_may_all(behind, &keys, PermissionAction::Write).await?;
        match behind {
            Behind::Data => drop(self.plugin.data.kept().await?.delete(keys).await?),
            Behind::Cache => keys.iter().for_each(|key| _ = self.plugin.cache.delete(key)),
        }
        Ok(())
    }

    /// A page of keys, and the cursor of the next.
    async fn keyvalue_keys(
        &mut self,
        behind: Behind,
        after: Option<String>,
    ) -> Result<(Vec<String>, Option<String>), Refused> {
        if behind == Behind::Cache {
            return self.cached_keys(after).await;
        }
        let page = self.data_keys("", after, DATA_PAGE_KEYS_MAX).await?;
        Ok((page.keys, page.cursor))
    }

    /// The same of the cache, which has no order: all of its keys are looked at for each page.
    async fn cached_keys(&mut self, after: Option<String>) -> Result<(Vec<String>, Option<String>), Refused> {
        let may = self.plugin.permissions.filter(PermissionAction::Read);
        let fits =
            move |key: &str| after.as_deref().is_none_or(|after| key > after) && may(&Behind::Cache.resource(key));
        let mut keys = self.plugin.cache.keys(fits).await?;
        keys.sort_unstable();
        let cursor = if keys.len() > DATA_PAGE_KEYS_MAX { Some(keys[DATA_PAGE_KEYS_MAX - 1].clone()) } else { None };
        self.end_host_call(keys.iter().map(String::len).sum()).await;
        keys.truncate(DATA_PAGE_KEYS_MAX);
        Ok((keys, cursor))
    }

    /// Adds to the number under a key; the sum must lie between the bounds. It takes reading and writing.
    async fn keyvalue_increment(
        &mut self,
        behind: Behind,
        key: String,
        delta: i128,
        bounds: RangeInclusive<i128>,
    ) -> Result<i128, Refused> {
        self.keyvalue_may(behind, &key, PermissionAction::Read).await?;
        self.keyvalue_check(behind, &key, PermissionAction::Write)?;
        if behind == Behind::Cache {
            return Ok(self.plugin.cache.update_bytes(&key, |old| sum(old.as_deref(), delta, bounds.clone()))?);
        }
        let add = move |old: Option<Value>| {
            let (digits, sum) = sum(old.as_ref().map(|old| &*old.bytes), delta, bounds)?;
            Ok((Value { bytes: digits, is_json: true }, sum))
        };
        Ok(self.plugin.data.kept().await?.update(key, add).await?)
    }

    async fn keyvalue_look(&mut self, behind: Behind, key: String) -> Result<Cas, Refused> {
        let value = self.keyvalue_get(behind, key.clone()).await?;
        Ok(Cas { behind, key, looked_at: fingerprint(value.as_deref()) })
    }

    /// Sets the value unless it has changed; answers whether it was set.
    async fn keyvalue_swap(&mut self, cas: Cas, bytes: Vec<u8>) -> Result<bool, Refused> {
        let Cas { behind, key, looked_at } = cas;
        self.end_host_call(key.len() + bytes.len()).await;
        self.keyvalue_check(behind, &key, PermissionAction::Write)?;
        check_size(&bytes)?;
        if behind == Behind::Cache {
            let same = |old: Option<Vec<u8>>| {
                if fingerprint(old.as_deref()) == looked_at { Ok((bytes.clone(), ())) } else { Err(()) }
            };
            return Ok(self.plugin.cache.update_bytes(&key, same).is_ok());
        }
        let new = value(bytes)?;
        let same = move |old: Option<&Value>| fingerprint(old.map(|old| &*old.bytes)) == looked_at;
        Ok(self.plugin.data.kept().await?.replace_if(key, new, same).await?)
    }
}

/// The cached values of these keys, as many bytes of them as one call may get.
fn cached(cache: &PluginCache, keys: &[String]) -> Result<Vec<Option<Vec<u8>>>, DataError> {
    let mut bytes = 0;
    let mut values = Vec::with_capacity(keys.len());
    for key in keys {
        let value = cache.bytes(key);
        bytes += value.as_ref().map_or(0, Vec::len);
        if bytes > CACHE_BATCH_BYTES_MAX {
            return Err(DataError::Limit(over_limit("cache_batch_bytes", CACHE_BATCH_BYTES_MAX, bytes)));
        }
        values.push(value);
    }
    Ok(values)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_marked_where_they_are_json() {
        let is_json = |bytes: &[u8]| value(bytes.to_vec()).expect("short").is_json;
        assert!(is_json(b"{\"a\": 1}") && is_json(b"7") && is_json(b" null "));
        assert!(!is_json(b"") && !is_json(b"plain") && !is_json(&[0xff, 0x00]));
    }

    #[test]
    fn number_is_decimal_digits_alone() {
        assert_eq!(number(b"-7"), Some(-7));
        assert_eq!(number(b"18446744073709551615"), Some(u64::MAX.into()));
        for text in ["", "1.5", "1e3", "\"7\"", " 7", "seven"] {
            assert_eq!(number(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn fingerprints_tell_no_value_from_an_empty_one() {
        assert_ne!(fingerprint(Some(b"")), fingerprint(None));
    }
}
