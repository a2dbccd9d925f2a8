//! `wasi:keyvalue@0.2.0-draft2` and the draft before it, over the plugin's data and its cache.
//!
//! The drafts differ only in the types of cursors and counters and in compare-and-swap. The work is implemented once,
//! on [`HostState`]. One macro converts it to the types of a draft (`keyvalue/same.rs`), and `keyvalue/draft2.rs` and
//! `keyvalue/draft1.rs` have the rest of each.
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
use crate::capability::resource;
use crate::host::HostState;
use crate::limits::DATA_PAGE_KEYS_MAX;
use crate::service::cache::{self, CacheChange, CacheError, CacheValue};
use crate::service::data::{DataChange, DataError, DataValue, check_batch, check_key, check_size};

/// A bucket that a plugin opened. Its handle's number says which one it is.
pub enum Bucket {}

/// The service whose values a bucket has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Backing {
    /// The plugin's `data`.
    Data,
    /// The plugin's `cache`.
    Cache,
}

impl Backing {
    fn named(identifier: &str) -> Option<Self> {
        match identifier {
            "" | "default" => Some(Backing::Data),
            "cache" => Some(Backing::Cache),
            _ => None,
        }
    }

    fn of(bucket: &Resource<Bucket>) -> Self {
        if bucket.rep() == Backing::Cache as u32 { Backing::Cache } else { Backing::Data }
    }

    fn resource(self, key: &str) -> String {
        match self {
            Backing::Data => resource("data", key),
            Backing::Cache => resource("cache", key),
        }
    }
}

/// A value that a plugin is about to swap. It has the value's hash and not the value, because a plugin may hold many of
/// these.
pub struct Cas {
    backing: Backing,
    key: String,
    looked_at: Fingerprint,
}

/// The SHA-256 of a value; `None` if there was no value.
type Fingerprint = Option<[u8; 32]>;

fn fingerprint(value: Option<&[u8]>) -> Fingerprint {
    value.map(|value| Sha256::digest(value).into())
}

/// The reason why a call failed, in either draft.
enum Refused {
    NoSuchStore,
    Denied,
    Other(String),
}

impl From<CacheError> for Refused {
    fn from(error: CacheError) -> Self {
        Refused::Other(error.to_string())
    }
}

impl From<DataError> for Refused {
    fn from(error: DataError) -> Self {
        Refused::Other(error.to_string())
    }
}

/// Adds the functions of both drafts to a linker.
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

/// A value that was set through the standard: any bytes, which `data` can return if they are JSON.
fn value(bytes: Vec<u8>) -> Result<DataValue, DataError> {
    check_size(&bytes)?;
    let is_json = serde_json::from_slice::<serde::de::IgnoredAny>(&bytes).is_ok();
    Ok(DataValue::new(bytes, is_json))
}

/// Adds to the number in a value; an absent value is 0. Returns the sum, which must be within the bounds.
fn sum(old: Option<&[u8]>, delta: i128, bounds: &RangeInclusive<i128>) -> Result<i128, String> {
    let old = match old {
        None => 0,
        Some(digits) => number(digits).ok_or("the value is not a number")?,
    };
    let sum = old.checked_add(delta).filter(|sum| bounds.contains(sum));
    sum.ok_or_else(|| "the sum is too large or too small for a number".to_owned())
}

/// The number in a value, in decimal digits.
fn number(digits: &[u8]) -> Option<i128> {
    std::str::from_utf8(digits).ok()?.parse().ok()
}

impl HostState {
    /// Counts the call, and checks one key.
    async fn keyvalue_may(&mut self, backing: Backing, key: &str, action: PermissionAction) -> Result<(), Refused> {
        self.end_host_call(key.len()).await;
        self.keyvalue_check(backing, key, action)
    }

    /// Counts the call, and checks all of its keys.
    async fn keyvalue_may_all(
        &mut self,
        backing: Backing,
        keys: &[String],
        action: PermissionAction,
    ) -> Result<(), Refused> {
        self.end_host_call(keys.iter().map(String::len).sum()).await;
        check_batch(keys.len())?;
        keys.iter().try_for_each(|key| self.keyvalue_check(backing, key, action))
    }

