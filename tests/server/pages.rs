//! Pages of plugins over HTTP: documents, loaders and actions, for whom, and in which shapes.

use plugbay::page::PageCall;
use serde_json::{Value, json};

use crate::harness::administered::Administered;
use crate::harness::assert::assert_contains;
use crate::harness::guest::feature;
use crate::harness::host::{Host, TestPlugin};

/// The guest `exchange`, which answers with the request that it sees, as `shop` with these pages.
fn shop(frontend: Value) -> TestPlugin {
    let schema = json!({ "type": ["object", "null"], "properties": { "name": { "type": "string" } } });
    TestPlugin::from(feature::EXCHANGE)
        .manifest("name", json!("shop"))
        .manifest("title", json!("The shop"))
        .manifest(
            "actions",
            json!([
                { "name": "request", "payload": schema }, { "name": "respond" }, { "name": "respond_and_fail" },
            ]),
        )
        .manifest(
            "routes",
            json!([
                { "method": "GET", "path": "/items", "actions": ["request"] },
                { "method": "GET", "path": "/items/:id", "actions": ["request"] },
                { "method": "PUT", "path": "/items/:id", "actions": ["request"] },
                { "method": "POST", "path": "/respond", "actions": ["respond"] },
                { "method": "POST", "path": "/fail", "actions": ["respond_and_fail"] },
            ]),
        )
        .manifest("frontend", frontend)
}

/// A page with one of everything that the server does.
fn item_page() -> Value {
    json!({
        "loaders": [{ "id": "all", "apiRoute": "/items" }],
        "actions": [{ "id": "home", "type": "navigate", "path": "./{{params.id}}" }],
        "fragments": [{ "id": "note", "widgets": [{ "type": "text", "props": { "text": "Note" } }] }],
        "globalState": { "initial": { "theme": "dark" }, "computed": { "isDark": "state.theme === 'dark'" } },
        "pages": [
            {
                "path": "/items/:id",
                "meta": { "title": "An item", "icon": "box", "navOrder": 2 },
                "template": {
                    "state": { "initial": { "size": 10, "more": true }, "computed": { "twice": "state.size > 5" } },
                    "widgets": [{ "type": "form", "props": { "action": "save" } }],
                },
                "loaders": [
                    { "id": "one", "apiRoute": "/items/{{params.id}}?size={{state.size}}&dark={{isDark}}", "stateKey": "item" },
                    { "id": "late", "apiRoute": "/items", "runOnNavigate": false },
                    { "id": "broken", "apiRoute": "/fail", "method": "POST", "dataKey": "nothing" },
                ],
                "actions": [
                    { "id": "save", "type": "api", "apiRoute": "/items/{{params.id}}", "method": "PUT" },
                    {
                        "id": "rename", "type": "api", "apiRoute": "/items/{{state.id}}", "method": "PUT",
                        "body": { "name": "{{payload.name}}", "size": "{{state.size}}", "twice": "{{twice}}" },
                    },
                    { "id": "teapot", "type": "api", "apiRoute": "/respond", "body": { "status": 418 } },
                    { "id": "toggle", "type": "setState", "stateUpdates": { "more": "{{!state.more}}" } },
                    { "id": "again", "type": "reload", "loaderIds": ["one"] },
                    { "id": "zoom", "type": "custom", "options": { "by": 2 } },
                ],
            },
            { "path": "/", "template": {}, "meta": { "navOrder": 1 } },
            { "path": "/hidden", "template": {}, "meta": { "showInNav": false } },
        ],
    })
}

async fn served() -> Administered {
    let host = Administered::start().await;
    host.host.load(shop(item_page())).await;
    host
}

async fn post(host: &Administered, path: &str, body: Value) -> Value {
    let response = host.request("", "POST", path, body).await;
    assert_eq!(response.status, 200, "{path}: {}", response.text());
    assert_eq!(response.header("cache-control"), Some("no-store"), "{path}");
    response.json()
}

