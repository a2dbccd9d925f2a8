//! Installing over HTTP: uploads, updates, rollbacks, and DockStat's paths to the catalog.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;

use serde_json::{Value, json};

use super::serve::Served;
use crate::harness::assert::assert_contains;
use crate::harness::client::{Client, Response, get};
use crate::harness::command::Plugbay;
use crate::harness::guest::feature;
use crate::harness::host::TestPlugin;

/// A server with an empty data directory, and tokens for it.
struct Scene {
    directory: tempfile::TempDir,
    served: Served,
    manager: String,
}

impl Scene {
    fn new() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let data = directory.path().join("data").to_str().expect("UTF-8").to_owned();
        let served = Served::start(&["--data-dir", &data]);
        let manager = token(&data, "manage");
        Scene { directory, served, manager }
    }

    async fn request(&self, token: &str, method: &str, path: &str, body: &[u8]) -> Response {
        let headers = match token {
            "" => String::new(),
            token => format!("authorization: Bearer {token}\r\ncontent-type: application/json\r\n"),
        };
        Client::connect(self.served.address).await.request(method, path, &headers, body).await
    }

    async fn manage(&self, method: &str, path: &str, body: Value) -> Response {
        let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
        self.request(&self.manager, method, path, &body).await
    }

    async fn upload(&self, version: &str, asks: &[&str], query: &str) -> Response {
        let asks: Vec<Value> = asks.iter().map(|resource| json!({ "resource": resource })).collect();
        let plugin = TestPlugin::from(feature::ECHO)
            .manifest("name", json!("hello"))
            .manifest("version", json!(version))
            .manifest("permissions", json!(asks))
            .manifest("routes", json!([{ "method": "GET", "path": "/length", "actions": ["length"] }]))
            .resource("rate_limit", json!({ "calls": 100, "period_seconds": 60 }));
        self.request(&self.manager, "POST", &format!("/api/v1/plugins/upload{query}"), &plugin.into_bytes()).await
    }

    async fn version(&self) -> Value {
        let status = self.request("", "GET", "/plugins/hello/status", b"").await;
        if status.status == 200 { status.json()["version"].clone() } else { Value::Null }
    }
}

fn token(data: &str, scope: &str) -> String {
    let made = ["token", "create", "--consumer", "ci", "--scope", scope, "--json", "--data-dir", data];
    Plugbay::new(made).run().exits_with(0).json()["token"].as_str().expect("a token").to_owned()
}

#[tokio::test]
async fn component_is_uploaded_updated_and_rolled_back() {
    let scene = Scene::new();
    let preview = scene.upload("1.0.0", &["cache.*"], "?preview=true&yes=true").await.json();
    assert_eq!((&preview["change"], &preview["plugin"]["version"]), (&json!("preview"), &json!("1.0.0")), "{preview}");
    assert_contains(&preview["difference"]["permissions"].to_string(), &["cache.*"]);
    assert_eq!(scene.version().await, Value::Null, "nothing is installed");
    let uploaded = scene.upload("1.0.0", &[], "").await;
    assert_eq!((uploaded.status, &uploaded.json()["change"]), (200, &json!("installed")), "{}", uploaded.text());
    assert_eq!(scene.version().await, "1.0.0");
    let unconfirmed = scene.upload("2.0.0", &["cache.*"], "").await;
    assert_eq!(unconfirmed.error(), (409, "unconfirmed".to_owned()));
    assert_contains(&unconfirmed.text(), &["cache.*"]);
    assert_eq!(scene.version().await, "1.0.0", "nothing changed");
    let updated = scene.upload("2.0.0", &["cache.*"], "?yes=true").await;
    assert_eq!((updated.status, &updated.json()["change"]), (200, &json!("updated")), "{}", updated.text());
    assert_eq!(scene.version().await, "2.0.0");
    let again = scene.upload("2.0.0", &["cache.*"], "").await;
    assert_eq!(again.json()["change"], "unchanged");

    let back = scene.manage("POST", "/api/v1/plugins/hello/rollback", Value::Null).await;
    assert_eq!((back.status, &back.json()["change"]), (200, &json!("rolled back")), "{}", back.text());
    assert_eq!(scene.version().await, "1.0.0");
    // An upload has no origin from which a newer version could come.
    let update = scene.manage("POST", "/api/v1/plugins/hello/update", json!({})).await;
    assert!(update.status >= 400 && update.status < 500, "{}", update.text());
    let removed = scene.manage("DELETE", "/api/v1/plugins/hello?data=true", Value::Null).await;
    assert_eq!((removed.status, &removed.json()["change"]), (200, &json!("removed")), "{}", removed.text());
    assert_eq!(scene.version().await, Value::Null);
    scene.served.end();
}

