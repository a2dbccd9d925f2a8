//! Every example plugin, built, loaded and called through the command from its crate's directory.

use std::io::{BufRead, BufReader};
use std::time::Duration;

use plugbay::clock::ManualClock;
use plugbay::{Package, Policy};
use serde_json::{Value, json};

use crate::harness::assert::assert_contains;
use crate::harness::build::cargo_target_directory;
use crate::harness::command::{Plugbay, Ran};
use crate::harness::guest::{Guest, example};
use crate::harness::host::Host;
use crate::harness::patience::until;
use crate::harness::server::{Answer, Server};

#[test]
fn hello_greets() {
    let answer = run(example::HELLO, &["hello", r#"{"name": "Ada"}"#]).exits_with(0).json();
    assert_eq!(answer, json!("Hello, Ada!"));
    let refused = run(example::HELLO, &["hello", "--json"]).exits_with(1).json();
    assert_eq!(refused["code"], "validation_error");
}

#[test]
fn basic_answers_pings_only() {
    assert_eq!(run(example::BASIC, &["ping"]).exits_with(0).json(), json!({ "status": "ok", "message": "pong" }));
    let echo = run(example::BASIC, &["echo", "[1, {}]"]).exits_with(0).json();
    assert_eq!(echo, json!({ "status": "ok", "received": [1, {}] }));
    let unknown = run(example::BASIC, &["pong", "--json"]).exits_with(1).json();
    assert_eq!(unknown["code"], "unknown_action");
}

#[test]
fn basic_logs_its_load_and_unload() {
    let ran = run(example::BASIC, &["ping"]).exits_with(0);
    assert_contains(&ran.stderr, &["loaded", "unloaded"]);
}

#[test]
fn bare_answers_without_the_sdk() {
    assert_eq!(run(example::BARE, &["ping"]).exits_with(0).json()["message"], "pong");
    assert_eq!(run(example::BARE, &["length", "\"ü\""]).exits_with(0).json(), 4);
    run(example::BARE, &["pong"]).exits_with(1);
}

#[test]
fn builder_signs_its_guest_book() {
    let entry = r#"{"guest": "Ada", "text": "lovely"}"#;
    let signed = run(example::BUILDER, &["sign", entry]).exits_with(0);
    assert_eq!(signed.json(), json!({ "number": 2 }));
    assert_contains(&signed.stderr, &["signed", "Ada", "cli"]);
    let refused = run(example::BUILDER, &["sign", r#"{"guest": "", "text": "x"}"#, "--json"]).exits_with(1).json();
    assert_eq!(refused["code"], "validation_error");
    let refused = run(example::BUILDER, &["sign", r#"{"guest": " ", "text": "x"}"#, "--json"]).exits_with(1).json();
    assert_eq!(refused["code"], "no_guest");
}

#[test]
fn builder_declares_its_routes() {
    let inspection = plugbay(example::BUILDER, "inspect", &["--build", "--json"]).run().exits_with(0).json();
    let routes = inspection["manifest"]["routes"].as_array().expect("a list").clone();
    assert_eq!(routes.len(), 2, "{routes:?}");
}

#[test]
fn calculator_divides_and_reports_errors() {
    let divide = |payload: &str| run(example::CALCULATOR, &["divide", payload, "--json"]);
    assert_eq!(divide(r#"{"a": 1, "b": 4}"#).exits_with(0).json()["result"], 0.25);
    let by_zero = divide(r#"{"a": 1, "b": 0}"#).exits_with(1).json();
    assert_eq!((&by_zero["code"], &by_zero["details"]["a"]), (&json!("divide_by_zero"), &json!(1.0)));
    let wrong = divide(r#"{"a": "one", "b": 4}"#).exits_with(1).json();
    assert_eq!((&wrong["code"], &wrong["details"]["problems"][0]["path"]), (&json!("validation_error"), &json!("/a")));
    let share = run(example::CALCULATOR, &["percent", r#"{"of": 50, "percent": 101}"#, "--json"]).exits_with(1).json();
    assert_eq!(share["details"]["problems"][0]["path"], "/percent");
}

#[tokio::test]
async fn counter_continues_after_a_reload() {
    let host = Host::new();
    let plugin = host.runtime.load(example::COUNTER.path()).await.expect("it is a valid plugin");
    let first: Value = plugin.call("increment", &json!({ "by": 5 })).await.expect("it counts");
    assert_eq!(first, json!({ "count": 5, "revisions": 1 }));
    host.runtime.reload(example::COUNTER.path()).await.expect("the reload succeeds");
    let second: Value = plugin.call("increment", &json!(null)).await.expect("it continues to count");
    assert_eq!(second, json!({ "count": 6, "revisions": 2 }));
}

#[test]
fn counter_of_another_process_starts_again() {
    for _ in 0..2 {
        assert_eq!(run(example::COUNTER, &["increment"]).exits_with(0).json()["count"], 1);
    }
    let refused = run(example::COUNTER, &["increment", r#"{"by": 0}"#, "--json"]).exits_with(1).json();
    assert_eq!(refused["code"], "validation_error");
}

#[test]
fn legacy_program_counts_words() {
    let count = run(example::LEGACY, &["count", r#"{"text": "one two\nthree"}"#]).exits_with(0);
    assert_eq!(count.json(), json!({ "lines": 2, "words": 3, "characters": 13 }));
    assert_contains(&count.stderr, &["counting 13 bytes"]);
    let failed = run(example::LEGACY, &["fail", "--json"]).exits_with(1);
    assert_eq!(failed.json()["code"], "exit_status");
    assert_contains(failed.json()["msg"].as_str().unwrap_or_default(), &["failed on request"]);
}

#[tokio::test]
async fn scheduler_demo_cleans_up_and_runs_delayed_jobs() {
    let clock = ManualClock::default();
    let host = Host::with(|builder| builder.policy(Policy::allow_all()).clock(clock.clone()));
    let plugin = host.runtime.load(example::SCHEDULER_DEMO.path()).await.expect("it is a valid plugin");
    let later = json!({ "run_at": "2026-01-01T00:04:00Z", "data": { "gifts": 3 } });
    let scheduled: Value = plugin.call("schedule", &later).await.expect("it schedules");
    assert_eq!((&scheduled["status"], &scheduled["scheduled"]), (&json!("ok"), &json!(true)));
    let logged = async |words: &str| {
        let is_logged = || host.log.lines().iter().any(|line| format!("{line:?}").contains(words));
        until(format!("`{words}` in the log"), async || is_logged().then_some(())).await;
    };
    clock.advance(Duration::from_secs(240));
    logged("scheduled action executed").await;
    assert!(!host.log.lines().iter().any(|line| line.message == "cleanup"), "that is due in a minute");
    clock.advance(Duration::from_secs(60));
    logged("`cleanup` answered 1").await;
    let jobs: Value = plugin.call("jobs", &()).await.expect("it lists");
    assert_eq!(jobs, json!(["cleanup: every 300s"]));
}

#[test]
fn scheduler_demo_needs_a_grant_and_runs_jobs_lingering() {
    let denied = run(example::SCHEDULER_DEMO, &["jobs"]).exits_with(4);
    assert_contains(&denied.stderr, &["scheduler", "--grant"]);
    let past = [r#"{"run_at": "2026-01-01T00:00:00Z", "data": 7}"#, "--grant", "scheduler.*", "--linger", "0"];
    let mut process = plugbay(example::SCHEDULER_DEMO, "run", &[&["schedule"], &past[..]].concat()).start();
    let mut lines = BufReader::new(process.stderr.take().expect("it is piped")).lines();
    assert!(lines.any(|line| line.expect("text").contains("answered 7")), "it ran before the process was ended");
    process.kill().expect("the test owns the process");
    process.wait().expect("it was killed");
}

#[test]
fn notes_are_stored_and_found_by_later_processes() {
    let data = tempfile::tempdir().expect("a directory");
    let notes = |action: &str, payload: Value| run_notes(data.path(), action, &payload).exits_with(0).json();
    let first = notes("create", json!({ "title": "Milk", "tags": [" Shop", "shop", "home"], "body": "100% fresh" }));
    assert_eq!((&first["id"], &first["tags"]), (&json!(1), &json!(["shop", "home"])));
    let more = json!([{ "title": "Bread", "tags": ["shop"] }, { "title": "Call Ada", "pinned": true }]);
    assert_eq!(notes("import", more), 2);

    let titles = |page: &Value| {
        let titles = page["notes"].as_array().expect("a list").iter().map(|note| note["title"].clone());
        titles.collect::<Vec<_>>()
    };
    assert_eq!(titles(&notes("find", json!({}))), ["Call Ada", "Bread", "Milk"]);
    let second = notes("find", json!({ "per_page": 2, "page": 2 }));
    assert_eq!((titles(&second), &second["total"], &second["pages"]), (vec![json!("Milk")], &json!(3), &json!(2)));
    for (wanted, found) in [
        (json!({ "tag": "SHOP" }), vec!["Bread", "Milk"]),
        (json!({ "text": "100%" }), vec!["Milk"]),
        (json!({ "text": "%" }), vec!["Milk"]),
        (json!({ "text": "_" }), vec![]),
        (json!({ "text": "' OR 1=1 --" }), vec![]),
        (json!({ "tag": "shop", "text": "bread", "pinned": false }), vec!["Bread"]),
    ] {
        assert_eq!(titles(&notes("find", wanted.clone())), found, "{wanted}");
    }

    let changed = notes("update", json!({ "id": 1, "pinned": true, "tags": ["shop"] }));
    assert_eq!(
        (&changed["title"], &changed["pinned"], &changed["tags"]),
        (&json!("Milk"), &json!(true), &json!(["shop"]))
    );
    assert_eq!(notes("read", json!({ "id": 1 })), changed);
    assert_eq!((notes("delete", json!({ "id": 2 })), notes("delete", json!({ "id": 2 }))), (json!(true), json!(false)));
    let statistics = notes("statistics", json!(null));
    assert_eq!((&statistics["notes"], &statistics["pinned"]), (&json!(2), &json!(2)));
    assert_eq!(statistics["by_tag"], json!([{ "tag": "shop", "notes": 1 }]));
    assert_eq!(statistics["newest"]["title"], "Call Ada");
}

#[test]
fn notes_report_errors() {
    let data = tempfile::tempdir().expect("a directory");
    let code =
        |action: &str, payload: Value| run_notes(data.path(), action, &payload).exits_with(1).json()["code"].clone();
    assert_eq!(code("read", json!({ "id": 1 })), "not_found");
    assert_eq!(code("update", json!({ "id": 1 })), "nothing_to_change");
    assert_eq!(code("create", json!({ "title": "" })), "validation_error");
    assert_eq!(code("create", json!({ "title": "x".repeat(201) })), "validation_error");
    assert_eq!(code("import", json!([{ "title": "fine" }, {}])), "validation_error");
}

#[test]
fn notes_without_a_grant_are_denied_with_the_line_to_add() {
    let denied = run(example::NOTES, &["statistics", "--json"]);
    assert_ne!(denied.exit_code, 0);
    assert_contains(&denied.advice(), &["db.notes", "--grant db.notes:read"]);
}

#[test]
fn settings_need_their_secret_and_do_not_show_it() {
    let missing = run(example::SETTINGS, &["show", "--json"]).exits_with(3).json();
    assert_contains(missing["msg"].as_str().unwrap_or_default(), &["api_key", "required"]);

    let key = ["--config", "api_key=S3CRET-KEY"];
    let shown = run(example::SETTINGS, &[&["show"], &key[..]].concat()).exits_with(0);
    assert_eq!(shown.json(), json!({ "has_api_key": true, "max_retries": 3, "enabled": true }));
    assert!(!shown.stderr.contains("S3CRET"), "{}", shown.stderr);

    let range = [&["show", "--config", "max_retries=11", "--json"], &key[..]].concat();
    let range = run(example::SETTINGS, &range).exits_with(3).json();
    assert_contains(range["msg"].as_str().unwrap_or_default(), &["max_retries"]);
    assert!(!range.to_string().contains("S3CRET"));
}

#[test]
fn settings_change_what_was_granted() {
    let set = ["set_max_retries", r#"{"max_retries": 7}"#, "--config", "api_key=k", "--json"];
    let denied = run(example::SETTINGS, &set).exits_with(4);
    assert_contains(denied.json()["hint"].as_str().unwrap_or_default(), &["--grant config.max_retries:write"]);
    let granted = [&set[..], &["--grant", "config.*:write"]].concat();
    assert_eq!(run(example::SETTINGS, &granted).exits_with(0).json()["max_retries"], 7);
    let not_asked = ["switch_off", "--config", "api_key=k", "--grant", "config.*:write", "--json"];
    let not_asked = run(example::SETTINGS, &not_asked).exits_with(4).json();
    assert_contains(not_asked["msg"].as_str().unwrap_or_default(), &["config.enabled", "manifest"]);
}

#[test]
fn key_value_stores_values_by_the_standard_alone() {
    let data = tempfile::tempdir().expect("a directory");
    let options = ["--grant", "data.*", "--data-dir", data.path().to_str().expect("UTF-8"), "--json"];
    let act = |arguments: &[&str]| run(example::KEY_VALUE, &[arguments, &options[..]].concat());
    assert_eq!(act(&["set", r#"{"key": "a", "value": [1, "ü"]}"#]).exits_with(0).json(), json!({ "key": "a" }));
    assert_eq!(act(&["get", "\"a\""]).exits_with(0).json(), json!([1, "ü"]));
    assert_eq!(act(&["count", "\"visits\""]).exits_with(0).json(), 1);
    assert_eq!(act(&["count", "\"visits\""]).exits_with(0).json(), 2);
    assert_eq!(act(&["list"]).exits_with(0).json(), json!(["a", "visits"]));
    assert_eq!(act(&["delete", "\"a\""]).exits_with(0).json(), true);
    assert_eq!(act(&["get", "\"a\""]).exits_with(1).json()["code"], "not_found");

    let denied = run(example::KEY_VALUE, &["list", "--json"]).exits_with(4).json();
    assert_contains(denied["msg"].as_str().unwrap_or_default(), &["wasi:keyvalue", "data.*"]);
    let reader = run(example::KEY_VALUE, &["count", "\"visits\"", "--grant", "data.*:read", "--json"]).exits_with(4);
    assert_eq!(reader.json()["code"], "permission_denied");
    let inspection = plugbay(example::KEY_VALUE, "inspect", &["--build", "--json"]).run().exits_with(0).json();
    let imports = inspection["imports"].as_array().expect("a list");
    let names: Vec<&str> = imports.iter().filter_map(|import| import["name"].as_str()).collect();
    assert!(names.iter().any(|name| name.starts_with("wasi:keyvalue/store@")), "{names:?}");
    let own = names.iter().filter(|name| name.starts_with("plugbay:") && !name.contains("/types@"));
    assert_eq!(own.count(), 0, "{names:?}");
}

#[test]
fn order_flow_visits_the_stock_and_the_mail() {
    let ran = plugbay_test(example::ORDER_FLOW);
    assert_contains(&ran.stdout, &["ok     order of an item that is sold out is refused with the reason", "5 passed"]);
    for subscriber in [example::ORDER_STOCK, example::ORDER_MAIL] {
        plugbay(subscriber, "inspect", &["--build"]).run().exits_with(0);
    }
}

#[test]
fn event_logger_needs_a_grant() {
    assert_contains(&plugbay_test(example::EVENT_LOGGER).stdout, &["ok     operator decides which topics it receives"]);
    let denied = run(example::EVENT_LOGGER, &["recent", "--json"]);
    assert_contains(&denied.advice(), &["--grant", "data.event/*:read"]);
}

#[test]
fn container_watch_records_events_of_all_spellings() {
    assert_contains(&plugbay_test(example::CONTAINER_WATCH).stdout, &["ok     starts and stops are recorded"]);
}

#[test]
fn my_awesome_plugin_passes_the_tests_of_its_page() {
    assert_contains(&plugbay_test(example::MY_AWESOME_PLUGIN).stdout, &["7 passed"]);
    let ping = ["post_action", r#"{"action": "ping"}"#, "--config", "api_key=k", "--grant", "*", "--json"];
    assert_eq!(run(example::MY_AWESOME_PLUGIN, &ping).exits_with(0).json()["success"], true);
}

/// Runs the declared tests of an example.
fn plugbay_test(example: Guest) -> Ran {
    plugbay(example, "test", &[]).run().exits_with(0)
}

fn run_notes(data: &std::path::Path, action: &str, payload: &Value) -> Ran {
    let data = data.to_str().expect("a path in UTF-8");
    let grant = ["--data-dir", data, "--grant", "db.notes:read,write", "--json"];
    run(example::NOTES, &[&[action, &payload.to_string()], &grant[..]].concat())
}

#[tokio::test]
async fn weather_is_requested_once_within_its_lifetime() {
    let service = weather_service();
    let rules = [format!("http.{}", service.authority()), "cache.*".to_owned()];
    let policy = rules.iter().try_fold(Policy::default(), |policy, rule| policy.allow(rule)).expect("readable");
    let clock = ManualClock::new(std::time::SystemTime::now());
    let host = Host::with(|builder| builder.policy(policy).clock(clock.clone()));
    let package = Package::open(example::WEATHER.path()).expect("it opens");
    let package =
        package.configure("base_url", format!("http://{}/v1", service.authority())).configure("ttl_seconds", 60);
    let plugin = host.runtime.load(package).await.expect("it is a valid plugin");
    let current = async |city: &str| -> Value {
        plugin.call("current", &json!({ "city": city })).await.unwrap_or_else(|error| error.to_json())
    };
    assert_eq!(current("Bern").await, json!({ "celsius": 7.5, "sky": "rain", "cached": false }));
    for _ in 0..10 {
        assert_eq!(current("bern ").await, json!({ "celsius": 7.5, "sky": "rain", "cached": true }));
    }
    assert_eq!(service.received().len(), 1);
    clock.advance(Duration::from_secs(61));
    assert_eq!(current("Bern").await["cached"], false);
    assert_eq!((current("Atlantis").await["code"].clone(), service.received().len()), (json!("unknown_city"), 3));
}

#[test]
fn weather_reaches_the_granted_host_only() {
    let service = weather_service();
    let base_url = format!("base_url=http://{}/v1", service.authority());
    let current = |grant: &str| {
        let bern = r#"{"city": "Bern"}"#;
        let options =
            ["--config", &base_url, "--config", "api_key=S3CRET", "--grant", grant, "--grant", "cache.*", "--json"];
        run(example::WEATHER, &[&["current", bern], &options[..]].concat())
    };
    let ran = current(&format!("http.{}", service.authority())).exits_with(0);
    assert_eq!(ran.json(), json!({ "celsius": 7.5, "sky": "rain", "cached": false }));
    assert_eq!(service.received()[0].value("authorization"), Some("Bearer S3CRET"));
    let denied = current("http.*").exits_with(4);
    assert_eq!(denied.json()["code"], "permission_denied");
    assert_contains(&denied.stderr, &[&format!("--grant http.{}:execute", service.authority())]);
    assert!(!format!("{ran:?}{denied:?}").contains("S3CRET"));
    assert_eq!(service.received().len(), 1);
}

/// A weather service that knows Bern only.
fn weather_service() -> Server {
    Server::start(|request| match request.line().to_lowercase().as_str() {
        "get /v1/current?city=bern" => Answer::text(r#"{"celsius": 7.5, "sky": "rain"}"#),
        _ => Answer::status("404 Not Found", &[], ""),
    })
}

fn run(example: Guest, arguments: &[&str]) -> Ran {
    plugbay(example, "run", arguments).run()
}

/// The command on the crate's directory, which is built first, so that the command has nothing to build.
fn plugbay(example: Guest, command: &str, arguments: &[&str]) -> Plugbay {
    example.path();
    let directory = example.directory();
    let arguments = [&[command, directory.to_str().expect("a path in UTF-8")], arguments].concat();
    Plugbay::new(arguments).environment("CARGO_TARGET_DIR", cargo_target_directory())
}
