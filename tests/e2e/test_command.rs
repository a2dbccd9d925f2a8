//! `plugbay test`: declared tests of plugins in any language, its output and exit codes.

use std::path::Path;

use serde_json::{Value, json};

use crate::harness::assert::assert_contains;
use crate::harness::build::cargo_target_directory;
use crate::harness::command::{Plugbay, Ran, plugin_file};
use crate::harness::guest::{Guest, example, feature};
use crate::harness::host::TestPlugin;

/// Creates a test file in a directory of its own.
fn test_file(text: &str) -> (tempfile::TempDir, String) {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("a.test.yaml");
    std::fs::write(&path, text).expect("written");
    let path = path.to_str().expect("a path in UTF-8").to_owned();
    (directory, path)
}

fn test(plugin: &Path, arguments: &[&str]) -> Ran {
    let arguments = [&["test", plugin.to_str().expect("a path in UTF-8")], arguments].concat();
    Plugbay::new(arguments).environment("CARGO_TARGET_DIR", cargo_target_directory()).run()
}

fn passes(guest: Guest, tests: u64) {
    guest.path();
    let ran = test(&guest.directory(), &["--json"]).exits_with(0).json();
    assert_eq!((ran["status"].as_str(), ran["passed"].as_u64()), (Some("ok"), Some(tests)), "{ran:#}");
}

#[test]
fn declared_tests_of_the_examples_pass() {
    passes(example::BARE, 5);
    passes(example::DASHBOARD, 4);
    passes(example::GALLERY, 2);
    passes(example::INVENTORY, 2);
    passes(example::ITEMS, 7);
    passes(example::LEGACY, 3);
    passes(example::LIVE_CHART, 2);
    passes(example::SCHEDULER_DEMO, 3);
    passes(example::SETTINGS, 5);
}

#[test]
fn passed_tests_are_listed_with_their_file() {
    example::BARE.path();
    let ran = test(&example::BARE.directory(), &["--filter", "echo", "--filter", "length"]).exits_with(0);
    assert_contains(&ran.stdout, &["plugin.test.yaml", "ok     echo returns its payload", "2 passed, 0 failed"]);
    assert!(!ran.stdout.contains("ping is answered"), "{}", ran.stdout);
}

#[test]
fn advance_beyond_the_last_date_fails_its_test() {
    let (_directory, file) = test_file(
        "tests:
  - name: at once
    steps: [{ advance: 9223372036854775807s }]
  - name: in two steps
    steps: [{ advance: 200000000000s }, { advance: 200000000000s }]
",
    );
    let echo = plugin_file(feature::ECHO.into());
    let ran = test(echo.path(), &["--file", &file, "--json"]).exits_with(1).json();
    assert_eq!(ran["failed"], 2, "{ran:#}");
    for test in ran["files"][0]["tests"].as_array().expect("a list") {
        assert_contains(&test["failure"]["message"].to_string(), &["cannot be advanced", "year 9999"]);
    }
}

#[test]
fn failed_test_shows_the_difference_and_exits_with_1() {
    let (_directory, file) = test_file(
        "tests:
  - name: passes
    steps: [{ call: { action: echo, payload: 1 }, expect: { result: 1 } }]
  - name: fails
    steps:
      - call: ping
      - call: { action: echo, payload: { a: [1, 2], b: x } }
        expect: { result: { a: [1, 3], c: 4 } }
      - call: never reached
",
    );
    let echo = plugin_file(feature::ECHO.into());
    let ran = test(echo.path(), &["--file", &file]).exits_with(1);
    let parts = [
        "ok     passes",
        "FAILED fails",
        "tests[1].steps[1]",
        "a[1]: expected 3, found 2",
        "c: expected 4, found nothing",
    ];
    assert_contains(&ran.stdout, &parts);
    assert_contains(&ran.stdout, &["b: not expected: \"x\"", "1 passed, 1 failed"]);

    let json = test(echo.path(), &["--file", &file, "--json"]).exits_with(1).json();
    assert_eq!((json["status"].as_str(), json["failed"].as_u64()), (Some("failed"), Some(1)), "{json:#}");
    let failure = &json["files"][0]["tests"][1]["failure"];
    assert_eq!(
        (failure["step"].as_str(), failure["differences"].as_array().map(Vec::len)),
        (Some("tests[1].steps[1]"), Some(3))
    );
}

