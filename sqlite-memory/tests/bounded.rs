//! A process whose SQLite has the counting allocator.

use plugbay_sqlite_memory::{StatementMemory, install, is_installed, was_refused};
use rusqlite::{Connection, ErrorCode};

/// Sorts 20 MB and returns the length of the first row.
fn sort(connection: &Connection) -> rusqlite::Result<usize> {
    let sql = "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c LIMIT 20) \
               SELECT randomblob(1000000) AS b FROM c ORDER BY b";
    connection.query_row(sql, (), |row| Ok(row.get::<_, Vec<u8>>(0)?.len()))
}

#[test]
fn statement_over_its_bound_fails_alone() {
    install().expect("SQLite was not used before");
    install().expect("it is installed already");
    assert!(is_installed());
    let connection = Connection::open_in_memory().expect("it opens");
    connection.pragma_update(None, "temp_store", "memory").expect("a setting");

    assert_eq!(sort(&connection), Ok(1_000_000), "nothing is counted");

    let counted = StatementMemory::at_most(4 << 20);
    let error = sort(&connection).expect_err("20 MB do not fit");
    assert_eq!(error.sqlite_error_code(), Some(ErrorCode::OutOfMemory));
    assert!(was_refused());
    let other = std::thread::spawn(|| sort(&Connection::open_in_memory()?));
    assert_eq!(other.join().expect("no panic"), Ok(1_000_000), "the count is the thread's own");
    drop(counted);

    assert_eq!(sort(&connection), Ok(1_000_000), "nothing is counted any more");

    let _counted = StatementMemory::at_most(64 << 20);
    for _ in 0..10 {
        assert_eq!(sort(&connection), Ok(1_000_000), "freed memory can be allocated again");
    }
    assert!(!was_refused());
}
