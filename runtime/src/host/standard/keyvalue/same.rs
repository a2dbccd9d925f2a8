//! The part that both drafts of `wasi:keyvalue` share: everything but cursors, counters and compare-and-swap.

/// Implements a draft's buckets and batches, for the draft's cursor type and its function that lists keys.
macro_rules! same_in_both_drafts {
    ($cursor:ty, $list:ident) => {
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
                Ok(self.keyvalue_get(Backing::of(&bucket), key).await?)
            }

            async fn set(&mut self, bucket: Resource<Bucket>, key: String, value: Vec<u8>) -> Result<(), store::Error> {
                Ok(self.keyvalue_set(Backing::of(&bucket), vec![(key, value)]).await?)
            }

            async fn delete(&mut self, bucket: Resource<Bucket>, key: String) -> Result<(), store::Error> {
                Ok(self.keyvalue_delete(Backing::of(&bucket), vec![key]).await?)
            }

            async fn exists(&mut self, bucket: Resource<Bucket>, key: String) -> Result<bool, store::Error> {
                Ok(self.keyvalue_exists(Backing::of(&bucket), key).await?)
            }

            async fn list_keys(
                &mut self,
                bucket: Resource<Bucket>,
                cursor: Option<$cursor>,
            ) -> Result<store::KeyResponse, store::Error> {
                let (keys, cursor) = self.$list(Backing::of(&bucket), cursor).await?;
                Ok(store::KeyResponse { keys, cursor })
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
                Ok(self.keyvalue_get_many(Backing::of(&bucket), keys).await?)
            }

            async fn set_many(
                &mut self,
                bucket: Resource<Bucket>,
                entries: Vec<(String, Vec<u8>)>,
            ) -> Result<(), store::Error> {
                Ok(self.keyvalue_set(Backing::of(&bucket), entries).await?)
            }

            async fn delete_many(&mut self, bucket: Resource<Bucket>, keys: Vec<String>) -> Result<(), store::Error> {
                Ok(self.keyvalue_delete(Backing::of(&bucket), keys).await?)
            }
        }
    };
}

pub(super) use same_in_both_drafts;