#[test]
fn wall_clock_is_set_by_the_test() {
    let (_directory, file) = test_file(
        "host: { clock: 2026-03-29T00:59:59Z }
tests:
  - name: clock moves only as set
    steps:
      - { call: clock, expect: { result: 1774745999000 } }
      - advance: 1m 1s
      - { call: clock, expect: { result: 1774746060000 } }
",
    );
    let wasi = plugin_file(feature::WASI.into());
    let ran = test(wasi.path(), &["--file", &file, "--json"]).exits_with(0);
    assert_eq!(ran.json()["passed"], 1);
}

#[test]
fn requests_are_answered_and_denials_expected_by_the_file() {
    let (_directory, file) = test_file(
        "host:
  http: [{ method: GET, url: 'https://api.example.org/*', status: 201, json: { made: true } }]
tests:
  - name: asks
    steps:
      - call: { action: fetch, payload: { scheme: https, authority: api.example.org, path: /x } }
        expect: { contains: { status: 201 } }
      - expect_requests: [{ url: https://api.example.org/x, count: 1 }, { method: POST, count: 0 }]
  - name: is denied by its manifest
    steps:
      - call: { action: fetch, payload: { authority: example.com } }
        expect: { denied: { resource: http.example.com, action: execute } }
      - expect_requests: { count: 0 }
  - name: is denied by the operator
    host: { deny: [{ resource: http.api.* }] }
    steps:
      - call: { action: fetch, payload: { scheme: https, authority: api.example.org } }
        expect: { result: { error: HttpRequestDenied }, denied: http.api.example.org }
  - name: fails, because nothing else is answered
    host: { policy: [{ resource: http.*, actions: [execute] }], http: [{ url: '*', error: no route }] }
    steps:
      - call: { action: fetch, payload: { scheme: https, authority: api.example.org } }
        expect: { contains: { status: 200 } }
  - name: fails, because it is granted
    steps:
      - call: { action: fetch, payload: { scheme: https, authority: api.example.org } }
        expect: { contains: { status: 201 }, denied: http.api.example.org }
",
    );
    let asks = json!([{ "resource": "http.api.example.org" }, { "resource": "http.www.example.org" }]);
    let client = plugin_file(TestPlugin::from(feature::HTTP).manifest("permissions", asks));
    let ran = test(client.path(), &["--file", &file]).exits_with(1);
    assert_contains(
        &ran.stdout,
        &["3 passed, 2 failed", "no route", "http.api.example.org should have been denied, but nothing was"],
    );
}

#[test]
fn plugins_of_the_file_are_loaded_first_and_usable_in_steps() {
    let plugin = |name: &str, requires: Value| {
        let asks = json!([{ "resource": "plugin.*" }]);
        let plugin = TestPlugin::from(feature::PLUGINS).manifest("name", json!(name)).manifest("requires", requires);
        plugin_file(plugin.manifest("permissions", asks))
    };
    let (callee, caller) = (plugin("callee", json!([])), plugin("caller", json!(["callee"])));
    let text = "host: { with: [CALLEE] }
tests:
  - name: calls
    steps:
      - call: { action: relay, payload: [callee] }
        expect: { contains: { caller: 'plugin:caller' } }
      - call: { action: ping, plugin: callee }
      - call: { action: ping, plugin: absent }
";
    let (_directory, file) = test_file(&text.replace("CALLEE", callee.path().to_str().expect("UTF-8")));
    let ran = test(caller.path(), &["--file", &file]).exits_with(1);
    assert_contains(&ran.stdout, &["tests[0].steps[2]", "no plugin `absent`"]);
}

#[test]
fn events_health_reloads_and_log_lines_are_steps() {
    let (_directory, file) = test_file(
        "host: { clock: 1970-01-01T00:00:01Z }
tests:
  - name: hears
    steps:
      - event: { name: order.stop, data: { id: 7 }, source: shop, correlation_id: c1 }
        expect: { result: { stop: true, cancel: false } }
      - { call: heard, expect: { contains: [{ source: shop, timestamp_ms: 1000, correlation_id: c1, data: { id: 7 } }] } }
      - { event: order.fail, expect: { error: { code: unwanted } } }
      - reload: true
      - { call: heard, expect: { result: [] } }
      - { call: { action: be, payload: failing } }
      - { health: true, expect: { contains: { healthy: false } } }
      - expect_log: { level: error, count: 0 }
  - name: must be healthy where nothing else is expected
    steps:
      - { call: { action: be, payload: failing } }
      - health: true
",
    );
    let subscribes = json!({ "subscribes": ["order.*"] });
    let hears = plugin_file(TestPlugin::from(feature::EVENTS).manifest("events", subscribes));
    let ran = test(hears.path(), &["--file", &file]).exits_with(1);
    assert_contains(&ran.stdout, &["ok     hears", "tests[1].steps[1]", "not healthy: the database does not answer"]);
}

#[test]
fn saved_values_are_used_in_later_payloads_and_outlive_a_restart() {
    let (_directory, file) = test_file(
        "tests:
  - name: saves
    steps:
      - { call: { action: echo, payload: { note: { id: 7, tags: [a, b] } } }, save: { id: note.id, tag: note.tags.1 } }
      - { call: { action: echo, payload: { is: $id, of: [$tag, $$id] } }, expect: { result: { is: 7, of: [b, $id] } } }
      - restart: true
      - { call: { action: echo, payload: $id }, expect: { result: 7 } }
  - name: misses
    steps:
      - { call: { action: echo, payload: { id: 7 } }, save: { id: note.id } }
",
    );
    let ran = test(&feature::ECHO.path(), &["--file", &file]).exits_with(1);
    assert_contains(&ran.stdout, &["ok     saves", "tests[1].steps[0]", "there is no `note.id`"]);
}

#[test]
fn restart_keeps_stored_values() {
    let (_directory, file) = test_file(
        "tests:
  - name: stores
    steps:
      - { call: { action: set, payload: { key: town, value: Bern } } }
      - restart: true
      - { call: { action: get, payload: town }, expect: { contains: Bern } }
  - name: has a host of its own
    steps:
      - { call: { action: get, payload: town }, expect: { contains: Bern } }
",
    );
    let stores =
        plugin_file(TestPlugin::from(feature::DATA).manifest("permissions", json!([{ "resource": "data.*" }])));
    let ran = test(stores.path(), &["--file", &file]).exits_with(1);
    assert_contains(&ran.stdout, &["ok     stores", "1 passed, 1 failed"]);
}

#[test]
fn event_that_no_subscription_hears_fails_unless_it_is_expected() {
    let (_directory, file) = test_file(
        "tests:
  - name: hears
    steps:
      - { event: order.placed, expect: { heard: 2 } }
      - { event: order.stop, expect: { heard: 1, result: { stop: true, cancel: false } } }
      - { event: user.created, expect: { heard: 0 } }
      - restart: true
      - { call: heard, expect: { result: [] } }
  - name: misses
    steps: [{ event: ordre.placed }]
  - name: miscounts
    steps: [{ event: order.placed, expect: { heard: 1 } }]
",
    );
    let subscribes = json!({ "subscribes": ["order.*", "order.**"] });
    let hears = plugin_file(TestPlugin::from(feature::EVENTS).manifest("events", subscribes));
    let ran = test(hears.path(), &["--file", &file]).exits_with(1);
    assert_contains(&ran.stdout, &["ok     hears", "no subscription hears `ordre.placed`", "expected 1 subscriptions"]);
}

#[test]
fn emitted_and_published_events_are_steps() {
    let subscribes = json!({ "subscribes": ["order.*", "shop.**"] });
    let listener = |name: &str| {
        let plugin = TestPlugin::from(feature::EVENTS).manifest("name", json!(name));
        plugin_file(plugin.manifest("events", subscribes.clone()))
    };
    let (shop, stock) = (listener("shop"), listener("stock"));
    let text = "host: { with: [STOCK] }
tests:
  - name: emits
    steps:
      - emit: { name: order.cancel, data: { reason: sold out } }
        expect: { heard: 2, contains: { handlers: 2, failed: 0, cancelled: sold out } }
      - call: { action: publish, payload: { topic: shop.opened, data: { at: 9 } } }
        expect: { published: [shop.*, { topic: shop.opened, data: { at: 9 }, source: shop, count: 1 }] }
      - { call: { action: heard, plugin: stock }, expect: { contains: [{ topic: shop.opened, source: shop }] } }
      - expect_published: { topic: shop.*, count: 1 }
      - unload: { plugin: stock }
      - { emit: order.stop, expect: { heard: 1, contains: { stopped: true } } }
      - { emit: order.fail, expect: { contains: { failed: 1 } } }
      - { emit: user.left, expect: { heard: 0 } }
  - name: does not publish
    steps: [{ call: heard, expect: { published: shop.opened } }]
  - name: handler fails
    steps: [{ emit: order.fail }]
";
    let (_directory, file) = test_file(&text.replace("STOCK", stock.path().to_str().expect("UTF-8")));
    let ran = test(shop.path(), &["--file", &file]).exits_with(1);
    assert_contains(
        &ran.stdout,
        &["ok     emits", "expected an event `shop.opened`, found none", "2 handlers of `order.fail` failed"],
    );
}

#[test]
fn invalid_test_file_is_refused_with_all_its_problems() {
    let (_directory, file) = test_file("tests:\n  - nam: x\n    steps: [{ cal: y }]\n");
    let ran = test(Path::new("no/such/plugin"), &["--file", &file]).exits_with(2);
    assert_contains(
        &ran.stderr,
        &["tests[0].nam", "did you mean `name`?", "tests[0].steps[0].cal", "did you mean `call`?"],
    );
    let json = test(Path::new("no/such/plugin"), &["--file", &file, "--json"]).exits_with(2).json();
    assert_eq!(json["code"], "invalid_test_file");
    assert!(json["details"].as_array().is_some_and(|problems| problems.len() >= 2), "{json}");
}

#[test]
fn missing_tests_and_missing_plugin_are_distinguished() {
    let directory = tempfile::tempdir().expect("a directory");
    let ran = test(directory.path(), &[]).exits_with(2);
    assert_contains(&ran.stderr, &["no tests", "plugin.test.yaml"]);
    let (_directory, file) = test_file("tests: [{ name: x, steps: [{ call: y }] }]");
    test(Path::new("no/such/plugin"), &["--file", &file]).exits_with(3);
    test(Path::new("no/such/plugin"), &["--file", &file, "--filter", "z"]).exits_with(2);
    test(Path::new("no/such/plugin"), &["--file", "no/such/file"]).exits_with(2);
}

#[test]
fn plugin_that_cannot_be_loaded_exits_as_run_does() {
    let (_directory, file) = test_file("tests: [{ name: x, steps: [{ call: y }] }, { name: z, steps: [{ call: y }] }]");
    let broken = tempfile::Builder::new().suffix(".wasm").tempfile().expect("a file");
    std::fs::write(broken.path(), "no component").expect("written");
    let ran = test(broken.path(), &["--file", &file, "--json"]).exits_with(3).json();
    assert_eq!(ran["failed"], 2);
    let code = &ran["files"][0]["tests"][0]["failure"]["load_error"]["code"];
    assert!(code.is_string(), "{ran:#}");
}

#[test]
fn schema_of_test_files_is_published() {
    let schema: Value = Plugbay::new(["schema", "test"]).run().exits_with(0).json();
    assert_eq!(schema["title"], "Plugbay test file");
    assert!(schema["properties"]["tests"].is_object(), "{schema}");
}

#[test]
fn request_that_is_answered_otherwise_shows_both_answers() {
    let (_directory, file) = test_file(
        "tests:
  - name: created
    steps: [{ request: { post: /items, json: { name: Tea } }, expect: { status: 200 } }]
  - name: named
    steps: [{ request: { post: /items, json: { name: Tea } }, expect: { contains: { name: Milk } } }]
  - name: located
    steps: [{ request: { post: /items, json: { name: Tea } }, expect: { headers: { location: /a } } }]
",
    );
    let ran = test(&example::ITEMS.path(), &["--file", &file]).exits_with(1);
    assert_contains(&ran.stdout, &["expected status 200, but it is 201"]);
    assert_contains(&ran.stdout, &["name: expected \"Milk\", found \"Tea\""]);
    assert_contains(&ran.stdout, &["expected header `location: /a`, but it is `/plugins/items/items/1`"]);
}

#[test]
fn file_that_is_missing_or_differs_fails_its_step() {
    let (directory, file) = test_file(
        "tests:
  - name: missing
    steps: [{ request: { put: /items/1/picture, file: gone.png } }]
  - name: differs
    steps:
      - request: { post: /items, json: { name: Tea } }
      - request: { put: /items/1/picture, file: tea.png }
      - { request: /items/1/picture, expect: { file: milk.png } }
  - name: failed
    steps: [{ request: /items/1/picture, expect: { file: tea.png } }]
",
    );
    for (name, bytes) in [("tea.png", b"\x89PNG\0tea".as_slice()), ("milk.png", b"\x89PNG\0milk")] {
        std::fs::write(directory.path().join(name), bytes).expect("written");
    }
    let ran = test(&example::ITEMS.path(), &["--file", &file]).exits_with(1);
    assert_contains(&ran.stdout, &["tests[0].steps[0]: the file ", "gone.png does not exist; ", "directory"]);
    assert_contains(&ran.stdout, &["tests[1].steps[2]: the body has 8 bytes", "`milk.png`", "9: ", "at byte 5"]);
    assert_contains(&ran.stdout, &["tests[2].steps[0]: unexpected error: [not_found]"]);
}

#[cfg(unix)]
#[test]
fn file_outside_of_the_test_files_directory_is_refused() {
    let text = "tests: [{ name: x, steps: [{ request: { post: /save, file: secret.txt } }] }]";
    let (directory, file) = test_file(text);
    std::os::unix::fs::symlink("/etc/passwd", directory.path().join("secret.txt")).expect("linked");
    let ran = test(&example::ITEMS.path(), &["--file", &file]).exits_with(1);
    assert_contains(&ran.stdout, &["tests[0].steps[0]", "secret.txt is a link that leads out"]);
    std::fs::write(&file, text.replace("secret.txt", "../secret.txt")).expect("written");
    let ran = test(&example::ITEMS.path(), &["--file", &file]).exits_with(2);
    assert_contains(&ran.stderr, &["tests[0].steps[0].request.file", "put the file there"]);
}

#[test]
fn tool_that_does_not_exist_fails_with_those_that_do() {
    let (_directory, file) = test_file("tests: [{ name: x, steps: [{ tool: items.list_items }] }]");
    let ran = test(&example::ITEMS.path(), &["--file", &file]).exits_with(1);
    let parts = ["tests[0].steps[0]", "no action `items.list_items` that is a tool", "clear_data, create_item"];
    assert_contains(&ran.stdout, &parts);
}
