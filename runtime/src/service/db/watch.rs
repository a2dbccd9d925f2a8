//! What SQLite asks back while a plugin's statement is prepared and runs: may it do this (the authorizer), and may it
//! go on (the progress handler)?
//!
//! Both use one record for each connection, which is filled in before a statement runs and read afterwards.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use rusqlite::Connection;
use rusqlite::hooks::{AuthContext, Authorization};

use super::authorizer::{self, Access};
use crate::limits::{DB_LOG_BYTES_MAX, DB_LOOKS_HERE_MAX, DB_STEPS_UNTIL_LOOK};

/// The record of one connection.
#[derive(Clone, Default)]
pub(super) struct Watch(Arc<Mutex<Book>>);

#[derive(Default)]
pub(super) struct Book {
    pub(super) whose: Whose,
    /// What the statement that is being prepared wants to do.
    pub(super) wanted: Vec<Access>,
    /// Why a statement was refused that no plugin may run.
    pub(super) refused: Option<String>,
    pub(super) until: Until,
    /// Why a statement was stopped while it ran.
    pub(super) stopped: Option<Stop>,
    /// The time of the running statement, from when it is first asked for.
    moment: Option<i64>,
    looks: u32,
    /// The write-ahead log, where there is one.
    log: Option<PathBuf>,
}

/// Whose SQL runs.
#[derive(Default, PartialEq)]
pub(super) enum Whose {
    /// The host's own: anything goes.
    #[default]
    Host,
    /// A plugin's that is being prepared: what it wants is written down.
    Preparing,
    /// A plugin's that was prepared and checked. SQLite prepares it again where the tables have changed, and then it
    /// must want the same.
    Running(Arc<[Access]>),
}

/// How long a statement may run.
#[derive(Clone, Default)]
pub(super) struct Until {
    pub(super) deadline: Option<Instant>,
    /// Set when the caller no longer waits for the answer.
    pub(super) cancelled: Arc<AtomicBool>,
    /// Whether it runs in its caller's thread, and so for moments only.
    pub(super) here: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stop {
    Deadline,
    Cancelled,
    TooLongHere,
    /// The write-ahead log is as long as it may be.
    Log(u64),
}

impl Watch {
    /// Makes SQLite ask.
    pub(super) fn install(connection: &mut Connection, log: Option<PathBuf>) -> rusqlite::Result<Self> {
        let watch = Watch::default();
        watch.book().log = log;
        let asked = watch.clone();
        connection.authorizer(Some(move |context: AuthContext<'_>| asked.book().authorize(&context)))?;
        let asked = watch.clone();
        connection.progress_handler(DB_STEPS_UNTIL_LOOK, Some(move || asked.book().has_to_stop()))?;
        Ok(watch)
    }

    pub(super) fn book(&self) -> MutexGuard<'_, Book> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Book {
    /// A plugin's statement is about to be prepared or run.
    pub(super) fn begin(&mut self, whose: Whose, until: &Until) {
        *self = Book { whose, until: until.clone(), log: self.log.take(), ..Book::default() };
    }

    /// The time of the running statement. The host's own statements are never begun, so they read the clock each time.
    pub(super) fn moment(&mut self, now: impl FnOnce() -> i64) -> i64 {
        if self.whose == Whose::Host { now() } else { *self.moment.get_or_insert_with(now) }
    }

    fn authorize(&mut self, context: &AuthContext<'_>) -> Authorization {
        if self.whose == Whose::Host {
            return Authorization::Allow;
        }
        match (authorizer::judge(context), &self.whose) {
            (Ok(None), _) => Authorization::Allow,
            (Ok(Some(access)), Whose::Running(known)) if known.contains(&access) => Authorization::Allow,
            (Ok(Some(_)), Whose::Running(_)) => Authorization::Deny,
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

    fn has_to_stop(&mut self) -> bool {
        if self.whose == Whose::Host {
            return false;
        }
        self.looks = self.looks.wrapping_add(1);
        self.stopped = self.stopped.or_else(|| self.reason_to_stop());
        self.stopped.is_some()
    }

    fn reason_to_stop(&self) -> Option<Stop> {
        if self.until.here {
            return (self.looks > DB_LOOKS_HERE_MAX).then_some(Stop::TooLongHere);
        }
        if self.until.cancelled.load(Ordering::Relaxed) {
            return Some(Stop::Cancelled);
        }
        // The clock takes as long as some steps, and the file system as long as some hundred.
        if self.looks.is_multiple_of(4) && self.until.deadline.is_some_and(|deadline| Instant::now() >= deadline) {
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
