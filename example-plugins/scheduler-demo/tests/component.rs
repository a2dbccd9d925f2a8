//! Tests of the component, with a clock that the test controls.

use std::time::Duration;

use plugbay_testing::{TestHost, json};

#[test]
fn jobs_run_at_their_times() {
    let host = TestHost::new();
    let plugin = host.plugin(env!("CARGO_MANIFEST_DIR")).load();
    plugin.call("schedule", json!({ "run_at": "2026-01-01T00:07:00Z", "data": "tea" }));
    assert_eq!(plugin.call("jobs", ()).as_array().map(Vec::len), Some(2));

    host.advance(Duration::from_secs(299));
    plugin.assert_not_logged("cleanup");
    host.advance(Duration::from_secs(1));
    plugin.assert_logged("`cleanup` answered 1");
    plugin.assert_not_logged("tea");
    host.advance(Duration::from_secs(3_600 - 300));
    plugin.assert_logged("`cleanup` answered 12");
    plugin.assert_logged("tea");
    assert_eq!(plugin.call("jobs", ()), json!(["cleanup: every 300s"]));
}

#[test]
fn jobs_are_denied_without_a_grant() {
    let host = TestHost::new();
    let plugin = host.plugin(env!("CARGO_MANIFEST_DIR")).deny("scheduler.once-*").load();
    let error = plugin.call_error("schedule", json!({ "run_at": "2026-01-01T00:07:00Z" }));
    assert_eq!(error.code(), "permission_denied");
    assert_eq!(host.denials().len(), 1);
}
