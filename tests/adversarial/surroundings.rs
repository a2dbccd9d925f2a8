//! What a guest sees of the machine through WASI: in a sandbox clocks and random numbers, in trusted mode also what the
//! manifest requests and the operator allows. Also, bounds on the host's work for WASI calls.

use std::time::Duration;

use plugbay::Policy;
use plugbay::clock::ManualClock;
use serde_json::{Value, json};

use crate::harness::attack::Attack;
use crate::harness::guest::{feature, hostile};
use crate::harness::host::{Host, TestPlugin, call};
use crate::harness::limits;
use crate::harness::processor::Moment;

#[tokio::test]
async fn sandboxed_guest_sees_no_environment_and_no_arguments() {
    let host = Host::new();
    let plugin = host.load(feature::WASI.into()).await;
    assert_eq!(call(&plugin, "environment").await.expect("it answers"), json!({}));
    assert_eq!(call(&plugin, "arguments").await.expect("it answers"), json!([]));
}

#[tokio::test]
async fn sandboxed_guest_sees_its_declared_environment() {
    let host = Host::new();
    let plugin = TestPlugin::from(feature::WASI).manifest("env", json!({ "GREETING": "hello" }));
    let plugin = host.load(plugin).await;
    assert_eq!(call(&plugin, "environment").await.expect("it answers"), json!({ "GREETING": "hello" }));
}

#[tokio::test]
async fn sandboxed_guest_sees_no_files() {
    let host = Host::with(|builder| builder.policy(Policy::allow_all()));
    let asks =
        TestPlugin::from(feature::WASI).manifest("permissions", json!([{ "resource": "fs./" }, { "resource": "*" }]));
    let plugin = host.load(asks).await;
    for path in ["/", ".", "/etc", "/proc/self", "..", "/tmp"] {
        let answer: Value = plugin.call("list", &json!({ "path": path })).await.expect("it answers");
        assert!(answer["error"].is_string(), "{path}: {answer}");
    }
    for path in ["/etc/passwd", "/proc/self/environ", "/dev/zero", "Cargo.toml", "../Cargo.toml"] {
        let answer: Value = plugin.call("read", &json!({ "path": path })).await.expect("it answers");
        assert!(answer["error"].is_string(), "{path}: {answer}");
    }
    let answer: Value = plugin.call("write", &json!({ "path": "/tmp/x", "text": "x" })).await.expect("it answers");
    assert!(answer["error"].is_string(), "{answer}");
}

#[tokio::test]
async fn sandboxed_guest_reads_an_empty_standard_input() {
    let host = Host::new();
    let plugin = host.load(feature::WASI.into()).await;
    assert_eq!(call(&plugin, "stdin").await.expect("it answers"), json!(""));
}

#[tokio::test]
async fn wall_clock_of_a_guest_is_that_of_the_runtime() {
    let clock = ManualClock::new(std::time::UNIX_EPOCH + Duration::from_millis(5));
    let shown = clock.clone();
    let host = Host::with(|builder| builder.clock(shown));
    let plugin = host.load(feature::WASI.into()).await;
    assert_eq!(call(&plugin, "clock").await.expect("it answers"), 5);
    clock.advance(Duration::from_secs(1));
    assert_eq!(call(&plugin, "clock").await.expect("it answers"), 1_005);
}

#[tokio::test]
async fn sandboxed_guest_has_a_clock_and_random_numbers() {
    let host = Host::new();
    let plugin = host.load(feature::WASI.into()).await;
    let before = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970").as_millis();
    let told = call(&plugin, "clock").await.expect("it answers").as_u64().expect("a number");
    assert!(u128::from(told) >= before);
    let random: Vec<Vec<u8>> = vec![
        plugin.call("random", &16).await.expect("it answers"),
        plugin.call("random", &16).await.expect("it answers"),
    ];
    assert_eq!((random[0].len(), random[1].len()), (16, 16));
    assert_ne!(random[0], random[1]);
}

#[tokio::test]
async fn trusted_guest_sees_only_the_granted_directory() {
    let directory = tempfile::tempdir().expect("a directory");
    std::fs::write(directory.path().join("note.txt"), "from the host").expect("written");
    std::fs::write(directory.path().parent().expect("it has one").join("plugbay-outside.txt"), "outside")
        .expect("written");
    let path = directory.path().to_str().expect("a path in UTF-8");
    let host = Host::with(|builder| builder.policy(Policy::allow_all()));
    let plugin = TestPlugin::from(feature::WASI)
        .trusted()
        .manifest("permissions", json!([{ "resource": format!("fs.{path}"), "actions": ["read"] }]));
    let plugin = host.load(plugin).await;
    let read = |name: &str| json!({ "path": format!("{path}/{name}") });
    let text: Value = plugin.call("read", &read("note.txt")).await.expect("it answers");
    assert_eq!(text, json!("from the host"));
    for outside in ["../plugbay-outside.txt", "../../etc/passwd"] {
        let answer: Value = plugin.call("read", &read(outside)).await.expect("it answers");
        assert!(answer["error"].is_string(), "{outside}: {answer}");
    }
    let write = json!({ "path": format!("{path}/new.txt"), "text": "x" });
    let answer: Value = plugin.call("write", &write).await.expect("it answers");
    assert!(answer["error"].is_string(), "only reading was requested: {answer}");
}

