//! `wasi:keyvalue@0.2.0-draft2`, and the draft before it, over the plugin's data.
//!
//! Both drafts are the same but for the types of cursors and counters, and for compare-and-swap: what they share is done
//! once, on [`HostState`], and each draft maps it to its own types (`keyvalue/draft2.rs`, `keyvalue/draft1.rs`).

mod draft1;
mod draft2;

use plugbay_manifest::PermissionAction;
use sha2::{Digest, Sha256};
use wasmtime::component::{Linker, Resource};

use super::bindings::wasi;
use crate::limits::DATA_PAGE_KEYS_MAX;
use crate::plugin::state::HostState;
use crate::service::data::{DataError, Value, check_batch, check_key, check_size};

/// A bucket that a plugin opened. There is nothing to keep of it: which one it is, its handle says.
pub enum Bucket {}

/// What a plugin means to swap: not the value itself, of which a plugin could make the host hold a great many.
pub struct Cas {
    key: String,
    looked_at: Fingerprint,
}

/// SHA-256 of a value; none where there was no value.
type Fingerprint = Option<[u8; 32]>;

fn fingerprint(value: Option<&Value>) -> Fingerprint {
    value.map(|value| Sha256::digest(&value.bytes).into())
}

/// Why a call failed, in either draft.
enum Refused {
    NoSuchStore,
    Denied,
    Other(String),
}

impl From<DataError> for Refused {
    fn from(error: DataError) -> Self {
        Refused::Other(error.to_string())
    }
}

/// The names of the bucket that is the plugin's `data`.
const DATA_NAMES: [&str; 2] = ["", "default"];

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

/// The number that a value is.
fn number(value: &Value) -> Option<i128> {
    std::str::from_utf8(&value.bytes).ok()?.parse().ok()
}

impl HostState {
    /// Counts the call, and checks one key.
    async fn keyvalue_may(&mut self, key: &str, action: PermissionAction) -> Result<(), Refused> {
        self.end_host_call(key.len()).await;
        self.keyvalue_check(key, action)
    }

    /// Counts the call, and checks all of its keys.
    async fn keyvalue_may_all(&mut self, keys: &[String], action: PermissionAction) -> Result<(), Refused> {
        self.end_host_call(keys.iter().map(String::len).sum()).await;
        check_batch(keys.len())?;
        keys.iter().try_for_each(|key| self.keyvalue_check(key, action))
    }

    fn keyvalue_check(&self, key: &str, action: PermissionAction) -> Result<(), Refused> {
        check_key(key)?;
        self.check(&format!("data.{key}"), action).map_err(|_| Refused::Denied)
    }

    async fn keyvalue_open(&mut self, identifier: &str) -> Result<Resource<Bucket>, Refused> {
        self.end_host_call(identifier.len()).await;
        if DATA_NAMES.contains(&identifier) { Ok(Resource::new_own(0)) } else { Err(Refused::NoSuchStore) }
    }

    async fn keyvalue_get(&mut self, key: String) -> Result<Option<Vec<u8>>, Refused> {
        self.keyvalue_may(&key, PermissionAction::Read).await?;
        let value = self.plugin.data.store().await?.get(key).await?.map(|value| value.bytes);
        self.end_host_call(value.as_ref().map_or(0, Vec::len)).await;
        Ok(value)
    }

    async fn keyvalue_get_many(&mut self, keys: Vec<String>) -> Result<Vec<Option<(String, Vec<u8>)>>, Refused> {
        self.keyvalue_may_all(&keys, PermissionAction::Read).await?;
        let values = self.plugin.data.store().await?.get_many(keys.clone()).await?;
        let pairs: Vec<_> =
            keys.into_iter().zip(values).map(|(key, value)| value.map(|value| (key, value.bytes))).collect();
        self.end_host_call(pairs.iter().flatten().map(|(key, value)| key.len() + value.len()).sum()).await;
        Ok(pairs)
    }