#[tokio::test]
async fn document_has_the_page_and_the_results_of_its_loaders() {
    let host = served().await;
    let page =
        post(&host, "/api/v1/plugins/shop/page", json!({ "path": "/items/a%2Fb", "state": { "size": 3 } })).await;
    assert_eq!(page["plugin"], json!({ "name": "shop", "title": "The shop", "version": "0.1.0" }));
    let meta = json!({ "title": "An item", "icon": "box", "showInNav": true, "navOrder": 2 });
    assert_eq!(page["route"], json!({ "path": "/items/{id}", "meta": meta }));
    assert_eq!((&page["path"], &page["params"]), (&json!("/items/a%2Fb"), &json!({ "id": "a/b" })));
    let form = &page["template"]["widgets"][0]["props"];
    assert_eq!(form["schema"]["properties"]["name"]["type"], "string", "the schema of the payload behind its action");
    assert_eq!(page["fragments"]["note"]["widgets"][0]["type"], "text");
    let ids = |member: &str| -> Vec<String> {
        let items = page[member].as_array().expect("a list").iter();
        items.map(|item| item["id"].as_str().expect("an id").to_owned()).collect()
    };
    assert_eq!(ids("loaders"), ["all", "one", "late", "broken"]);
    assert_eq!(ids("actions"), ["home", "save", "rename", "teapot", "toggle", "again", "zoom"]);
    assert_eq!(page["globalState"]["computed"], json!({ "isDark": "state.theme === 'dark'" }));

    let initial = &page["initialData"];
    let results = initial["loaderResults"].as_array().expect("a list");
    let outline =
        |result: &Value| json!([result["loaderId"], result["success"], result["stateKey"], result["dataKey"]]);
    assert_eq!(
        results.iter().map(outline).collect::<Value>(),
        json!([["all", true, null, null], ["one", true, "item", null], ["broken", false, null, "nothing"]])
    );
    assert_eq!(results[2]["error"], json!({ "code": "refused", "message": "after all" }));
    assert!(results.iter().all(|result| result["loadedAt"].as_u64().is_some_and(|time| time > 1_600_000_000_000)));
    assert_eq!(initial["data"], json!({ "all": results[0]["data"] }));
    let item = &initial["state"]["item"];
    assert_eq!((&initial["state"]["size"], &initial["state"]["more"]), (&json!(3), &json!(true)));
    assert_eq!((&item["id"], &item["body"]), (&json!("a/b"), &Value::Null));
    assert_eq!(item["query"], json!([["size", "3"], ["dark", "true"]]), "values of the caller's and of computed state");
    host.close().await;
}

#[tokio::test]
async fn page_is_opened_without_the_loaders_that_are_skipped() {
    let host = served().await;
    let body = json!({ "path": "/items/7", "skip": ["one", "broken"], "globalState": { "isDark": "sent" } });
    let page = post(&host, "/api/v1/plugins/shop/page", body).await;
    let results = page["initialData"]["loaderResults"].as_array().expect("a list");
    assert_eq!(results.iter().map(|result| &result["loaderId"]).collect::<Vec<_>>(), ["all"]);
    let body = json!({ "path": "/items/7", "loaderIds": ["one"], "globalState": { "isDark": "sent" } });
    let loaded = post(&host, "/api/v1/plugins/shop/page/loaders", body).await;
    assert_eq!(loaded[0]["data"]["query"][1], json!(["dark", "sent"]), "the client's value is not computed again");
    host.close().await;
}

#[tokio::test]
async fn result_that_the_client_has_is_not_sent_again() {
    let host = served().await;
    let load = async |known: Value| {
        let body = json!({ "path": "/items/7", "loaderIds": ["broken", "one"], "known": known });
        post(&host, "/api/v1/plugins/shop/page/loaders", body).await
    };
    let first = load(json!({})).await;
    assert!(first[0]["data"].is_object() && first[0].get("unchanged").is_none(), "{first}");
    let again = load(json!({ "one": first[0]["tag"], "broken": first[0]["tag"] })).await;
    assert_eq!((&again[0]["success"], &again[0]["unchanged"]), (&json!(true), &json!(true)));
    assert!(again[0].get("data").is_none() && again[0]["tag"] == first[0]["tag"], "{again}");
    assert_eq!(again[1]["success"], json!(false), "a failure is always sent");
    let other = load(json!({ "one": "0000000000000000", "all": first[0]["tag"] })).await;
    assert_eq!(other[0]["data"], first[0]["data"]);
    host.close().await;
}