#[tokio::test]
async fn upload_that_is_no_plugin_is_refused_and_changes_nothing() {
    let scene = Scene::new();
    let caller = token(&scene.directory.path().join("data").display().to_string(), "call");
    for (body, what) in [(&b""[..], "empty"), (b"no component", "text"), (b"\0asm\x0d\0\x01\0", "a component alone")] {
        let refused = scene.request(&scene.manager, "POST", "/api/v1/plugins/upload?yes=true", body).await;
        assert!((400..500).contains(&refused.status), "{what}: {} {}", refused.status, refused.text());
        assert!(refused.json()["code"].is_string() && refused.json()["msg"].is_string(), "{what}");
    }
    assert_eq!(scene.request(&caller, "POST", "/api/v1/plugins/upload", b"x").await.error().0, 403);
    assert_eq!(scene.request("", "POST", "/api/v1/plugins/upload", b"x").await.error().0, 401);
    let announced = format!(
        "POST /api/v1/plugins/upload HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {}\r\ncontent-length: {}\r\n\r\n",
        scene.manager,
        (128_u64 << 20) + 1
    );
    let mut client = Client::connect(scene.served.address).await;
    client.send(announced).await;
    assert_eq!(client.response(false).await.error(), (413, "payload_too_large".to_owned()), "it is refused unread");
    let listed = scene.request("", "GET", "/api/v1/plugins", b"").await;
    assert_eq!(listed.json(), json!({ "plugins": [] }));
    scene.served.end();
}

#[tokio::test]
async fn paths_of_dockstat_reach_the_catalog() {
    let scene = Scene::new();
    let status = scene.request("", "GET", "/plugins", b"").await.json();
    assert_eq!(status["installed_plugins"]["count"], 0, "{status}");
    scene.upload("1.0.0", &[], "").await;
    let all = scene.request("", "GET", "/api/v2/plugins/", b"").await;
    assert_eq!(all.json()[0]["name"], "hello", "{}", all.text());
    let id = all.json()[0]["id"].as_i64().expect("a number");
    let one = scene.request("", "GET", &format!("/api/v2/plugins/{id}"), b"").await;
    assert_eq!(one.json()["name"], "hello");
    assert!(one.json().get("plugin").is_none(), "without its code");
    let status = scene.request("", "GET", "/plugins", b"").await.json();
    assert_eq!(
        (&status["installed_plugins"]["count"], status["loaded_plugins"].as_array().map(Vec::len)),
        (&json!(1), Some(1))
    );

    for (change, expected) in [("deactivate", 503), ("activate", 200)] {
        let path = format!("/api/v2/plugins/{id}/{change}");
        assert_eq!(scene.request("", "POST", &path, b"").await.status, 401);
        let changed = scene.manage("POST", &path, Value::Null).await;
        assert_eq!(changed.status, 200, "{}", changed.text());
        let called = scene.request("", "POST", "/plugins/hello/actions/echo", b"1").await;
        assert_eq!(called.status, expected, "{change}: {}", called.text());
    }
    for key in [&*id.to_string(), "hello"] {
        for prefix in ["/api/v2/plugins", "/plugins"] {
            let route = async |token: &str, below: &str| {
                scene.request(token, "GET", &format!("{prefix}/{key}/routes{below}"), b"").await
            };
            let answered = route("", "/length?a=1").await;
            assert_eq!((answered.status, &*answered.text()), (200, "null"), "{prefix}/{key}");
            assert_eq!(route("", "/unknown").await.error(), (404, "unknown_route".to_owned()));
            assert_eq!(route("pb_wrong", "/length").await.status, 401);
            let other = scene.request("", "GET", &format!("{prefix}/99/routes/length"), b"").await;
            assert_eq!(other.status, 404, "{}", other.text());
        }
        let pages = scene.request("", "GET", &format!("/api/v2/plugins/frontend/{key}/has-routes"), b"").await;
        assert_eq!(pages.json(), json!({ "hasRoutes": false }), "{key}");
    }
    let local = scene.manage("POST", "/api/v2/plugins/install", json!({ "url": "./hello.wasm" })).await;
    assert_eq!(local.status, 400, "{}", local.text());
    let wrong = scene.manage("POST", "/api/v2/plugins/install", json!({ "url": "https://127.0.0.1:1/m.json" })).await;
    assert_eq!((wrong.status, &wrong.json()["success"]), (409, &json!(false)), "{}", wrong.text());
    let removed = scene.manage("DELETE", &format!("/api/v2/plugins/{id}"), Value::Null).await;
    assert_eq!((removed.status, &removed.json()["success"]), (200, &json!(true)), "{}", removed.text());
    assert_contains(&removed.text(), &["Deleted Plugin"]);
    let missing = scene.manage("DELETE", &format!("/api/v2/plugins/{id}"), Value::Null).await;
    assert_contains(&missing.text(), &["No Plugin found for id"]);
    assert_eq!(scene.request("", "GET", &format!("/api/v2/plugins/{id}"), b"").await.status, 404);
    scene.served.end();
}

