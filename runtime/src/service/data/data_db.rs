//! The values of one plugin in their database: reading, writing, and the bounds that hold for all of them together.

use rusqlite::{Connection, OptionalExtension, Transaction};

use super::super::over_limit;
use super::DataError;
use crate::limits::{DATA_BATCH_BYTES_MAX, DATA_BYTES_MAX, DATA_KEYS_MAX, DATA_PAGE_KEYS_MAX};
use crate::sqlite::{Database, Stopped};

/// What makes the file. The totals are kept beside the entries, in the same transactions: to sum them up for each write
/// would cost more than the write.
pub(super) const STEPS: &[&str] = &["
    CREATE TABLE entries (key TEXT NOT NULL PRIMARY KEY, value BLOB NOT NULL, is_json INTEGER NOT NULL) STRICT;
    CREATE TABLE totals (keys INTEGER NOT NULL, bytes INTEGER NOT NULL) STRICT;
    INSERT INTO totals VALUES (0, 0);
"];

/// A kept value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Value {
    pub(crate) bytes: Vec<u8>,
    /// Whether the bytes are a JSON text.
    pub(crate) is_json: bool,
}

/// All values of one plugin.
pub(crate) struct DataDb {
    database: Database,
}

type Work<T> = Result<T, Stopped<DataError>>;

impl DataDb {
    pub(super) fn new(database: Database) -> Self {
        DataDb { database }
    }

    pub(crate) async fn get(&self, key: String) -> Result<Option<Value>, DataError> {
        Ok(self.database.read(move |connection| value_of(connection, &key)).await?)
    }

    pub(crate) async fn exists(&self, key: String) -> Result<bool, DataError> {
        let exists = move |connection: &Connection| {
            connection.prepare_cached("SELECT 1 FROM entries WHERE key = ?1")?.exists([&key])
        };
        Ok(self.database.read(exists).await?)
    }

    /// The values of these keys, in their order.
    pub(crate) async fn get_many(&self, keys: Vec<String>) -> Result<Vec<Option<Value>>, DataError> {
        let read = move |connection: &Connection| {
            let mut bytes = 0;
            let mut values = Vec::with_capacity(keys.len());
            for key in &keys {
                let value = value_of(connection, key)?;
                bytes += value.as_ref().map_or(0, |value| value.bytes.len());
                if bytes > DATA_BATCH_BYTES_MAX {
                    return Ok(Err(bytes));
                }
                values.push(value);
            }
            Ok(Ok(values))
        };
        let values = self.database.read(read).await?;
        values.map_err(|bytes| DataError::Limit(over_limit("data_batch_bytes", DATA_BATCH_BYTES_MAX, bytes)))
    }

    /// At most `limit` keys that begin with `prefix` and come after `after`, in the order of their bytes.
    pub(crate) async fn keys(
        &self,
        prefix: String,
        after: Option<String>,
        limit: usize,
    ) -> Result<Vec<String>, DataError> {
        let read = move |connection: &Connection| {
            let after = after.as_deref().unwrap_or_default();
            let mut statement = connection
                .prepare_cached("SELECT key FROM entries WHERE key >= ?1 AND key > ?2 ORDER BY key LIMIT ?3")?;
            let mut rows = statement.query((&prefix, after, limit as i64))?;
            let mut keys = Vec::new();
            while let Some(row) = rows.next()? {
                let key: String = row.get(0)?;
                if !key.starts_with(&prefix) {
                    break;
                }
                keys.push(key);
            }
            Ok(keys)
        };
        Ok(self.database.read(read).await?)
    }

