//! `plugbay inspect`, `check` and `schema`, which describe a plugin without running it.

use serde_json::json;

use crate::harness::assert::assert_contains;
use crate::harness::command::{Plugbay, plugin_file};
use crate::harness::core_module::CoreModule;
use crate::harness::guest::{component, feature, hostile};
use crate::harness::host::TestPlugin;

#[test]
fn inspection_shows_a_whole_plugin() {
    let plugin = TestPlugin::from(feature::LOG)
        .manifest("title", json!("A log"))
        .manifest("actions", json!([{ "name": "log", "description": "Logs a line", "payload": { "type": "object" } }]));
    let file = plugin_file(plugin);
    let path = file.path().to_str().expect("UTF-8");
    let text = Plugbay::new(["inspect", path]).run().exits_with(0).stdout;
    assert_contains(
        &text,
        &[
            "feature_log",
            "0.1.0",
            "A log",
            "plugbay:plugin/actions",
            "plugbay:plugin/log",
            "log:write",
            "Logs a line",
            "32",
        ],
    );
    let json = Plugbay::new(["inspect", path, "--json"]).run().exits_with(0).json();
    assert_eq!((&json["manifest"]["name"], &json["limits"]["memory_bytes"]), (&json!("feature_log"), &json!(32 << 20)));
    assert_eq!(json["digest"].as_str().map(str::len), Some(64));
}

#[test]
fn inspection_runs_no_code() {
    let hang = CoreModule::default().with("(func $forever (loop $again (br $again))) (start $forever)");
    let file = plugin_file(TestPlugin::new("hanging", hang.plugin()));
    let path = file.path().to_str().expect("UTF-8");
    Plugbay::new(["inspect", path]).run().exits_with(0);
    Plugbay::new(["check", path]).run().exits_with(0);
}

#[test]
fn inspection_names_what_is_not_granted() {
    let path = hostile::SOCKETS.path();
    let text = Plugbay::new(["inspect", path.to_str().expect("UTF-8")]).run().exits_with(0).stdout;
    assert_contains(&text, &["wasi:sockets/", "net.*"]);
}

#[test]
fn interface_of_an_application_is_named_as_such() {
    let plugin = plugin_file(
        TestPlugin::from(feature::EXTENSION).manifest("permissions", json!([{ "resource": "ext.stock.*" }])),
    );
    let path = plugin.path().to_str().expect("UTF-8");
    for arguments in [&["check", path][..], &["check", path, "--grant", "ext.stock.*:read"]] {
        let ran = Plugbay::new(arguments).run().exits_with(3);
        assert_contains(&ran.stderr, &["acme:warehouse/stock@1.2.0", "only that application can load the plugin"]);
    }
    let text = Plugbay::new(["inspect", path]).run().exits_with(0).stdout;
    assert_contains(&text, &["acme:warehouse/stock@1.2.0", "ext.stock.*"]);
}

#[test]
fn inspection_of_a_component_that_is_not_a_plugin_says_so() {
    let path = component::GEOMETRY.path();
    let ran = Plugbay::new(["inspect", path.to_str().expect("UTF-8")]).run().exits_with(0);
    assert_contains(&ran.stderr, &["not a plugin", "plugbay call"]);
    let plugin = Plugbay::new(["inspect", feature::ECHO.path().to_str().expect("UTF-8")]).run().exits_with(0);
    assert_eq!(plugin.stderr, "");
}

#[test]
fn inspection_of_an_invalid_component_exits_with_3() {
    // Well-formed, and an addition without operands.
    let invalid = wat::parse_str("(component (core module (func i32.add drop)))").expect("well-formed");
    let file = plugin_file(TestPlugin::new("invalid", invalid));
    let path = file.path().to_str().expect("UTF-8");
    for command in ["inspect", "check"] {
        let ran = Plugbay::new([command, path]).run().exits_with(3);
        assert_contains(&ran.stderr, &["error[invalid_component]", "type mismatch", "at byte"]);
        assert_eq!(ran.stdout, "");
    }
    assert_eq!(Plugbay::new(["inspect", path, "--json"]).run().exits_with(3).json()["code"], "invalid_component");
}

#[test]
fn inspection_shows_hooks_in_text_and_json() {
    let file = plugin_file(
        TestPlugin::from(feature::EVENTS)
            .manifest("events", json!({ "publishes": ["order.done"], "subscribes": ["order.*"] }))
            .manifest("tables", json!({ "orders": { "columns": { "id": "id" } } })),
    );
    let path = file.path().to_str().expect("UTF-8");
    let text = Plugbay::new(["inspect", path]).run().exits_with(0).stdout;
    assert_contains(&text, &["Hooks\n  event-handler  ", "\n  health  ", "\n  lifecycle  "]);
    let json = Plugbay::new(["inspect", path, "--json"]).run().exits_with(0).json();
    assert_eq!(json["hooks"], json!(["event-handler", "health", "lifecycle"]));
    assert_eq!(json["manifest"]["tables"][0]["name"], "orders");
    assert_eq!(json["manifest"]["events"]["subscribes"][0]["topic"], "order.*");
    assert_eq!(json["manifest"]["events"]["publishes"], json!(["order.done"]));
    let plain = feature::ECHO.path();
    let json = Plugbay::new(["inspect", plain.to_str().expect("UTF-8"), "--json"]).run().exits_with(0).json();
    assert_eq!(json["hooks"], json!([]));
}

