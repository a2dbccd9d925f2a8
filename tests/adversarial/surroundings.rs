//! What a guest sees of the machine: in a sandbox nothing, in trusted mode what both sides agreed on.

use plugbay::Policy;
use serde_json::{Value, json};

use crate::harness::guest::feature;
use crate::harness::host::{Host, TestPlugin, call};

#[tokio::test]
async fn sandboxed_guest_sees_no_environment_and_no_arguments() {
    let host = Host::new();
    let plugin = host.load(feature::WASI.into()).await;
    assert_eq!(call(&plugin, "environment").await.expect("it answers"), json!({}));
    assert_eq!(call(&plugin, "arguments").await.expect("it answers"), json!([]));
}

#[tokio::test]
async fn sandboxed_guest_sees_the_environment_that_its_manifest_declares() {
    let host = Host::new();
    let plugin = TestPlugin::from(feature::WASI).manifest("env", json!({ "GREETING": "hello" }));
    let plugin = host.load(plugin).await;
    assert_eq!(call(&plugin, "environment").await.expect("it answers"), json!({ "GREETING": "hello" }));
}

#[tokio::test]
async fn sandboxed_guest_sees_no_files() {
    let host = Host::with(|builder| builder.policy(Policy::allow_all()));
    let asks = TestPlugin::from(feature::WASI).manifest("permissions", json!([{ "resource": "fs./" }, { "resource": "*" }]));
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
async fn trusted_guest_sees_the_directory_that_both_sides_allow_and_no_other() {
    let directory = tempfile::tempdir().expect("a directory");
    std::fs::write(directory.path().join("note.txt"), "from the host").expect("written");
    std::fs::write(directory.path().parent().expect("it has one").join("plugbay-outside.txt"), "outside").expect("written");
    let path = directory.path().to_str().expect("a path in UTF-8");
    let host = Host::with(|builder| builder.policy(Policy::allow_all()));
    let plugin = TestPlugin::from(feature::WASI)
        .manifest("execution_mode", json!("trusted"))
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
    assert!(answer["error"].is_string(), "only reading was asked for: {answer}");
}

#[cfg(unix)]
#[tokio::test]
async fn trusted_guest_cannot_leave_its_directory_through_a_link() {
    let directory = tempfile::tempdir().expect("a directory");
    std::os::unix::fs::symlink("/etc/passwd", directory.path().join("link")).expect("linked");
    let path = directory.path().to_str().expect("a path in UTF-8");
    let host = Host::with(|builder| builder.policy(Policy::allow_all()));
    let plugin = TestPlugin::from(feature::WASI)
        .manifest("execution_mode", json!("trusted"))
        .manifest("permissions", json!([{ "resource": format!("fs.{path}") }]));
    let plugin = host.load(plugin).await;
    let answer: Value = plugin.call("read", &json!({ "path": format!("{path}/link") })).await.expect("it answers");
    assert!(answer["error"].is_string(), "{answer}");
}
