//! The description of the server: what it says of plugins and of the host, to whom, and whether that is true.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::harness::administered::Administered;
use crate::harness::assert::assert_contains;
use crate::harness::client::Client;
use crate::harness::guest::feature;
use crate::harness::host::TestPlugin;

/// The guest `exchange` as `shop`, with schemas and routes.
fn shop() -> TestPlugin {
    let item = json!({
        "type": "object", "required": ["name"],
        "properties": { "name": { "$ref": "#/$defs/name" } }, "$defs": { "name": { "type": "string" } },
    });
    TestPlugin::from(feature::EXCHANGE)
        .manifest("name", json!("shop"))
        .manifest("actions", json!([
            { "name": "request", "description": "Adds an item.", "payload": item },
            { "name": "respond", "result": { "type": "array" } },
        ]))
        .manifest("routes", json!([
            {
                "method": "POST", "path": "/items/:id", "actions": ["request", "respond"], "tags": ["items"],
                "summary": "Adds an item", "params": { "properties": { "id": { "type": "integer" } } },
                "query": { "required": ["q"], "properties": { "q": { "type": "string" } } },
                "responses": { "201": { "description": "It is added." }, "404": { "description": "No such shelf." } },
            },
            { "method": "DELETE", "path": "/items/:item", "actions": ["respond"] },
        ]))
}

async fn document(host: &Administered, token: &str) -> Value {
    let response = host.request(token, "GET", "/openapi.json", Value::Null).await;
    assert_eq!((response.status, response.header("content-type")), (200, Some("application/json")));
    response.json()
}

#[tokio::test]
async fn routes_and_actions_of_a_plugin_are_described() {
    let host = Administered::start().await;
    host.host.load(shop()).await;
    let document = document(&host, "").await;
    assert_eq!(document["openapi"], "3.1.0");
    let add = &document["paths"]["/plugins/shop/items/{id}"]["post"];
    assert_eq!((&add["operationId"], &add["summary"]), (&json!("shop.post.items.id"), &json!("Adds an item")));
    assert_eq!(add["tags"], json!(["shop", "items"]));
    let body = &add["requestBody"];
    let payload = "#/components/schemas/shop.request.payload";
    assert_eq!(
        (&body["content"]["application/json"]["schema"]["$ref"], &body["required"]),
        (&json!(payload), &json!(true))
    );
    let parameters = json!([
        {
            "name": "id", "in": "path", "required": true,
            "schema": { "$ref": "#/components/schemas/shop.post.items.id.params/properties/id" },
        },
        {
            "name": "q", "in": "query", "required": true,
            "schema": { "$ref": "#/components/schemas/shop.post.items.id.query/properties/q" },
        },
    ]);
    assert_eq!(add["parameters"], parameters);
    let result = json!({ "$ref": "#/components/schemas/shop.respond.result" });
    assert_eq!(add["responses"]["201"]["content"]["application/json"]["schema"], result);
    assert_eq!(add["responses"]["404"]["description"], "No such shelf.");
    assert_eq!(add["responses"]["503"]["$ref"], "#/components/responses/Unavailable");
    assert_eq!(
        add["security"],
        json!([{ "token": [] }, { "session": [] }, {}]),
        "callers on the loopback need no token"
    );
    let remove = &document["paths"]["/plugins/shop/items/{id}"]["delete"];
    assert_eq!(remove["parameters"][0]["name"], "id", "one template for both methods");
    let schemas = &document["components"]["schemas"];
    let name = &schemas["shop.request.payload"]["properties"]["name"]["$ref"];
    assert_eq!(name, &format!("{payload}/$defs/name"));
    assert_contains(
        &document["paths"]["/plugins/shop/actions/request"].to_string(),
        &["Adds an item.", "scope `call`"],
    );
    let retry = &document["components"]["responses"]["TooManyRequests"]["headers"]["Retry-After"];
    assert_eq!(retry["schema"]["type"], "integer");
    let manage = &document["paths"]["/api/v1/plugins"]["post"]["security"];
    assert_eq!(manage, &json!([{ "token": [] }, { "session": [] }]));
    host.close().await;
}

