//! Guests that compute or wait for longer than they may.

use std::time::Duration;

use plugbay::error::InvokeErrorKind;
use plugbay::manifest::Resources;
use plugbay::{Invocation, InvokeError, Package};
use plugbay_component_call::{AnyComponent, ComponentError};
use serde_json::json;

use crate::harness::assert::assert_invoke_error;
use crate::harness::attack::Attack;
use crate::harness::core_module::CoreModule;
use crate::harness::guest::{feature, hostile};
use crate::harness::host::{Host, TestPlugin, pings};
use crate::harness::limits;
use crate::harness::patience::ends;
use crate::harness::processor::Moment;

/// Processor time far above every deadline here: a test that spends this much has found a guest that nothing stopped.
const FAR_TOO_LONG: Duration = Duration::from_secs(5);

/// Whether a call was stopped by the deadline of this length.
fn is_timeout_after(error: &InvokeError, deadline: Duration) -> bool {
    matches!(error.kind(), InvokeErrorKind::Timeout { allowed, .. } if *allowed == deadline)
}

#[tokio::test]
async fn infinite_loop_with_little_fuel_runs_out_of_fuel() {
    let aftermath =
        Attack::by(hostile::INFINITE_LOOP).resource("max_fuel", json!(5_000_000)).ends_in("out_of_fuel").await;
    let hit = aftermath.error.limit().expect("fuel is a limit");
    assert_eq!((hit.limit, &*hit.allowed), ("max_fuel", "5000000 units"));
}

#[tokio::test]
async fn infinite_loop_with_much_fuel_times_out() {
    let start = Moment::now();
    let attack = Attack::by(hostile::INFINITE_LOOP).resource("max_fuel", json!(100_000_000_000_u64));
    let aftermath = attack.resource("timeout_seconds", json!(0.2)).ends_in("timeout").await;
    assert!(is_timeout_after(&aftermath.error, Duration::from_millis(200)));
    assert!(start.elapsed() < FAR_TOO_LONG);
}

#[tokio::test]
async fn infinite_loop_in_trusted_mode_times_out() {
    let attack = Attack::by(hostile::INFINITE_LOOP).trusted();
    attack.resource("timeout_seconds", json!(0.2)).ends_in("timeout").await;
}

#[tokio::test]
async fn call_with_its_own_deadline_times_out_at_that() {
    let host = Host::new();
    let plugin =
        host.load(TestPlugin::from(hostile::INFINITE_LOOP).resource("max_fuel", json!(100_000_000_000_u64))).await;
    let invocation = Invocation::new("attack").timeout(Duration::from_millis(100));
    let error = plugin.invoke(invocation).await.expect_err("the loop does not end");
    assert!(is_timeout_after(&error, Duration::from_millis(100)), "{error:?}");
}

#[tokio::test]
async fn sleep_beyond_the_deadline_times_out() {
    ends(Attack::by(hostile::SLEEP).resource("timeout_seconds", json!(0.2)).ends_in("timeout")).await;
}

#[tokio::test]
async fn sleep_beyond_the_deadline_in_trusted_mode_times_out() {
    let attack = Attack::by(hostile::SLEEP).trusted();
    attack.resource("timeout_seconds", json!(0.2)).ends_in("timeout").await;
}

#[tokio::test]
async fn sleep_within_the_deadline_burns_no_fuel() {
    let host = Host::new();
    let plugin = host.load(feature::SLEEP.into()).await;
    let invocation = Invocation::new("sleep").payload(&50);
    let outcome = plugin.invoke(invocation).await.expect("50 ms are allowed");
    assert!(outcome.usage().duration >= Duration::from_millis(50));
    assert!(outcome.usage().fuel.is_some_and(|fuel| fuel < 1_000_000), "{:?}", outcome.usage());
}

/// Each growth fails at once, but costs the host time: counted by instructions alone, this would run for minutes.
#[tokio::test]
async fn failing_memory_growth_in_a_loop_runs_out_of_fuel() {
    let forever = "(loop $again (drop (memory.grow (i32.const 10))) (br $again)) (unreachable)";
    let attacker = CoreModule { memory: "2 2".to_owned(), ..CoreModule::attacking(forever) };
    slow_operation_ends_soon(attacker).await;
}

#[tokio::test]
async fn failing_table_growth_in_a_loop_runs_out_of_fuel() {
    let forever = "(loop $again (drop (table.grow $t (ref.null func) (i32.const 100))) (br $again)) (unreachable)";
    slow_operation_ends_soon(CoreModule::attacking(forever).with("(table $t 1 1 funcref)")).await;
}

#[tokio::test]
async fn bulk_fill_in_a_loop_runs_out_of_fuel() {
    let forever = "(loop $again
        (memory.fill (i32.const 1024) (i32.const 7) (i32.const 16000000)) (br $again)) (unreachable)";
    slow_operation_ends_soon(CoreModule { memory: "256".to_owned(), ..CoreModule::attacking(forever) }).await;
}

