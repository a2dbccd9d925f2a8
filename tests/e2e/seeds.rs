//! The sample plugins of the systems that Plugbay continues, served by the command: what their pages say, by requests
//! that any HTTP client can send.

use serde_json::{Value, json};

use super::serve::Served;
use crate::harness::assert::assert_contains;
use crate::harness::client::{Response, get, request};
use crate::harness::command::Plugbay;
use crate::harness::guest::{Guest, example, feature};
use crate::harness::host::TestPlugin;

/// An example plugin that is served, with everything granted that it asks for.
struct Sample {
    served: Served,
    name: String,
}

impl Sample {
    fn serve(example: Guest, options: &[&str]) -> Self {
        let component = example.path();
        let mut arguments = vec![component.to_str().expect("UTF-8"), "--grant", "*"];
        arguments.extend(options);
        let served = Served::start(&arguments);
        let name = served.printed["plugins"][0]["name"].as_str().expect("a name").to_owned();
        Sample { served, name }
    }

    async fn send(&self, method: &str, path: &str, body: Value) -> Response {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        request(self.served.address, method, path, &body).await
    }

    async fn get(&self, path: &str) -> Response {
        self.send("GET", &format!("/plugins/{}{path}", self.name), Value::Null).await
    }

    async fn post(&self, path: &str, body: Value) -> Response {
        self.send("POST", &format!("/plugins/{}{path}", self.name), body).await
    }

    /// Publishes an event, and returns the outcome of its handlers.
    async fn emit(&self, topic: &str, data: Value) -> Value {
        self.send("POST", "/events", json!({ "topic": topic, "data": data, "wait": true })).await.json()
    }
}

#[test]
fn declared_tests_of_the_samples_pass() {
    for sample in [
        example::PUP_EXAMPLE,
        example::DOCKSTAT_EXAMPLE,
        example::DOCKSTAT_PROCESSOR,
        example::DOCKSTAT_USERS,
        example::XCORE_ITEMS,
        example::XCORE_USERS,
        example::XCORE_CACHE,
    ] {
        let directory = sample.directory();
        let ran = Plugbay::new(["test", directory.to_str().expect("UTF-8")]).run();
        assert_eq!(ran.exit_code, 0, "{}\n{}\n{}", sample.name(), ran.stdout, ran.stderr);
    }
}

/// The process fails at its first start, and runs from then on.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn pup_example_reads_the_memory_by_its_token_and_restarts_a_process() {
    let directory = tempfile::tempdir().expect("a directory");
    let (mark, file) = (directory.path().join("mark"), directory.path().join("plugbay.json"));
    let command = format!("sh -c 'test -e {0} && exec sleep 1000000; touch {0}; exit 3'", mark.display());
    let host = json!({
        "processes": [{ "id": "my-important-process", "cmd": command, "autostart": true, "restartDelayMs": 600000 }],
        "plugins": [{ "url": example::PUP_EXAMPLE.path(), "options": { "threshold": "1" } }],
        "policy": [{ "resource": "api.read" }, { "resource": "process.*" }, { "resource": "events.*" }],
    });
    std::fs::write(&file, host.to_string()).expect("written");
    let mut served = Served::start(&["--host-file", file.to_str().expect("UTF-8")]);
    let printed = served.printed_until("Memory usage is high");
    if !printed.contains("has failed and is restarted") {
        served.printed_until("has failed and is restarted");
    }
    let memory = request(served.address, "GET", "/plugins/exampleplugin/memory", "").await.json();
    assert_eq!((memory["used_mib"].as_u64() > Some(0), &memory["usage"]), (true, &json!("high")), "{memory}");
    served.end();
}

