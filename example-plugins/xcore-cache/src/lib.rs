//! XCore's sample of the cache: values with a time to live, set, read and deleted by actions.

use std::time::Duration;

use plugbay_sdk::cache;
use plugbay_sdk::prelude::*;

#[derive(Deserialize, Schema)]
struct NewValue {
    key: String,
    #[schema(any)]
    value: Value,
    /// In seconds. A value with a time of 0 or less does not expire.
    #[serde(default = "ttl")]
    ttl: i64,
}

fn ttl() -> i64 {
    300
}

#[derive(Deserialize, Schema)]
struct Key {
    key: String,
}

#[derive(Default)]
struct Plugin;

#[plugin(permissions("cache.*:read,write"))]
impl Plugin {
    /// Caches a value.
    #[action]
    fn set(&self, payload: NewValue) -> Result<Reply> {
        let NewValue { key, value, ttl } = payload;
        match u64::try_from(ttl) {
            Ok(seconds @ 1..) => cache::set_for(&key, value, Duration::from_secs(seconds))?,
            _ => cache::set_forever(&key, value)?,
        }
        Ok(ok!({ "message": "Value cached" }))
    }

    /// Returns a value; null if there is none.
    #[action(idempotent)]
    fn get(&self, payload: Key) -> Result<Reply> {
        let value: Option<Value> = cache::get(&payload.key)?;
        Ok(ok!({ "value": value }))
    }

    /// Deletes a value.
    #[action(idempotent)]
    fn delete(&self, payload: Key) -> Result<Reply> {
        cache::delete(&payload.key)?;
        Ok(ok!({ "message": "Key deleted" }))
    }
}
