//! What SQL may and may not do, without a guest around it.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::connection::{Conn, Place};
use super::database::About;
use super::statement::SqlCall;
use crate::clock::{Clock, SystemClock};
use crate::service::db::store::{SqlAnswer, SqlError, SqlStatement, SqlUse, SqlValue};

struct Scene {
    conn: Conn,
    /// How long a statement may run: longer than any of these takes on a busy machine.
    patience: Duration,
    granted: fn(&str, plugbay_manifest::PermissionAction) -> bool,
}

impl Scene {
    fn new() -> Self {
        let conn = Conn::open(&Place::Memory, Arc::new(SystemClock)).expect("it opens");
        Scene { conn, patience: Duration::from_secs(60), granted: |_, _| true }
    }

    fn run(&mut self, sql: &str) -> Result<SqlAnswer, SqlError> {
        let deadline = Instant::now() + self.patience;
        let statement = SqlStatement { sql: sql.to_owned(), wants_rows: true, deadline, may: Arc::new(self.granted) };
        let call = SqlCall { statement, about: Arc::new(About::of_test()) };
        Ok(call.run(&mut self.conn, &[], &call.until(Arc::default()))?.answer)
    }

    /// The first value of the first row.
    fn value(&mut self, sql: &str) -> SqlValue {
        let answer = self.run(sql).unwrap_or_else(|problem| panic!("{sql}: {problem:?}"));
        answer.rows.into_iter().flatten().next().unwrap_or_else(|| panic!("{sql}: no rows"))
    }

    fn integer(&mut self, sql: &str) -> i64 {
        match self.value(sql) {
            SqlValue::Integer(number) => number,
            other => panic!("{sql}: {other:?}"),
        }
    }
}

/// A clock that goes on by a millisecond whenever it is read.
struct Ticking(AtomicU64);

impl Clock for Ticking {
    fn now(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_millis(self.0.fetch_add(1, Ordering::Relaxed))
    }

    fn sleep_until(&self, _: SystemTime) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(std::future::ready(()))
    }
}

#[test]
fn plugbay_now_is_the_same_throughout_a_statement() {
    let conn = Conn::open(&Place::Memory, Arc::new(Ticking(AtomicU64::new(1)))).expect("it opens");
    let mut scene = Scene { conn, ..Scene::new() };
    scene.run("CREATE TABLE t (made DEFAULT (plugbay_now()), changed DEFAULT (plugbay_now()), x)").expect("made");
    scene.run("INSERT INTO t (x) VALUES (1), (2)").expect("inserted");
    assert_eq!(scene.integer("SELECT count(DISTINCT made) + sum(made <> changed) FROM t"), 1);
    let first = scene.integer("SELECT plugbay_now()");
    assert!(scene.integer("SELECT plugbay_now()") > first, "the next statement reads the clock again");
}

/// Two tables, a view and a trigger.
fn made() -> Scene {
    let mut scene = Scene::new();
    for sql in [
        "CREATE TABLE a (id INTEGER PRIMARY KEY AUTOINCREMENT, x TEXT, y)",
        "CREATE TABLE b (id INTEGER PRIMARY KEY, a_id INTEGER REFERENCES a(id) ON DELETE CASCADE)",
        "CREATE INDEX a_x ON a (x)",
        "CREATE VIEW v AS SELECT x FROM a",
        "CREATE TRIGGER a_b AFTER INSERT ON a BEGIN INSERT INTO b (a_id) VALUES (new.id); END",
        "INSERT INTO a (x) VALUES ('one'), ('two')",
    ] {
        scene.run(sql).unwrap_or_else(|problem| panic!("{sql}: {problem:?}"));
    }
    scene
}

