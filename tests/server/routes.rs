//! Routes of plugins: which action answers a request, what it sees, and what the client gets.

use axum::Extension;
use plugbay_server::Identity;
use plugbay_server::access::{Scope, ScopeKind};
use serde_json::{Value, json};

use crate::harness::assert::assert_contains;
use crate::harness::client::{Client, Response, get, request};
use crate::harness::guest::feature;
use crate::harness::host::{Host, TestPlugin};
use crate::harness::serving::Serving;

/// The guest `exchange` under a short name, with these routes: method, path and actions.
fn shop(routes: &[(&str, &str, &[&str])]) -> TestPlugin {
    let route =
        |(method, path, actions): &(&str, &str, &[&str])| json!({ "method": method, "path": path, "actions": actions });
    TestPlugin::from(feature::EXCHANGE)
        .manifest("name", json!("shop"))
        .manifest("routes", routes.iter().map(route).collect::<Value>())
}

async fn serve(plugin: TestPlugin) -> Serving {
    let host = Host::new();
    host.load(plugin).await;
    Serving::start(host).await
}

/// What the action saw of the request.
async fn seen(serving: &Serving, method: &str, path: &str, body: &str) -> Value {
    let response = request(serving.address, method, path, body).await;
    assert_eq!((response.status, response.header("content-type")), (200, Some("application/json")), "{path}");
    response.json()
}

#[tokio::test]
async fn action_sees_the_request_of_its_route() {
    let serving = serve(shop(&[("POST", "/items/:id/parts/{part}", &["request"])])).await;
    let mut client = Client::connect(serving.address).await;
    let headers = "accept: text/html\r\ncookie: a=b\r\nauthorization: Bearer c\r\nx-secret: d\r\n";
    let path = "/plugins/shop/items/a%2Fb/parts/%C3%BC?q=1&q=x%20y&empty";
    let seen = client.request("POST", path, headers, b"{\"a\":1}").await.json();
    let expected = json!({
        "is_request": true, "method": "POST", "path": "/items/a/b/parts/ü", "route": "/items/{id}/parts/{part}",
        "id": "a/b", "params": [["id", "a/b"], ["part", "ü"]], "query": [["q", "1"], ["q", "x y"], ["empty", ""]],
        "headers": [["accept", "text/html"]], "accept": ["text/html"], "cookie": 0, "body": "{\"a\":1}",
        "previous": null,
    });
    assert_eq!(seen, expected);
}

#[tokio::test]
async fn route_is_found_by_method_and_path_however_they_are_spelt() {
    let routes: &[(&str, &str, &[&str])] =
        &[("GET", "/", &["request"]), ("GET", "/items/", &["request"]), ("GET", "/items/{id}", &["request"])];
    let serving = serve(shop(routes)).await;
    for (path, route) in [
        ("/plugins/shop", "/"),
        ("/plugins/shop/", "/"),
        ("/plugins/shop/items", "/items"),
        ("/plugins/shop/items/", "/items"),
        ("/plugins/shop/%69tems/7/", "/items/{id}"),
        ("/plugins/shop/routes/items/7", "/items/{id}"),
        ("/plugins/shop/routes", "/"),
    ] {
        assert_eq!(seen(&serving, "GET", path, "").await["route"], route, "{path}");
    }
}

#[tokio::test]
async fn unknown_path_lists_the_routes_and_other_method_the_methods() {
    let serving = serve(shop(&[("GET", "/items", &["request"]), ("POST", "/items", &["request"])])).await;
    let response = get(serving.address, "/plugins/shop/carts").await;
    assert_eq!(response.error(), (404, "unknown_route".to_owned()));
    let body = response.json();
    assert_contains(body["msg"].as_str().expect("text"), &["GET /items, POST /items"]);
    assert_eq!((&body["status"], &body["detail"]), (&json!("error"), &body["msg"]));

    let response = request(serving.address, "DELETE", "/plugins/shop/items", "").await;
    assert_eq!(response.error(), (405, "method_not_allowed".to_owned()));
    assert_eq!(response.header("allow"), Some("GET, HEAD, POST, OPTIONS"));
    let response = request(serving.address, "OPTIONS", "/plugins/shop/items", "").await;
    assert_eq!((response.status, response.header("allow")), (204, Some("GET, HEAD, POST, OPTIONS")));

    assert_eq!(get(serving.address, "/plugins/unknown/items").await.error(), (404, "unknown_plugin".to_owned()));
    assert_eq!(get(serving.address, "/plugins/shop/%ff").await.error(), (400, "malformed_path".to_owned()));
}