#[tokio::test]
async fn references_lead_somewhere_and_ids_are_unique() {
    let host = Administered::start().await;
    host.host.load(shop()).await;
    let document = document(&host, "").await;
    let mut references = Vec::new();
    collect(&document, "$ref", &mut references);
    for reference in references {
        let pointer = reference.strip_prefix('#').expect("a local reference");
        assert!(document.pointer(pointer).is_some(), "{reference} leads nowhere");
    }
    let mut ids = Vec::new();
    collect(&document["paths"], "operationId", &mut ids);
    let unique: BTreeSet<&str> = ids.iter().copied().collect();
    assert_eq!(unique.len(), ids.len(), "{ids:?}");
    host.close().await;
}

fn collect<'a>(value: &'a Value, name: &str, found: &mut Vec<&'a str>) {
    match value {
        Value::Object(members) => {
            found.extend(members.get(name).and_then(Value::as_str));
            members.values().for_each(|value| collect(value, name, found));
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, name, found)),
        _ => {}
    }
}

#[tokio::test]
async fn document_follows_the_plugins_and_has_a_tag_of_its_version() {
    let host = Administered::start().await;
    // Loading may take longer than a connection may be idle.
    let read =
        async |headers: &str| Client::connect(host.address).await.request("GET", "/openapi.json", headers, b"").await;
    let before = read("").await;
    let tag = before.header("etag").expect("a tag").to_owned();
    let again = read(&format!("if-none-match: {tag}\r\n")).await;
    assert_eq!((again.status, again.header("etag")), (304, Some(&*tag)));
    host.host.load(shop()).await;
    let after = read(&format!("if-none-match: {tag}\r\n")).await;
    assert!(after.status == 200 && after.text().contains("/plugins/shop/items/{id}"), "{}", after.status);
    host.host.runtime.unload("shop").await;
    let unloaded = read("").await;
    assert_eq!((unloaded.header("etag"), unloaded.body == before.body), (Some(&*tag), true));
    host.close().await;
}

#[tokio::test]
async fn caller_sees_the_plugins_that_it_may_read() {
    let host = Administered::start().await;
    host.host.load(shop()).await;
    host.host.load(TestPlugin::from(feature::EXCHANGE).manifest("name", json!("other"))).await;
    let narrowed = host.request(&host.token(&["read:shop"]), "GET", "/openapi.json", Value::Null).await.text();
    assert!(narrowed.contains("/plugins/shop/") && !narrowed.contains("/plugins/other/"));
    let refused = host.request(&host.token(&["call"]), "GET", "/openapi.json", Value::Null).await;
    assert_eq!(refused.error(), (403, "insufficient_scope".to_owned()));
    host.close().await;
}

/// The document and the router agree. Each operation reaches a handler, and no other method is answered.
#[tokio::test]
async fn operations_of_the_host_are_answered() {
    let host = Administered::start().await;
    let document = document(&host, "").await;
    let mut seen = 0;
    for (path, operations) in document["paths"].as_object().expect("paths") {
        let address = path.replace("{number}", "7").replace("{id}", "7").replace(['{', '}'], "");
        for method in operations.as_object().expect("operations").keys().filter(|_| !path.ends_with("/terminate")) {
            let method = method.to_uppercase();
            let mut client = Client::connect(host.address).await;
            let manager = format!("authorization: Bearer {}\r\n", host.manager);
            client
                .send(format!("{method} {address} HTTP/1.1\r\nhost: localhost\r\n{manager}content-length: 0\r\n\r\n"))
                .await;
            let head = client.head().await;
            assert_ne!(head.status, 405, "{method} {path}");
            seen += 1;
        }
        if path.starts_with("/api/") {
            let other = host.request(&host.manager, "PATCH", &address, Value::Null).await;
            assert_eq!(other.status, 405, "PATCH {path}");
        }
    }
    assert!(seen > 50, "only {seen} operations");
    host.close().await;
}

