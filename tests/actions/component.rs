//! Calls of any exported function of any component, with arguments as text.

use plugbay::Package;
use plugbay::manifest::Resources;
use plugbay_component_call::{AnyComponent, ComponentError, to_json, to_wave};
use serde_json::json;

use crate::harness::assert::assert_contains;
use crate::harness::guest::component;
use crate::harness::host::Host;

#[tokio::test]
async fn functions_are_listed_with_their_types() {
    let component = geometry().await;
    let listed: Vec<String> = component.functions().iter().map(ToString::to_string).collect();
    let all = listed.join("\n");
    assert_contains(&all, &["add", "u32", "acme:geometry/shapes@1.2.0", "area", "result", "string"]);
}

#[tokio::test]
async fn arguments_as_wave_and_as_json_are_equivalent() {
    for (function, arguments, wave, json) in [
        ("add", vec!["2", "40"], "42", json!(42)),
        ("greet", vec!["World"], "\"Hello, World!\"", json!("Hello, World!")),
        ("greet", vec!["\"W\"", "2"], "\"Hello, W! Hello, W!\"", json!("Hello, W! Hello, W!")),
        ("swap", vec!["(-1, 'x')"], "('x', -1)", json!(["x", -1])),
        ("swap", vec!["[-1, \"x\"]"], "('x', -1)", json!(["x", -1])),
        ("area", vec!["rectangle((2, 3))"], "ok(6)", json!({ "ok": 6.0 })),
        ("shapes.area", vec!["{\"rectangle\": [2, 3]}"], "ok(6)", json!({ "ok": 6.0 })),
        ("area", vec!["nothing"], "ok(0)", json!({ "ok": 0.0 })),
        ("distance", vec!["{x: 0, y: 0}", "{\"x\": 3, \"y\": 4}"], "5", json!(5.0)),
        ("centre", vec!["[{x: 1, y: 2}, {x: 3, y: 4}]"], "some({x: 2, y: 3})", json!({ "x": 2.0, "y": 3.0 })),
        ("centre", vec!["[]"], "none", json!(null)),
        ("mix", vec!["red", "\"green\""], "blue", json!("blue")),
        ("opposite", vec!["{top, left}"], "{right, bottom}", json!(["right", "bottom"])),
    ] {
        let component = geometry().await;
        let called = component.call(function, &texts(&arguments)).await;
        let called = called.unwrap_or_else(|error| panic!("{function} {arguments:?}: {error}"));
        let value = called.value.expect("it has a result");
        assert_eq!(to_wave(&value).expect("it has a text form"), wave, "{function} {arguments:?}");
        assert_eq!(to_json(&value).expect("it has a JSON form"), json, "{function} {arguments:?}");
    }
}

#[tokio::test]
async fn mismatched_arguments_are_refused_with_the_signature() {
    let component = geometry().await;
    for (function, arguments, words) in [
        ("add", vec!["2"], vec!["add", "2 arguments"]),
        ("add", vec!["2", "-1"], vec!["`b`", "u32"]),
        ("add", vec!["2", "many"], vec!["`b`", "u32"]),
        ("mix", vec!["red", "pink"], vec!["pink", "green"]),
        ("ad", vec![], vec!["`ad`", "add"]),
        ("nothing-like-it", vec![], vec!["nothing-like-it", "greet"]),
    ] {
        let error = component.call(function, &texts(&arguments)).await.expect_err(function);
        assert_contains(&error.to_string(), &words);
    }
}

#[tokio::test]
async fn hostile_function_hits_the_same_limits() {
    let limits = Resources { max_fuel: Some(20_000_000), max_memory_bytes: Some(8 << 20), ..Resources::default() };
    let package = Package::open(component::GEOMETRY.path()).expect("it opens").resources(limits);
    let component = Host::new().runtime.component(package).await.expect("it is a component");
    let component = AnyComponent::new(component);
    for (function, arguments, code) in [
        ("spin", vec![], "out_of_fuel"),
        ("hoard", vec![], "memory_limit"),
        ("break-down", vec!["oh no"], "plugin_trapped"),
    ] {
        let error = component.call(function, &texts(&arguments)).await.expect_err(function);
        let ComponentError::Invoke(error) = error else { panic!("{error}") };
        assert_eq!(error.code(), code, "{error}");
    }
    let called = component.call("add", &texts(&["1", "1"])).await.expect("each call has a sandbox of its own");
    assert_eq!(to_wave(&called.value.expect("it has a result")).expect("it has a text form"), "2");
}

async fn geometry() -> AnyComponent {
    let host = Host::new();
    AnyComponent::new(host.runtime.component(component::GEOMETRY.path()).await.expect("it is a component"))
}

fn texts(arguments: &[&str]) -> Vec<String> {
    arguments.iter().map(|&argument| argument.to_owned()).collect()
}
