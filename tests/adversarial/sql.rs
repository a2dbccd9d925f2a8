//! Plugins that attack through their database: other plugins' data, the host's files, its time, memory and disk.

use std::pin::pin;
use std::time::Duration;

use plugbay::{InvokeError, Plugin, Policy};
use serde_json::{Value, json};

use crate::harness::assert::{assert_contains, assert_invoke_error};
use crate::harness::guest::{feature, hostile};
use crate::harness::host::{Host, TestPlugin};
use crate::harness::patience::ends;

#[tokio::test]
async fn sql_in_a_parameter_is_a_text() {
    let scene = Scene::new().await;
    for input in [
        "'); DROP TABLE notes; --",
        "\"; DELETE FROM notes; /*",
        "' OR '1'='1",
        "x' UNION SELECT sql FROM sqlite_master --",
    ] {
        let found = scene.answers(json!({ "attack": "injection", "input": input })).await;
        assert_eq!(found, json!([{ "title": input }]));
    }
    scene.is_unharmed().await;
}

#[tokio::test]
async fn database_of_another_plugin_cannot_be_reached() {
    let scene = Scene::new().await;
    let theirs = scene.data.path().join("neighbour").join("db.sqlite3");
    assert!(theirs.is_file());
    let theirs = theirs.to_str().expect("a string");
    let statements = [
        format!("ATTACH '{theirs}' AS theirs"),
        "ATTACH ':memory:' AS m".to_owned(),
        format!("ATTACH DATABASE 'file:{theirs}?mode=ro' AS theirs"),
        "SELECT * FROM theirs.notes".to_owned(),
        "SELECT * FROM neighbour.notes".to_owned(),
        "SELECT * FROM notes".to_owned(),
        "SELECT * FROM '../neighbour/db.sqlite3'.notes".to_owned(),
        format!("VACUUM INTO '{theirs}.copy'"),
        format!("VACUUM main INTO '{theirs}.copy'"),
        "DETACH main".to_owned(),
        "SELECT load_extension('neighbour')".to_owned(),
        "SELECT readfile('/etc/passwd')".to_owned(),
        "SELECT writefile('/tmp/x', 'x')".to_owned(),
        "SELECT fts3_tokenizer('simple', x'0000000000000000')".to_owned(),
    ];
    scene.are_all_invalid(&statements).await;
    assert!(!scene.data.path().join("neighbour").join("db.sqlite3.copy").exists());
    let seen = scene.answers(json!({ "attack": "statements", "sql": ["SELECT name FROM sqlite_master"] })).await;
    assert_eq!(seen, json!([[]]), "it sees only its own tables, and has none");
    scene.is_unharmed().await;
}

#[tokio::test]
async fn settings_of_the_database_cannot_be_read_or_changed() {
    let scene = Scene::new().await;
    let mut statements: Vec<String> = [
        "writable_schema = on",
        "trusted_schema = on",
        "max_page_count = 1000000000",
        "journal_mode = off",
        "synchronous = off",
        "temp_store_directory = '/tmp'",
        "query_only = off",
        "foreign_keys = off",
        "cache_size = -1000000",
        "mmap_size = 1000000000",
        "hard_heap_limit = 1",
        "soft_heap_limit = 1",
        "wal_checkpoint(truncate)",
        "database_list",
        "user_version",
        "key = 'x'",
        "recursive_triggers = on",
        "legacy_alter_table = on",
        "ignore_check_constraints = on",
        "locking_mode = exclusive",
    ]
    .iter()
    .map(|pragma| format!("PRAGMA {pragma}"))
    .collect();
    statements.extend(
        ["SELECT * FROM pragma_database_list", "SELECT * FROM pragma_table_list()", "EXPLAIN PRAGMA user_version"]
            .map(str::to_owned),
    );
    scene.are_all_invalid(&statements).await;
    scene.is_unharmed().await;
}

#[tokio::test]
async fn tables_of_the_host_cannot_be_read_or_changed() {
    let scene = Scene::declaring(json!({ "t": { "columns": { "id": "id", "changed": "updated_at" } } })).await;
    scene
        .are_all_invalid(&[
            "SELECT * FROM plugbay_declared",
            "SELECT count(*) FROM PLUGBAY_DECLARED",
            "DELETE FROM main.\"plugbay_declared\"",
            "DROP TABLE plugbay_declared",
            "ALTER TABLE plugbay_declared RENAME TO mine",
            "DROP TRIGGER \"plugbay_t.changed\"",
            "CREATE TABLE plugbay_new_t (x)",
            "CREATE TRIGGER plugbay_mine AFTER INSERT ON t BEGIN SELECT 1; END",
            "DELETE FROM sqlite_master",
            "INSERT INTO sqlite_schema VALUES ('table', 'x', 'x', 0, 'CREATE TABLE x (y)')",
        ])
        .await;
    scene.is_unharmed().await;
}