#[tokio::test]
async fn other_spellings_and_tools_are_described_with_their_parameters() {
    let host = Administered::exposing(&["shop.*"]).await;
    let described = document(&host, "").await;
    let paths = &described["paths"];
    let names = |operation: &Value| -> Vec<String> {
        let parameters = operation["parameters"].as_array().expect("parameters").iter();
        parameters.map(|parameter| parameter["name"].as_str().expect("a name").to_owned()).collect()
    };
    assert_eq!(names(&paths["/logs"]["get"]), ["processId", "severity", "startTimeStamp", "endTimeStamp", "nRows"]);
    assert_eq!(names(&paths["/ipc/{plugin}/{action}"]["post"]), ["plugin", "action"]);
    assert!(names(&paths["/api/v1/logs/stream"]["get"]).contains(&"Last-Event-ID".to_owned()));
    assert!(paths["/mcp"]["post"]["requestBody"].is_object(), "{}", paths["/mcp"]);
    host.close().await;
    let host = Administered::start().await;
    assert!(document(&host, "").await["paths"].get("/mcp").is_none(), "there are no tools");
    host.close().await;
}

/// Each path of the router is in the document, so that a handler that is added is described.
#[tokio::test]
async fn paths_of_the_administration_are_described() {
    let host = Administered::start().await;
    let document = document(&host, "").await;
    let described: Vec<&String> = document["paths"].as_object().expect("paths").keys().collect();
    let routers = [
        include_str!("../../server/src/admin/mod.rs"),
        include_str!("../../server/src/pages/mod.rs"),
        include_str!("../../server/src/pages/dockstat.rs"),
    ]
    .concat();
    let mut seen = 0;
    for path in routers.split(".route(\"").skip(1).filter_map(|rest| rest.split_once('"')).map(|(path, _)| path) {
        let ends = |known: &&&String| known.ends_with(path.trim_end_matches('/'));
        assert!(described.iter().any(|known| ends(&known)), "`{path}` is not described");
        seen += 1;
    }
    assert!(seen > 45, "only {seen} paths");
    host.close().await;
}

#[tokio::test]
async fn page_needs_no_token_and_runs_its_own_scripts_alone() {
    let host = Administered::start().await;
    let page = host.request("", "GET", "/docs", Value::Null).await;
    let policy = page.header("content-security-policy").expect("a policy").to_owned();
    let (_, rest) = policy.split_once("script-src 'nonce-").expect("scripts by a number");
    let nonce = rest.split('\'').next().expect("a number");
    assert_contains(&page.text(), &[&format!("<script nonce=\"{nonce}\" src=\"/docs/start.js\">")]);
    assert_contains(&policy, &["default-src 'none'", "connect-src 'self'", "frame-ancestors 'none'"]);
    let next = host.request("", "GET", "/docs", Value::Null).await;
    assert_ne!(next.header("content-security-policy"), Some(&*policy));
    for file in ["start.js", "swagger-ui-bundle.js", "swagger-ui.css"] {
        let response = host.request("", "GET", &format!("/docs/{file}"), Value::Null).await;
        assert_eq!((response.status, response.header("x-content-type-options")), (200, Some("nosniff")), "{file}");
        assert!(
            !page.text().contains("http://") && !page.text().contains("https://"),
            "the page needs no other server"
        );
    }
    host.close().await;
}

#[tokio::test]
async fn errors_of_parameters_are_json() {
    let host = Administered::start().await;
    for path in ["/api/v1/dead-letters?after=x", "/api/v1/plugins/shop/data?limit=-1", "/api/v2/plugins/x"] {
        let response = host.request(&host.manager, "GET", path, Value::Null).await;
        assert_eq!(response.error(), (400, "invalid_request".to_owned()), "{path}");
    }
    let mut client = Client::connect(host.address).await;
    client.send("TRACE / HTTP/1.1\r\nhost: localhost\r\n\r\n").await;
    let refused = client.response(false).await;
    assert_eq!((refused.status, refused.header("allow")), (405, Some("GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS")));
    host.close().await;
}
