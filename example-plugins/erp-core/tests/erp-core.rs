//! Native tests of the plugin with a stand-in for `erp-auth`.

use plugbay_sdk::native::set_plugin;
use plugbay_sdk::{Result, Value, error, json};

/// The stand-in: a token is the name itself, managers may do everything, and the roles are needed.
fn auth(action: &str, payload: Value) -> Result<Value> {
    match (action, &payload["roles"]) {
        ("check_token", _) if payload["token"] == "eve" => {
            Err(error("the token is unknown").with_code("invalid_token").with_status(401))
        }
        ("check_token", _) => Ok(payload["token"].clone()),
        ("may", Value::Array(roles)) => Ok(json!(roles.contains(&json!("manager")))),
        _ => Err(error("the roles are needed").with_code("roles_needed")),
    }
}

#[test]
fn manager_may_hire_but_clerk_may_not() {
    set_plugin("erp-auth", auth);
    let mut core = erp_core::native_instance();
    let hire = |token: &str| json!({ "token": token, "name": "cy", "roles": ["clerk"] });
    assert_eq!(core.call("hire", hire("bob")).expect_err("a clerk").code(), "forbidden");
    assert_eq!(core.call("hire", hire("ada")).expect("a manager"), json!({ "name": "cy", "roles": ["clerk"] }));
    assert_eq!(core.call("hire", hire("ada")).expect_err("twice").code(), "already_hired");
    assert_eq!(core.call("roles", json!({ "employee": "cy" })).expect("hired"), json!(["clerk"]));
    assert_eq!(core.call("employees", json!({ "token": "ada" })).expect("a list").as_array().map(Vec::len), Some(3));
}

#[test]
fn authentication_failure_is_passed_on() {
    set_plugin("erp-auth", auth);
    let failure = erp_core::native_instance().call("employees", json!({ "token": "eve" })).expect_err("no token");
    assert_eq!((failure.code(), failure.status()), ("invalid_token", Some(401)));
    assert!(failure.message().contains("`check_token` of plugin `erp-auth`"), "{failure}");
}

#[test]
fn roles_are_passed_if_they_are_needed() {
    set_plugin("erp-auth", auth);
    let permission = erp_core::native_instance().call("permission", json!({ "token": "ada", "action": "hire" }));
    let expected = json!({ "employee": "ada", "allowed": true, "passed_roles": true });
    assert_eq!(permission.expect("an answer"), expected);
}