#[test]
fn ordinary_sql_runs() {
    let mut scene = made();
    for sql in [
        "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c LIMIT 5) SELECT sum(n) FROM c",
        "SELECT value, rank() OVER (ORDER BY value) FROM json_each('[1, 2]')",
        "SELECT name FROM sqlite_master",
        "SELECT 'a' LIKE 'A%', 'x' GLOB '*', current_timestamp, json('{}') -> '$.a', max(1, 2), date('now')",
        "INSERT INTO a (x) SELECT x FROM v WHERE true ON CONFLICT DO NOTHING",
        "UPDATE a SET x = upper(x) WHERE id IN (SELECT a_id FROM b) RETURNING x",
        "DELETE FROM a WHERE id = 1",
        "EXPLAIN QUERY PLAN SELECT * FROM a",
        "ALTER TABLE a RENAME TO aa",
        "ALTER TABLE aa RENAME COLUMN y TO yy",
        "ALTER TABLE aa ADD COLUMN z INTEGER DEFAULT 5",
        "ALTER TABLE aa DROP COLUMN yy",
        "CREATE TABLE c AS SELECT * FROM aa",
        "CREATE UNIQUE INDEX c_id ON c (id) WHERE x IS NOT NULL",
        "DROP INDEX c_id",
        "DROP TRIGGER a_b",
        "DROP VIEW v",
        "DROP TABLE aa",
        "SELECT 1; -- done",
    ] {
        scene.run(sql).unwrap_or_else(|problem| panic!("{sql}: {problem:?}"));
    }
}

/// Asserts that no plugin may run it, whatever it was granted, and that the text says which part of it is refused.
fn check_refused(scene: &mut Scene, sql: &str, said: &str) {
    match scene.run(sql) {
        Err(SqlError::Invalid(text)) if text.contains(said) => {}
        other => panic!("{sql}: {:?}", other.map(|answer| answer.rows)),
    }
}

#[test]
fn what_no_plugin_may_run_is_refused_by_name() {
    let scene = &mut made();
    for (sql, said) in [
        ("PRAGMA table_info(b)", "`PRAGMA table_info`"),
        ("pragma journal_mode = delete", "`PRAGMA journal_mode`"),
        ("SELECT * FROM pragma_table_info('b')", "`pragma_table_info`"),
        ("SELECT * FROM dbstat", "`dbstat`"),
        ("SELECT * FROM fts3tokenize", "`fts3tokenize`"),
        ("CREATE TABLE c AS SELECT * FROM dbstat", "`dbstat`"),
        ("CREATE TABLE c AS SELECT * FROM pragma_database_list", "`pragma_database_list`"),
        ("ATTACH 'x.db' AS x", "`ATTACH`"),
        ("DETACH main", "`DETACH`"),
        ("VACUUM", "`VACUUM`"),
        ("VACUUM INTO 'x.db'", "`VACUUM`"),
        ("ANALYZE", "`ANALYZE`"),
        ("REINDEX a_x", "refused"),
        ("CREATE VIRTUAL TABLE f USING fts5(a)", "virtual"),
        ("CREATE TEMP TABLE t (x)", "temporary"),
        ("CREATE TABLE temp.t (x)", "temporary"),
        ("CREATE TEMP VIEW t AS SELECT 1", "temporary"),
        ("CREATE TEMP TRIGGER t AFTER INSERT ON a BEGIN SELECT 1; END", "temporary"),
        ("INSERT INTO sqlite_master VALUES (1, 1, 1, 1, 1)", "sqlite_master"),
        ("UPDATE sqlite_schema SET sql = ''", "sqlite_master"),
        ("CREATE TABLE plugbay_x (x)", "`plugbay_x`"),
        ("CREATE TABLE \"PlugBay_x\" (x)", "`PlugBay_x`"),
        ("CREATE INDEX plugbay_x ON a (x)", "`plugbay_x`"),
        ("CREATE TABLE json_each (x)", "`json_each`"),
        ("SELECT load_extension('x')", "`load_extension`"),
        ("SELECT fts3_tokenizer('x')", "`fts3_tokenizer`"),
        ("SELECT json_patch('{}', '{}')", "`json_patch`"),
        ("SELECT sqlite_rename_table(1, 2, 3, 4, 5, 6, 7)", "sqlite_rename_table"),
        ("BEGIN", "`begin`"),
        ("/* */ begin immediate", "`begin`"),
        ("COMMIT", "`begin`"),
        ("END", "`begin`"),
        ("ROLLBACK", "`begin`"),
        ("SAVEPOINT s", "`begin`"),
        ("RELEASE s", "`begin`"),
        ("SELECT 1; SELECT 2", "more than one"),
        ("; /* */", "no statement"),
        ("SELECT \"no such column\" FROM a", "no such column"),
    ] {
        check_refused(scene, sql, said);
    }
}