#[tokio::test]
async fn dockstat_example_saves_by_a_chain_and_hears_containers() {
    let mut sample = Sample::serve(example::DOCKSTAT_EXAMPLE, &[]);
    assert_eq!(sample.get("/status").await.json(), json!([]));
    let saved = sample.post("/save", json!({ "data": { "cpu": [1, 2] } })).await;
    assert_eq!((saved.status, saved.json()), (200, json!({ "success": true })));
    let not_valid = sample.post("/save", json!({ "data": null })).await;
    assert_eq!((not_valid.status, not_valid.json()), (200, json!({ "success": false })));
    let rows = json!([{ "id": 1, "data": { "cpu": [1, 2] } }]);
    assert_eq!(sample.get("/routes/status").await.json(), rows, "DockStat's path of a route");
    let routes = sample.send("GET", "/plugins/routes", Value::Null).await.json();
    assert_contains(&routes.to_string(), &["example-plugin", "/status", "/save"]);
    for topic in ["onContainerStart", "container:stopped"] {
        let heard = sample.emit(topic, json!({ "id": "c1" })).await;
        assert_eq!((&heard["handlers"], &heard["failed"]), (&json!(1), &json!(0)), "{topic}: {heard}");
    }
    sample.served.printed_until("Container stopped: c1");
    sample.served.end();
}

#[tokio::test]
async fn dockstat_processor_runs_five_actions() {
    let sample = Sample::serve(example::DOCKSTAT_PROCESSOR, &[]);
    let processed = sample.post("/process", json!({ "name": "web" })).await;
    assert_eq!((processed.status, &processed.json()["id"]), (200, &json!(1)), "{}", processed.text());
    let path = format!("/plugins/{}/process", sample.name);
    let text = request(sample.served.address, "POST", &path, "{ name").await;
    assert_eq!((text.status, &text.json()["error"]), (200, &json!("Invalid JSON")), "{}", text.text());
    assert_eq!(sample.get("/processed").await.json(), json!([{ "id": 1, "data": { "name": "WEB" } }]));
    sample.served.end();
}

#[tokio::test]
async fn dockstat_users_are_created_and_the_boot_is_heard() {
    let mut sample = Sample::serve(example::DOCKSTAT_USERS, &[]);
    sample.served.printed_until("Plugin initialized on server boot");
    let ada = json!({ "username": "ada", "email": "ada@example.org" });
    assert_eq!(sample.post("/create", ada.clone()).await.json(), json!({ "success": true, "userId": 1 }));
    assert_eq!(sample.post("/create", ada).await.json()["code"], "constraint");
    let changed = sample.post("/update/1", json!({ "email": "ada@example.com" })).await;
    assert_eq!(changed.json(), json!({ "changes": 1 }));
    let listed = sample.get("/list").await.json();
    assert_eq!((&listed[0]["email"], listed[0]["createdAt"].is_u64()), (&json!("ada@example.com"), true), "{listed}");
    let page = sample.send("GET", &format!("/p/{}/", sample.name), Value::Null).await;
    assert_eq!(page.status, 200, "{}", page.text());
    sample.served.end();
}

#[tokio::test]
async fn dashboard_serves_its_page_with_data_of_its_loader() {
    let mut sample = Sample::serve(example::DASHBOARD, &[]);
    let saved = sample.post("/save", json!({ "name": "Tea", "settings": { "hot": true } })).await;
    assert_eq!(saved.json(), json!({ "success": true, "id": 1 }));
    let row = json!({ "id": 1, "name": "Tea", "settings": { "hot": true } });
    assert_eq!(sample.get("/data").await.json(), json!([row]));
    let frontend = "/api/v2/plugins/frontend";
    let navigation = sample.send("GET", &format!("{frontend}/navigation"), Value::Null).await.text();
    assert_contains(&navigation, &["Dashboard", "/dashboard"]);
    let opened = sample.send("POST", &format!("{frontend}/dashboard/template"), json!({ "path": "dashboard" })).await;
    let opened = opened.json();
    let initial = opened.pointer("/initialData/state").or_else(|| opened.pointer("/data/initialData/state"));
    assert_eq!(initial.unwrap_or(&opened)["items"], json!([row]), "{opened}");
    sample.emit("container.start", json!({ "id": "c1" })).await;
    sample.served.printed_until("Container started: c1");
    sample.served.end();
}