#[tokio::test]
async fn endless_statement_yields_and_ends_at_the_deadline() {
    for attack in ["endless query", "endless change", "cross join"] {
        let scene = Scene::new().await;
        let mut attack_ends = pin!(scene.attack(json!({ "attack": attack })));
        let mut served = 0;
        let ended = ends(async {
            loop {
                let neighbour = async {
                    assert_eq!(notes(&scene.neighbour).await, json!([{ "title": "theirs" }]));
                };
                // Polled in this order: an attack that keeps the thread to itself lets the neighbour be served once.
                tokio::select! {
                    biased;
                    ended = &mut attack_ends => break ended,
                    () = neighbour => served += 1,
                }
            }
        })
        .await;
        // The host returns the error before the call's deadline. On a busy machine the guest may be too late to answer.
        match ended {
            Ok(answer) => assert!(answer[0]["error"]["interrupted"].is_string(), "{attack}: {answer}"),
            Err(error) => assert_invoke_error(&error, "hostile_sql", "timeout"),
        }
        assert!(served > 10, "{attack}: the neighbour was served {served} times");
        scene.is_unharmed().await;
    }
}

#[tokio::test]
async fn statement_over_a_limit_is_refused_with_its_name() {
    let scene = Scene::with_deadline(20).await;
    let rows = "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c)";
    let statements = [
        ("SELECT randomblob(1000000000)".to_owned(), "bytes of a value or row: 1000000 allowed"),
        ("SELECT zeroblob(2147483647)".to_owned(), "bytes of a value or row"),
        ("SELECT printf('%1000000000d', 1)".to_owned(), "bytes of a value or row"),
        ("SELECT hex(hex(hex(zeroblob(900000))))".to_owned(), "bytes of a value or row"),
        ("SELECT replace(hex(zeroblob(400000)), '0', hex(zeroblob(400000)))".to_owned(), "bytes of a value or row"),
        (format!("{rows} SELECT n FROM c"), "rows of an answer"),
        (format!("{rows} SELECT randomblob(900000) FROM c"), "bytes of an answer"),
        (format!("SELECT 1 IN ({})", vec!["1"; 45_000].join(",")), "instructions of a statement's program"),
        (format!("SELECT {}1", "-".repeat(2) + "\n" + &"NOT ".repeat(20_000)), "depth of an expression"),
        (format!("SELECT '{}' LIKE '{}'", "a".repeat(100), "%a".repeat(60)), "bytes of a LIKE or GLOB pattern"),
        (format!("SELECT 1 {}", "UNION SELECT 1 ".repeat(60)), "compound"),
        ("SELECT ?9999".to_owned(), "parameters of a statement"),
        (format!("SELECT '{}'", "x".repeat(200_000)), "bytes of a statement"),
    ];
    for (sql, limit) in statements {
        let answer = scene.answers(json!({ "attack": "statements", "sql": [sql] })).await;
        let text =
            answer[0]["error"]["limit_exceeded"].as_str().unwrap_or_else(|| panic!("{:.80}: {answer:.300}", sql));
        assert_contains(text, &[limit]);
    }
    scene.is_unharmed().await;
}

/// Without the bound, each of these takes between 200 MB and 4 GB.
#[tokio::test]
async fn statement_over_its_memory_is_stopped_alone() {
    let scene = Scene::with_deadline(120).await;
    let rows = "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c)";
    // Each constant has a register of its own.
    let constants: Vec<String> = (0..3_000).map(|n| format!("length(hex(zeroblob({})))", 490_000 - n)).collect();
    let constants: Vec<String> = constants.chunks(90).map(|some| format!("max({})", some.join(","))).collect();
    let statements = [
        format!("{rows} SELECT n, hex(randomblob(1000)) AS h FROM c ORDER BY h"),
        format!("{rows} SELECT n, hex(zeroblob(1000)) FROM c ORDER BY random()"),
        format!("{rows} SELECT randomblob(900000) FROM c ORDER BY 1"),
        format!("{rows} SELECT DISTINCT randomblob(900000) FROM c LIMIT 1 OFFSET 1000000"),
        format!("{rows} SELECT count(DISTINCT hex(zeroblob(1000)) || n) FROM c"),
        format!("{rows} SELECT count(*) OVER (), b FROM (SELECT randomblob(900000) AS b FROM c)"),
        format!("SELECT {}", vec!["randomblob(990000)"; 250].join(", ")),
        format!("SELECT max({})", constants.join(",")),
    ];
    for sql in statements {
        let answer = scene.answers(json!({ "attack": "statements", "sql": [sql] })).await;
        let text =
            answer[0]["error"]["limit_exceeded"].as_str().unwrap_or_else(|| panic!("{:.80}: {answer:.300}", sql));
        assert_contains(text, &["bytes of memory for one statement: 67108864 allowed"]);
    }
    scene.is_unharmed().await;
}