#[tokio::test]
async fn payload_that_does_not_fit_is_an_error_with_its_problems() {
    let host = served().await;
    let body = json!({ "path": "/items/7", "payload": { "name": 5 } });
    let failed = post(&host, "/api/v1/plugins/shop/page/actions/save", body).await;
    assert_eq!(failed["error"]["code"], "validation_error");
    let problems = failed["error"]["details"]["problems"].as_array().expect("a list");
    assert_eq!((problems.len(), &problems[0]["path"]), (1, &json!("/name")), "{failed}");
    let called = host.request("", "POST", "/plugins/shop/actions/request", json!({ "name": 5 })).await;
    assert_eq!(called.json()["details"]["problems"][0]["path"], "/name", "{}", called.text());
    host.close().await;
}

#[tokio::test]
async fn page_is_found_by_its_path_and_an_unknown_one_lists_those_there_are() {
    let host = served().await;
    for (path, template) in [("", "/"), ("/", "/"), ("items/7", "/items/{id}"), ("/items/7/?x=1", "/items/{id}")] {
        let page = post(&host, "/api/v1/plugins/shop/page", json!({ "path": path })).await;
        assert_eq!(page["route"]["path"], template, "{path}");
    }
    let ask = async |plugin: &str, body: Value| {
        host.request("", "POST", &format!("/api/v1/plugins/{plugin}/page"), body).await
    };
    let unknown = ask("shop", json!({ "path": "/carts" })).await;
    assert_eq!(unknown.error(), (404, "unknown_page".to_owned()));
    assert_contains(&unknown.text(), &["`/carts`", "/items/{id}, /, /hidden"]);
    assert_eq!(ask("none", json!({ "path": "/" })).await.error(), (404, "not_loaded".to_owned()));
    assert_eq!(ask("shop", json!({})).await.error(), (400, "invalid_request".to_owned()));
    assert_eq!(ask("shop", json!({ "path": "/", "stat": {} })).await.error(), (400, "invalid_request".to_owned()));
    host.host.runtime.disable("shop").await;
    assert_eq!(ask("shop", json!({ "path": "/" })).await.error(), (404, "unknown_plugin".to_owned()));
    host.close().await;
}

#[tokio::test]
async fn loaders_run_alone_or_together() {
    let host = served().await;
    let path = "/api/v1/plugins/shop/page/loaders";
    let ids = |results: &Value| -> Vec<String> {
        let results = results.as_array().expect("a list").iter();
        results.map(|result| result["loaderId"].as_str().expect("an id").to_owned()).collect()
    };
    let all = post(&host, path, json!({ "path": "/items/7" })).await;
    assert_eq!(ids(&all), ["all", "one", "late", "broken"]);
    let some = post(&host, path, json!({ "path": "/items/7", "loaderIds": ["late", "all"] })).await;
    assert_eq!(ids(&some), ["all", "late"], "in the order of the page");
    let unknown = host.request("", "POST", path, json!({ "path": "/items/7", "loaderIds": ["none"] })).await;
    assert_eq!(unknown.error(), (404, "unknown_loader".to_owned()));
    host.close().await;
}

#[tokio::test]
async fn hundred_loaders_answer_in_their_order() {
    let loader = |id: usize| json!({ "id": format!("l{id}"), "apiRoute": format!("/items/{id}") });
    let page = json!({ "path": "/", "template": {}, "loaders": (0..100).map(loader).collect::<Vec<_>>() });
    let host = Host::new();
    host.load(shop(json!({ "pages": [page] }))).await;
    let page = host.runtime.open_page("shop", PageCall::new("/")).await.expect("opened");
    for (index, result) in page.loader_results().iter().enumerate() {
        assert_eq!(result.data.as_ref().map(|data| &data["id"]), Some(&json!(index.to_string())), "{result:?}");
    }
    assert_eq!((page.loader_results().len(), page.data().len()), (100, 100));
}

