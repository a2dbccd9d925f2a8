//! A bound on the memory that SQLite allocates for one statement.
//!
//! SQLite can limit the memory of a process, not of a statement. Under the process's limit, one statement that takes
//! all of it makes the others fail. [`install`] gives SQLite a counting allocator for the whole process. While a
//! [`StatementMemory`] lives, everything that SQLite allocates on its thread counts as one statement's: sorting,
//! temporary tables, intermediate values, the compiled program. If an allocation exceeds the bound, it fails, and
//! SQLite ends only that statement with an out-of-memory error. All other statements of the process are served as
//! before: the allocator does not count theirs.
//!
//! # Why an allocator
//!
//! Other means do not bound a statement. Measured with SQLite 3.54.1, values of at most 1 MB and programs of at most
//! 25,000 instructions, each statement stopped after 5 s:
//!
//! | A statement that | temporary tables in memory | `temp_store = FILE`, a cache of 2 MiB |
//! |---|---|---|
//! | sorts random rows without end (116 bytes of SQL) | 1.1 to 1.6 GB | 4 MB, and 1.4 GB of files |
//! | removes duplicates, joins or sums in windows without end | 0.2 to 2.5 GB | 2 to 8 MB, and up to 2 GB of files |
//! | makes JSON of all rows (`json_group_array`, 117 bytes) | 1.6 GB | 1.6 GB |
//! | has 200 columns of 1 MB, or parses 250 JSON texts | 0.4 to 0.7 GB | 0.4 to 0.7 GB |
//! | names 3,000 constant expressions of 1 MB (89 kB of SQL) | 4.2 GB | 4.2 GB |
//!
//! Temporary files are not bounded either: only `sqlite3_db_status` reports their size, and they share one directory
//! per process. `soft_heap_limit` and `hard_heap_limit` apply to the process, so a neighbour or the embedding
//! application would run out of memory instead. The progress handler cannot see how much memory its statement takes.
//!
//! # Once per process, before SQLite is used
//!
//! SQLite accepts an allocator only before its first use. If SQLite was used before, it keeps its own: [`install`]
//! returns [`SqliteInUse`], and [`StatementMemory`] bounds nothing.

mod allocator;

use std::cell::Cell;
use std::marker::PhantomData;
use std::sync::OnceLock;

/// SQLite was used in this process before [`install`], so it keeps its own allocator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("SQLite was used in this process before its memory could be bounded: bound it at the beginning of `main`")]
pub struct SqliteInUse;

static INSTALLED: OnceLock<bool> = OnceLock::new();

/// Gives SQLite the counting allocator, for the rest of the process. Later calls return the same result.
///
/// # Errors
/// [`SqliteInUse`] if SQLite was used before.
pub fn install() -> Result<(), SqliteInUse> {
    match *INSTALLED.get_or_init(allocator::give) {
        true => Ok(()),
        false => Err(SqliteInUse),
    }
}

/// Returns whether SQLite has the counting allocator.
pub fn is_installed() -> bool {
    INSTALLED.get() == Some(&true)
}

thread_local! {
    /// Bytes that the statement on this thread may still allocate; `None` if none is counted.
    static LEFT: Cell<Option<usize>> = const { Cell::new(None) };
    /// Whether an allocation of the last counted statement on this thread was refused.
    static REFUSED: Cell<bool> = const { Cell::new(false) };
}

/// Returns whether an allocation of the last counted statement on this thread was refused.
pub fn was_refused() -> bool {
    REFUSED.get()
}

/// A guard for counting: while it lives, SQLite's allocations on this thread count as one statement's. It cannot leave
/// its thread.
///
/// Memory that the statement frees may be allocated again. One guard per thread counts at a time.
#[must_use = "nothing is counted after it is dropped"]
#[derive(Debug)]
pub struct StatementMemory(PhantomData<*const ()>);

impl StatementMemory {
    /// Starts counting, up to a bound in bytes.
    pub fn at_most(bytes: usize) -> Self {
        LEFT.set(Some(bytes));
        REFUSED.set(false);
        StatementMemory(PhantomData)
    }
}

impl Drop for StatementMemory {
    fn drop(&mut self) {
        LEFT.set(None);
    }
}

/// Counts an allocation of `bytes` bytes. Returns whether it is within the bound.
fn take(bytes: usize) -> bool {
    let Some(left) = LEFT.get() else { return true };
    let left = left.checked_sub(bytes);
    match left {
        Some(_) => LEFT.set(left),
        None => REFUSED.set(true),
    }
    left.is_some()
}

fn give_back(bytes: usize) {
    LEFT.set(LEFT.get().map(|left| left.saturating_add(bytes)));
}