#[tokio::test]
async fn thousand_statements_in_one_text_are_refused_once() {
    let scene = Scene::new().await;
    scene
        .are_all_invalid(&["SELECT 1;".repeat(10_000), ";".repeat(90_000), "SELECT 1; DROP TABLE notes".to_owned()])
        .await;
    scene.is_unharmed().await;
}

/// SQLite cannot be interrupted inside a function, and some of its own would take hours for these.
#[tokio::test]
async fn functions_on_long_texts_end_soon() {
    let scene = Scene::with_deadline(20).await;
    let long = "hex(zeroblob(490000))";
    let statements = [
        format!("SELECT instr({long}, substr({long}, 1, 490000) || '1')"),
        format!("SELECT length(replace({long}, substr({long}, 1, 490000) || '1', ''))"),
        format!("SELECT length(trim({long}, replace({long}, '0', 'b') || '0'))"),
        format!("SELECT {long} LIKE '%' || substr({long}, 1, 97) || '1%'"),
        format!("SELECT {long} GLOB '*[0-0]*[0-0]*[0-0]*[0-0]*[0-0]*[0-0]*[0-0]*[0-0]*[0-0]*[0-0]1'"),
    ];
    // Each is answered before the statement's deadline, which is well below what SQLite's own would take.
    let answer = ends(scene.answers(json!({ "attack": "statements", "sql": statements }))).await;
    assert!(answer.as_array().expect("a list").iter().all(Value::is_array), "{answer}");
    scene.are_all_invalid(&[format!("SELECT json_patch({long}, {long})"), format!("SELECT unhex('', {long})")]).await;
}

#[tokio::test]
async fn transaction_of_a_hanging_or_trapped_call_rolls_back() {
    let scene = Scene::new().await;
    for (attack, code) in
        [("begin and hang", "timeout"), ("begin and trap", "plugin_trapped"), ("begin and hang", "timeout")]
    {
        let (ended, theirs) = tokio::join!(scene.attack(json!({ "attack": attack })), notes(&scene.neighbour));
        assert_invoke_error(&ended.expect_err(attack), "hostile_sql", code);
        assert_eq!(theirs, json!([{ "title": "theirs" }]));
        // This waits for the rollback, and takes the write lock.
        let sql = ["CREATE TABLE IF NOT EXISTS held (x)", "SELECT count(*) AS n FROM held", "DROP TABLE held"];
        let answer = scene.answers(json!({ "attack": "statements", "sql": sql })).await;
        assert_eq!(answer[1], json!([{ "n": 0 }]), "{attack}: {answer}");
    }
    scene.is_unharmed().await;
}

#[tokio::test]
async fn endless_transaction_grows_the_log_by_its_rows_only() {
    let scene = Scene::new().await;
    match scene.attack(json!({ "attack": "endless transaction" })).await {
        Ok(answer) => assert!(answer["error"]["interrupted"].is_string(), "{answer}"),
        Err(error) => assert_invoke_error(&error, "hostile_sql", "timeout"),
    }
    let seen = scene.answers(json!({ "attack": "statements", "sql": ["SELECT name FROM sqlite_master"] })).await;
    assert_eq!(seen, json!([[]]), "nothing of it is left");
    let bytes = std::fs::metadata(scene.file("db.sqlite3-wal")).map_or(0, |log| log.len());
    assert!(bytes < 40_000_000, "the log has {bytes} bytes for 20 rows of 900,000");
    scene.is_unharmed().await;
}

#[tokio::test]
async fn write_ahead_log_of_an_open_query_stops_at_its_limit() {
    let scene =
        Scene::with(|attacker| attacker.resource("timeout_seconds", json!(120)).resource("instances", json!(2))).await;
    let _ = scene.answers(json!({ "attack": "statements", "sql": ["CREATE TABLE churned (x)"] })).await;
    // Either the query that pins the log or the change that would extend it is stopped, whichever reaches the limit
    // first.
    let stopped = tokio::select! {
        answer = scene.answers(json!({ "attack": "endless reading" })) => answer[0].clone(),
        answer = scene.answers(json!({ "attack": "churn" })) => answer,
    };
    let text = stopped["error"]["limit_exceeded"].as_str().unwrap_or_else(|| panic!("{stopped}"));
    assert_contains(text, &["not in the file yet", "268435456"]);
    let bytes = std::fs::metadata(scene.file("db.sqlite3-wal")).expect("there is a log").len();
    assert!(bytes < 400 << 20, "{bytes}");
    let sql = ["DELETE FROM churned", "SELECT count(*) AS n FROM churned"];
    let answer = scene.answers(json!({ "attack": "statements", "sql": sql })).await;
    assert_eq!(answer, json!([[], [{ "n": 0 }]]), "it can change things again");
    scene.is_unharmed().await;
}