    fn keyvalue_check(&self, backing: Backing, key: &str, action: PermissionAction) -> Result<(), Refused> {
        check_key(key)?;
        self.check(&backing.resource(key), action).map_err(|_| Refused::Denied)
    }

    async fn keyvalue_open(&mut self, identifier: &str) -> Result<Resource<Bucket>, Refused> {
        self.end_host_call(identifier.len()).await;
        Backing::named(identifier).map(|backing| Resource::new_own(backing as u32)).ok_or(Refused::NoSuchStore)
    }

    async fn keyvalue_get(&mut self, backing: Backing, key: String) -> Result<Option<Vec<u8>>, Refused> {
        self.keyvalue_may(backing, &key, PermissionAction::Read).await?;
        let value = match backing {
            Backing::Data => self.plugin.data.store().await?.get(&key).await?.map(DataValue::into_bytes),
            Backing::Cache => self.plugin.cache.store().await?.get(&key).await?.map(|value| value.as_bytes().to_vec()),
        };
        self.end_host_call(value.as_ref().map_or(0, Vec::len)).await;
        Ok(value)
    }

    async fn keyvalue_get_many(
        &mut self,
        backing: Backing,
        keys: Vec<String>,
    ) -> Result<Vec<Option<(String, Vec<u8>)>>, Refused> {
        self.keyvalue_may_all(backing, &keys, PermissionAction::Read).await?;
        let values: Vec<Option<Vec<u8>>> = match backing {
            Backing::Data => {
                let values = self.plugin.data.store().await?.get_many(&keys).await?;
                values.into_iter().map(|value| value.map(DataValue::into_bytes)).collect()
            }
            Backing::Cache => {
                let values = self.plugin.cache.store().await?.get_many(&keys).await?;
                values.into_iter().map(|value| value.map(|value| value.as_bytes().to_vec())).collect()
            }
        };
        let pairs: Vec<_> = keys.into_iter().zip(values).map(|(key, value)| value.map(|value| (key, value))).collect();
        self.end_host_call(pairs.iter().flatten().map(|(key, value)| key.len() + value.len()).sum()).await;
        Ok(pairs)
    }

    async fn keyvalue_exists(&mut self, backing: Backing, key: String) -> Result<bool, Refused> {
        self.keyvalue_may(backing, &key, PermissionAction::Read).await?;
        Ok(match backing {
            Backing::Data => self.plugin.data.store().await?.exists(&key).await?,
            Backing::Cache => self.plugin.cache.store().await?.get(&key).await?.is_some(),
        })
    }

    async fn keyvalue_set(&mut self, backing: Backing, entries: Vec<(String, Vec<u8>)>) -> Result<(), Refused> {
        self.end_host_call(entries.iter().map(|(key, bytes)| key.len() + bytes.len()).sum()).await;
        check_batch(entries.len())?;
        for (key, bytes) in &entries {
            self.keyvalue_check(backing, key, PermissionAction::Write)?;
            check_size(bytes)?;
        }
        match backing {
            Backing::Data => {
                let entries = entries.into_iter().map(|(key, bytes)| Ok((key, value(bytes)?)));
                let entries = entries.collect::<Result<_, DataError>>()?;
                self.plugin.data.store().await?.set_many(entries).await?;
            }
            Backing::Cache => {
                let entries = entries.into_iter().map(|(key, bytes)| (key, cache::bytes(&bytes))).collect();
                self.plugin.cache.store().await?.set_many(entries, cache::ttl(None)).await?;
            }
        }
        Ok(())
    }

    async fn keyvalue_delete(&mut self, backing: Backing, keys: Vec<String>) -> Result<(), Refused> {
        self.keyvalue_may_all(backing, &keys, PermissionAction::Write).await?;
        match backing {
            Backing::Data => self.plugin.data.store().await?.delete(&keys).await?,
            Backing::Cache => self.plugin.cache.store().await?.delete(&keys).await?,
        };
        Ok(())
    }

