//! Durability: acknowledged writes survive `kill -9` at any moment.
//!
//! A plugin writes one item after the other and logs `kept N` when the host has acknowledged the Nth. The process is
//! killed at random moments; after each kill a new process checks what is stored. A service is tested with a guest that
//! has two actions: `acknowledge` with `{first, count}`, and `kept`, which answers with `{kept: [N…], wrong: […]}`.
//!
//! `PLUGBAY_TEST_SEED` repeats a run that failed.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::Child;
use std::time::Duration;

use serde_json::json;

use crate::harness::command::{Plugbay, plugin_file};
use crate::harness::database;
use crate::harness::guest::feature;
use crate::harness::host::TestPlugin;

/// The number of items that all processes write together.
const WRITES: u64 = 1_000;
/// The most items that one process writes before it is killed.
const WRITES_OF_ONE_PROCESS_MAX: u64 = 250;

#[test]
fn acknowledged_data_survives_kill_at_any_moment() {
    acknowledged_survives_kill(feature::DATA.into(), "data.*");
}

/// Each number is written to two tables in one transaction; `wrong` lists the numbers in one table only.
#[test]
fn acknowledged_transactions_survive_kill_at_any_moment() {
    acknowledged_survives_kill(feature::DB.into(), "db.*");
}

/// [`WRITES`] is also the most jobs that a plugin may have.
#[test]
fn acknowledged_jobs_survive_kill_at_any_moment() {
    acknowledged_survives_kill(feature::SCHEDULER.into(), "scheduler.*");
}

/// Writes [`WRITES`] items with a plugin that has this permission, in as many processes as it takes.
fn acknowledged_survives_kill(plugin: TestPlugin, permission: &str) {
    let mut random = Random::new();
    let plugin = plugin
        .manifest("permissions", json!([{ "resource": permission }]))
        .resource("timeout_seconds", json!(300))
        .resource("max_fuel", json!(100_000_000_000_u64));
    let file = plugin_file(plugin);
    let data = tempfile::tempdir().expect("a directory");
    let run = |action: &str, payload: &str| {
        let (path, data) = (file.path().to_str().expect("UTF-8"), data.path().to_str().expect("UTF-8"));
        Plugbay::new(["run", path, action, payload, "--data-dir", data, "--grant", permission])
    };

    let mut acknowledged = BTreeSet::new();
    let mut kills = 0;
    let mut first = 0;
    while (acknowledged.len() as u64) < WRITES {
        let left = WRITES - acknowledged.len() as u64;
        let process = run("acknowledge", &json!({ "first": first, "count": left }).to_string()).start();
        let killed_after = random.below(WRITES_OF_ONE_PROCESS_MAX) + 1;
        let pause = Duration::from_micros(random.below(3_000));
        let seen = kept_until_killed(process, killed_after, pause);
        kills += 1;
        acknowledged.extend(seen);

        let found = run("kept", "null").run().exits_with(0).json();
        assert_eq!(found["wrong"], json!([]), "{random:?}, kill {kills}");
        let kept: BTreeSet<u64> =
            found["kept"].as_array().into_iter().flatten().filter_map(serde_json::Value::as_u64).collect();
        let lost: Vec<_> = acknowledged.difference(&kept).collect();
        assert!(lost.is_empty(), "{random:?}, kill {kills}: acknowledged but lost: {lost:?}");
        assert_whole(data.path());
        // An item that was stored but not yet logged counts as acknowledged from here on.
        acknowledged = kept;
        first = acknowledged.last().map_or(0, |last| last + 1);
    }
    assert!(kills > 1, "{random:?}: {kills} kills are too few");
}

/// Kills the process a moment after it has logged this many items, and returns all items that it logged. A process that
/// ends by itself is not killed.
fn kept_until_killed(mut process: Child, killed_after: u64, pause: Duration) -> Vec<u64> {
    let mut lines = BufReader::new(process.stderr.take().expect("it is piped"));
    let mut kept = Vec::new();
    let mut words = String::new();
    while (kept.len() as u64) < killed_after {
        let mut line = String::new();
        if lines.read_line(&mut line).expect("text") == 0 {
            break;
        }
        kept.extend(number_in(&line));
        words.push_str(&line);
    }
    assert!(!kept.is_empty(), "it acknowledged nothing: {words}");
    // This sleep waits for nothing: it lets the kill fall anywhere between two lines.
    std::thread::sleep(pause);
    process.kill().expect("the test owns the process");
    let mut rest = String::new();
    lines.read_to_string(&mut rest).expect("text");
    kept.extend(rest.split_inclusive('\n').filter_map(number_in));
    process.wait().expect("it was killed");
    kept
}

/// The number in `… kept N`, if the line is complete.
fn number_in(line: &str) -> Option<u64> {
    line.strip_suffix('\n')?.rsplit_once("kept ")?.1.parse().ok()
}

/// Asserts that SQLite finds every database below a directory intact.
fn assert_whole(directory: &Path) {
    for entry in std::fs::read_dir(directory).expect("readable").flatten() {
        let path = entry.path();
        if path.is_dir() {
            assert_whole(&path);
        } else if path.extension().is_some_and(|extension| extension == "sqlite3") {
            let verdict: String =
                database::open(&path).query_row("PRAGMA integrity_check", (), |row| row.get(0)).expect("it answers");
            assert_eq!(verdict, "ok", "{}", path.display());
        }
    }
}

/// Reproducible pseudo-random numbers (SplitMix64).
#[derive(Debug)]
struct Random {
    #[allow(dead_code, reason = "shown in the message of a failed test")]
    seed: u64,
    state: u64,
}

impl Random {
    fn new() -> Self {
        let clock = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        let given = std::env::var("PLUGBAY_TEST_SEED").ok().and_then(|seed| seed.parse().ok());
        let seed = given.unwrap_or(clock.as_nanos() as u64);
        println!("PLUGBAY_TEST_SEED={seed}");
        Random { seed, state: seed }
    }

    fn below(&mut self, end: u64) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % end
    }
}
