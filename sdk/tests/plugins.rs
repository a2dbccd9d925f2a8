//! Calls to other plugins against the stand-in.

use plugbay_sdk::native::{set_plugin, set_service};
use plugbay_sdk::plugins;
use plugbay_sdk::prelude::*;

#[derive(Debug, PartialEq, Deserialize)]
struct Customer {
    id: u64,
    name: String,
}

fn erp(action: &str, payload: Value) -> Result<Value> {
    match action {
        "get_customer" => Ok(json!({ "id": payload["id"], "name": "Ada" })),
        other => Err(error(format!("no `{other}` today"))
            .with_code("closed")
            .with_details(json!({ "till": "Monday" }))
            .with_status(503)),
    }
}

#[test]
fn call_returns_typed_values() {
    set_plugin("erp-core", erp);
    let customer: Customer = plugins::get("erp-core").call("get_customer", &json!({ "id": 7 })).expect("an answer");
    assert_eq!(customer, Customer { id: 7, name: "Ada".to_owned() });
    let failure = plugins::call::<u64>("erp-core", "get_customer", &json!({ "id": 7 })).expect_err("no number");
    assert_eq!(failure.code(), "invalid_answer");
}

#[test]
fn failure_of_the_other_plugin_keeps_its_code_with_context() {
    set_plugin("erp-core", erp);
    let failure = plugins::call::<Value>("erp-core", "pay", &()).expect_err("closed");
    assert_eq!(failure.to_string(), "closed: `pay` of plugin `erp-core`: no `pay` today");
    assert_eq!((failure.details(), failure.status()), (Some(r#"{"till":"Monday"}"#), Some(503)));
}

#[test]
fn plugin_without_a_stand_in_is_not_found() {
    let failure = plugins::call::<Value>("erp-core", "get_customer", &()).expect_err("it does not exist");
    assert_eq!(failure.code(), "not_found");
    assert!(failure.message().contains("native::set_plugin"), "{failure}");
}

#[test]
fn call_to_a_plugin_that_is_running_is_reentrant() {
    set_plugin("a", |_, _| plugins::call("a", "again", &()));
    let failure = plugins::call::<Value>("a", "first", &()).expect_err("it would wait for itself");
    assert_eq!(failure.code(), "reentrant_call");
    set_plugin("a", |_, _| Ok(json!(1)));
    assert_eq!(plugins::call::<u64>("a", "first", &()).expect("an answer"), 1);
}

#[test]
fn services_are_found_by_name() {
    set_plugin("smtp", |_, payload| Ok(payload));
    set_service("mailer", "smtp");
    assert_eq!(plugins::service("mailer").call::<u64>("send", &5).expect("an answer"), 5);
    assert_eq!(plugins::find_service("printer").expect_err("none").code(), "not_found");
    assert_eq!(plugins::register_service("mailer").expect_err("taken").code(), "already_exists");
    plugins::register_service("printer").expect("free");
    let names: Vec<String> = plugins::services().expect("a list").into_iter().map(|service| service.name).collect();
    assert_eq!(names, ["mailer", "printer"]);
    assert!(plugins::unregister_service("printer").expect("an answer"));
    assert!(!plugins::unregister_service("mailer").expect("an answer"));
}