    /// A page of keys, and the cursor of the next.
    async fn keyvalue_keys(
        &mut self,
        backing: Backing,
        after: Option<String>,
    ) -> Result<(Vec<String>, Option<String>), Refused> {
        if backing == Backing::Cache {
            return self.cached_keys(after).await;
        }
        let page = self.data_keys("", after, DATA_PAGE_KEYS_MAX).await?;
        Ok((page.keys, page.cursor))
    }

    /// The same for the cache, which has no order: each page looks at all of its keys.
    async fn cached_keys(&mut self, after: Option<String>) -> Result<(Vec<String>, Option<String>), Refused> {
        let may = self.plugin.permissions.filter(PermissionAction::Read);
        let selects =
            move |key: &str| after.as_deref().is_none_or(|after| key > after) && may(&Backing::Cache.resource(key));
        let mut keys = self.plugin.cache.store().await?.keys(Box::new(selects)).await?;
        keys.sort_unstable();
        let cursor = if keys.len() > DATA_PAGE_KEYS_MAX { Some(keys[DATA_PAGE_KEYS_MAX - 1].clone()) } else { None };
        self.end_host_call(keys.iter().map(String::len).sum()).await;
        keys.truncate(DATA_PAGE_KEYS_MAX);
        Ok((keys, cursor))
    }

    /// Adds to the number under a key; the sum must be within the bounds. Both reading and writing must be granted.
    async fn keyvalue_increment(
        &mut self,
        backing: Backing,
        key: String,
        delta: i128,
        bounds: RangeInclusive<i128>,
    ) -> Result<i128, Refused> {
        self.keyvalue_may(backing, &key, PermissionAction::Read).await?;
        self.keyvalue_check(backing, &key, PermissionAction::Write)?;
        match backing {
            Backing::Data => {
                let add = move |old: Option<&DataValue>| {
                    let sum = sum(old.map(DataValue::as_bytes), delta, &bounds).map_err(DataError::Invalid)?;
                    Ok((DataValue::Json(sum.to_string()), sum))
                };
                Ok(self.plugin.data.replace(&key, add).await?)
            }
            Backing::Cache => {
                let add = move |old: Option<&CacheValue>| {
                    let sum = sum(old.map(CacheValue::as_bytes), delta, &bounds).map_err(CacheError::Invalid)?;
                    Ok((CacheValue::Json(sum.to_string().into()), sum))
                };
                Ok(self.plugin.cache.replace(&key, add).await?)
            }
        }
    }

    async fn keyvalue_look(&mut self, backing: Backing, key: String) -> Result<Cas, Refused> {
        let value = self.keyvalue_get(backing, key.clone()).await?;
        Ok(Cas { backing, key, looked_at: fingerprint(value.as_deref()) })
    }

    /// Sets the value unless it has changed. Returns whether it was set.
    async fn keyvalue_swap(&mut self, cas: Cas, bytes: Vec<u8>) -> Result<bool, Refused> {
        let Cas { backing, key, looked_at } = cas;
        self.end_host_call(key.len() + bytes.len()).await;
        self.keyvalue_check(backing, &key, PermissionAction::Write)?;
        check_size(&bytes)?;
        match backing {
            Backing::Data => {
                let new = value(bytes)?;
                let swap = move |old: Option<&DataValue>| {
                    let same = fingerprint(old.map(DataValue::as_bytes)) == looked_at;
                    Ok(if same { DataChange::Set(new.clone()) } else { DataChange::Keep })
                };
                Ok(self.plugin.data.store().await?.update(&key, Box::new(swap)).await?)
            }
            Backing::Cache => {
                let new = cache::bytes(&bytes);
                let swap = move |old: Option<&CacheValue>| {
                    let same = fingerprint(old.map(CacheValue::as_bytes)) == looked_at;
                    Ok(if same { CacheChange::Set(new.clone()) } else { CacheChange::Keep })
                };
                Ok(self.plugin.cache.store().await?.update(&key, Box::new(swap), cache::ttl(None)).await?)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_that_are_json_are_stored_as_json() {
        let is_json = |bytes: &[u8]| value(bytes.to_vec()).expect("short").is_json();
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
    fn fingerprints_of_no_value_and_an_empty_one_differ() {
        assert_ne!(fingerprint(Some(b"")), fingerprint(None));
    }
}