#[tokio::test]
async fn action_calls_its_route_and_others_return_their_parameters() {
    let host = served().await;
    let run = async |action: &str, rest: Value| {
        let mut body = json!({ "path": "/items/7", "state": { "id": "x y" } });
        body.as_object_mut().expect("an object").extend(rest.as_object().expect("an object").clone());
        post(&host, &format!("/api/v1/plugins/shop/page/actions/{action}"), body).await
    };
    let saved = run("save", json!({ "payload": { "name": "Lamp" } })).await;
    assert_eq!((&saved["actionId"], &saved["success"]), (&json!("save"), &json!(true)));
    assert_eq!((&saved["data"]["id"], &saved["data"]["body"]), (&json!("7"), &json!("{\"name\":\"Lamp\"}")));
    assert!(saved["executedAt"].is_u64(), "{saved}");
    let renamed = run("rename", json!({ "payload": { "name": "Lamp" } })).await;
    assert_eq!(renamed["data"]["id"], "x y", "the value is one segment of the path");
    assert_eq!(renamed["data"]["body"], "{\"name\":\"Lamp\",\"size\":10,\"twice\":true}");
    let refused = run("save", json!({ "payload": { "name": 5 } })).await;
    assert_eq!((&refused["success"], &refused["error"]["code"]), (&json!(false), &json!("validation_error")));
    assert_eq!(run("teapot", json!({})).await["error"]["code"], "http_status");
    let missing = run("rename", json!({ "state": {} })).await;
    assert_eq!(missing["error"]["code"], "missing_value", "it would be the route of all items");
    for (action, data) in [
        ("toggle", json!({ "stateUpdates": { "more": false } })),
        ("home", json!({ "path": "./7" })),
        ("again", json!({ "loaderIds": ["one"] })),
        ("zoom", json!({ "handler": "zoom", "options": { "by": 2 } })),
    ] {
        let result = run(action, json!({})).await;
        assert_eq!((&result["success"], &result["data"]), (&json!(true), &data), "{action}");
    }
    let unknown = json!({ "path": "/items/7" });
    let unknown = host.request("", "POST", "/api/v1/plugins/shop/page/actions/none", unknown).await;
    assert_eq!(unknown.error(), (404, "unknown_action".to_owned()));
    host.close().await;
}

#[tokio::test]
async fn caller_needs_the_scope_for_the_plugin_and_its_identity_is_behind_the_calls() {
    let host = served().await;
    let page = json!({ "path": "/", "template": {}, "loaders": [{ "id": "about", "apiRoute": "/" }] });
    let about = TestPlugin::from(feature::INVOCATION)
        .manifest("routes", json!([{ "method": "GET", "path": "/", "actions": ["about"] }]))
        .manifest("frontend", json!({ "pages": [page] }));
    let name = host.host.load(about).await.name();
    let path = format!("/api/v1/plugins/{name}/page");
    let caller = host.token(&[&format!("call:{name}")]);
    let opened = host.request(&caller, "POST", &path, json!({ "path": "/" })).await.json();
    let seen = &opened["initialData"]["data"]["about"];
    assert_eq!((&seen["identity"], &seen["caller"]), (&json!("tester"), &json!("http")), "{seen}");
    for (path, body) in [
        ("/api/v1/plugins/shop/page", json!({ "path": "/" })),
        ("/api/v1/plugins/shop/page/loaders", json!({ "path": "/" })),
        ("/api/v1/plugins/shop/page/actions/home", json!({ "path": "/" })),
        ("/api/v2/plugins/frontend/shop/template", json!({ "path": "" })),
        ("/api/v2/plugins/frontend/shop/actions/home/execute", json!({ "path": "" })),
    ] {
        let refused = host.request(&caller, "POST", path, body).await;
        assert_eq!(refused.error(), (403, "insufficient_scope".to_owned()), "{path}");
    }
    let listed = host.request(&caller, "GET", "/api/v1/pages", Value::Null).await.json();
    let plugins: Vec<_> = listed["routes"].as_array().expect("a list").iter().map(|page| &page["plugin"]).collect();
    assert_eq!(plugins, [&name]);
    assert_eq!(listed["navigation"].as_array().map(Vec::len), Some(1), "{listed}");
    let reader = host.token(&["read"]);
    assert_eq!(host.request(&reader, "GET", "/api/v1/pages", Value::Null).await.status, 403);
    host.close().await;
}

