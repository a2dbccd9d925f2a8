//! Opens a plugin's database file from outside the runtime.

use std::path::Path;

/// Opens it. The memory of statements is bounded before, since SQLite accepts that only before its first use in a
/// process, and other tests of this process are about that bound.
#[allow(clippy::disallowed_methods, reason = "the one place that opens databases outside the runtime")]
pub(crate) fn open(path: &Path) -> rusqlite::Connection {
    plugbay::bound_sql_memory().expect("SQLite was not used before");
    rusqlite::Connection::open(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
