//! The browser's files and documents as a client gets them.

use serde_json::{Value, json};

use crate::harness::administered::Administered;
use crate::harness::assert::assert_contains;
use crate::harness::client::{Client, Response};
use crate::harness::guest::feature;
use crate::harness::host::TestPlugin;

async fn get(host: &Administered, path: &str) -> Response {
    host.request("", "GET", path, Value::Null).await
}

/// The addresses of the files that a document loads.
fn files(html: &str) -> Vec<String> {
    let parts = html.split("=\"/ui/").skip(1);
    parts.map(|part| format!("/ui/{}", part.split('"').next().expect("an attribute ends"))).collect()
}

#[tokio::test]
async fn document_of_a_page_loads_files_of_this_server_alone() {
    let host = Administered::start().await;
    for path in ["/p/anything", "/p/anything/", "/p/anything/a/b?x=1"] {
        let page = get(&host, path).await;
        assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
        let policy = page.header("content-security-policy").expect("a policy");
        assert_contains(policy, &["default-src 'none'", "script-src 'self';", "frame-ancestors 'none'"]);
        assert!(!policy.contains("unsafe"), "{policy}");
        let html = page.text();
        assert!(!html.contains("<style") && !html.contains("style=") && !html.contains("onload"), "{html}");
        let files = files(&html);
        assert!(files.len() == 2 && html.matches("<script").count() == 1, "{html}");
        for file in files {
            let file = get(&host, &file).await;
            assert_eq!(file.status, 200);
            assert_eq!(file.header("cache-control"), Some("public, max-age=31536000, immutable"));
            // Browsers store it for other requests.
            assert_eq!((file.header("x-request-id"), file.header("traceresponse")), (None, None));
        }
    }
}

#[tokio::test]
async fn dashboard_is_served_at_each_of_its_addresses() {
    let host = Administered::start().await;
    for path in ["/", "/-/plugins/shop", "/-/plugins/shop/permissions?x=1", "/-/sign-in"] {
        let page = get(&host, path).await;
        assert_eq!((page.status, page.header("cache-control")), (200, Some("no-cache")), "{path}");
        let html = page.text();
        assert_contains(&html, &["/dashboard/main.js\"></script>", "/dashboard/style.css\">"]);
        assert_contains(page.header("content-security-policy").unwrap_or_default(), &["script-src 'self';"]);
    }
    assert_eq!(get(&host, "/-").await.status, 404);
}

#[tokio::test]
async fn files_are_compressed_and_those_of_another_version_are_unknown() {
    let host = Administered::start().await;
    let page = get(&host, "/p/anything").await.text();
    let path = files(&page).into_iter().find(|file| file.ends_with("main.js")).expect("it is loaded");
    let plain = get(&host, &path).await;
    let mut client = Client::connect(host.address).await;
    let compressed = client.request("GET", &path, "accept-encoding: gzip, br\r\n", b"").await;
    assert_eq!(compressed.header("content-encoding"), Some("gzip"));
    assert_eq!(plain.header("content-encoding"), None);
    assert!(compressed.body.len() * 2 < plain.body.len(), "{} of {}", compressed.body.len(), plain.body.len());
    let map = get(&host, &format!("{path}.map")).await.json();
    assert!(map["sources"].as_array().is_some_and(|sources| sources.contains(&json!("../lib/view.js"))), "{map}");
    let hash = path.split('/').nth(2).expect("a hash");
    for path in
        [path.replace(hash, "0000000000000000"), path.replace("main", "none"), format!("/ui/{hash}/../Cargo.toml")]
    {
        assert_eq!(get(&host, &path).await.status, 404, "{path}");
    }
}

