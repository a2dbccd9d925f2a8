//! Native tests of the plugin with a stand-in for the service.

use plugbay_sdk::json;
use plugbay_sdk::native::{Instance, set_config, set_http};

const BERN: &str = "https://weather.example.org/v1/current?city=Bern";

fn weather() -> Instance {
    set_config("base_url", "https://weather.example.org/v1");
    weather::native_instance()
}

#[test]
fn second_result_comes_from_the_cache() {
    let mut weather = weather();
    set_http(BERN, 200, r#"{"celsius": 7.5, "sky": "rain"}"#);
    let first = weather.call("current", json!({ "city": "Bern" })).expect("an answer");
    assert_eq!(first, json!({ "celsius": 7.5, "sky": "rain", "cached": false }));
    set_http(BERN, 500, "");
    let second = weather.call("current", json!({ "city": " BERN " })).expect("an answer");
    assert_eq!(second, json!({ "celsius": 7.5, "sky": "rain", "cached": true }));
    assert_eq!(weather.call("forget", json!({ "city": "bern" })).expect("an answer"), true);
    let failure = weather.call("current", json!({ "city": "Bern" })).expect_err("a status of 500");
    assert_eq!(failure.code(), "http_status");
}

#[test]
fn unknown_city_is_an_error_that_is_not_cached() {
    let mut weather = weather();
    set_http(BERN, 404, "");
    let failure = weather.call("current", json!({ "city": "Bern" })).expect_err("unknown");
    assert_eq!((failure.code(), failure.status()), ("unknown_city", Some(404)));
    set_http(BERN, 200, r#"{"celsius": 7.5, "sky": "rain"}"#);
    assert_eq!(weather.call("current", json!({ "city": "Bern" })).expect("known now")["cached"], false);
}

#[test]
fn unavailable_or_broken_service_is_an_error() {
    let mut weather = weather();
    let failure = weather.call("current", json!({ "city": "Thun" })).expect_err("no response is set");
    assert_eq!(failure.code(), "unavailable");
    set_http(BERN, 200, "sunny");
    let failure = weather.call("current", json!({ "city": "Bern" })).expect_err("it is not JSON");
    assert_eq!(failure.code(), "invalid_response");
}
