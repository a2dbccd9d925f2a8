//! Guests that return, log or print too many bytes.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::harness::assert::{assert_contains, assert_invoke_error};
use crate::harness::attack::Attack;
use crate::harness::core_module::CoreModule;
use crate::harness::guest::hostile;
use crate::harness::host::{Host, TestPlugin, pings};
use crate::harness::limits;
use crate::harness::processor::Moment;

#[tokio::test]
async fn result_above_the_limit_is_refused() {
    let bytes = limits::RESULT_BYTES_MAX + 1;
    let attack = Attack::by(hostile::HUGE_RESULT).payload(json!(bytes)).resource("max_fuel", json!(1_000_000_000));
    let aftermath = attack.ends_in("result_too_large").await;
    let hit = aftermath.error.limit().expect("results are limited");
    assert_eq!(hit.allowed, format!("{} bytes", limits::RESULT_BYTES_MAX));
    // The text and its two quotes.
    assert_eq!(hit.observed, format!("{} bytes", bytes + 2));
}

#[tokio::test]
async fn result_far_above_the_limit_is_refused() {
    let attack = Attack::by(hostile::HUGE_RESULT).payload(json!(64 << 20)).resource("max_memory_mb", json!(512));
    attack.resource("max_fuel", json!(5_000_000_000_u64)).ends_in("result_too_large").await;
}

#[tokio::test]
async fn result_at_the_limit_is_answered() {
    let bytes = limits::RESULT_BYTES_MAX - 2;
    let attack = Attack::by(hostile::HUGE_RESULT).payload(json!(bytes)).resource("max_fuel", json!(1_000_000_000));
    let (_, answer) = attack.does_no_harm().await;
    assert_eq!(answer.as_str().map(str::len), Some(bytes));
}

#[tokio::test]
async fn failure_with_a_huge_message_is_cut_or_refused() {
    let attack = Attack::by(hostile::HUGE_FAILURE).payload(json!({ "message": 64 << 20 }));
    let attack = attack.resource("max_memory_mb", json!(512)).resource("max_fuel", json!(5_000_000_000_u64));
    attack.ends_in("result_too_large").await;
}

#[tokio::test]
async fn failure_with_a_huge_code_is_refused() {
    let attack = Attack::by(hostile::HUGE_FAILURE).payload(json!({ "code": 64 << 20 }));
    let attack = attack.resource("max_memory_mb", json!(512)).resource("max_fuel", json!(5_000_000_000_u64));
    attack.ends_in("result_too_large").await;
}

#[tokio::test]
async fn failure_with_huge_details_is_refused() {
    let attack = Attack::by(hostile::HUGE_FAILURE).payload(json!({ "details": 64 << 20 }));
    let attack = attack.resource("max_memory_mb", json!(512)).resource("max_fuel", json!(5_000_000_000_u64));
    attack.ends_in("result_too_large").await;
}

#[tokio::test]
async fn log_line_of_many_mebibytes_is_refused() {
    for part in ["message", "target", "field", "fields"] {
        let attack = Attack::by(hostile::HUGE_LOG).payload(json!({ "bytes": 64 << 20, "part": part }));
        let attack = attack.resource("max_memory_mb", json!(512)).resource("max_fuel", json!(5_000_000_000_u64));
        attack.ends_in("result_too_large").await;
    }
}

#[tokio::test]
async fn long_log_line_is_cut() {
    for part in ["message", "target", "field", "fields"] {
        let attack = Attack::by(hostile::HUGE_LOG).payload(json!({ "bytes": 1 << 20, "part": part }));
        let (host, _) = attack.does_no_harm().await;
        let lines = host.log.lines();
        let [line] = &lines[..] else { panic!("one line, not {}", lines.len()) };
        let longest = limits::LOG_LINE_BYTES_MAX + 64;
        assert!(line.message.len() <= longest && line.target.len() <= longest, "{part}");
        assert!(line.fields.len() <= limits::LOG_FIELDS_MAX + 1, "{part}: {}", line.fields.len());
        assert!(line.fields.iter().all(|(_, value)| value.len() <= longest), "{part}");
    }
}

#[tokio::test]
async fn log_flood_is_dropped_counted_and_stopped() {
    let attack = Attack::by(hostile::LOG_FLOOD).resource("max_fuel", json!(5_000_000));
    let start = Instant::now();
    let aftermath = attack.ends_in("out_of_fuel").await;
    let lines = aftermath.host.log.lines().len();
    assert!(lines <= lines_in(start.elapsed()), "{lines} lines passed");
    assert!(aftermath.attacker.metrics().log_lines_dropped > 0);
}

/// For each line the host reads 7 MiB of the guest's memory, which costs the guest almost nothing and the host
/// milliseconds.
#[tokio::test]
async fn flood_of_huge_log_lines_ends_at_its_deadline() {
    let attack = Attack::by(hostile::HUGE_LOG_FLOOD).payload(json!(7 << 20)).resource("timeout_seconds", json!(0.2));
    let start = Moment::now();
    attack.ends_in("timeout").await;
    let taken = start.elapsed();
    assert!(taken < Duration::from_secs(2), "{taken:?}");
}

#[tokio::test]
async fn log_flood_with_much_fuel_ends_at_its_deadline() {
    let attack = Attack::by(hostile::LOG_FLOOD).resource("max_fuel", json!(100_000_000_000_u64));
    attack.resource("timeout_seconds", json!(0.2)).ends_in("timeout").await;
}

#[tokio::test]
async fn output_flood_is_dropped_and_stopped() {
    for stream in ["stdout", "stderr"] {
        let attack = Attack::by(hostile::STDOUT_FLOOD).payload(json!(stream)).resource("max_fuel", json!(500_000));
        let start = Instant::now();
        let aftermath = attack.ends_in("out_of_fuel").await;
        let lines = aftermath.host.log.lines();
        let bytes: usize = lines.iter().map(|line| line.message.len()).sum();
        assert!(bytes <= lines_in(start.elapsed()) * (limits::LOG_LINE_BYTES_MAX + 64), "{bytes}");
    }
}

/// The most lines that pass in this time, including the reports of dropped lines, one for each period.
fn lines_in(time: Duration) -> usize {
    (limits::LOG_LINES_MAX as usize + 1) * (time.as_secs() as usize + 2)
}

#[tokio::test]
async fn output_flood_with_much_fuel_ends_at_its_deadline() {
    let attack = Attack::by(hostile::STDOUT_FLOOD).resource("max_fuel", json!(100_000_000_000_u64));
    attack.resource("timeout_seconds", json!(0.2)).ends_in("timeout").await;
}

#[tokio::test]
async fn answer_that_is_not_json_is_refused() {
    let not_json = CoreModule::attacking("(i32.store8 (i32.const 64) (i32.const 0x7b)) (i32.const 16)");
    let host = Host::new();
    let plugin = host.load(TestPlugin::new("attacker", not_json.plugin())).await;
    let error = plugin.call::<Value>("attack", &()).await.expect_err("`{` is not JSON");
    assert_invoke_error(&error, "attacker", "invalid_answer");
    assert_contains(&error.to_string(), &["`attack`"]);
    assert_eq!(pings(&plugin).await, 1, "the instance stays alive");
}

#[tokio::test]
async fn empty_answer_is_refused() {
    let empty = CoreModule::attacking("(i32.store (i32.const 24) (i32.const 0)) (i32.const 16)");
    let plugin = Host::new().load(TestPlugin::new("attacker", empty.plugin())).await;
    let error = plugin.call::<Value>("attack", &()).await.expect_err("an empty text is not JSON");
    assert_invoke_error(&error, "attacker", "invalid_answer");
}
