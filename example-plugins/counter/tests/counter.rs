//! Native tests of the actions and lifecycle hooks.

use plugbay_sdk::json;
use plugbay_sdk::native::{Instance, take_log};

fn loaded() -> Instance {
    let mut counter = counter::native_instance();
    counter.load().expect("loaded");
    counter
}

#[test]
fn count_persists_between_calls() {
    let mut counter = loaded();
    counter.call("increment", ()).expect("one");
    counter.call("increment", json!({})).expect("two");
    let count = counter.call("increment", json!({ "by": 40 })).expect("more");
    assert_eq!(count, json!({ "count": 42, "revisions": 1 }));
    assert_eq!(counter.call("count", ()).expect("the same"), count);
    assert_eq!(counter.call("reset", ()).expect("zero")["count"], 0);
}

#[test]
fn count_survives_a_reload() {
    let mut old = loaded();
    old.call("increment", json!({ "by": 7 })).expect("seven");
    let state = old.save_state().expect("saved");
    assert_eq!(state.as_ref().map(|state| &*state.bytes), Some(&br#"{"count":7,"revisions":1}"#[..]));

    let mut new = counter::native_instance();
    new.reload(state).expect("taken over");
    old.unload();
    assert_eq!(new.call("increment", ()).expect("eight"), json!({ "count": 8, "revisions": 2 }));
    let lines = ["INFO counting from zero", "INFO counting on count=7 revisions=2", "INFO stopped counting count=7"];
    assert_eq!(take_log(), lines);
}

#[test]
fn state_of_an_older_version_is_taken_over() {
    let mut counter = counter::native_instance();
    counter.reload(Some(br#"{"count":3}"#.to_vec().into())).expect("taken over");
    assert_eq!(counter.call("count", ()).expect("three"), json!({ "count": 3, "revisions": 1 }));
}

#[test]
fn invalid_state_fails_the_reload() {
    let mut counter = counter::native_instance();
    assert_eq!(counter.reload(Some(b"?".to_vec().into())).expect_err("it is not JSON").code(), "state_mismatch");
    assert_eq!(counter.reload(None).expect_err("nothing").code(), "no_state");
}

#[test]
fn count_beyond_64_bits_is_an_overflow() {
    let mut counter = counter::native_instance();
    counter.reload(Some(format!(r#"{{"count":{}}}"#, u64::MAX).into_bytes().into())).expect("taken over");
    assert_eq!(counter.call("increment", ()).expect_err("too much").code(), "overflow");
    assert_eq!(counter.call("count", ()).expect("unchanged")["count"], u64::MAX);
}
