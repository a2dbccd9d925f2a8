//! The types of `wasi:keyvalue@0.2.0-draft`.

use wasmtime::component::Resource;

use super::super::bindings::wasi::keyvalue0_2_0_draft::{atomics, batch, store};
use super::{Behind, Bucket, Refused};
use crate::plugin::state::HostState;

impl From<Refused> for store::Error {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::NoSuchStore => store::Error::NoSuchStore,
            Refused::Denied => store::Error::AccessDenied,
            Refused::Other(text) => store::Error::Other(text),
        }
    }
}

impl store::Host for HostState {
    async fn open(&mut self, identifier: String) -> Result<Resource<Bucket>, store::Error> {
        Ok(self.keyvalue_open(&identifier).await?)
    }
}

impl store::HostBucket for HostState {
    async fn get(&mut self, bucket: Resource<Bucket>, key: String) -> Result<Option<Vec<u8>>, store::Error> {
        Ok(self.keyvalue_get(Behind::of(&bucket), key).await?)
    }

    async fn set(&mut self, bucket: Resource<Bucket>, key: String, value: Vec<u8>) -> Result<(), store::Error> {
        Ok(self.keyvalue_set(Behind::of(&bucket), vec![(key, value)]).await?)
    }

    async fn delete(&mut self, bucket: Resource<Bucket>, key: String) -> Result<(), store::Error> {
        Ok(self.keyvalue_delete(Behind::of(&bucket), vec![key]).await?)
    }

    async fn exists(&mut self, bucket: Resource<Bucket>, key: String) -> Result<bool, store::Error> {
        Ok(self.keyvalue_exists(Behind::of(&bucket), key).await?)
    }

    /// The cursor is how many keys came before: the host goes through them again to find where it was.
    async fn list_keys(
        &mut self,
        bucket: Resource<Bucket>,
        cursor: Option<u64>,
    ) -> Result<store::KeyResponse, store::Error> {
        let skipped = cursor.unwrap_or(0);
        let (mut keys, mut next) = self.keyvalue_keys(Behind::of(&bucket), None).await?;
        let mut seen = keys.len() as u64;
        while seen <= skipped && next.is_some() {
            (keys, next) = self.keyvalue_keys(Behind::of(&bucket), next).await?;
            seen += keys.len() as u64;
        }
        let of_this_page = usize::try_from(seen.saturating_sub(skipped)).unwrap_or(usize::MAX);
        keys.drain(..keys.len().saturating_sub(of_this_page));
        Ok(store::KeyResponse { keys, cursor: next.map(|_| seen) })
    }

    async fn drop(&mut self, _: Resource<Bucket>) -> wasmtime::Result<()> {
        Ok(())
    }
}

impl batch::Host for HostState {
    async fn get_many(
        &mut self,
        bucket: Resource<Bucket>,
        keys: Vec<String>,
    ) -> Result<Vec<Option<(String, Vec<u8>)>>, store::Error> {
        Ok(self.keyvalue_get_many(Behind::of(&bucket), keys).await?)
    }

    async fn set_many(
        &mut self,
        bucket: Resource<Bucket>,
        entries: Vec<(String, Vec<u8>)>,
    ) -> Result<(), store::Error> {
        Ok(self.keyvalue_set(Behind::of(&bucket), entries).await?)
    }

    async fn delete_many(&mut self, bucket: Resource<Bucket>, keys: Vec<String>) -> Result<(), store::Error> {
        Ok(self.keyvalue_delete(Behind::of(&bucket), keys).await?)
    }
}

impl atomics::Host for HostState {
    async fn increment(&mut self, bucket: Resource<Bucket>, key: String, delta: u64) -> Result<u64, store::Error> {
        let sum = self.keyvalue_increment(Behind::of(&bucket), key, delta.into(), 0..=u64::MAX.into()).await?;
        Ok(u64::try_from(sum).unwrap_or(u64::MAX))
    }
}