#[tokio::test]
async fn head_is_answered_by_get_without_the_body() {
    let serving = serve(shop(&[("GET", "/items", &["request"])])).await;
    let mut client = Client::connect(serving.address).await;
    let head = client.request("HEAD", "/plugins/shop/items", "", b"").await;
    let length = head.header("content-length").and_then(|length| length.parse::<usize>().ok());
    assert!(head.status == 200 && length > Some(0), "{head:?}");
    assert_eq!(client.request("GET", "/plugins/shop/items", "", b"").await.status, 200, "on the same connection");
}

#[tokio::test]
async fn chain_passes_results_on_and_the_last_one_answers() {
    let serving = serve(shop(&[("POST", "/", &["respond", "request", "request"])])).await;
    let seen = seen(&serving, "POST", "/plugins/shop", "{\"status\":201}").await;
    let second: Value = serde_json::from_str(seen["previous"].as_str().expect("a result")).expect("JSON");
    assert_eq!((&second["previous"], &second["body"]), (&json!("[]"), &json!("{\"status\":201}")));
    assert_eq!(seen["body"], second["body"], "each gets the body");
}

#[tokio::test]
async fn error_of_an_action_ends_the_chain() {
    let host = Host::new();
    let chain = shop(&[("POST", "/", &["respond_and_fail", "request"]), ("GET", "/calls", &["request"])]);
    let plugin = host.load(chain).await;
    let serving = Serving::start(host).await;
    let response = request(serving.address, "POST", "/plugins/shop", "{\"status\":201,\"body\":\"x\"}").await;
    assert_eq!(response.error(), (500, "refused".to_owned()));
    assert_eq!(response.json()["msg"], "after all");
    assert_eq!(plugin.metrics().calls, 1, "the second action did not run");
}

#[tokio::test]
async fn body_that_is_not_json_is_text_unless_the_action_declares_a_schema() {
    let schema = json!({ "type": "object", "required": ["name"] });
    let plugin = TestPlugin::from(feature::ECHO)
        .manifest("name", json!("shop"))
        .manifest("actions", json!([{ "name": "echo" }, { "name": "typed", "payload": schema }]))
        .manifest(
            "routes",
            json!([
                { "method": "POST", "path": "/text", "actions": ["echo"] },
                { "method": "POST", "path": "/typed", "actions": ["typed"] },
            ]),
        );
    let serving = serve(plugin).await;
    for (body, expected) in [
        ("{\"a\": [1]}", json!({ "a": [1] })),
        ("a=b&c", json!("a=b&c")),
        ("{\"a\":", json!("{\"a\":")),
        ("", Value::Null),
        (" \n", Value::Null),
    ] {
        assert_eq!(seen(&serving, "POST", "/plugins/shop/text", body).await, expected, "{body}");
    }
    let typed = async |body| request(serving.address, "POST", "/plugins/shop/typed", body).await;
    assert_eq!(typed("{\"name\":").await.error(), (400, "invalid_payload".to_owned()));
    let response = typed("{}").await;
    assert_eq!(response.error(), (422, "validation_error".to_owned()));
    assert_contains(&response.text(), &["name"]);
}

