//! A process that uses SQLite before its memory is bounded.

use plugbay_sqlite_memory::{SqliteInUse, StatementMemory, install, is_installed, was_refused};

#[test]
fn sqlite_in_use_keeps_its_own_allocator() {
    let connection = rusqlite::Connection::open_in_memory().expect("it opens");
    assert_eq!(install(), Err(SqliteInUse));
    assert!(!is_installed());
    let _counted = StatementMemory::at_most(1 << 10);
    let long: String =
        connection.query_row("SELECT hex(zeroblob(1000000))", (), |row| row.get(0)).expect("not bounded");
    assert_eq!(long.len(), 2_000_000);
    assert!(!was_refused());
}