#[tokio::test]
async fn bulk_copy_in_a_loop_runs_out_of_fuel() {
    let forever = "(loop $again
        (memory.copy (i32.const 1024) (i32.const 1025) (i32.const 16000000)) (br $again)) (unreachable)";
    slow_operation_ends_soon(CoreModule { memory: "256".to_owned(), ..CoreModule::attacking(forever) }).await;
}

/// 10⁸ units of fuel are a tenth of a second of a plain loop. An operation that costs more time per unit must not
/// exceed that by much.
async fn slow_operation_ends_soon(attacker: CoreModule) {
    let start = Moment::now();
    Attack::by_bytes(attacker.plugin()).resource("max_fuel", json!(100_000_000)).ends_in("out_of_fuel").await;
    let taken = start.elapsed();
    assert!(taken < FAR_TOO_LONG, "{taken:?}");
}

/// The executor has one thread: a guest that kept it would starve all other tasks.
#[tokio::test]
async fn neighbour_of_a_busy_guest_is_served_meanwhile() {
    for (guest, payload) in [
        (hostile::INFINITE_LOOP, json!(null)),
        (hostile::LOG_FLOOD, json!(null)),
        (hostile::HUGE_LOG_FLOOD, json!(7 << 20)),
        (hostile::STDOUT_FLOOD, json!("stdout")),
        (hostile::STREAMS, json!({ "how": "ask_and_write" })),
        (hostile::POLL, json!(limits::HANDLES_MAX - 10)),
    ] {
        let host = Host::new();
        let busy = TestPlugin::from(guest).resource("max_fuel", json!(100_000_000_000_u64));
        let busy = host.load(busy.resource("timeout_seconds", json!(0.5))).await;
        let neighbour = host.load(feature::ECHO.into()).await;

        let running = tokio::spawn(async move { busy.call::<()>("attack", &payload).await });
        let mut longest = Duration::ZERO;
        while !running.is_finished() {
            let start = Moment::now();
            tokio::task::yield_now().await;
            pings(&neighbour).await;
            longest = longest.max(start.elapsed());
        }
        let error = running.await.expect("the task does not panic").expect_err("the attack does not end");
        assert_invoke_error(&error, guest.name(), "timeout");
        assert!(longest < Duration::from_millis(1_500), "{guest:?} kept its neighbour waiting for {longest:?}");
    }
}

/// Copying a string between two parts of a composed component consumes no fuel.
#[tokio::test]
async fn large_strings_between_parts_of_a_component_time_out() {
    let composed = wat::parse_str(
        r#"(component
            (component $taker
                (core module $code
                    (memory (export "memory") 260)
                    (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 0))
                    (func (export "take") (param i32 i32)))
                (core instance $code (instantiate $code))
                (func (export "take") (param "text" string) (canon lift (core func $code "take")
                    string-encoding=utf16 (memory (core memory $code "memory")) (realloc (core func $code "realloc")))))
            (component $giver
                (import "take" (func $take (param "text" string)))
                (core module $memory (memory (export "memory") 130))
                (core instance $memory (instantiate $memory))
                (core func $take (canon lower (func $take) (memory (core memory $memory "memory"))))
                (core module $code
                    (import "" "take" (func $take (param i32 i32)))
                    (func (export "attack") (loop $again (call $take (i32.const 0) (i32.const 8000000)) (br $again))))
                (core instance $code (instantiate $code (with "" (instance (export "take" (func $take))))))
                (func (export "attack") (canon lift (core func $code "attack"))))
            (instance $taker (instantiate $taker))
            (instance $giver (instantiate $giver (with "take" (func $taker "take"))))
            (export "attack" (func $giver "attack")))"#,
    );
    let limits = Resources { timeout: Some(Duration::from_millis(200)), ..Resources::default() };
    let package = Package::from_bytes("composed", composed.expect("valid text")).resources(limits);
    let component = Host::new().runtime.component(package).await.expect("it is a component");
    let component = AnyComponent::new(component);
    let start = Moment::now();
    let error = component.call("attack", &[]).await.expect_err("it does not end");
    let ComponentError::Invoke(error) = error else { panic!("{error}") };
    assert_eq!(error.code(), "timeout", "{error}");
    assert!(start.elapsed() < FAR_TOO_LONG, "{:?}", start.elapsed());
}

#[tokio::test]
async fn call_just_within_its_fuel_is_answered() {
    let host = Host::new();
    let plugin = host.load(feature::ECHO.into()).await;
    let invocation = Invocation::new("echo").payload(&"x".repeat(1000));
    let fuel = plugin.invoke(invocation.clone()).await.expect("it echoes").usage().fuel.expect("sandboxed is metered");
    // The second call of the same instance needs no more than the first.
    let plugin = TestPlugin::from(feature::ECHO).manifest("name", json!("tight")).resource("max_fuel", json!(fuel * 2));
    let plugin = host.load(plugin).await;
    for _ in 0..5 {
        plugin.invoke(invocation.clone()).await.expect("the fuel is for each call, not for the plugin");
    }
}
