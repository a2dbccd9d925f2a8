//! What a test can do with a plugin in a `TestHost`: its life cycle, the clock, outgoing requests, and who denied what.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use plugbay::Ceilings;
use plugbay::manifest::Resources;
use plugbay_testing::{PluginSetup, TestHost};
use serde_json::{Value, json};

use crate::harness::guest::{Guest, example, feature};
use crate::harness::host::TestPlugin;

/// A guest with the manifest of every test plugin.
pub(super) fn guest(host: &TestHost, guest: Guest) -> PluginSetup {
    host.component(guest.name(), TestPlugin::from(guest).into_bytes())
}

#[test]
fn plugin_is_loaded_from_a_file_or_a_directory() {
    let directory = tempfile::tempdir().expect("a directory");
    std::fs::copy(example::BARE.path(), directory.path().join("bare.wasm")).expect("copied");
    for path in [directory.path().join("bare.wasm"), directory.path().to_owned()] {
        let bare = TestHost::new().plugin(path).load();
        assert_eq!(bare.call("ping", ())["message"], "pong");
    }
}

#[test]
fn hosts_share_nothing_and_reload_hands_state_over() {
    let (one, two) = (TestHost::new(), TestHost::new());
    let counters = [&one, &two].map(|host| host.plugin(example::COUNTER.path()).load());
    assert_eq!(counters[0].call_as::<Value>("increment", json!({ "by": 5 }))["count"], 5);
    assert_eq!(counters[1].call("count", ())["count"], 0);
    counters[0].reload();
    assert_eq!(counters[0].call("count", ()), json!({ "count": 5, "revisions": 2 }));
    let again = one.plugin(example::COUNTER.path()).reload();
    assert_eq!(again.call("count", ())["revisions"], 3);
    again.unload();
    assert_eq!(again.call_error("count", ()).code(), "not_loaded");
}

#[test]
fn events_carry_the_time_of_the_test_and_are_answered() {
    let host = TestHost::builder().time(UNIX_EPOCH + Duration::from_millis(7)).build();
    let subscribes = json!({ "events": { "subscribes": ["order.*"] } });
    let plugin = guest(&host, feature::EVENTS).manifest(subscribes).load();
    assert!(plugin.event("order.stop", json!({ "id": 1 })).stop);
    plugin.event("user.created", json!(null));
    let heard = plugin.call("heard", ());
    assert_eq!(heard.as_array().map(Vec::len), Some(1), "{heard}");
    assert_eq!((&heard[0]["timestamp_ms"], &heard[0]["source"]), (&json!(7), &json!("host")));
    let failed = plugin.deliver(&plugin.make_event("order.fail", json!(null))).expect_err("its handler fails");
    assert_eq!(failed.code(), "unwanted");
}

#[test]
fn health_is_reported_by_the_plugin() {
    let host = TestHost::new();
    let plugin = guest(&host, feature::EVENTS).load();
    assert!(plugin.health().healthy);
    plugin.call("be", "failing");
    assert_eq!((plugin.health().healthy, &*plugin.health().message), (false, "the database does not answer"));
    plugin.call("be", "trapping");
    assert_eq!(plugin.try_health().expect_err("it traps").code(), "plugin_trapped");
}

#[test]
fn wall_clock_stands_still_until_the_test_moves_it() {
    let host = TestHost::new();
    let plugin = guest(&host, feature::WASI).load();
    let begin = plugin.call("clock", ()).as_u64().expect("milliseconds");
    assert_eq!(plugin.call("clock", ()), begin);
    host.advance(Duration::from_secs(3_600));
    assert_eq!(plugin.call("clock", ()), begin + 3_600_000);
    host.set_time(SystemTime::UNIX_EPOCH);
    assert_eq!((plugin.call("clock", ()), host.now()), (json!(0), UNIX_EPOCH));
}

