//! Writes that are committed together.
//!
//! Waiting for the disk takes most of the time of a write, and takes as long for many as for one. While a write is
//! committed, others queue; the next one that gets the connection commits all of them in one transaction. A single
//! write has a transaction of its own. In a batch, each write has a savepoint, to which it alone is rolled back if it
//! fails.

use std::sync::Arc;

use parking_lot::Mutex;
use rusqlite::{Connection, Transaction, TransactionBehavior, ffi};
use tokio::sync::oneshot;

use super::{About, Stopped, Unavailable};
use crate::limits::DATABASE_BATCH_MAX;

/// The writes that wait for the connection.
#[derive(Default)]
pub(super) struct Waiting(Mutex<Vec<Box<dyn Write>>>);

/// Writes to be committed together.
pub(super) struct Batch(Vec<Box<dyn Write>>);

/// A write of any type.
trait Write: Send {
    /// Returns whether its caller has stopped waiting. It need not begin then.
    fn is_abandoned(&self) -> bool;

    /// Runs it, and returns whether its changes are to be committed.
    fn run(&mut self, transaction: &Transaction<'_>) -> bool;

    /// Reports its outcome after the commit, or the reason why nothing was committed.
    fn report(self: Box<Self>, not_committed: Option<&Unavailable>);
}

struct Work<F, T, E> {
    about: Arc<About>,
    work: Option<F>,
    outcome: Option<Result<T, E>>,
    sender: oneshot::Sender<Result<T, E>>,
}

impl Waiting {
    /// Adds a write, and returns the receiver of its outcome.
    pub(super) fn add<T, E>(
        &self,
        about: Arc<About>,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, Stopped<E>> + Send + 'static,
    ) -> oneshot::Receiver<Result<T, E>>
    where
        T: Send + 'static,
        E: From<Unavailable> + Send + 'static,
    {
        let (sender, receiver) = oneshot::channel();
        self.0.lock().push(Box::new(Work { about, work: Some(work), outcome: None, sender }));
        receiver
    }

    /// Returns the number of waiting writes.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.0.lock().len()
    }

    /// Takes the writes that have waited longest. Each of the others is waited for by a caller that takes them later.
    pub(super) fn take(&self) -> Batch {
        let mut waiting = self.0.lock();
        let count = waiting.len().min(DATABASE_BATCH_MAX);
        Batch(waiting.drain(..count).collect())
    }
}

impl<F, T, E> Write for Work<F, T, E>
where
    F: FnOnce(&Transaction<'_>) -> Result<T, Stopped<E>> + Send,
    T: Send,
    E: From<Unavailable> + Send,
{
    fn is_abandoned(&self) -> bool {
        self.sender.is_closed()
    }

    fn run(&mut self, transaction: &Transaction<'_>) -> bool {
        let Some(work) = self.work.take() else { return false };
        let outcome = work(transaction).map_err(|stopped| match stopped {
            Stopped::Sql(error) => self.about.unavailable(&error).into(),
            Stopped::Refused(refused) => refused,
        });
        self.outcome.insert(outcome).is_ok()
    }

    fn report(self: Box<Self>, not_committed: Option<&Unavailable>) {
        let outcome = match (self.outcome, not_committed) {
            (Some(Ok(_)) | None, Some(unavailable)) => Err(unavailable.clone().into()),
            (Some(outcome), _) => outcome,
            // Every write of a batch that was committed has run.
            (None, None) => return,
        };
        // The caller may have stopped waiting.
        let _ = self.sender.send(outcome);
    }
}

impl Batch {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Runs and commits the writes, and reports the outcome of each.
    pub(super) fn run(self, connection: &mut Connection, about: &About) {
        let mut writes = self.0;
        writes.retain(|write| !write.is_abandoned());
        let not_committed = commit(connection, &mut writes).err().map(|error| about.unavailable(&error));
        for write in writes {
            write.report(not_committed.as_ref());
        }
    }
}

fn commit(connection: &mut Connection, writes: &mut [Box<dyn Write>]) -> rusqlite::Result<()> {
    if writes.is_empty() {
        return Ok(());
    }
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    if let [write] = writes {
        return if write.run(&transaction) { transaction.commit() } else { transaction.rollback() };
    }
    for write in writes {
        transaction.prepare_cached("SAVEPOINT write")?.execute(())?;
        let has_succeeded = write.run(&transaction);
        if transaction.is_autocommit() {
            // After some errors, such as a full disk, SQLite rolls the whole transaction back.
            let message = "a write in the same transaction failed".to_owned();
            return Err(rusqlite::Error::SqliteFailure(ffi::Error::new(ffi::SQLITE_ABORT), Some(message)));
        }
        if !has_succeeded {
            transaction.prepare_cached("ROLLBACK TO write")?.execute(())?;
        }
        transaction.prepare_cached("RELEASE write")?.execute(())?;
    }
    transaction.commit()
}