fn shop() -> TestPlugin {
    let script = "<script>alert('1')</script>";
    TestPlugin::from(feature::EXCHANGE)
        .manifest("name", json!("shop"))
        .manifest("actions", json!([{ "name": "request" }, { "name": "respond" }, { "name": "respond_and_fail" }]))
        .manifest("routes", json!([{ "method": "GET", "path": "/items", "actions": ["request"] }]))
        .manifest(
            "frontend",
            json!({
                "fragments": [{ "id": "note", "props": { "of": { "type": "string" } }, "widgets": [
                    { "type": "text", "props": { "text": "A note of {{of}}" } },
                ] }],
                "globalState": { "initial": { "theme": "dark" } },
                "pages": [
                    { "path": "/", "meta": { "title": "Items & more" }, "loaders": [{ "id": "seen", "apiRoute": "/items" }], "template": {
                        "state": {
                            "initial": { "name": script, "rows": [{ "a": script, "b": 2 }], "bad": "javascript:alert(1)", "list": ["x", "y"] },
                            "computed": { "greeting": "name || 'no name'" },
                        },
                        "widgets": [
                            { "type": "heading", "props": { "level": 2, "text": "{{greeting}}" } },
                            { "type": "text", "props": { "text": "theme {{globalState.theme}}" }, "condition": "state.rows.length > 0" },
                            { "type": "text", "props": { "text": "never" }, "condition": "!state.rows" },
                            { "type": "text", "loop": { "items": "state.list" }, "props": { "text": "{{index}} is {{item}}" } },
                            { "type": "fragment", "fragmentId": "note", "props": { "of": "{{state.list.0}}" } },
                            { "type": "table", "bindings": { "data": "state.rows" } },
                            { "type": "text", "props": { "text": "seen {{data.seen.path}}" } },
                            { "type": "link", "props": { "href": "{{state.bad}}", "text": "a bad link" } },
                            { "type": "link", "props": { "href": "./about", "text": "About" } },
                            { "type": "map3d", "fallback": { "type": "text", "props": { "text": "no map" } } },
                        ],
                    } },
                    { "path": "/about", "template": {} },
                ],
            }),
        )
}

#[tokio::test]
async fn page_without_scripts_shows_texts_tables_and_links() {
    let host = Administered::start().await;
    host.host.load(shop()).await;
    let page = get(&host, "/p/shop/?plain").await;
    let html = page.text();
    assert_eq!((page.status, page.header("content-type")), (200, Some("text/html; charset=utf-8")));
    let script = "&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;";
    assert_contains(
        &html,
        &[
            "<h1>Items &amp; more</h1>",
            "<b>shop</b>",
            &format!("<h2>{script}</h2>"),
            "theme dark",
            "0 is x",
            "1 is y",
            "A note of x",
            &format!("<td>{script}</td>"),
            "<td>2</td>",
            "<span>a bad link</span>",
            "<a href=\"/p/shop/about?plain\"",
            "no map",
        ],
    );
    assert!(!html.contains("<script") && !html.contains("javascript:") && !html.contains("never"), "{html}");
    assert_contains(page.header("content-security-policy").expect("a policy"), &["script-src 'self'"]);
}

#[tokio::test]
async fn unknown_page_is_404_and_callers_without_a_scope_learn_nothing() {
    let host = Administered::start().await;
    host.host.load(shop()).await;
    for (path, status) in
        [("/p/shop/", 200), ("/p/shop", 200), ("/p/shop/about", 200), ("/p/shop/none", 404), ("/p/none/", 404)]
    {
        for query in ["", "?plain"] {
            assert_eq!(get(&host, &format!("{path}{query}")).await.status, status, "{path}{query}");
        }
    }
    let stranger = host.token(&["call:other"]);
    for path in ["/p/shop/", "/p/shop/none", "/p/none/"] {
        assert_eq!(host.request(&stranger, "GET", path, Value::Null).await.status, 200, "{path}");
        let plain = host.request(&stranger, "GET", &format!("{path}?plain"), Value::Null).await;
        assert_eq!(plain.status, 401, "{path}");
    }
}
