//! Actions as tools over HTTP, by the messages of the protocol as they are.

use plugbay::tool::Tool;
use serde_json::{Value, json};

use crate::harness::administered::Administered;
use crate::harness::assert::assert_contains;
use crate::harness::client::{Client, Response};
use crate::harness::guest::feature;
use crate::harness::host::TestPlugin;
use crate::harness::patience::until;

/// The guest `echo` as `shop`: an action whose payload is an object, one with a text, and one that is not declared.
fn shop() -> TestPlugin {
    let item = json!({ "type": "object", "required": ["name"], "properties": { "name": { "type": "string" } } });
    TestPlugin::from(feature::ECHO).manifest("name", json!("shop")).manifest(
        "actions",
        json!([
            {
                "name": "echo", "title": "Add an item", "description": "Adds an item.", "payload": item, "result": item,
                "idempotent": true, "read_only": false, "destructive": false, "open_world": false,
            },
            { "name": "length", "payload": { "type": "string" } },
            { "name": "repeat", "result": { "type": "string" } },
        ]),
    )
}

/// A message of the revision without sessions.
async fn send(host: &Administered, token: &str, method: &str, params: Value) -> Response {
    let mut params = params;
    params["_meta"] = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientInfo": { "name": "test", "version": "1" },
        "io.modelcontextprotocol/clientCapabilities": {},
    });
    let name = params["name"].as_str().map(|name| format!("mcp-name: {name}\r\n")).unwrap_or_default();
    let headers = format!("mcp-protocol-version: 2026-07-28\r\nmcp-method: {method}\r\n{name}");
    let message = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
    post(host, token, &headers, &message).await
}

async fn post(host: &Administered, token: &str, headers: &str, message: &Value) -> Response {
    let token = if token.is_empty() { String::new() } else { format!("authorization: Bearer {token}\r\n") };
    let accept = "content-type: application/json\r\naccept: application/json, text/event-stream\r\n";
    let headers = format!("{headers}{token}{accept}");
    Client::connect(host.address).await.request("POST", "/mcp", &headers, message.to_string().as_bytes()).await
}

/// The message of an answer, which may be a stream with one.
#[track_caller]
fn message(response: &Response) -> Value {
    let text = response.text();
    let is_stream = response.header("content-type").is_some_and(|kind| kind.starts_with("text/event-stream"));
    let data = text.lines().filter_map(|line| line.strip_prefix("data:")).map(str::trim).find(|data| !data.is_empty());
    let json = if is_stream { data.unwrap_or_default() } else { &text };
    serde_json::from_str(json).unwrap_or_else(|error| panic!("{error}: {} {text}", response.status))
}

async fn result(host: &Administered, token: &str, method: &str, params: Value) -> Value {
    let answered = message(&send(host, token, method, params).await);
    assert!(answered["result"].is_object(), "{answered}");
    answered["result"].clone()
}

async fn names(host: &Administered, token: &str) -> Vec<String> {
    let listed = result(host, token, "tools/list", json!({})).await;
    let tools = listed["tools"].as_array().expect("tools").iter();
    tools.map(|tool| tool["name"].as_str().expect("a name").to_owned()).collect()
}

#[tokio::test]
async fn exposed_actions_are_listed_with_their_schemas_and_hints() {
    let host = Administered::exposing(&["shop.echo", "shop.le*"]).await;
    let plugin = host.host.load(shop()).await;
    let listed = result(&host, "", "tools/list", json!({})).await;
    let item = json!({ "type": "object", "required": ["name"], "properties": { "name": { "type": "string" } } });
    let add = json!({
        "name": "shop.echo", "title": "Add an item", "description": "Adds an item.", "inputSchema": item,
        "outputSchema": item,
        "annotations": {
            "readOnlyHint": false, "destructiveHint": false, "idempotentHint": true, "openWorldHint": false,
        },
    });
    assert_eq!(listed["tools"][0], add);
    assert_eq!(listed["tools"][1]["inputSchema"]["properties"]["payload"]["type"], "string");
    assert_eq!(listed["tools"].as_array().map(Vec::len), Some(2), "{listed}");
    let manifest = plugin.manifest();
    let described: Vec<_> = manifest.actions.iter().filter_map(|action| Tool::new(&manifest, action)).collect();
    assert_eq!(json!(described[..2]), listed["tools"], "the library and the protocol's crate write the same");
    let discovered = result(&host, "", "server/discover", json!({})).await;
    assert_eq!(discovered["capabilities"]["tools"]["listChanged"], true, "{discovered}");
    host.close().await;
}