#[tokio::test]
async fn action_sets_status_headers_and_body() {
    let serving = serve(shop(&[("POST", "/", &["respond"])])).await;
    let respond = async |parts: Value| -> Response {
        request(serving.address, "POST", "/plugins/shop", &parts.to_string()).await
    };
    let parts = json!({
        "status": 201, "headers": [["Content-Type", "text/html"], ["x-a", "1"], ["x-a", "2"]], "body": "<p>hi",
    });
    let response = respond(parts).await;
    assert_eq!((response.status, response.text()), (201, "<p>hi".to_owned()));
    let values: Vec<_> = response.headers.iter().filter(|(name, _)| name == "x-a" || name == "content-type").collect();
    assert_eq!(values.len(), 3, "{values:?}");
    assert_eq!(response.header("content-type"), Some("text/html"));
    assert_eq!(response.header("content-security-policy"), Some("sandbox allow-forms allow-scripts"));

    let response = respond(json!({ "status": 302, "headers": [["location", "/elsewhere"]] })).await;
    assert_eq!((response.status, response.header("location")), (302, Some("/elsewhere")));
    let response = respond(json!({ "status": 204, "body": "ignored" })).await;
    assert_eq!((response.status, response.header("content-type")), (204, None));
    assert_eq!(respond(json!({ "body": "x" })).await.header("content-type"), Some("application/octet-stream"));
}

#[tokio::test]
async fn disabled_plugin_answers_503_until_it_is_enabled() {
    let serving = serve(shop(&[("GET", "/", &["request"])])).await;
    serving.host.runtime.disable("shop").await;
    for path in ["/plugins/shop", "/plugins/shop/unknown", "/plugins/shop/status"] {
        assert_eq!(get(serving.address, path).await.error(), (503, "plugin_disabled".to_owned()), "{path}");
    }
    serving.host.runtime.enable("shop").await.expect("it starts");
    assert_eq!(get(serving.address, "/plugins/shop").await.status, 200);
}

#[tokio::test]
async fn actions_are_called_by_name() {
    let serving = serve(shop(&[("POST", "/actions/request", &["respond"]), ("GET", "/actions/x", &["respond"])])).await;
    for path in ["/plugins/shop/actions/request", "/ipc/shop/request"] {
        let body = request(serving.address, "POST", path, "").await.json();
        let named = (&body["status"], &body["plugin"], &body["action"]);
        assert_eq!(named, (&json!("ok"), &json!("shop"), &json!("request")));
        assert_eq!(body["result"]["is_request"], false, "{path}");
    }
    let own = request(serving.address, "POST", "/plugins/shop/routes/actions/request", "").await;
    assert_eq!(own.json(), json!([]), "the plugin's route, which the host's path hides");
    assert_eq!(get(serving.address, "/plugins/shop/actions/x").await.json(), json!([]), "the host has no such method");
    let unknown = request(serving.address, "POST", "/ipc/shop/unknown", "").await;
    assert_eq!(unknown.error(), (404, "unknown_action".to_owned()));
    assert_eq!(request(serving.address, "POST", "/ipc/shop/request", "{").await.error().0, 400);
    assert_eq!(request(serving.address, "POST", "/ipc/unknown/x", "").await.error().0, 404);
}

#[tokio::test]
async fn routes_of_all_plugins_are_listed() {
    let serving = serve(shop(&[("GET", "/items/:id", &["request"])])).await;
    serving.host.load(TestPlugin::from(feature::ECHO)).await;
    let expected = json!([{
        "plugin": "shop",
        "routes": [{ "method": "GET", "path": "/items/{id}", "actions": ["request"] }],
        "handler": false,
    }]);
    assert_eq!(get(serving.address, "/plugins/routes").await.json(), expected);
}

#[tokio::test]
async fn list_of_routes_has_the_plugins_that_the_caller_may_use() {
    for (scopes, expected) in [(vec![], None), (vec!["call:shop"], Some(1)), (vec!["read:other"], Some(0))] {
        let host = Host::new();
        host.load(shop(&[("GET", "/", &["request"])])).await;
        let scopes: Vec<Scope> = scopes.into_iter().map(|scope| scope.parse().expect("a scope")).collect();
        let identity = Identity::anonymous(scopes);
        let serving = Serving::of(host, |_| {}, |router| router.layer(Extension(identity))).await;
        let response = get(serving.address, "/plugins/routes").await;
        match expected {
            None => assert_eq!(response.error(), (401, "unauthenticated".to_owned())),
            Some(count) => assert_eq!(response.json().as_array().map(Vec::len), Some(count)),
        }
    }
}

