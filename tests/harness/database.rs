//! Opens a plugin's database file from outside the runtime.

use std::path::Path;
use std::sync::Once;

use super::host::Host;

/// Opens it. A runtime is built before: SQLite takes the allocator that bounds a statement's memory before its first
/// use in a process and never again, and other tests of this process are about that bound.
#[allow(clippy::disallowed_methods, reason = "the one place that opens databases outside the runtime")]
pub(crate) fn open(path: &Path) -> rusqlite::Connection {
    static ALLOCATOR: Once = Once::new();
    ALLOCATOR.call_once(|| drop(Host::new()));
    rusqlite::Connection::open(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
