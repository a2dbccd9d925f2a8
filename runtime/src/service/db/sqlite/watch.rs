//! The callbacks by which SQLite asks the host while a plugin's statement is prepared and runs: the authorizer, whether
//! it may do something, and the progress handler, whether it may go on.
//!
//! Both use one record for each connection, which is filled in before a statement runs and read afterwards.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use parking_lot::{Mutex, MutexGuard};
use rusqlite::Connection;
use rusqlite::hooks::{AuthContext, Authorization};

use super::authorizer::{self, Access};
use super::slices::Slice;
use crate::limits::{DB_LOG_BYTES_MAX, DB_LOOKS_HERE_MAX, DB_LOOKS_PER_SLICE, DB_STEPS_PER_CHECK};

/// The record of one connection.
#[derive(Clone, Default)]
pub(super) struct Watch(Arc<Mutex<Record>>);

#[derive(Default)]
pub(super) struct Record {
    pub(super) origin: Origin,
    /// The accesses of the statement that is being prepared.
    pub(super) wanted: Vec<Access>,
    /// The reason why a statement was refused that no plugin may run.
    pub(super) refused: Option<String>,
    pub(super) until: Until,
    /// The reason why a statement was stopped while it ran.
    pub(super) stopped: Option<Stop>,
    /// The time of the running statement, read at its first use.
    moment: Option<i64>,
    looks: u32,
    pub(super) slice: Slice,
    /// The write-ahead log, where there is one.
    log: Option<PathBuf>,
}

/// The origin of the SQL that runs.
#[derive(Default, PartialEq)]
pub(super) enum Origin {
    /// The host: everything is allowed.
    #[default]
    Host,
    /// A plugin whose statement is being prepared: its accesses are recorded.
    Preparing,
    /// A plugin whose statement was prepared and checked. If the schema has changed, SQLite prepares it again, and then
    /// it must need the same accesses.
    Running(Arc<[Access]>),
}

/// The bounds of a statement's run.
#[derive(Clone, Default)]
pub(super) enum Until {
    /// A short time, because it runs on its caller's thread.
    #[default]
    Soon,
    /// The deadline, or the moment when its caller no longer waits for the answer, on a thread that may block.
    Deadline { deadline: Instant, cancelled: Arc<AtomicBool> },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stop {
    Deadline,
    Cancelled,
    TooLongHere,
    /// The write-ahead log has reached its limit.
    Log(u64),
}

impl Watch {
    /// Registers the callbacks.
    pub(super) fn install(connection: &mut Connection, log: Option<PathBuf>) -> rusqlite::Result<Self> {
        let watch = Watch::default();
        watch.record().log = log;
        let asked = watch.clone();
        connection.authorizer(Some(move |context: AuthContext<'_>| asked.record().authorize(&context)))?;
        let asked = watch.clone();
        connection.progress_handler(DB_STEPS_PER_CHECK, Some(move || asked.record().must_stop()))?;
        Ok(watch)
    }

    pub(super) fn record(&self) -> MutexGuard<'_, Record> {
        self.0.lock()
    }
}

impl Record {
    /// Resets the record for a plugin's statement that is about to be prepared or run.
    pub(super) fn begin(&mut self, origin: Origin, until: &Until) {
        *self = Record { origin, until: until.clone(), log: self.log.take(), ..Record::default() };
    }

    /// The time of the running statement. The host's own statements are never begun, so they read the clock each time.
    pub(super) fn moment(&mut self, now: impl FnOnce() -> i64) -> i64 {
        if self.origin == Origin::Host { now() } else { *self.moment.get_or_insert_with(now) }
    }

    fn authorize(&mut self, context: &AuthContext<'_>) -> Authorization {
        if self.origin == Origin::Host {
            return Authorization::Allow;
        }
        match (authorizer::judge(context), &self.origin) {
            (Ok(None), _) => Authorization::Allow,
            (Ok(Some(access)), Origin::Running(known)) if known.contains(&access) => Authorization::Allow,
            (Ok(Some(_)), Origin::Running(_)) => Authorization::Deny,
            (Ok(Some(access)), _) => {
                if !self.wanted.contains(&access) {
                    self.wanted.push(access);
                }
                Authorization::Allow
            }
            (Err(why), _) => {
                self.refused.get_or_insert(why);
                Authorization::Deny
            }
        }
    }

    fn must_stop(&mut self) -> bool {
        if self.origin == Origin::Host {
            return false;
        }
        self.looks = self.looks.wrapping_add(1);
        if self.looks.is_multiple_of(DB_LOOKS_PER_SLICE) {
            self.slice.next();
        }
        self.stopped = self.stopped.or_else(|| self.reason_to_stop());
        self.stopped.is_some()
    }

    fn reason_to_stop(&self) -> Option<Stop> {
        let Until::Deadline { deadline, cancelled } = &self.until else {
            return (self.looks > DB_LOOKS_HERE_MAX).then_some(Stop::TooLongHere);
        };
        if cancelled.load(Ordering::Relaxed) {
            return Some(Stop::Cancelled);
        }
        // Reading the clock takes as long as some steps, and asking the file system as long as some hundred.
        if self.looks.is_multiple_of(4) && Instant::now() >= *deadline {
            return Some(Stop::Deadline);
        }
        if self.looks.is_multiple_of(256) { self.log_is_full() } else { None }
    }

    /// Whether the write-ahead log is longer than it may be.
    pub(super) fn log_is_full(&self) -> Option<Stop> {
        let bytes = std::fs::metadata(self.log.as_ref()?).ok()?.len();
        (bytes > DB_LOG_BYTES_MAX).then_some(Stop::Log(bytes))
    }
}