#[test]
fn statement_over_a_bound_is_stopped_with_the_bound_by_name() {
    let scene = &mut made();
    let rows = "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c)";
    for (sql, said) in [
        ("SELECT randomblob(1000000000)".to_owned(), "bytes of a value or row: 1000000"),
        ("SELECT zeroblob(1000000000)".to_owned(), "bytes of a value or row: 1000000"),
        ("SELECT printf('%1000000000d', 1)".to_owned(), "bytes of a value or row: 1000000"),
        ("SELECT replace(hex(zeroblob(100000)), '0', 'abcdefghijklm')".to_owned(), "bytes of a value or row: 1000000"),
        (format!("{rows} SELECT n FROM c"), "rows of an answer"),
        (format!("{rows} SELECT n, randomblob(1000) FROM c"), "bytes of an answer"),
        (format!("SELECT {}", vec!["1"; 257].join(", ")), "columns of a table or result: 256"),
        (format!("SELECT max({})", vec!["1"; 101].join(", ")), "arguments of a function: 100"),
        (format!("SELECT 1 IN ({})", vec!["1"; 40_000].join(",")), "instructions of a statement's program: 25000"),
        (format!("SELECT {}1{}", "(".repeat(5_000), ")".repeat(5_000)), "depth of an expression: 100"),
        (format!("SELECT {}1", "NOT ".repeat(20_000)), "depth of an expression: 100"),
        (vec!["SELECT 1"; 51].join(" UNION "), "compound"),
        (format!("SELECT 1 FROM {}", vec!["b"; 65].join(" JOIN ")), "64 tables"),
        (format!("SELECT '{}'", "x".repeat(100_000)), "bytes of a statement: 100000"),
        (format!("SELECT 'x' LIKE '{}'", "%".repeat(101)), "bytes of a LIKE or GLOB pattern: 100"),
        ("SELECT ?1001".to_owned(), "parameters of a statement: 1000"),
    ] {
        match scene.run(&sql) {
            Err(SqlError::Limit(limit)) if limit.to_string().contains(said) => {}
            other => panic!("{}: {:?}", &sql[..sql.len().min(100)], other.map(|answer| answer.rows)),
        }
    }
}

#[test]
fn statement_without_an_end_is_stopped_at_its_deadline() {
    let scene = &mut made();
    scene.patience = Duration::from_millis(200);
    let endless = "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c) SELECT count(*) FROM c";
    match scene.run(endless) {
        Err(SqlError::Interrupted(text)) if text.contains("the call's deadline") => {}
        other => panic!("{:?}", other.map(|answer| answer.rows)),
    }
}

#[test]
fn table_whose_checks_and_keys_read_it_can_be_made() {
    let scene = &mut made();
    for sql in [
        "CREATE TABLE by_key (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
        "CREATE TABLE checked (a INTEGER CHECK (a > 0), b INTEGER DEFAULT 1, CHECK (a < b))",
        "CREATE TABLE Computed (a INTEGER, b INTEGER GENERATED ALWAYS AS (a * 2) STORED, UNIQUE (a, b))",
        "CREATE UNIQUE INDEX checked_a ON checked (a) WHERE b > 1",
        "INSERT INTO by_key VALUES ('k', 'v')",
    ] {
        scene.run(sql).unwrap_or_else(|problem| panic!("{sql}: {problem:?}"));
    }
}