#[tokio::test]
async fn host_reports_on_a_plugin_without_such_routes() {
    let serving = serve(shop(&[("GET", "/health", &["request"])])).await;
    let status = get(serving.address, "/plugins/shop/status").await.json();
    assert_eq!((&status["plugin"], &status["version"]), (&json!("shop"), &json!("0.1.0")));
    assert_eq!((&status["initialized"], &status["state"]), (&json!(true), &json!("ready")));
    assert_eq!((&status["action_count"], &status["last_action"]), (&json!(0), &Value::Null));
    assert_eq!(get(serving.address, "/plugins/shop/health").await.json()["route"], "/health", "the plugin's own");
    let last = async || get(serving.address, "/plugins/shop/status").await.json()["last_action"].clone();
    assert_eq!(last().await, "request", "that of the route");
    assert_eq!(request(serving.address, "POST", "/plugins/shop/actions/unknown", "1").await.status, 404);
    assert_eq!(last().await, "request");
    serving.host.load(TestPlugin::from(feature::ECHO).manifest("name", json!("echo"))).await;
    assert_eq!(get(serving.address, "/plugins/echo/health").await.json()["healthy"], true);
    for (method, path, allowed) in [
        ("POST", "/plugins/echo/health", "GET, HEAD, OPTIONS"),
        ("GET", "/plugins/echo/actions/echo", "POST, OPTIONS"),
        ("POST", "/plugins/routes", "GET, HEAD, OPTIONS"),
    ] {
        let refused = request(serving.address, method, path, "").await;
        assert_eq!((refused.status, refused.header("allow")), (405, Some(allowed)), "{method} {path}");
    }
}

#[tokio::test]
async fn requests_follow_a_plugin_that_is_loaded_replaced_and_unloaded() {
    let serving = Serving::start(Host::new()).await;
    assert_eq!(get(serving.address, "/plugins/shop/a").await.error().1, "unknown_plugin");
    serving.host.load(shop(&[("GET", "/a", &["request"])])).await;
    assert_eq!(get(serving.address, "/plugins/shop/a").await.status, 200);
    serving.host.runtime.reload(shop(&[("GET", "/b", &["request"])]).package()).await.expect("replaced");
    assert_eq!(get(serving.address, "/plugins/shop/a").await.error().1, "unknown_route");
    assert_eq!(get(serving.address, "/plugins/shop/b").await.status, 200);
    serving.host.runtime.unload("shop").await;
    assert_eq!(get(serving.address, "/plugins/shop/b").await.error().1, "unknown_plugin");
}

#[tokio::test]
async fn details_of_an_error_are_for_development() {
    let failure = json!({ "code": "sold_out", "message": "no tea", "details": "{\"left\":0}", "status": 409 });
    for development in [false, true] {
        let host = Host::new();
        host.load(TestPlugin::from(feature::FAILURE).manifest("name", json!("shop"))).await;
        let serving = Serving::with(host, |settings| settings.development = development).await;
        let response = request(serving.address, "POST", "/ipc/shop/fail", &failure.to_string()).await;
        assert_eq!(response.error(), (409, "sold_out".to_owned()));
        assert_eq!(response.json().get("details"), development.then_some(&json!({ "left": 0 })));
    }
}

#[tokio::test]
async fn plugin_sees_the_identity_that_the_application_adds() {
    let host = Host::new();
    let plugin = TestPlugin::from(feature::INVOCATION).manifest("name", json!("shop"));
    host.load(plugin.manifest("routes", json!([{ "method": "GET", "path": "/", "actions": ["about"] }]))).await;
    let identity = Identity::new("ada", [Scope::all(ScopeKind::Call)]);
    let serving = Serving::of(host, |_| {}, |router| router.layer(Extension(identity))).await;
    for response in [
        get(serving.address, "/plugins/shop").await.json(),
        request(serving.address, "POST", "/ipc/shop/about", "").await.json()["result"].clone(),
    ] {
        assert_eq!((&response["identity"], &response["scopes"]), (&json!("ada"), &json!(["call"])));
        assert_eq!(response["caller"], "http");
    }
}
