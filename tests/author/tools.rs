//! Tools of a plugin in a `TestHost`: the list and the results as a client of a server gets them.

use plugbay_testing::{Invocation, TestHost, ToolContent, ToolResult};
use serde_json::{Value, json};

use super::host::guest;
use crate::harness::assert::assert_contains;
use crate::harness::guest::feature;

#[test]
fn actions_are_listed_as_a_client_sees_them() {
    let host = TestHost::new();
    let item = json!({ "type": "object", "required": ["name"], "properties": { "name": { "type": "string" } } });
    let actions = json!([
        { "name": "repeat", "payload": { "type": "string" } },
        { "name": "echo", "title": "Add", "description": "Adds.", "payload": item, "result": item, "read_only": false },
    ]);
    let plugin = guest(&host, feature::ECHO).manifest(json!({ "name": "shop", "actions": actions })).load();
    let add = json!({
        "name": "shop.echo", "title": "Add", "description": "Adds.", "inputSchema": item, "outputSchema": item,
        "annotations": { "readOnlyHint": false },
    });
    let payload =
        json!({ "type": "object", "required": ["payload"], "properties": { "payload": { "type": "string" } } });
    let about = "Calls the action `repeat` of the plugin `shop`.";
    let repeat = json!({ "name": "shop.repeat", "description": about, "inputSchema": payload });
    assert_eq!(json!(plugin.tools()), json!([add, repeat]), "in the order of their names");
}

#[test]
fn action_whose_tool_would_have_a_long_name_is_not_listed() {
    let host = TestHost::new();
    let (name, long) = ("p".repeat(64), "x".repeat(64));
    let manifest = json!({ "name": name, "actions": [{ "name": long }, { "name": &long[1..] }] });
    let plugin = guest(&host, feature::ECHO).manifest(manifest).load();
    let names: Vec<usize> = plugin.tools().iter().map(|tool| tool.name.len()).collect();
    assert_eq!(names, [128]);
}

#[test]
fn result_is_content_and_structured_content() {
    let host = TestHost::new();
    let actions = json!([{ "name": "echo" }, { "name": "length", "payload": { "type": "string" } }]);
    let plugin = guest(&host, feature::ECHO).manifest(json!({ "actions": actions })).load();
    let called: ToolResult = plugin.tool("echo").call(json!({ "a": 1 }));
    assert_eq!((called.text(), &called.structured_content), (Some("{\"a\":1}"), &Some(json!({ "a": 1 }))));
    assert_eq!(plugin.tool("length").call(json!({ "payload": "four" })).structured_content, Some(json!(4)));
    let refused = plugin.tool("length").call(json!({ "payload": 4 }));
    assert!(refused.is_error && refused.structured_content.is_none(), "{refused:?}");
    assert_contains(refused.text().expect("a text"), &["validation_error", "problems"]);
}

#[test]
fn bytes_are_content_of_their_type() {
    let host = TestHost::new();
    let plugin = guest(&host, feature::EXCHANGE).manifest(json!({ "actions": [{ "name": "respond" }] })).load();
    let content = |kind: &str| {
        let called = plugin.tool("respond").call(json!({ "body": "ab", "headers": [["content-type", kind]] }));
        assert_eq!((called.content.len(), &called.structured_content), (1, &None), "{called:?}");
        called.content[0].clone()
    };
    let picture = ToolContent::Image { bytes: b"ab".to_vec(), media_type: "image/png".to_owned() };
    assert_eq!(content("image/png"), picture);
    assert_eq!(json!(picture), json!({ "type": "image", "data": "YWI=", "mimeType": "image/png" }));
    assert_eq!(content("text/plain"), ToolContent::Text("ab".to_owned()));
    let uri = format!("plugbay:{}.respond", plugin.name());
    let resource = json!({ "uri": uri, "mimeType": "application/pdf", "blob": "YWI=" });
    assert_eq!(json!(content("application/pdf")), json!({ "type": "resource", "resource": resource }));
}

#[test]
fn tool_and_call_have_the_identity_of_their_caller() {
    let host = TestHost::new();
    let plugin = guest(&host, feature::INVOCATION).manifest(json!({ "actions": [{ "name": "about" }] })).load();
    let seen = |about: &Value| json!([about["caller"], about["identity"], about["scopes"]]);
    let called = plugin.tool("about").identity("ada", &["read", "call"]).call(json!({}));
    assert_eq!(seen(&called.structured_content.expect("an object")), json!(["mcp", "ada", ["read", "call"]]));
    let about = plugin.invoke(Invocation::new("about").identity("ada", ["manage"])).expect("it answers");
    assert_eq!(seen(&about), json!(["host", "ada", ["manage"]]));
    let about = plugin.tool("about").call(json!({})).structured_content.expect("an object");
    assert_eq!(seen(&about), json!(["mcp", null, []]));
}