#[tokio::test]
async fn nexus_sample_answers_status_action_and_health() {
    let key = ["--config", "api_key=test-api-key"];
    let mut sample = Sample::serve(example::MY_AWESOME_PLUGIN, &key);
    let status = sample.get("/status").await.json();
    assert_eq!((&status["plugin"], &status["version"]), (&json!("my_awesome_plugin"), &json!("1.0.0")));
    assert_eq!((&status["initialized"], &status["last_action"]), (&json!(true), &Value::Null));
    assert!(status["uptime"].as_f64().is_some_and(|uptime| uptime >= 0.0), "{status}");

    let ping = sample.post("/action", json!({ "action": "ping" })).await.json();
    assert_eq!((&ping["success"], &ping["result"]["message"]), (&json!(true), &json!("pong")), "{ping}");
    assert_eq!(ping["message"], "Action 'ping' completed successfully");
    let wrong = sample.post("/action", json!({ "action": "fly" })).await;
    let expected = json!({ "success": false, "message": "Action failed: Unknown action: fly", "result": null });
    assert_eq!((wrong.status, wrong.json()), (200, expected));
    assert_eq!(sample.post("/action", json!({})).await.status, 422);

    let health = sample.get("/health").await.json();
    assert_eq!((&health["healthy"], &health["components"]["actions"]["count"]), (&json!(true), &json!(1)), "{health}");
    assert_eq!(health["metrics"]["actions_total"], 1.0, "{health}");
    sample.emit("user.created", json!({ "user_id": "123", "username": "testuser" })).await;
    sample.served.printed_until("testuser");
    sample.served.end();
}

#[tokio::test]
async fn nexus_sample_that_is_disabled_answers_503() {
    let sample = Sample::serve(example::MY_AWESOME_PLUGIN, &["--config", "api_key=k", "--config", "enabled=false"]);
    let refused = sample.post("/action", json!({ "action": "ping" })).await;
    assert_eq!((refused.status, &refused.json()["detail"]), (503, &json!("Plugin is disabled")));
    assert_eq!(sample.get("/health").await.json()["components"]["configuration"]["status"], "disabled");
    sample.served.end();
}

#[tokio::test]
async fn xcore_items_are_served_below_the_prefix() {
    let sample = Sample::serve(example::XCORE_ITEMS, &[]);
    let created = sample.post("/items/", json!({ "name": "Tea" })).await.json();
    let path = format!("/items/{}", created["id"].as_str().expect("a text"));
    assert_eq!(sample.get(&path).await.json(), created);
    let whole = format!("/plugins/my_plugin{path}");
    let updated = sample.send("PUT", &whole, json!({ "price": 3 })).await.json();
    assert_eq!((&updated["name"], &updated["price"]), (&json!("Tea"), &json!(3)));
    assert_eq!(sample.send("DELETE", &whole, Value::Null).await.json(), json!({ "deleted": true }));
    let gone = sample.get(&path).await;
    assert_eq!((gone.status, &gone.json()["detail"]), (404, &json!("Item not found")));
    let answer = sample.send("POST", "/ipc/my_plugin/create", json!({ "name": "Chai" })).await.json();
    assert_eq!(
        (&answer["status"], &answer["plugin"], &answer["action"]),
        (&json!("ok"), &json!("my_plugin"), &json!("create"))
    );
    assert_eq!(answer["result"]["status"], "ok", "{answer}");
    assert_eq!(
        sample.send("POST", "/ipc/my_plugin/remove", json!({})).await.error(),
        (404, "unknown_action".to_owned())
    );
    assert_eq!(sample.get("/items").await.json()["items"].as_array().map(Vec::len), Some(1));
    sample.served.end();
}

/// XCore's sample of a manifest as its page has it.
const XCORE_MANIFEST: &str = r#"name: my_plugin                    # Unique identifier
version: 1.0.0                    # Semantic version
author: Your Name                  # Author name
description: Plugin description    # Short description

execution_mode: trusted            # trusted | sandboxed | legacy
framework_version: ">=2.0"        # Compatible XCore version
entry_point: src/main.py          # Main file path

# Dependencies on other plugins (optional)
requires:
  - other_plugin
  - another_plugin

# Service permissions (optional)
permissions:
  - resource: "db.*"
    actions: ["read", "write"]
    effect: allow
  - resource: "cache.*"
    actions: ["read"]
    effect: allow

# Environment variables (optional)
env:
  API_KEY: "default_value"
  DEBUG: "false"

# Resource limits (optional)
resources:
  timeout_seconds: 30
  max_memory_mb: 256
  rate_limit:
    calls: 1000
    period_seconds: 60