#[tokio::test]
async fn navigation_has_the_pages_that_show_there_in_their_order() {
    let host = served().await;
    let listed = host.request("", "GET", "/api/v1/pages", Value::Null).await.json();
    let item = json!({
        "pluginId": "shop", "pluginName": "The shop", "path": "/p/shop/", "title": "The shop", "icon": null, "order": 1,
    });
    assert_eq!(listed["navigation"], json!([item]), "neither hidden pages nor those with parameters");
    let paths: Vec<_> = listed["routes"].as_array().expect("a list").iter().map(|page| &page["path"]).collect();
    assert_eq!(paths, ["/items/{id}", "/", "/hidden"]);
    let found = host.host.runtime.page("shop", "/items/7").expect("found");
    assert_eq!((found.page().path.as_str(), &found.params()["id"]), ("/items/{id}", &json!("7")));
    assert!(host.host.runtime.has_pages("shop") && !host.host.runtime.has_pages("none"));
    host.close().await;
}

#[tokio::test]
async fn dockstat_paths_answer_in_its_shapes() {
    let host = served().await;
    let get = async |path: &str| {
        let response = host.request("", "GET", &format!("/api/v2/plugins/frontend/{path}"), Value::Null).await;
        assert_eq!(response.status, 200, "{path}: {}", response.text());
        response.json()
    };
    assert_eq!(get("routes").await[0]["path"], "items/{id}");
    assert_eq!(get("routes/by-plugin").await["shop"].as_array().map(Vec::len), Some(3));
    assert_eq!(get("navigation").await[0]["path"], "/p/shop/");
    let summary = json!({ "totalRoutes": 3, "pluginsWithFrontend": 1, "routesByPlugin": { "shop": 3 } });
    assert_eq!(get("summary").await, summary);
    assert_eq!(get("shop/has-routes").await, json!({ "hasRoutes": true }));
    assert_eq!(get("none/has-routes").await, json!({ "hasRoutes": false }));
    assert_eq!(get("shop/loaders?path=items/7").await[1]["id"], "one");
    assert_eq!(get("shop/actions?path=items/7").await[1]["id"], "save");
    assert_eq!(get("shop/actions/save?path=items/7").await["apiRoute"], "/items/{{params.id}}");
    assert_contains(get("shop/actions/none?path=items/7").await["error"].as_str().expect("text"), &["`none`"]);
    assert_contains(get("shop/loaders?path=carts").await["error"].as_str().expect("text"), &["`carts`"]);

    let page = json!({ "path": "items/7", "state": { "id": 1 }, "payload": { "name": "x" } });
    let ask = async |path: &str| post(&host, &format!("/api/v2/plugins/frontend/shop/{path}"), page.clone()).await;
    let template = ask("template").await;
    for member in ["route", "template", "fragments", "loaders", "actions", "initialData"] {
        assert!(!template[member].is_null(), "{member}");
    }
    assert_eq!(ask("loaders/execute").await.as_array().map(Vec::len), Some(4));
    assert_eq!(ask("loaders/one/execute").await["loaderId"], "one");
    assert_eq!(ask("actions/rename/execute").await["data"]["id"], "1");
    assert_contains(ask("actions/none/execute").await["error"].as_str().expect("text"), &["`none`"]);
    host.close().await;
}
