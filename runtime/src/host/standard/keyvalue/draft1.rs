//! The types of `wasi:keyvalue@0.2.0-draft`.

use wasmtime::component::Resource;

use super::super::bindings::wasi::keyvalue0_2_0_draft::{atomics, batch, store};
use super::same::same_in_both_drafts;
use super::{Backing, Bucket, Refused};
use crate::host::HostState;

same_in_both_drafts!(u64, keyvalue_keys_from);

impl HostState {
    /// Returns a page of keys. The cursor is the number of keys before the page, which the host skips again.
    async fn keyvalue_keys_from(
        &mut self,
        backing: Backing,
        cursor: Option<u64>,
    ) -> Result<(Vec<String>, Option<u64>), Refused> {
        let skipped = cursor.unwrap_or(0);
        let (mut keys, mut next) = self.keyvalue_keys(backing, None).await?;
        let mut seen = keys.len() as u64;
        while seen <= skipped && next.is_some() {
            (keys, next) = self.keyvalue_keys(backing, next).await?;
            seen += keys.len() as u64;
        }
        let of_this_page = usize::try_from(seen.saturating_sub(skipped)).unwrap_or(usize::MAX);
        keys.drain(..keys.len().saturating_sub(of_this_page));
        Ok((keys, next.map(|_| seen)))
    }
}

impl atomics::Host for HostState {
    async fn increment(&mut self, bucket: Resource<Bucket>, key: String, delta: u64) -> Result<u64, store::Error> {
        let sum = self.keyvalue_increment(Backing::of(&bucket), key, delta.into(), 0..=u64::MAX.into()).await?;
        Ok(u64::try_from(sum).unwrap_or(u64::MAX))
    }
}