    /// At most `limit` entries whose keys begin with `prefix` and come after `after`, in the order of the keys' bytes;
    /// fewer if their values have more than `bytes_max` bytes together, but at least one if there is one.
    ///
    /// Only values under keys that are `wanted` are read. Returns them, and the last key that was looked at if there
    /// may be more.
    pub(crate) async fn entries(
        &self,
        prefix: String,
        after: Option<String>,
        limit: usize,
        bytes_max: usize,
        wanted: impl Fn(&str) -> bool + Send + 'static,
    ) -> Result<(Vec<(String, Value)>, Option<String>), DataError> {
        let read = move |connection: &Connection| {
            let after = after.as_deref().unwrap_or_default();
            let mut statement = connection
                .prepare_cached("SELECT key, value, is_json FROM entries WHERE key >= ?1 AND key > ?2 ORDER BY key")?;
            let mut rows = statement.query((&prefix, after))?;
            let (mut entries, mut bytes, mut looked_at) = (Vec::new(), 0, 0);
            let mut last = None;
            while let Some(row) = rows.next()? {
                let key: String = row.get(0)?;
                if !key.starts_with(&prefix) {
                    return Ok((entries, None));
                }
                // A page ends before the entry that is too much for it, and goes on there.
                if looked_at == DATA_PAGE_KEYS_MAX || entries.len() == limit {
                    return Ok((entries, last));
                }
                looked_at += 1;
                if wanted(&key) {
                    let value = Value { bytes: row.get(1)?, is_json: row.get(2)? };
                    bytes += value.bytes.len();
                    if bytes > bytes_max && !entries.is_empty() {
                        return Ok((entries, last));
                    }
                    entries.push((key.clone(), value));
                }
                last = Some(key);
            }
            Ok((entries, None))
        };
        Ok(self.database.read(read).await?)
    }

    /// Sets all of these, or, where there would be too much, none.
    pub(crate) async fn set(&self, entries: Vec<(String, Value)>) -> Result<(), DataError> {
        self.database
            .write(move |transaction| {
                let mut change = Change::default();
                for (key, value) in &entries {
                    change.put(transaction, key, value)?;
                }
                change.settle(transaction)
            })
            .await
    }

    /// Removes these. Answers how many were there.
    pub(crate) async fn delete(&self, keys: Vec<String>) -> Result<usize, DataError> {
        self.database
            .write(move |transaction| {
                let mut change = Change::default();
                for key in &keys {
                    change.remove(transaction, key)?;
                }
                let removed = usize::try_from(-change.keys).unwrap_or_default();
                change.settle(transaction)?;
                Ok(removed)
            })
            .await
    }

    /// Replaces the value of a key by what `replace` makes of it, atomically. If it returns an error, nothing changes.
    pub(crate) async fn update<T: Send + 'static>(
        &self,
        key: String,
        replace: impl FnOnce(Option<Value>) -> Result<(Value, T), DataError> + Send + 'static,
    ) -> Result<T, DataError> {
        self.database
            .write(move |transaction| {
                let (value, answer) = replace(value_of(transaction, &key)?).map_err(Stopped::Refused)?;
                let mut change = Change::default();
                change.put(transaction, &key, &value)?;
                change.settle(transaction)?;
                Ok(answer)
            })
            .await
    }

    /// Sets a key to `new`, or removes it if that is none, if its value is `expected`. Returns whether it was.
    pub(crate) async fn swap(
        &self,
        key: String,
        expected: Option<Value>,
        new: Option<Value>,
    ) -> Result<bool, DataError> {
        self.database
            .write(move |transaction| {
                if value_of(transaction, &key)? != expected {
                    return Ok(false);
                }
                let mut change = Change::default();
                match &new {
                    Some(value) => change.put(transaction, &key, value)?,
                    None => change.remove(transaction, &key)?,
                }
                change.settle(transaction)?;
                Ok(true)
            })
            .await
    }

    /// Sets a key where `fits` says so of what is there. Answers whether it was set.
    pub(crate) async fn replace_if(
        &self,
        key: String,
        value: Value,
        fits: impl FnOnce(Option<&Value>) -> bool + Send + 'static,
    ) -> Result<bool, DataError> {
        self.database
            .write(move |transaction| {
                if !fits(value_of(transaction, &key)?.as_ref()) {
                    return Ok(false);
                }
                let mut change = Change::default();
                change.put(transaction, &key, &value)?;
                change.settle(transaction)?;
                Ok(true)
            })
            .await
    }
}

fn value_of(connection: &Connection, key: &str) -> rusqlite::Result<Option<Value>> {
    connection
        .prepare_cached("SELECT value, is_json FROM entries WHERE key = ?1")?
        .query_row([key], |row| Ok(Value { bytes: row.get(0)?, is_json: row.get(1)? }))
        .optional()
}