#[tokio::test]
async fn tool_calls_its_action_with_the_arguments() {
    let host = Administered::exposing(&["shop.*"]).await;
    host.host.load(shop()).await;
    let called = result(&host, "", "tools/call", json!({ "name": "shop.echo", "arguments": { "name": "Tea" } })).await;
    assert_eq!(called["structuredContent"], json!({ "name": "Tea" }), "{called}");
    let called =
        result(&host, "", "tools/call", json!({ "name": "shop.length", "arguments": { "payload": "four" } })).await;
    assert_eq!(called["structuredContent"], 4, "{called}");
    let called = result(&host, "", "tools/call", json!({ "name": "shop.repeat" })).await;
    assert_eq!(called["content"], json!([{ "type": "text", "text": "" }]), "no arguments are no payload: {called}");
    assert_eq!(called["structuredContent"], "", "the action declares its result: {called}");
    host.close().await;
}

#[tokio::test]
async fn failure_of_a_plugin_is_a_result_and_an_unknown_tool_an_error() {
    let host = Administered::exposing(&["shop.echo", "broken.*"]).await;
    host.host.load(shop()).await;
    let broken = TestPlugin::from(feature::FAILURE).manifest("name", json!("broken"));
    host.host.load(broken.manifest("actions", json!([{ "name": "fail" }]))).await;
    let failure = json!({ "code": "sold_out", "message": "no tea", "details": "{\"left\":0}", "status": 409 });
    let called = result(&host, "", "tools/call", json!({ "name": "broken.fail", "arguments": failure })).await;
    assert_eq!(called["isError"], true, "{called}");
    let text: Value = serde_json::from_str(called["content"][0]["text"].as_str().expect("text")).expect("JSON");
    assert_eq!(text, json!({ "status": "error", "msg": "no tea", "code": "sold_out" }));
    let called = result(&host, "", "tools/call", json!({ "name": "shop.echo", "arguments": { "name": 1 } })).await;
    assert_contains(&called.to_string(), &["validation_error", "/name", "\"isError\":true"]);
    for name in ["shop.repeat", "shop.unknown", "unknown.echo", "shop"] {
        let answered = message(&send(&host, "", "tools/call", json!({ "name": name })).await);
        assert_eq!(answered["error"]["code"], -32602, "{answered}");
    }
    host.close().await;
}

#[tokio::test]
async fn bytes_are_content_of_their_type() {
    let host = Administered::exposing(&["files.*"]).await;
    let files = TestPlugin::from(feature::EXCHANGE).manifest("name", json!("files"));
    host.host.load(files.manifest("actions", json!([{ "name": "respond" }]))).await;
    let content = async |arguments: Value| {
        let called = result(&host, "", "tools/call", json!({ "name": "files.respond", "arguments": arguments })).await;
        assert!(called["isError"] != true && called.get("structuredContent").is_none(), "{called}");
        called["content"].clone()
    };
    let resource = json!({ "uri": "plugbay:files.respond", "mimeType": "application/octet-stream", "blob": "YWI=" });
    assert_eq!(content(json!({ "body": "ab" })).await, json!([{ "type": "resource", "resource": resource }]));
    let typed = |kind: &str| json!({ "body": "ab", "headers": [["content-type", kind]] });
    let picture = json!([{ "type": "image", "data": "YWI=", "mimeType": "image/png" }]);
    assert_eq!(content(typed("image/png")).await, picture);
    assert_eq!(content(typed("text/plain")).await, json!([{ "type": "text", "text": "ab" }]));
    host.close().await;
}

#[tokio::test]
async fn caller_and_identity_reach_the_plugin() {
    let host = Administered::exposing(&["*"]).await;
    let plugin = TestPlugin::from(feature::INVOCATION).manifest("name", json!("shop"));
    host.host.load(plugin.manifest("actions", json!([{ "name": "about" }]))).await;
    let token = host.token(&["call:shop"]);
    let called = result(&host, &token, "tools/call", json!({ "name": "shop.about" })).await;
    let about = &called["structuredContent"];
    assert_eq!((&about["caller"], &about["identity"]), (&json!("mcp"), &json!("tester")), "{called}");
    assert_eq!(about["scopes"], json!(["call"]));
    host.close().await;
}

#[tokio::test]
async fn token_narrows_the_tools() {
    let host = Administered::exposing(&["*"]).await;
    host.host.load(shop()).await;
    let other = host.token(&["call:other"]);
    assert!(names(&host, &other).await.is_empty());
    let called =
        result(&host, &other, "tools/call", json!({ "name": "shop.echo", "arguments": { "name": "Tea" } })).await;
    assert_contains(&called.to_string(), &["insufficient_scope", "call:shop", "\"isError\":true"]);
    let reader = send(&host, &host.token(&["read"]), "tools/list", json!({})).await;
    assert_eq!(reader.error(), (403, "insufficient_scope".to_owned()));
    let wrong = send(&host, "pbk_wrong", "tools/list", json!({})).await;
    assert_eq!(wrong.status, 401);
    let challenge = wrong.header("www-authenticate").expect("a challenge");
    let metadata = "resource_metadata=\"http://localhost/.well-known/oauth-protected-resource/mcp\"";
    assert_contains(challenge, &["Bearer ", metadata]);
    let metadata = host.request("", "GET", "/.well-known/oauth-protected-resource/mcp", Value::Null).await.json();
    assert_eq!(
        (&metadata["resource"], &metadata["scopes_supported"]),
        (&json!("http://localhost/mcp"), &json!(["call"]))
    );
    host.close().await;
}

