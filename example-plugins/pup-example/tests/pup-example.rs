//! Native tests of the options, the memory and the events.

use plugbay_sdk::json;
use plugbay_sdk::native::{Instance, set_api, set_config, set_http, take_log};

fn loaded(rss: u64) -> Instance {
    set_config("threshold", "100");
    set_config("process", "web");
    set_api("http://127.0.0.1:7070");
    set_http("http://127.0.0.1:7070/state", 200, json!({ "data": { "memory": { "rss": rss } } }).to_string());
    let mut plugin = pup_example::native_instance();
    plugin.load().expect("loaded");
    plugin
}

#[test]
fn use_of_memory_is_logged_when_it_changes() {
    let mut plugin = loaded(1 << 20);
    for rss in [99_u64, 99, 100, 200, 5] {
        let state = json!({ "data": { "memory": { "rss": rss << 20 } } });
        set_http("http://127.0.0.1:7070/state", 200, state.to_string());
        plugin.emit("watchdog", ());
    }
    let lines = take_log();
    assert_eq!(lines.len(), 3, "{lines:?}");
    assert!(lines[0].contains("ok") && lines[1].contains("high") && lines[2].contains("ok used_mib=5"), "{lines:?}");
}

#[test]
fn state_that_cannot_be_read_is_logged_and_is_no_error() {
    let mut plugin = loaded(1);
    set_http("http://127.0.0.1:7070/state", 401, "{}");
    assert_eq!(plugin.emit("watchdog", ()).failed, 0);
    assert!(take_log()[0].contains("cannot be read"));
}

#[test]
fn failed_process_that_cannot_be_restarted_is_logged() {
    let mut plugin = loaded(1);
    let change = |id: &str, state: &str| json!({ "processId": id, "newState": state, "status": {} });
    for (id, state) in [("other", "failed"), ("web", "finished")] {
        plugin.emit("process_status_changed", change(id, state));
    }
    assert!(take_log().is_empty());
    assert_eq!(plugin.emit("process_status_changed", change("web", "failed")).failed, 0);
    assert!(take_log()[0].contains("web has failed and cannot be restarted"));
}