#[test]
fn change_that_answers_too_many_rows_is_undone() {
    let mut scene = made();
    let rows = "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c LIMIT 10001)";
    let insert = format!("INSERT INTO b (id) {rows} SELECT n + 100 FROM c RETURNING id");
    let before = scene.integer("SELECT count(*) FROM b");
    for inside in [false, true] {
        if inside {
            scene.conn.sqlite.execute_batch("BEGIN").expect("begun");
        }
        assert!(matches!(scene.run(&insert), Err(SqlError::Limit(_))));
        assert_eq!(scene.integer("SELECT count(*) FROM b"), before, "inside a transaction: {inside}");
        assert_eq!(scene.conn.is_in_transaction(), inside);
    }
    assert_eq!(scene.integer("INSERT INTO b (id) VALUES (999) RETURNING id"), 999);
    scene.conn.sqlite.execute_batch("COMMIT").expect("committed");
    assert_eq!(scene.integer("SELECT count(*) FROM b"), before + 1);
}

/// Each of SQLite's own would take minutes for these.
#[test]
fn functions_that_take_the_square_of_a_text_are_replaced() {
    let scene = &mut Scene::new();
    let (hay, needle) = ("hex(zeroblob(490000))", "substr(hex(zeroblob(250000)), 2) || '1'");
    assert_eq!(scene.integer(&format!("SELECT instr({hay}, {needle})")), 0);
    assert_eq!(scene.integer(&format!("SELECT length(replace({hay}, {needle}, ''))")), 980_000);
    let others = format!("replace({hay}, '0', 'b') || '0'");
    for trim in ["trim", "ltrim", "rtrim"] {
        assert_eq!(scene.integer(&format!("SELECT length({trim}({hay}, {others}))")), 0);
    }
}

#[test]
fn replaced_functions_answer_what_sqlite_answers() {
    let ours = &mut Scene::new();
    let plain = rusqlite::Connection::open_in_memory().expect("it opens");
    for expression in [
        "instr('täst', 's')",
        "instr('abc', '')",
        "instr('', 'a')",
        "instr(NULL, 'a')",
        "instr('a', NULL)",
        "instr(x'00ff01', x'01')",
        "instr('aXc', x'58')",
        "instr(12345, 34)",
        "instr('ABC', 'b')",
        "replace('a-b-c', '-', '+')",
        "replace('aaa', 'aa', 'b')",
        "replace('abc', '', 'x')",
        "replace(NULL, 'a', 'b')",
        "replace('a', 'a', NULL)",
        "replace(121, 2, 3)",
        "replace('abc', 'd', 'e')",
        "replace(1.5, '.', ',')",
        "trim('xxaxbxx', 'x')",
        "trim('äöaöä', 'äö')",
        "trim('abc', '')",
        "trim('abc', NULL)",
        "trim(' a ')",
        "ltrim('xyxa', 'xy')",
        "rtrim('axyx', 'xy')",
        "trim('aaa', 'a')",
        "typeof(trim(5, 'x'))",
        "typeof(replace(5, 4, 3))",
        "typeof(instr('a', 'a'))",
    ] {
        let sql = format!("SELECT quote({expression})");
        let expected: String = plain.query_row(&sql, (), |row| row.get(0)).expect("it is SQL");
        assert_eq!(format!("{:?}", ours.value(&sql)), format!("{:?}", SqlValue::Text(expected)), "{expression}");
    }
}

