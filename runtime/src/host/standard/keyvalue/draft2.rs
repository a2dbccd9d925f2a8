//! The types of `wasi:keyvalue@0.2.0-draft2`.

use wasmtime::component::Resource;
use wasmtime_wasi::WasiView;

use super::super::bindings::wasi::keyvalue0_2_0_draft2::{atomics, batch, store};
use super::same::same_in_both_drafts;
use super::{Backing, Bucket, Cas, Refused};
use crate::host::HostState;

same_in_both_drafts!(String, keyvalue_keys);

impl HostState {
    /// Creates a handle for the guest. It counts against the same limit as all other resources.
    fn keyvalue_keep(&mut self, cas: Cas) -> Result<Resource<Cas>, Refused> {
        self.ctx().table.push(cas).map_err(|error| Refused::Other(format!("too many handles are open: {error}")))
    }

    async fn keyvalue_swap_or_look(&mut self, cas: Resource<Cas>, value: Vec<u8>) -> Result<Option<Cas>, Refused> {
        let cas = self.ctx().table.delete(cas).map_err(|error| Refused::Other(error.to_string()))?;
        let (backing, key) = (cas.backing, cas.key.clone());
        if self.keyvalue_swap(cas, value).await? { Ok(None) } else { self.keyvalue_look(backing, key).await.map(Some) }
    }
}

impl atomics::HostCas for HostState {
    async fn new(&mut self, bucket: Resource<Bucket>, key: String) -> Result<Resource<Cas>, store::Error> {
        let cas = self.keyvalue_look(Backing::of(&bucket), key).await?;
        Ok(self.keyvalue_keep(cas)?)
    }

    /// Returns the current value. If it differs from the one that the handle read, the swap will fail.
    async fn current(&mut self, cas: Resource<Cas>) -> Result<Option<Vec<u8>>, store::Error> {
        let cas = self.ctx().table.get(&cas).map_err(|error| store::Error::Other(error.to_string()))?;
        let (backing, key) = (cas.backing, cas.key.clone());
        Ok(self.keyvalue_get(backing, key).await?)
    }

    async fn drop(&mut self, cas: Resource<Cas>) -> wasmtime::Result<()> {
        self.ctx().table.delete(cas)?;
        Ok(())
    }
}

impl atomics::Host for HostState {
    async fn increment(&mut self, bucket: Resource<Bucket>, key: String, delta: i64) -> Result<i64, store::Error> {
        let bounds = i64::MIN.into()..=i64::MAX.into();
        let sum = self.keyvalue_increment(Backing::of(&bucket), key, delta.into(), bounds).await?;
        Ok(i64::try_from(sum).unwrap_or(i64::MAX))
    }

    async fn swap(&mut self, cas: Resource<Cas>, value: Vec<u8>) -> Result<(), atomics::CasError> {
        let refused = |refused: Refused| atomics::CasError::StoreError(refused.into());
        match self.keyvalue_swap_or_look(cas, value).await.map_err(refused)? {
            None => Ok(()),
            Some(now) => Err(atomics::CasError::CasFailed(self.keyvalue_keep(now).map_err(refused)?)),
        }
    }
}