#[tokio::test]
async fn server_that_exposes_nothing_has_no_tools() {
    let host = Administered::start().await;
    host.host.load(shop()).await;
    assert_eq!(send(&host, "", "tools/list", json!({})).await.error(), (404, "not_found".to_owned()));
    host.close().await;
}

#[tokio::test]
async fn pages_of_other_origins_are_refused() {
    let host = Administered::exposing(&["*"]).await;
    for headers in ["origin: http://evil.example\r\n", "sec-fetch-site: cross-site\r\n"] {
        let refused = post(&host, "", headers, &json!({ "jsonrpc": "2.0", "id": 1, "method": "ping" })).await;
        assert_eq!(refused.error(), (403, "cross_origin".to_owned()));
    }
    host.close().await;
}

/// A session of the older revision: the headers of its requests.
async fn session(host: &Administered) -> String {
    let client = json!({ "name": "test", "version": "1" });
    let params = json!({ "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": client });
    let begun =
        post(host, "", "", &json!({ "jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params })).await;
    let id = begun.header("mcp-session-id").unwrap_or_else(|| panic!("no session: {}", begun.text())).to_owned();
    assert_eq!(message(&begun)["result"]["protocolVersion"], "2025-11-25");
    let headers = format!("mcp-session-id: {id}\r\nmcp-protocol-version: 2025-11-25\r\n");
    let ready = post(host, "", &headers, &json!({ "jsonrpc": "2.0", "method": "notifications/initialized" })).await;
    assert_eq!(ready.status, 202, "{}", ready.text());
    headers
}

#[tokio::test]
async fn session_lists_calls_and_hears_of_changes() {
    let host = Administered::exposing(&["*"]).await;
    let headers = session(&host).await;
    let mut stream = Client::connect(host.address).await;
    stream.send(format!("GET /mcp HTTP/1.1\r\nhost: localhost\r\naccept: text/event-stream\r\n{headers}\r\n")).await;
    assert_eq!(stream.head().await.status, 200);
    host.host.load(shop()).await;
    hear(&mut stream, "notifications/tools/list_changed").await;
    let listed = post(&host, "", &headers, &json!({ "jsonrpc": "2.0", "id": 2, "method": "tools/list" })).await;
    assert_eq!(message(&listed)["result"]["tools"].as_array().map(Vec::len), Some(3), "{}", listed.text());
    let params = json!({ "name": "shop.echo", "arguments": { "name": "Tea" } });
    let call = json!({ "jsonrpc": "2.0", "id": 3, "method": "tools/call", "params": params });
    let called = message(&post(&host, "", &headers, &call).await);
    assert_eq!(called["result"]["structuredContent"], json!({ "name": "Tea" }), "{called}");
    let call = json!({ "jsonrpc": "2.0", "id": 4, "method": "tools/call", "params": { "name": "shop.repeat" } });
    let called = message(&post(&host, "", &headers, &call).await)["result"].clone();
    assert_eq!(called, json!({ "content": [{ "type": "text", "text": "" }], "isError": false }), "a text once");
    host.close().await;
}

#[tokio::test]
async fn session_is_for_the_caller_that_began_it() {
    let host = Administered::exposing(&["*"]).await;
    let headers = session(&host).await;
    let list = json!({ "jsonrpc": "2.0", "id": 2, "method": "tools/list" });
    let other = host.token(&["call"]);
    let refused = post(&host, &other, &headers, &list).await;
    assert_eq!(refused.error(), (404, "unknown_session".to_owned()));
    let headers_of_other = format!("{headers}authorization: Bearer {other}\r\n");
    for method in ["GET", "DELETE"] {
        let refused = Client::connect(host.address).await.request(method, "/mcp", &headers_of_other, b"").await;
        assert_eq!(refused.error(), (404, "unknown_session".to_owned()), "{method}");
    }
    assert_eq!(post(&host, "", &headers, &list).await.status, 200);
    host.close().await;
}

/// Sends a message of the revision without sessions, whose answer is a stream.
async fn begin(host: &Administered, method: &str, mut params: Value) -> Client {
    params["_meta"] = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28", "io.modelcontextprotocol/clientCapabilities": {},
    });
    let name = params["name"].as_str().map(|name| format!("mcp-name: {name}\r\n")).unwrap_or_default();
    let body = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params }).to_string();
    let mut client = Client::connect(host.address).await;
    client
        .send(format!(
            "POST /mcp HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n\
             accept: application/json, text/event-stream\r\nmcp-protocol-version: 2026-07-28\r\n\
             mcp-method: {method}\r\n{name}content-length: {}\r\n\r\n{body}",
            body.len()
        ))
        .await;
    client
}

