//! Many reloads while callers never pause, and many reloads at once.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use plugbay::{Event, Package};
use serde_json::json;

use crate::harness::guest::feature;
use crate::harness::host::{Host, TestPlugin};

const RELOADS: u64 = 1_000;
const CALLERS: usize = 16;
const AT_ONCE: u64 = 100;

/// The revision with this number. All have the same component.
fn revision(number: u64) -> Package {
    let setting = json!({ "revision": { "type": "integer", "default": 0 } });
    let events = json!({ "subscribes": [{ "topic": "tick" }] });
    let plugin = TestPlugin::from(feature::LIFECYCLE).manifest("configuration", setting).manifest("events", events);
    plugin.package().configure("revision", number)
}

/// No call, event or health check fails, each answer is that of one revision, no caller sees an older one after a newer
/// one, and the state is handed on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn thousand_reloads_are_invisible_to_callers_that_never_pause() {
    let host = Host::new();
    let plugin = host.runtime.load(revision(0)).await.expect("it loads");
    let total: u64 = plugin.call("add", &41).await.expect("it adds");
    assert_eq!(total, 41);
    let (done, reloaded) = (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::new(0)));
    let callers: Vec<_> = (0..CALLERS)
        .map(|caller| {
            let (plugin, done, reloaded) = (plugin.clone(), done.clone(), reloaded.clone());
            tokio::spawn(async move {
                let (mut last, mut calls) = (0, 0_u64);
                while !done.load(Ordering::Relaxed) {
                    let before = *reloaded.lock().expect("not poisoned");
                    let (at_start, now, total): (u64, u64, u64) =
                        plugin.call("revision", &()).await.expect("no call fails because of a reload");
                    assert_eq!((at_start, total), (now, 41), "the answer is of one revision, and has the state");
                    assert!(now >= last.max(before), "revision {now} after {last}, and {before} had replaced it");
                    (last, calls) = (now, calls + 1);
                    if caller == 0 {
                        let event = Event::new("tick", json!(null));
                        let reaction = plugin.deliver(&event).await.expect("no event fails because of a reload");
                        assert_eq!(reaction.heard, 1);
                        assert!(plugin.health().await.expect("no check fails because of a reload").healthy);
                    }
                }
                calls
            })
        })
        .collect();
    for number in 1..=RELOADS {
        host.runtime.reload(revision(number)).await.expect("the reload succeeds");
        *reloaded.lock().expect("not poisoned") = number;
    }
    done.store(true, Ordering::Relaxed);
    let mut calls = 0;
    for caller in callers {
        let made = caller.await.expect("no call failed");
        assert!(made > 0, "every caller had a turn");
        calls += made;
    }
    let metrics = plugin.metrics();
    assert!(metrics.calls > calls, "{} calls are counted, and {calls} were made", metrics.calls);
    assert!(metrics.errors.is_empty(), "{:?}", metrics.errors);
}

#[tokio::test]
async fn reloads_requested_at_once_end_in_the_order_of_the_requests() {
    let host = Host::new();
    let plugin = host.runtime.load(revision(0)).await.expect("it loads");
    let total: u64 = plugin.call("add", &41).await.expect("it adds");
    assert_eq!(total, 41);
    let ended = Arc::new(Mutex::new(Vec::new()));
    let requests: Vec<_> = (1..=AT_ONCE)
        .map(|number| {
            let (runtime, ended) = (host.runtime.clone(), ended.clone());
            tokio::spawn(async move {
                runtime.reload(revision(number)).await.expect("the reload succeeds");
                ended.lock().expect("not poisoned").push(number);
            })
        })
        .collect();
    for request in requests {
        request.await.expect("the reload succeeds");
    }
    assert_eq!(*ended.lock().expect("not poisoned"), (1..=AT_ONCE).collect::<Vec<_>>());
    let last: (u64, u64, u64) = plugin.call("revision", &()).await.expect("it serves");
    assert_eq!(last, (AT_ONCE, AT_ONCE, 41));
}