    async fn keyvalue_exists(&mut self, key: String) -> Result<bool, Refused> {
        self.keyvalue_may(&key, PermissionAction::Read).await?;
        Ok(self.plugin.data.store().await?.exists(key).await?)
    }

    async fn keyvalue_set(&mut self, entries: Vec<(String, Vec<u8>)>) -> Result<(), Refused> {
        self.end_host_call(entries.iter().map(|(key, bytes)| key.len() + bytes.len()).sum()).await;
        check_batch(entries.len())?;
        let mut checked = Vec::with_capacity(entries.len());
        for (key, bytes) in entries {
            self.keyvalue_check(&key, PermissionAction::Write)?;
            checked.push((key, value(bytes)?));
        }
        Ok(self.plugin.data.store().await?.set(checked).await?)
    }

    async fn keyvalue_delete(&mut self, keys: Vec<String>) -> Result<(), Refused> {
        self.keyvalue_may_all(&keys, PermissionAction::Write).await?;
        self.plugin.data.store().await?.delete(keys).await?;
        Ok(())
    }

    /// A page of keys, and the cursor of the next.
    async fn keyvalue_keys(&mut self, after: Option<String>) -> Result<(Vec<String>, Option<String>), Refused> {
        let page = self.data_keys("", after, DATA_PAGE_KEYS_MAX).await?;
        Ok((page.keys, page.cursor))
    }

    /// Adds to the number under a key; the sum must lie between the bounds. It takes reading and writing.
    async fn keyvalue_increment(&mut self, key: String, delta: i128, min: i128, max: i128) -> Result<i128, Refused> {
        self.keyvalue_may(&key, PermissionAction::Read).await?;
        self.keyvalue_check(&key, PermissionAction::Write)?;
        let add = move |old: Option<Value>| {
            let old = match &old {
                None => Some(0),
                Some(value) => number(value),
            };
            let old = old.ok_or_else(|| DataError::Invalid("the value is not a number".to_owned()))?;
            match old.checked_add(delta) {
                Some(sum) if (min..=max).contains(&sum) => Ok((value(sum.to_string().into_bytes())?, sum)),
                _ => Err(DataError::Invalid("the sum is too large or too small for a number".to_owned())),
            }
        };
        Ok(self.plugin.data.store().await?.update(key, add).await?)
    }

    async fn keyvalue_look(&mut self, key: String) -> Result<Cas, Refused> {
        self.keyvalue_may(&key, PermissionAction::Read).await?;
        let value = self.plugin.data.store().await?.get(key.clone()).await?;
        self.end_host_call(value.as_ref().map_or(0, |value| value.bytes.len())).await;
        Ok(Cas { key, looked_at: fingerprint(value.as_ref()) })
    }

    /// Sets the value unless it has changed; answers whether it was set.
    async fn keyvalue_swap(&mut self, cas: Cas, bytes: Vec<u8>) -> Result<bool, Refused> {
        self.end_host_call(cas.key.len() + bytes.len()).await;
        self.keyvalue_check(&cas.key, PermissionAction::Write)?;
        let new = value(bytes)?;
        let store = self.plugin.data.store().await?;
        Ok(store.replace_if(cas.key, new, move |old| fingerprint(old) == cas.looked_at).await?)
    }
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
        let parse = |bytes: &[u8]| number(&Value { bytes: bytes.to_vec(), is_json: true });
        assert_eq!(parse(b"-7"), Some(-7));
        assert_eq!(parse(b"18446744073709551615"), Some(u64::MAX.into()));
        for text in ["", "1.5", "1e3", "\"7\"", " 7", "seven"] {
            assert_eq!(parse(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn fingerprints_tell_no_value_from_an_empty_one() {
        let empty = Value { bytes: Vec::new(), is_json: false };
        assert_ne!(fingerprint(Some(&empty)), fingerprint(None));
    }
}