/// What a transaction changes in the totals.
#[derive(Default)]
struct Change {
    keys: i64,
    bytes: i64,
}

impl Change {
    fn put(&mut self, transaction: &Transaction<'_>, key: &str, value: &Value) -> Work<()> {
        self.forget(transaction, key)?;
        transaction
            .prepare_cached(
                "INSERT INTO entries (key, value, is_json) VALUES (?1, ?2, ?3)
                 ON CONFLICT (key) DO UPDATE SET value = excluded.value, is_json = excluded.is_json",
            )?
            .execute((key, &value.bytes, value.is_json))?;
        self.keys += 1;
        self.bytes += (key.len() + value.bytes.len()) as i64;
        Ok(())
    }

    fn remove(&mut self, transaction: &Transaction<'_>, key: &str) -> Work<()> {
        self.forget(transaction, key)?;
        transaction.prepare_cached("DELETE FROM entries WHERE key = ?1")?.execute([key])?;
        Ok(())
    }

    /// Takes what is there under a key out of the totals.
    fn forget(&mut self, transaction: &Transaction<'_>, key: &str) -> Work<()> {
        let old: Option<i64> = transaction
            .prepare_cached("SELECT length(value) FROM entries WHERE key = ?1")?
            .query_row([key], |row| row.get(0))
            .optional()?;
        if let Some(bytes) = old {
            self.keys -= 1;
            self.bytes -= key.len() as i64 + bytes;
        }
        Ok(())
    }