#[cfg(unix)]
#[tokio::test]
async fn trusted_guest_cannot_leave_its_directory_by_a_link() {
    let directory = tempfile::tempdir().expect("a directory");
    std::os::unix::fs::symlink("/etc/passwd", directory.path().join("link")).expect("linked");
    let path = directory.path().to_str().expect("a path in UTF-8");
    let host = Host::with(|builder| builder.policy(Policy::allow_all()));
    let plugin = TestPlugin::from(feature::WASI)
        .trusted()
        .manifest("permissions", json!([{ "resource": format!("fs.{path}") }]));
    let plugin = host.load(plugin).await;
    let answer: Value = plugin.call("read", &json!({ "path": format!("{path}/link") })).await.expect("it answers");
    assert!(answer["error"].is_string(), "{answer}");
}

/// Lengths that a careless host would allocate.
#[tokio::test]
async fn oversized_stream_reads_return_little_or_trap() {
    for how in ["write_zeroes", "blocking_write_zeroes"] {
        for count in [5 << 20, 1_u64 << 40, u64::MAX] {
            Attack::by(hostile::STREAMS).payload(json!({ "how": how, "count": count })).ends_in("plugin_trapped").await;
        }
    }
    for how in ["read", "blocking_read", "skip", "splice"] {
        for count in [1_u64 << 40, u64::MAX] {
            let attack = Attack::by(hostile::STREAMS).payload(json!({ "how": how, "count": count }));
            let (_, answer) = attack.does_no_harm().await;
            assert!(answer == json!(0) || answer == json!("StreamError::Closed"), "{how}: {answer}");
        }
    }
}

#[tokio::test]
async fn stream_write_without_permission_traps() {
    Attack::by(hostile::STREAMS).payload(json!({ "how": "write_without_asking" })).ends_in("plugin_trapped").await;
}

#[tokio::test]
async fn endless_stream_calls_end_at_the_deadline() {
    for how in ["ask_and_write", "ask_without_end"] {
        let attack =
            Attack::by(hostile::STREAMS).payload(json!({ "how": how })).resource("timeout_seconds", json!(0.2));
        let start = Moment::now();
        attack.resource("max_fuel", json!(100_000_000_000_u64)).ends_in("timeout").await;
        let taken = start.elapsed();
        assert!(taken < Duration::from_secs(2), "{how}: {taken:?}");
    }
}

#[tokio::test]
async fn poll_of_millions_of_pollables_is_refused() {
    let attack = Attack::by(hostile::POLL).payload(json!(4 << 20)).resource("max_memory_mb", json!(64));
    attack.resource("max_fuel", json!(1_000_000_000)).ends_in("result_too_large").await;
}

#[tokio::test]
async fn too_many_borrowed_handles_hit_a_resource_limit() {
    let attack = Attack::by(hostile::POLL).payload(json!(limits::HANDLES_MAX + 1));
    let aftermath = attack.ends_in("resource_limit").await;
    let hit = aftermath.error.limit().expect("handles are limited");
    assert_eq!((hit.limit, &*hit.allowed), ("handles", "1000"));
}

/// Each call costs the guest a dozen instructions, and the host a pass over all pollables.
#[tokio::test]
async fn endless_polls_of_thousands_end_at_the_deadline() {
    let start = Moment::now();
    let count = json!(limits::HANDLES_MAX - 10);
    let attack = Attack::by(hostile::POLL).payload(count).resource("timeout_seconds", json!(0.2));
    attack.resource("max_fuel", json!(100_000_000_000_u64)).ends_in("timeout").await;
    let taken = start.elapsed();
    assert!(taken < Duration::from_secs(2), "{taken:?}");
}

#[tokio::test]
async fn gibibyte_of_random_bytes_in_one_call_is_refused() {
    Attack::by(hostile::RANDOM).payload(json!(1 << 30)).ends_in("plugin_trapped").await;
}

#[tokio::test]
async fn allowed_random_bytes_are_answered() {
    let (_, answer) = Attack::by(hostile::RANDOM).payload(json!(limits::RANDOM_BYTES_MAX)).does_no_harm().await;
    assert_eq!(answer, json!(limits::RANDOM_BYTES_MAX));
}