/// Sends a request to the local socket of a data directory, and returns the status line and the body.
fn local_request(data: &Path, method: &str, path: &str, body: &Value) -> (String, Value) {
    let mut socket = UnixStream::connect(data.join("plugbay.sock")).expect("a server listens");
    let body = body.to_string();
    let length = body.len();
    let head = format!(
        "{method} {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\nconnection: close\r\n\
         content-length: {length}\r\n\r\n"
    );
    socket.write_all((head + &body).as_bytes()).expect("sent");
    let mut answer = String::new();
    socket.read_to_string(&mut answer).expect("a whole answer");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a header");
    let status = head.lines().next().unwrap_or_default().to_owned();
    (status, serde_json::from_str(body).unwrap_or_else(|error| panic!("{error}: {body}")))
}

#[tokio::test]
async fn manifest_link_is_installed_and_served_over_http() {
    let scene = Scene::new();
    let component = TestPlugin::from(feature::ECHO).manifest("name", json!("linked"));
    std::fs::write(scene.directory.path().join("linked.wasm"), component.into_bytes()).expect("written");
    let manifest = json!({
        "name": "linked", "version": "1.0.0", "plugin": "linked.wasm", "permissions": [{ "resource": "cache.*" }],
    });
    std::fs::write(scene.directory.path().join("plugin.json"), manifest.to_string()).expect("written");
    let url = format!("file://{}", scene.directory.path().join("plugin.json").display());
    let data = scene.directory.path().join("data");
    let install =
        |yes: bool| local_request(&data, "POST", "/api/v2/plugins/install", &json!({ "url": url, "yes": yes }));
    // What it asks for has to be confirmed.
    let (status, unconfirmed) = install(false);
    assert_eq!((&*status, &unconfirmed["success"]), ("HTTP/1.1 409 Conflict", &json!(false)), "{unconfirmed}");
    let (status, installed) = install(true);
    let expected = json!({ "success": true, "id": 1, "message": "Plugin saved successfully" });
    assert_eq!((&*status, &installed), ("HTTP/1.1 200 OK", &expected));
    let called = scene.request("", "POST", "/plugins/linked/actions/echo", b"[1]").await;
    assert_eq!((called.status, &called.json()["result"]), (200, &json!([1])), "the host serves it at once");
    let (_, again) = install(true);
    assert_eq!((&again["success"], &again["message"]), (&json!(false), &json!("Plugin is already installed!")));
    let (status, other) = local_request(&data, "POST", "/api/v2/plugins/install", &json!({ "url": "file:///a.txt" }));
    assert_eq!((&*status, &other["message"]), ("HTTP/1.1 409 Conflict", &json!("Unsupported manifest")));
    scene.served.end();
}

#[tokio::test]
async fn plugin_is_reloaded_from_its_file_or_its_installed_package() {
    let scene = Scene::new();
    scene.upload("1.0.0", &[], "").await;
    let reloaded = scene.manage("POST", "/api/v1/plugins/hello/reload", Value::Null).await.json();
    assert_eq!((&reloaded["change"], &reloaded["plugin"]["version"]), (&json!("reloaded"), &json!("1.0.0")));

    let file = scene.directory.path().join("shop.wasm");
    let shop = |version: &str| {
        let plugin = TestPlugin::from(feature::ECHO).manifest("name", json!("shop"));
        plugin.manifest("version", json!(version)).into_bytes()
    };
    std::fs::write(&file, shop("1.0.0")).expect("written");
    let data = scene.directory.path().join("other").to_str().expect("UTF-8").to_owned();
    let served = Served::start(&[file.to_str().expect("UTF-8"), "--data-dir", &data]);
    let scene = Scene { served, manager: token(&data, "manage"), directory: scene.directory };
    let reload = async || scene.manage("POST", "/api/v1/plugins/shop/reload", Value::Null).await;
    let version = async || get(scene.served.address, "/plugins/shop/status").await.json()["version"].clone();
    std::fs::write(&file, shop("2.0.0")).expect("written");
    assert_eq!(reload().await.json()["plugin"]["version"], "2.0.0");
    assert_eq!(version().await, "2.0.0");
    let whole = shop("3.0.0");
    std::fs::write(&file, &whole[..whole.len() / 2]).expect("written");
    let refused = reload().await;
    assert_eq!(refused.status, 422, "{}", refused.text());
    assert_contains(refused.json()["msg"].as_str().expect("a message"), &["shop"]);
    assert_eq!(version().await, "2.0.0", "the old one serves");
}

#[tokio::test]
async fn termination_over_http_ends_the_process() {
    let scene = Scene::new();
    assert_eq!(scene.request("", "POST", "/terminate", b"").await.status, 401);
    let ended = scene.manage("POST", "/api/v1/terminate", Value::Null).await;
    assert_eq!(ended.status, 202, "{}", ended.text());
    let (code, rest) = scene.served.ended();
    assert_eq!(code, Some(0), "{rest}");
}