#[tokio::test]
async fn listening_client_hears_of_changes_until_the_server_closes() {
    let host = Administered::exposing(&["*"]).await;
    let params = json!({ "notifications": { "toolsListChanged": true } });
    let mut stream = begin(&host, "subscriptions/listen", params).await;
    assert_eq!(stream.head().await.status, 200);
    hear(&mut stream, "acknowledged").await;
    host.host.load(shop()).await;
    hear(&mut stream, "notifications/tools/list_changed").await;
    host.state.close();
    hear(&mut stream, "\"id\":1").await;
    host.close().await;
}

#[tokio::test]
async fn sessions_are_limited() {
    let host = Administered::exposing(&["*"]).await;
    for _ in 0..256 {
        session(&host).await;
    }
    let message = json!({ "jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {} });
    let refused = post(&host, "", "", &message).await;
    assert_eq!((refused.error(), refused.header("retry-after")), ((503, "busy".to_owned()), Some("1")));
    assert!(names(&host, "").await.is_empty(), "the revision without sessions is served");
    host.close().await;
}

/// Reads a stream until it has this text.
async fn hear(stream: &mut Client, text: &str) {
    let mut heard = String::new();
    while !heard.contains(text) {
        let chunk = stream.chunk().await.flatten().unwrap_or_else(|| panic!("no `{text}` in: {heard}"));
        heard.push_str(&String::from_utf8_lossy(&chunk));
    }
}

#[tokio::test]
async fn listening_clients_are_limited() {
    let host = Administered::exposing(&["*"]).await;
    let params = json!({ "notifications": { "toolsListChanged": true } });
    let mut listening = Vec::new();
    for _ in 0..256 {
        let mut stream = begin(&host, "subscriptions/listen", params.clone()).await;
        assert_eq!(stream.head().await.status, 200);
        hear(&mut stream, "acknowledged").await;
        listening.push(stream);
    }
    let mut refused = begin(&host, "subscriptions/listen", params.clone()).await;
    refused.head().await;
    hear(&mut refused, "maximum of listening clients").await;
    // A client that leaves makes place for another one.
    listening.pop();
    until("a free place", async || {
        let mut stream = begin(&host, "subscriptions/listen", params.clone()).await;
        stream.head().await;
        let chunk = stream.chunk().await.flatten()?;
        String::from_utf8_lossy(&chunk).contains("acknowledged").then_some(())
    })
    .await;
    drop(listening);
    host.close().await;
}

#[tokio::test]
async fn calls_at_once_are_limited() {
    let host = Administered::exposing(&["*"]).await;
    let slow = TestPlugin::from(feature::SLEEP)
        .manifest("name", json!("slow"))
        .manifest("actions", json!([{ "name": "sleep", "payload": { "type": "integer" } }]))
        .resource("timeout_seconds", json!(300));
    host.host.load(slow).await;
    host.host.load(shop()).await;
    let params = json!({ "name": "slow.sleep", "arguments": { "payload": 20_000 } });
    let mut calling = Vec::new();
    for _ in 0..256 {
        calling.push(begin(&host, "tools/call", params.clone()).await);
    }
    let add = json!({ "name": "shop.echo", "arguments": { "name": "Tea" } });
    // Those calls may not have begun yet.
    until("a refusal", async || {
        let refused = result(&host, "", "tools/call", add.clone()).await;
        (refused["isError"] == true).then(|| assert_contains(&refused.to_string(), &["busy", "maximum of tools"]))
    })
    .await;
    // One call runs, and the others wait for its instance: all end with the plugin.
    host.host.runtime.unload("slow").await;
    until("a free place", async || {
        let called = result(&host, "", "tools/call", add.clone()).await;
        (called["structuredContent"] == json!({ "name": "Tea" })).then_some(())
    })
    .await;
    host.close().await;
}

#[tokio::test]
async fn stream_of_the_local_socket_is_not_served_on_the_network() {
    let host = Administered::exposing(&["*"]).await;
    let mut client = Client::connect(host.address).await;
    let headers = format!("authorization: Bearer {}\r\nconnection: upgrade\r\nupgrade: mcp\r\n", host.manager);
    let refused = client.request("GET", "/mcp/stdio?expose=*", &headers, b"").await;
    assert_eq!(refused.error(), (404, "not_found".to_owned()));
    host.close().await;
}
