//! Native tests of the plugin with a stand-in for `erp-core`.

use plugbay_sdk::native::{set_config, set_plugin};
use plugbay_sdk::{error, json};

#[test]
fn token_identifies_the_employee() {
    set_config("tokens", json!({ "t-ada": "ada" }));
    let mut auth = erp_auth::native_instance();
    assert_eq!(auth.call("check_token", json!({ "token": "t-ada" })).expect("known"), "ada");
    let failure = auth.call("check_token", json!({ "token": "t-eve" })).expect_err("unknown");
    assert_eq!((failure.code(), failure.status()), ("invalid_token", Some(401)));
}

#[test]
fn roles_are_requested_if_the_caller_passes_none() {
    set_plugin("erp-core", |action, payload| {
        assert_eq!((action, &payload), ("roles", &json!({ "employee": "ada" })));
        Ok(json!(["manager"]))
    });
    let mut auth = erp_auth::native_instance();
    assert_eq!(auth.call("may", json!({ "employee": "ada", "action": "hire" })).expect("an answer"), true);
    let with_roles = json!({ "employee": "ada", "action": "hire", "roles": ["clerk"] });
    assert_eq!(auth.call("may", with_roles).expect("an answer"), false);
}

#[test]
fn waiting_core_must_pass_the_roles() {
    set_plugin("erp-core", |_, _| Err(error("it is waiting").with_code("reentrant_call")));
    let failure = erp_auth::native_instance().call("may", json!({ "employee": "ada", "action": "hire" }));
    assert_eq!(failure.expect_err("the roles are unknown").code(), "roles_needed");
    set_plugin("erp-core", |_, _| Err(error("no such employee").with_code("unknown_employee")));
    let failure = erp_auth::native_instance().call("may", json!({ "employee": "eve", "action": "hire" }));
    assert_eq!(failure.expect_err("the roles are unknown").code(), "unknown_employee");
}
