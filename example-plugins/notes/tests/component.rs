//! Tests of the component with a real database.

use plugbay_testing::{TestHost, TestPlugin, Value, json};

fn loaded(host: &TestHost) -> TestPlugin {
    host.plugin(env!("CARGO_MANIFEST_DIR")).load()
}

fn titles(page: &Value) -> Vec<&str> {
    page["notes"].as_array().expect("a list").iter().filter_map(|note| note["title"].as_str()).collect()
}

#[test]
fn note_is_created_read_changed_and_deleted() {
    let host = TestHost::new();
    let notes = loaded(&host);
    let created = notes.call("create", json!({ "title": "Milk", "tags": [" Shop", "shop", "home", ""] }));
    assert_eq!((&created["id"], &created["tags"], &created["body"]), (&json!(1), &json!(["shop", "home"]), &json!("")));
    assert_eq!(created["created_at"], created["updated_at"]);

    host.advance(std::time::Duration::from_secs(60));
    let changed = notes.call("update", json!({ "id": 1, "pinned": true, "body": "two litres" }));
    assert_eq!(
        (&changed["title"], &changed["pinned"], &changed["tags"]),
        (&json!("Milk"), &json!(true), &created["tags"])
    );
    let moment = |note: &Value, column: &str| note[column].as_i64().expect("a moment");
    assert_eq!(moment(&changed, "created_at"), moment(&created, "created_at"));
    assert_eq!(moment(&changed, "updated_at"), moment(&created, "updated_at") + 60_000);

    assert_eq!(notes.call("read", json!({ "id": 1 })), changed);
    assert_eq!(notes.call("delete", json!({ "id": 1 })), json!(true));
    assert_eq!(notes.call("delete", json!({ "id": 1 })), json!(false));
    assert_eq!(notes.call_error("read", json!({ "id": 1 })).code(), "not_found");
}

#[test]
fn search_treats_wildcards_as_text() {
    let host = TestHost::new();
    let notes = loaded(&host);
    let titles_and_bodies = [
        ("100% sure", ""),
        ("1000 ways", ""),
        ("a_b", ""),
        ("axb", ""),
        ("other", "100% in here"),
        (r"back\slash", ""),
    ];
    for (title, body) in titles_and_bodies {
        notes.call("create", json!({ "title": title, "body": body }));
    }
    for (text, found) in [
        ("100%", vec!["other", "100% sure"]),
        ("a_b", vec!["a_b"]),
        ("\\", vec![r"back\slash"]),
        ("SURE", vec!["100% sure"]),
        ("", vec![r"back\slash", "other", "axb", "a_b", "1000 ways", "100% sure"]),
        ("%", vec!["other", "100% sure"]),
        ("' OR '1'='1", vec![]),
        ("\"; DROP TABLE notes; --", vec![]),
    ] {
        assert_eq!(titles(&notes.call("find", json!({ "text": text }))), found, "{text}");
    }
    assert_eq!(notes.call("find", json!({ "text": "𝄞".repeat(200) }))["total"], 0);
    assert_eq!(notes.call_error("find", json!({ "text": "x".repeat(201) })).code(), "validation_error");
    assert_eq!(notes.call("statistics", json!(null))["notes"], 6);
}

#[test]
fn pages_list_every_note_once_with_pinned_ones_first() {
    let host = TestHost::new();
    let notes = loaded(&host);
    let many: Vec<Value> = (1..=25).map(|n| json!({ "title": format!("n{n}"), "pinned": n == 3 })).collect();
    assert_eq!(notes.call("import", json!(many)), 25);
    let pages: Vec<Value> = (1..=4).map(|page| notes.call("find", json!({ "page": page, "per_page": 10 }))).collect();
    assert_eq!(pages.iter().map(|page| titles(page).len()).collect::<Vec<_>>(), [10, 10, 5, 0]);
    assert_eq!((&pages[0]["total"], &pages[0]["pages"]), (&json!(25), &json!(3)));
    assert_eq!(titles(&pages[0])[..3], ["n3", "n25", "n24"]);
    let mut all: Vec<&str> = pages.iter().flat_map(titles).collect();
    all.sort_unstable();
    all.dedup();
    assert_eq!(all.len(), 25);
}

#[test]
fn statistics_count_by_tag() {
    let host = TestHost::new();
    let notes = loaded(&host);
    assert_eq!(notes.call("statistics", json!(null)), json!({ "notes": 0, "pinned": 0, "by_tag": [], "newest": null }));
    for tags in [json!(["a", "b"]), json!(["b"]), json!([])] {
        notes.call("create", json!({ "title": "x", "tags": tags, "pinned": true }));
    }
    let statistics = notes.call("statistics", json!(null));
    assert_eq!((&statistics["notes"], &statistics["pinned"]), (&json!(3), &json!(3)));
    assert_eq!(statistics["by_tag"], json!([{ "tag": "b", "notes": 2 }, { "tag": "a", "notes": 1 }]));
    assert_eq!(statistics["newest"]["id"], 3);
}

#[test]
fn ungranted_notes_are_denied() {
    let host = TestHost::new();
    let notes = host.plugin(env!("CARGO_MANIFEST_DIR")).deny("db.notes:write").load();
    assert_eq!(notes.call("find", json!({}))["total"], 0);
    assert_eq!(notes.call_error("create", json!({ "title": "x" })).code(), "permission_denied");
    notes.assert_denied("db.notes", "write");
}
