//! Tests of the component: its state between calls, during a reload and after a refused call.

use plugbay_testing::{TestHost, json};

#[test]
fn count_survives_a_reload() {
    let host = TestHost::new();
    let counter = host.plugin(env!("CARGO_MANIFEST_DIR")).load();
    counter.call("increment", ());
    assert_eq!(counter.call("increment", json!({ "by": 40 }))["count"], 41);
    counter.reload();
    assert_eq!(counter.call("increment", ()), json!({ "count": 42, "revisions": 2 }));
    counter.unload();

    let lines: Vec<String> = counter.log_lines().iter().map(ToString::to_string).collect();
    let expected = ["counting from zero", "counting on", "stopped counting", "stopped counting"];
    assert_eq!(lines.len(), expected.len(), "{lines:?}");
    for text in expected {
        counter.assert_logged(text);
    }
}

#[test]
fn step_over_the_maximum_is_refused_by_the_host() {
    let host = TestHost::new();
    let counter = host.plugin(env!("CARGO_MANIFEST_DIR")).load();
    assert_eq!(counter.call_error("increment", json!({ "by": 1_001 })).code(), "validation_error");
    assert_eq!(counter.call("count", ())["count"], 0);
    assert_eq!(counter.metrics().errors.get("validation_error"), Some(&1));
}