#[test]
fn requests_are_answered_by_the_test_and_recorded() {
    let host = TestHost::new();
    let asks = json!({ "permissions": [{ "resource": "http.api.example.org" }, "log.write"] });
    let plugin = guest(&host, feature::HTTP).manifest(asks).load();
    host.http().on("GET", "https://api.example.org/a*").times(1).reply(201, json!({ "made": true }));
    host.http().on("*", "https://api.example.org/*").reply_text(404, "none");

    let fetch = |path: &str| {
        let answer = plugin.call("fetch", json!({ "scheme": "https", "authority": "api.example.org", "path": path }));
        (answer["status"].clone(), answer["body"].clone())
    };
    assert_eq!(fetch("/a?q=1"), (json!(201), json!("{\"made\":true}")));
    assert_eq!(fetch("/a?q=1"), (json!(404), json!("none")));
    let made = host.http().requests();
    assert_eq!((&*made[0].method, &*made[0].url, made.len()), ("GET", "https://api.example.org/a?q=1", 2));

    plugin.assert_nothing_denied();
    let denied = plugin.call("fetch", json!({ "scheme": "https", "authority": "example.com" }));
    assert_eq!(denied["error"], "HttpRequestDenied");
    plugin.assert_denied("http.example.com", "execute");
    assert_eq!(host.http().requests().len(), 2, "a request that was denied is not made");
}

#[test]
fn operator_allows_what_is_requested_by_default() {
    let asks = json!({ "permissions": [{ "resource": "config.*" }] });
    let set = |setup: PluginSetup, key: &str| {
        let plugin = setup.manifest(asks.clone()).load();
        plugin.call("set", json!({ "key": key, "value": 1 }));
        plugin.denials().into_iter().map(|denied| denied.to_string()).collect::<Vec<_>>()
    };
    let setup = |host: &TestHost| guest(host, feature::CONFIG);
    assert!(set(setup(&TestHost::new()), "a").is_empty());
    let by_operator = ["write config.a: the operator did not grant it"];
    assert_eq!(set(setup(&TestHost::new()).deny("config.a:write"), "a"), by_operator);
    assert!(set(setup(&TestHost::new()).deny("config.a:write"), "b").is_empty());
    assert!(set(setup(&TestHost::new()).grant("config.a").deny("config.*"), "a").is_empty());
    assert_eq!(set(setup(&TestHost::new()).only(["config.b:write"]), "a"), by_operator);
    assert!(set(setup(&TestHost::new()).only(["config.b:write"]), "b").is_empty());
}

#[test]
fn plugins_of_one_host_require_and_call_each_other() {
    let host = TestHost::new();
    let plugin = |name: &str, requires: Value| {
        let manifest = json!({ "name": name, "requires": requires, "permissions": [{ "resource": "plugin.*" }] });
        guest(&host, feature::PLUGINS).manifest(manifest).load()
    };
    let callee = plugin("callee", json!([]));
    let caller = plugin("caller", json!(["callee"]));
    assert_eq!(caller.call("relay", json!(["callee"]))["caller"], "plugin:caller");
    assert_eq!(callee.metrics().calls, 1);

    let alone = guest(&TestHost::new(), feature::ECHO).manifest(json!({ "requires": ["callee"] })).try_load();
    assert!(alone.expect_err("its requirement is not loaded").to_string().contains("callee"));
}

#[test]
fn limits_are_those_of_the_plugin_and_of_the_host() {
    let resources = Resources { timeout: Some(Duration::from_millis(50)), ..Resources::default() };
    let plugin = guest(&TestHost::new(), feature::SLEEP).resources(resources).load();
    assert_eq!(plugin.call_error("sleep", 60_000).code(), "timeout");

    let ceilings = Ceilings { memory_bytes: Some(64 << 10), ..Ceilings::default() };
    let host = TestHost::builder().runtime(|runtime| runtime.ceilings(ceilings)).build();
    assert!(guest(&host, feature::ECHO).try_load().is_err(), "it starts with more");
}

/// An asynchronous test may use the harness or the plugin's own handle.
#[tokio::test]
async fn async_test_uses_the_harness_and_the_plugin_itself() {
    let host = TestHost::new();
    let plugin = guest(&host, feature::ECHO).load();
    assert_eq!(plugin.call("echo", 1), 1);
    let (one, two) = tokio::join!(plugin.plugin().call::<u8>("echo", &1), plugin.plugin().call::<u8>("echo", &2));
    assert_eq!((one.expect("answered"), two.expect("answered")), (1, 2));
    assert_eq!(host.runtime().plugins().len(), 1);
}
