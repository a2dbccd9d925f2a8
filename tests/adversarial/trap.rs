//! Broken guests: panics and traps, and the error that their author sees.

use plugbay::lifecycle::RestartPolicy;
use serde_json::{Value, json};

use crate::harness::assert::assert_contains;
use crate::harness::attack::Attack;
use crate::harness::core_module::CoreModule;
use crate::harness::guest::{feature, hostile};

#[tokio::test]
async fn panic_is_a_trap_with_its_message_and_place() {
    let attack = Attack::by(hostile::PANIC).payload(json!("the reactor is open"));
    let aftermath = attack.ends_in("plugin_trapped").await;
    assert_contains(&aftermath.error.to_string(), &["the reactor is open", "hostile_panic.rs:"]);
    let frames = aftermath.error.to_json()["details"]["backtrace"].clone();
    assert!(frames.as_array().is_some_and(|frames| !frames.is_empty()), "{frames}");
}

#[tokio::test]
async fn panic_with_a_huge_message_is_a_trap_with_a_bounded_text() {
    let attack = Attack::by(hostile::PANIC).payload(json!("x".repeat(1 << 20)));
    let aftermath = attack.ends_in("plugin_trapped").await;
    assert!(aftermath.error.to_string().len() < 8 << 10);
    let logged: usize = aftermath.host.log.lines().iter().map(|line| line.message.len()).sum();
    assert!(logged < 64 << 10, "{logged}");
}

#[tokio::test]
async fn panic_with_terminal_codes_is_reported_unchanged() {
    let attack = Attack::by(hostile::PANIC).payload(json!("red \u{1b}[31m alert\u{7}"));
    attack.ends_in("plugin_trapped").await;
}

#[tokio::test]
async fn exit_is_a_trap_that_claims_no_status_but_a_known_one() {
    let host = crate::harness::host::Host::with(|builder| builder.restarts(RestartPolicy::always()));
    let plugin = host.load(feature::WASI.into()).await;
    // Of a failure the guest's C library passes on no number.
    for (status, words) in [(0, "exited with status 0"), (1, "exited with a failure"), (3, "with a failure")] {
        let error = plugin.call::<Value>("exit", &status).await.expect_err("it does not answer");
        assert_eq!(error.code(), "plugin_trapped", "{error}");
        assert_contains(&error.to_string(), &[words]);
    }
}

#[tokio::test]
async fn unreachable_is_a_trap() {
    traps("(unreachable)", "unreachable").await;
}

#[tokio::test]
async fn load_out_of_bounds_is_a_trap() {
    traps("(drop (i32.load (i32.const 0x7fffffff))) (i32.const 16)", "out of bounds memory access").await;
}

#[tokio::test]
async fn division_by_zero_is_a_trap() {
    traps("(drop (i32.div_s (i32.const 1) (i32.const 0))) (i32.const 16)", "integer divide by zero").await;
}

#[tokio::test]
async fn division_overflow_is_a_trap() {
    traps("(drop (i32.div_s (i32.const 0x80000000) (i32.const -1))) (i32.const 16)", "integer overflow").await;
}

#[tokio::test]
async fn conversion_of_nan_is_a_trap() {
    traps("(drop (i32.trunc_f64_s (f64.const nan))) (i32.const 16)", "invalid conversion to integer").await;
}

#[tokio::test]
async fn indirect_call_of_nothing_is_a_trap() {
    let attack = CoreModule::attacking("(call_indirect (i32.const 0)) (i32.const 16)").with("(table 1 funcref)");
    traps_with(attack, "uninitialized element").await;
}

#[tokio::test]
async fn indirect_call_of_the_wrong_type_is_a_trap() {
    let attack = CoreModule::attacking("(call_indirect (i32.const 0)) (i32.const 16)")
        .with("(table 1 funcref) (func $wrong (param i64)) (elem (i32.const 0) $wrong)");
    traps_with(attack, "indirect call type mismatch").await;
}

async fn traps(attack: &str, words: &str) {
    traps_with(CoreModule::attacking(attack), words).await;
}

async fn traps_with(attack: CoreModule, words: &str) {
    let aftermath = Attack::by_bytes(attack.plugin()).ends_in("plugin_trapped").await;
    assert_contains(&aftermath.error.to_string(), &[words]);
}
