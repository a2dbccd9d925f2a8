//! Guests that violate the component model's calling convention with invalid pointers, lengths and texts.

use plugbay::lifecycle::RestartPolicy;
use serde_json::json;

use crate::harness::attack::Attack;
use crate::harness::core_module::{CoreModule, HANDLE};
use crate::harness::host::{Host, TestPlugin, pings};

#[tokio::test]
async fn answer_out_of_bounds_is_a_trap() {
    traps(CoreModule::attacking("(i32.const 0x7ffffff0)")).await;
}

#[tokio::test]
async fn unaligned_answer_is_a_trap() {
    traps(CoreModule::attacking("(i32.const 17)")).await;
}

#[tokio::test]
async fn answer_with_an_unknown_discriminant_is_a_trap() {
    traps(CoreModule::attacking("(i32.store8 (i32.const 16) (i32.const 9)) (i32.const 16)")).await;
}

#[tokio::test]
async fn answer_longer_than_the_memory_is_a_trap() {
    traps(CoreModule::attacking("(i32.store (i32.const 24) (i32.const 0x200000)) (i32.const 16)")).await;
}

/// The length wraps around the end of 32-bit addresses.
#[tokio::test]
async fn answer_that_wraps_around_is_refused() {
    let attack = "(i32.store (i32.const 20) (i32.const 1024)) (i32.store (i32.const 24) (i32.const -1)) (i32.const 16)";
    let host = Host::new();
    let plugin = host.load(TestPlugin::new("attacker", CoreModule::attacking(attack).plugin())).await;
    let error = plugin.call::<()>("attack", &()).await.expect_err("there are no 4 GiB");
    assert!(["plugin_trapped", "result_too_large"].contains(&error.code()), "{error}");
    assert_eq!(pings(&plugin).await, 1);
}

#[tokio::test]
async fn answer_that_is_not_utf_8_is_a_trap() {
    traps(CoreModule::attacking("(i32.store8 (i32.const 64) (i32.const 0xff)) (i32.const 16)")).await;
}

#[tokio::test]
async fn allocator_that_returns_out_of_bounds_is_a_trap() {
    traps_on_first_call("(i32.const 0x7ffffff0)").await;
}

#[tokio::test]
async fn allocator_that_traps_is_a_trap() {
    traps_on_first_call("(unreachable)").await;
}

#[tokio::test]
async fn allocator_that_never_returns_runs_out_of_fuel() {
    let host = Host::new();
    let module = CoreModule { realloc: "(loop $again (br $again)) (unreachable)".to_owned(), ..CoreModule::default() };
    let plugin = TestPlugin::new("attacker", module.plugin()).resource("max_fuel", json!(1_000_000));
    let plugin = host.load(plugin).await;
    let error = plugin.call::<()>("attack", &()).await.expect_err("the payload cannot be allocated");
    assert_eq!(error.code(), "out_of_fuel", "{error}");
}

#[tokio::test]
async fn post_return_that_traps_is_a_trap() {
    let trapping = post_return("(if (i32.eq (local.get 0) (i32.const 16)) (then (unreachable)))");
    let host = Host::new();
    let plugin = host.load(TestPlugin::new("attacker", CoreModule::default().with(&trapping).plugin())).await;
    let error = plugin.call::<()>("attack", &()).await.expect_err("post-return is part of the call");
    assert_eq!(error.code(), "plugin_trapped", "{error}");
}

#[tokio::test]
async fn endless_post_return_runs_out_of_fuel() {
    let endless = post_return("(loop $again (br $again))");
    let host = Host::new();
    let plugin = TestPlugin::new("attacker", CoreModule::default().with(&endless).plugin());
    let plugin = host.load(plugin.resource("max_fuel", json!(1_000_000))).await;
    let error = plugin.call::<()>("attack", &()).await.expect_err("post-return is part of the call");
    assert_eq!(error.code(), "out_of_fuel", "{error}");
}

fn post_return(body: &str) -> String {
    format!("(func (export \"cabi_post_{HANDLE}\") (param i32) {body})")
}

async fn traps(module: CoreModule) {
    Attack::by_bytes(module.plugin()).ends_in("plugin_trapped").await;
}

/// Every call needs the allocator, so this sends no ping before or after.
async fn traps_on_first_call(realloc: &str) {
    let host = Host::with(|builder| builder.restarts(RestartPolicy::always()));
    let module = CoreModule { realloc: realloc.to_owned(), ..CoreModule::default() };
    let plugin = host.load(TestPlugin::new("attacker", module.plugin())).await;
    for _ in 0..3 {
        let error = plugin.call::<()>("attack", &"payload").await.expect_err("the payload cannot be allocated");
        assert_eq!(error.code(), "plugin_trapped", "{error}");
    }
}