#[test]
fn each_table_needs_its_own_grant() {
    use plugbay_manifest::PermissionAction::{Read, Write};
    let mut scene = made();
    scene.run("CREATE TABLE secret (x)").expect("granted");
    scene.granted = |resource, action| match resource {
        "db.a" | "db.v" => true,
        "db.b" => action == Read,
        _ => false,
    };
    for (sql, denied) in [
        ("SELECT x FROM a JOIN b ON a.id = a_id", None),
        ("SELECT count(*) FROM v", None),
        ("WITH c AS (SELECT 1) SELECT count(*) FROM c, a", None),
        ("SELECT count(*) FROM secret", Some(("db.secret", Read))),
        ("SELECT count(*) FROM SECRET", Some(("db.secret", Read))),
        ("SELECT 1 FROM a WHERE EXISTS (SELECT x FROM main.[Secret])", Some(("db.secret", Read))),
        ("WITH c AS (SELECT * FROM secret) SELECT 1 FROM c", Some(("db.secret", Read))),
        ("INSERT INTO b (a_id) VALUES (1)", Some(("db.b", Write))),
        ("INSERT INTO a (x) VALUES ('a trigger writes b')", Some(("db.b", Write))),
        ("DELETE FROM a WHERE id = 1", Some(("db.b", Write))),
        ("UPDATE a SET y = (SELECT max(x) FROM secret)", Some(("db.secret", Read))),
        ("CREATE TABLE other (x)", Some(("db.other", Write))),
        ("CREATE INDEX i ON b (a_id)", Some(("db.b", Write))),
        ("ALTER TABLE secret ADD COLUMN y", Some(("db.secret", Write))),
        ("DROP TABLE Secret", Some(("db.secret", Write))),
        ("SELECT name FROM sqlite_master", Some(("db.sqlite_master", Read))),
    ] {
        let ran = scene.run(sql);
        match denied {
            None => drop(ran.unwrap_or_else(|problem| panic!("{sql}: {problem:?}"))),
            Some((resource, action)) => {
                assert_eq!(
                    ran.map(drop).err(),
                    Some(SqlError::Denied(SqlUse { resource: resource.to_owned(), action })),
                    "{sql}"
                );
            }
        }
    }
}

#[test]
fn revoked_grant_stops_a_prepared_statement() {
    let mut scene = made();
    scene.run("SELECT x FROM a").expect("granted");
    scene.granted = |_, _| false;
    assert!(matches!(scene.run("SELECT x FROM a"), Err(SqlError::Denied(_))));
}

#[test]
fn view_that_comes_to_show_another_table_needs_that_tables_grant() {
    let mut scene = made();
    scene.run("CREATE TABLE secret (x)").expect("granted");
    scene.run("SELECT x FROM v").expect("granted");
    // Behind this connection's back, as another one would.
    scene.conn.sqlite.execute_batch("DROP VIEW v; CREATE VIEW v AS SELECT x FROM secret").expect("made");
    scene.granted = |resource, _| resource != "db.secret";
    let ran = scene.run("SELECT x FROM v");
    assert!(matches!(&ran, Err(SqlError::Denied(denied)) if denied.resource == "db.secret"), "{:?}", ran.map(drop));
}

#[test]
fn wrong_number_of_parameters_is_told() {
    check_refused(&mut made(), "SELECT ?, ?", "has 2 parameters, and 0 were given");
}

/// SQLite compiles by recursion. The stack here is half of what a host function has at the least.
#[test]
fn chains_of_views_and_triggers_are_bounded_before_the_stack_is() {
    let small_stack = std::thread::Builder::new().stack_size(768 << 10);
    let ran = small_stack.spawn(|| {
        let mut scene = Scene::new();
        let too_deep =
            |ran: Result<SqlAnswer, SqlError>| matches!(ran, Err(SqlError::Limit(limit)) if limit.to_string().contains("too deep"));
        scene.run("CREATE TABLE v0 (x)").expect("made");
        for i in 1..400 {
            scene.run(&format!("CREATE VIEW v{i} AS SELECT * FROM v{}", i - 1)).expect("made");
        }
        scene.run("SELECT count(*) FROM v99").expect("it is not too deep");
        assert!(too_deep(scene.run("SELECT count(*) FROM v399")));
        let expressions: Vec<String> = (1..2_500).map(|i| format!("c{i} AS (SELECT * FROM c{})", i - 1)).collect();
        let chain = format!("WITH c0 AS (SELECT 1), {} SELECT * FROM c2499", expressions.join(", "));
        assert!(too_deep(scene.run(&chain)));
        for i in 0..200 {
            scene.run(&format!("CREATE TABLE t{i} (x)")).expect("made");
            let insert = format!("INSERT INTO t{} VALUES (1)", (i + 1) % 200);
            scene.run(&format!("CREATE TRIGGER g{i} AFTER INSERT ON t{i} BEGIN {insert}; END")).expect("made");
        }
        assert!(too_deep(scene.run("INSERT INTO t0 VALUES (1)")));
    });
    ran.expect("a thread").join().expect("no panic");
}