#[test]
fn check_of_a_good_plugin_says_so() {
    let path = feature::ECHO.path();
    let ran = Plugbay::new(["check", path.to_str().expect("UTF-8")]).run().exits_with(0);
    assert_contains(&ran.stdout, &["ok", "feature_echo"]);
}

#[test]
fn check_lists_every_problem_of_a_manifest() {
    let plugin = TestPlugin::from(feature::ECHO)
        .manifest("titel", json!("x"))
        .manifest("version", json!("one"))
        .manifest("execution_mode", json!("sandbox"));
    let file = plugin_file(plugin);
    let path = file.path().to_str().expect("UTF-8");
    let ran = Plugbay::new(["check", path]).run().exits_with(3);
    assert_contains(&ran.stderr, &["titel", "`title`", "version", "execution_mode", "sandboxed"]);
    let json = Plugbay::new(["check", path, "--json"]).run().exits_with(3).json();
    assert_eq!(json["code"], "invalid_manifest");
}

#[test]
fn check_of_a_plugin_without_a_grant_exits_with_4() {
    let asking = TestPlugin::from(hostile::SOCKETS).manifest("permissions", json!([{ "resource": "net.*" }]));
    let file = plugin_file(asking);
    let path = file.path().to_str().expect("UTF-8");
    let ran = Plugbay::new(["check", path, "--grant", "cache.*"]).run().exits_with(4);
    assert_contains(&ran.stderr, &["net.*"]);
}

#[test]
fn check_without_grants_judges_the_plugin_alone() {
    let asking = TestPlugin::from(feature::DATA).manifest("permissions", json!([{ "resource": "data.*" }]));
    let file = plugin_file(asking);
    let path = file.path().to_str().expect("UTF-8");
    let ran = Plugbay::new(["check", path]).run().exits_with(0);
    assert_contains(&ran.stderr, &["an operator must allow", "--grant 'data.*'"]);
    Plugbay::new(["check", path, "--grant", "cache.*"]).run().exits_with(4);
    let granted = Plugbay::new(["check", path, "--grant", "data.*"]).run().exits_with(0);
    assert_eq!(granted.stderr, "");
    let silent = plugin_file(TestPlugin::from(feature::DATA).manifest("permissions", json!([])));
    Plugbay::new(["check", silent.path().to_str().expect("UTF-8")]).run().exits_with(4);
}

#[test]
fn inspection_shows_subscriptions_publishes_and_tables() {
    let plugin = TestPlugin::from(feature::EVENTS)
        .manifest(
            "events",
            json!({ "publishes": ["order.done"], "subscribes": [{ "topic": "order.*", "priority": 7 }] }),
        )
        .manifest("tables", json!({ "orders": { "columns": { "id": "id", "item": "text" } } }));
    let file = plugin_file(plugin);
    let text = Plugbay::new(["inspect", file.path().to_str().expect("UTF-8")]).run().exits_with(0).stdout;
    for line in ["Subscribes to\n  order.*  priority 7", "Publishes\n  order.done", "Tables\n  orders  id, item"] {
        assert_contains(&text, &[line]);
    }
}

#[test]
fn pages_are_shown_with_their_requests_and_with_what_is_wrong() {
    let plugin = |props: serde_json::Value| {
        let page = json!({
            "path": "/items", "meta": { "title": "Items" }, "template": { "type": "text", "props": props },
            "loaders": [{ "id": "items", "apiRoute": "/items" }],
        });
        let plugin = TestPlugin::from(feature::ECHO)
            .manifest("routes", json!([{ "method": "GET", "path": "/items", "actions": ["echo"] }]))
            .manifest("frontend", json!({ "pages": [page] }));
        plugin_file(plugin)
    };
    let file = plugin(json!({ "text": "x", "colour": "red" }));
    let path = file.path().to_str().expect("UTF-8");
    let text = Plugbay::new(["inspect", path]).run().exits_with(0).stdout;
    assert_contains(&text, &["Pages\n  /items  Items  GET /items"]);
    let checked = Plugbay::new(["check", path]).run().exits_with(0);
    assert_contains(&checked.stdout, &["1 page"]);
    assert_contains(&checked.stderr, &["frontend.pages[0].template.props.colour", "no effect"]);
    let file = plugin(json!({ "text": ["x"] }));
    let refused = Plugbay::new(["check", file.path().to_str().expect("UTF-8")]).run().exits_with(3);
    assert_contains(&refused.stderr, &["frontend.pages[0].template.props.text", "expected a text", "INVALID_PROPS"]);
}

#[test]
fn limits_cut_to_ceilings_are_shown_by_inspect_and_check() {
    let path = feature::ECHO.path();
    let path = path.to_str().expect("UTF-8");
    for command in ["inspect", "check"] {
        let ran = Plugbay::new([command, path, "--max-memory", "100GiB"]).run().exits_with(0);
        assert_contains(&ran.stderr, &["--max-memory 100.0 GiB is cut to the host's ceiling of 4.0 GiB"]);
    }
    let text = Plugbay::new(["inspect", path, "--timeout", "0", "--fuel", "0"]).run().exits_with(0).stdout;
    assert_contains(&text, &["time       no limit", "fuel       no limit"]);
}

#[test]
fn schema_is_a_json_schema() {
    for of in ["manifest", "host"] {
        let schema = Plugbay::new(["schema", of]).run().exits_with(0).json();
        assert!(schema["$schema"].as_str().is_some_and(|draft| draft.contains("2020-12")), "{schema}");
        assert!(schema["properties"].as_object().is_some_and(|properties| properties.len() > 2));
    }
}