#[tokio::test]
async fn database_stops_growing_at_its_limit() {
    let scene = Scene::with_deadline(60).await;
    let answer = scene.answers(json!({ "attack": "fill" })).await;
    let text = answer["error"]["limit_exceeded"].as_str().unwrap_or_else(|| panic!("{answer}"));
    assert_contains(text, &["bytes of the plugin's database", "268435456"]);
    assert!(std::fs::metadata(scene.file("db.sqlite3")).expect("it exists").len() <= 256 << 20);
    let sql = ["DELETE FROM filled WHERE rowid % 2", "SELECT count(*) > 0 AS some FROM filled"];
    let answer = scene.answers(json!({ "attack": "statements", "sql": sql })).await;
    assert_eq!(answer[1], json!([{ "some": 1 }]), "stored rows can be read and deleted: {answer}");
    scene.is_unharmed().await;
}

/// The deadline of an attacker's call.
const DEADLINE: Duration = Duration::from_secs(2);

/// An attacker with every grant, and a neighbour with a row of its own.
struct Scene {
    attacker: Plugin,
    neighbour: Plugin,
    data: tempfile::TempDir,
    _host: Host,
}

impl Scene {
    async fn new() -> Self {
        Scene::with(|attacker| attacker).await
    }

    async fn declaring(tables: Value) -> Self {
        Scene::with(|attacker| attacker.manifest("tables", tables)).await
    }

    async fn with_deadline(seconds: u64) -> Self {
        Scene::with(|attacker| attacker.resource("timeout_seconds", json!(seconds))).await
    }

    async fn with(settings: impl FnOnce(TestPlugin) -> TestPlugin) -> Self {
        let data = tempfile::tempdir().expect("a directory");
        let host = Host::with(|builder| builder.policy(Policy::allow_all()).data_dir(data.path()));
        let asking = |plugin: TestPlugin| plugin.manifest("permissions", json!([{ "resource": "db.*" }]));
        let neighbour = host.load(asking(TestPlugin::from(feature::DB)).manifest("name", json!("neighbour"))).await;
        for sql in ["CREATE TABLE notes (title TEXT)", "INSERT INTO notes VALUES ('theirs')"] {
            let _: Value = neighbour.call("run", &json!({ "execute": sql })).await.expect("it answers");
        }
        let attacker = asking(TestPlugin::from(hostile::SQL)).resource("timeout_seconds", json!(DEADLINE.as_secs()));
        let attacker = host.load(settings(attacker.resource("max_fuel", json!(0)))).await;
        Scene { attacker, neighbour, data, _host: host }
    }

    /// A file in the attacker's data directory.
    fn file(&self, name: &str) -> std::path::PathBuf {
        self.data.path().join("hostile_sql").join(name)
    }

    async fn attack(&self, payload: Value) -> Result<Value, InvokeError> {
        self.attacker.call("attack", &payload).await
    }

    async fn answers(&self, payload: Value) -> Value {
        self.attack(payload).await.unwrap_or_else(|error| panic!("it broke: {error}"))
    }

    /// Asserts that each of these is refused as invalid.
    async fn are_all_invalid<S: AsRef<str>>(&self, statements: &[S]) {
        let statements: Vec<&str> = statements.iter().map(AsRef::as_ref).collect();
        let answers = self.answers(json!({ "attack": "statements", "sql": statements })).await;
        for (sql, answer) in statements.iter().zip(answers.as_array().expect("a list")) {
            assert!(answer["error"]["invalid_sql"].is_string(), "{sql:.100}: {answer}");
            let text = answer.to_string();
            let path = self.data.path().to_str().expect("a string");
            assert!(sql.contains(path) || !text.contains(path), "a host path in: {text}");
        }
    }

    /// Asserts that the attacker's database still works, and that the neighbour's is unchanged.
    async fn is_unharmed(&self) {
        let answer = self.answers(json!({ "attack": "statements", "sql": ["SELECT 1 AS one"] })).await;
        assert_eq!(answer, json!([[{ "one": 1 }]]));
        assert_eq!(notes(&self.neighbour).await, json!([{ "title": "theirs" }]));
    }
}

async fn notes(plugin: &Plugin) -> Value {
    plugin.call("run", &json!({ "query": "SELECT title FROM notes" })).await.expect("the neighbour answers")
}