    /// Brings the totals up to date. Growing beyond a bound is refused; what is over one already may shrink.
    fn settle(self, transaction: &Transaction<'_>) -> Work<()> {
        let (keys, bytes): (i64, i64) = transaction
            .prepare_cached("UPDATE totals SET keys = keys + ?1, bytes = bytes + ?2 RETURNING keys, bytes")?
            .query_row((self.keys, self.bytes), |row| Ok((row.get(0)?, row.get(1)?)))?;
        for (limit, allowed, observed, change) in
            [("data_keys", DATA_KEYS_MAX, keys, self.keys), ("data_bytes", DATA_BYTES_MAX, bytes, self.bytes)]
        {
            if observed > allowed && change > 0 {
                return Err(Stopped::Refused(DataError::Limit(over_limit(limit, allowed, observed))));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::clock::ManualClock;
    use crate::scope::PluginScope;

    async fn data() -> DataDb {
        let scope = PluginScope::new("p".into(), None, Arc::new(ManualClock::default()));
        DataDb::new(Database::open(&scope, "data.sqlite3", STEPS).await.expect("it opens"))
    }

    fn value(bytes: &[u8]) -> Value {
        Value { bytes: bytes.to_vec(), is_json: false }
    }

    async fn totals(data: &DataDb) -> (i64, i64) {
        let totals = |connection: &Connection| {
            connection.query_row("SELECT keys, bytes FROM totals", (), |row| Ok((row.get(0)?, row.get(1)?)))
        };
        data.database.read(totals).await.expect("it reads")
    }

    #[tokio::test]
    async fn totals_follow_what_is_set_replaced_and_removed() {
        let data = data().await;
        let both = vec![("a".to_owned(), value(b"12")), ("bb".to_owned(), value(b"345"))];
        data.set(both).await.expect("set");
        assert_eq!(totals(&data).await, (2, 8));
        let twice = vec![("a".to_owned(), value(b"")), ("a".to_owned(), value(b"1234"))];
        data.set(twice).await.expect("set");
        assert_eq!(totals(&data).await, (2, 10));
        let keys = ["a", "a", "x"].map(str::to_owned).to_vec();
        assert_eq!(data.delete(keys).await, Ok(1));
        assert_eq!(totals(&data).await, (1, 5));
    }

    #[tokio::test]
    async fn data_that_is_full_refuses_all_of_a_set_and_may_shrink() {
        let data = data().await;
        let fill = |connection: &Transaction<'_>| -> Work<()> {
            connection.execute("UPDATE totals SET keys = ?1", [DATA_KEYS_MAX])?;
            Ok(())
        };
        data.set(vec![("a".to_owned(), value(b"1"))]).await.expect("set");
        data.database.write(fill).await.expect("filled");
        let more = vec![("a".to_owned(), value(b"2")), ("b".to_owned(), value(b"2"))];
        let error = data.set(more).await.expect_err("it is full").to_string();
        assert!(error.contains("data_keys") && error.contains("100000") && error.contains("100001"), "{error}");
        assert_eq!(data.get("a".to_owned()).await, Ok(Some(value(b"1"))), "nothing of it was set");
        data.set(vec![("a".to_owned(), value(b"2"))]).await.expect("replacing makes no key");
        assert_eq!(data.delete(vec!["a".to_owned()]).await, Ok(1));
    }

    #[tokio::test]
    async fn keys_come_in_the_order_of_their_bytes_from_the_prefix_and_cursor_on() {
        let data = data().await;
        let names = ["b", "a/2", "a/10", "a", "ä", "a/1", "B"];
        data.set(names.map(|name| (name.to_owned(), value(b""))).to_vec()).await.expect("set");
        let keys = async |prefix: &str, after: Option<&str>, limit| {
            data.keys(prefix.to_owned(), after.map(str::to_owned), limit).await.expect("it reads")
        };
        assert_eq!(keys("", None, 100).await, ["B", "a", "a/1", "a/10", "a/2", "b", "ä"]);
        assert_eq!(keys("a/", None, 2).await, ["a/1", "a/10"]);
        assert_eq!(keys("a/", Some("a/10"), 2).await, ["a/2"]);
        assert_eq!(keys("a/", Some("b"), 2).await, [""; 0]);
        assert_eq!(keys("%", None, 2).await, [""; 0]);
    }

    #[tokio::test]
    async fn swap_sets_and_removes_only_what_is_expected() {
        let data = data().await;
        let swap = async |expected: Option<&[u8]>, new: Option<&[u8]>| {
            data.swap("k".to_owned(), expected.map(value), new.map(value)).await.expect("it writes")
        };
        assert!(!swap(Some(b"1"), Some(b"2")).await, "there is none");
        assert!(swap(None, Some(b"1")).await);
        assert!(!swap(None, Some(b"2")).await, "there is one");
        assert!(swap(Some(b"1"), Some(b"23")).await);
        assert_eq!(totals(&data).await, (1, 3));
        assert!(swap(Some(b"23"), None).await);
        assert_eq!(totals(&data).await, (0, 0));
    }

    #[tokio::test]
    async fn entries_end_a_page_at_the_limit_and_at_the_bytes() {
        let data = data().await;
        let names = ["a/1", "a/2", "a/3", "b"];
        data.set(names.map(|name| (name.to_owned(), value(b"1234"))).to_vec()).await.expect("set");
        let page = async |after: Option<&str>, limit, bytes| {
            let (after, wanted) = (after.map(str::to_owned), |key: &str| key != "a/2");
            let (entries, cursor) = data.entries("a/".to_owned(), after, limit, bytes, wanted).await.expect("it reads");
            (entries.into_iter().map(|(key, _)| key).collect::<Vec<_>>(), cursor)
        };
        let text = |text: &str| Some(text.to_owned());
        assert_eq!(page(None, 10, 100).await, (vec!["a/1".to_owned(), "a/3".to_owned()], None));
        assert_eq!(page(None, 1, 100).await, (vec!["a/1".to_owned()], text("a/1")));
        assert_eq!(page(None, 10, 5).await, (vec!["a/1".to_owned()], text("a/2")));
        assert_eq!(page(text("a/2").as_deref(), 10, 1).await, (vec!["a/3".to_owned()], None));
    }

    #[tokio::test]
    async fn update_sees_the_value_and_may_refuse() {
        let data = data().await;
        let count = |value: Option<Value>| {
            let count = value.map_or(0, |value| value.bytes.len()) + 1;
            Ok((Value { bytes: vec![b'1'; count], is_json: true }, count))
        };
        assert_eq!(data.update("k".to_owned(), count).await, Ok(1));
        assert_eq!(data.update("k".to_owned(), count).await, Ok(2));
        let refuse = |_| Err::<(Value, ()), _>(DataError::Invalid("no".to_owned()));
        data.update("k".to_owned(), refuse).await.expect_err("refused");
        assert_eq!(totals(&data).await, (1, 3));
    }
}