"#;

#[tokio::test]
async fn xcore_manifest_as_it_stands_needs_trust_and_the_plugins_that_it_requires() {
    let directory = tempfile::tempdir().expect("a directory");
    let write = |name: &str, file: &str, content: &[u8]| {
        let plugin = directory.path().join("plugins").join(name);
        std::fs::create_dir_all(&plugin).expect("made");
        std::fs::write(plugin.join(file), content).expect("written");
    };
    write("my_plugin", "plugin.yaml", XCORE_MANIFEST.as_bytes());
    write("my_plugin/src", "main.py", b"raise SystemExit");
    write("my_plugin", "my_plugin.wasm", &example::XCORE_ITEMS.bytes());
    let file = directory.path().join("plugbay.yaml");
    std::fs::write(&file, "plugins_dir: plugins\n").expect("written");
    let serve = |more: &[&str]| Served::start(&[&["--host-file", file.to_str().expect("UTF-8")], more].concat());
    let list = async |served: &Served| get(served.address, "/plugins/my_plugin/items/").await;
    let mut alone = serve(&["--trust", "my_plugin"]);
    alone.printed_until("cannot load my_plugin: it requires plugin `other_plugin`, which is not loaded");
    assert_eq!(list(&alone).await.status, 404);
    alone.end();

    for name in ["other_plugin", "another_plugin"] {
        let plugin = TestPlugin::from(feature::ECHO).manifest("name", json!(name));
        write(name, "plugin.wasm", &plugin.into_bytes());
    }
    let mut untrusted = serve(&[]);
    untrusted.printed_until("trust it with `--trust my_plugin`");
    untrusted.end();
    let trusted = serve(&["--trust", "my_plugin"]);
    let listed = list(&trusted).await;
    assert_eq!((listed.status, listed.json()), (200, json!({ "items": [] })), "{}", listed.text());
    trusted.end();
}

#[tokio::test]
async fn xcore_users_are_validated_before_the_plugin_runs() {
    let sample = Sample::serve(example::XCORE_USERS, &[]);
    let ada = json!({ "username": "ada", "email": "ada@example.org", "age": 36 });
    assert_eq!(sample.post("/users", ada).await.json()["id"], 1);
    let wrong = sample.post("/users", json!({ "username": "al", "email": "nowhere", "age": 151 })).await;
    assert_eq!(wrong.status, 422);
    assert_contains(&wrong.text(), &["/username", "/email", "/age"]);
    let changed = sample.send("PUT", "/plugins/xcore-users/users/1", json!({ "age": 37 })).await.json();
    assert_eq!((&changed["username"], &changed["age"]), (&json!("ada"), &json!(37)));
    let unknown = sample.send("PUT", "/plugins/xcore-users/users/2", json!({ "age": 37 })).await;
    assert_eq!((unknown.error(), &unknown.json()["detail"]), ((404, "not_found".to_owned()), &json!("User not found")));
    sample.served.end();
}

#[tokio::test]
async fn xcore_cache_and_errors_answer_by_actions() {
    let sample = Sample::serve(example::XCORE_CACHE, &[]);
    let act = async |action: &str, payload: Value| {
        sample.post(&format!("/actions/{action}"), payload).await.json()["result"].clone()
    };
    assert_eq!(act("set", json!({ "key": "tea", "value": [3] })).await["message"], "Value cached");
    assert_eq!(act("get", json!({ "key": "tea" })).await, json!({ "status": "ok", "value": [3] }));
    assert_eq!(act("delete", json!({ "key": "tea" })).await["message"], "Key deleted");
    assert_eq!(act("get", json!({ "key": "tea" })).await["value"], Value::Null);
    sample.served.end();

    let sample = Sample::serve(example::CALCULATOR, &[]);
    for (outcome, status, code) in
        [("wrong_value", 400, "invalid_input"), ("not_allowed", 403, "forbidden"), ("fault", 500, "internal_error")]
    {
        let failed = sample.post("/actions/risky_operation", json!({ "outcome": outcome })).await;
        assert_eq!(failed.error(), (status, code.to_owned()));
        assert!(!failed.text().contains("register"), "details are not for clients: {}", failed.text());
    }
    sample.served.end();
}
