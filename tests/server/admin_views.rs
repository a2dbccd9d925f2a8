//! What the dashboard asks of the administration: permissions with their rules, and the rows of tables.

use plugbay::Policy;
use serde_json::{Value, json};

use crate::harness::administered::Administered;
use crate::harness::assert::assert_contains;
use crate::harness::guest::feature;
use crate::harness::host::TestPlugin;

#[tokio::test]
async fn permissions_say_what_is_granted_of_what_is_asked_for() {
    let policy = Policy::default().allow("data.*:read").expect("a rule");
    let served = Administered::with(|builder| builder.policy(policy)).await;
    let asked =
        json!([{ "resource": "data.*", "actions": ["read", "write"] }, { "resource": "data.x", "effect": "deny" }]);
    let plugin = TestPlugin::from(feature::DATA).manifest("name", json!("shop")).manifest("permissions", asked);
    let plugin = served.host.load(plugin).await;
    plugin.call::<Value>("delete", "a").await.expect("it returns the error");
    let path = "/api/v1/plugins/shop/permissions";
    let permissions = served.manage("GET", path, Value::Null).await;
    let rule = &permissions["asked"][0];
    assert_eq!((&rule["permission"], &rule["missing"]), (&json!("data.*:read,write"), &json!(["write"])), "{rule}");
    assert_eq!(rule["is_granted_partly"], true);
    assert_eq!(rule["allow_line"], "- {resource: \"data.*\", actions: [read, write]}");
    assert_eq!(permissions["asked"][1]["effect"], "deny");
    assert_eq!(permissions["denied"][0]["resource"], "data.a", "{permissions}");
    // The text is what `PUT /policy` takes.
    served.manage("PUT", "/api/v1/policy", json!({ "allow": [rule["permission"]] })).await;
    assert_eq!(served.manage("GET", path, Value::Null).await["asked"][0]["missing"], json!([]));
    served.manage("PUT", "/api/v1/policy", json!({ "deny": [rule["permission"]] })).await;
    assert_eq!(served.manage("GET", path, Value::Null).await["asked"][0]["missing"], json!(["read", "write"]));
    let other = served.token(&["read:bank"]);
    assert_eq!(served.request(&other, "GET", path, Value::Null).await.status, 403);
}

#[tokio::test]
async fn rows_of_declared_tables_are_paged_and_read_only() {
    let served = Administered::with(|builder| builder.policy(Policy::allow_all())).await;
    let columns = json!({ "id": "id", "title": "text", "tags": "json", "made": "created_at" });
    let plugin = TestPlugin::from(feature::DB)
        .manifest("name", json!("shop"))
        .manifest("permissions", json!([{ "resource": "db.*" }]))
        .manifest("tables", json!({ "notes": { "columns": columns } }))
        .manifest("database", json!({ "collections": { "people": {} } }));
    let plugin = served.host.load(plugin).await;
    for title in ["a", "b", "c"] {
        let insert = json!({
            "execute": "INSERT INTO notes (title, tags) VALUES (?1, '[1]')", "params": [title],
        });
        plugin.call::<Value>("run", &insert).await.expect("it answers");
    }
    let path = "/api/v1/plugins/shop/tables";
    let tables = served.manage("GET", path, Value::Null).await;
    assert_eq!((&tables["tables"][0]["name"], &tables["tables"][1]["kind"]), (&json!("notes"), &json!("collection")));
    assert_eq!(tables["tables"][0]["columns"][1], json!({ "name": "title", "type": "text" }));
    let page = served.manage("GET", &format!("{path}/notes?limit=2"), Value::Null).await;
    assert_eq!((page["rows"].as_array().map(Vec::len), &page["more"]), (Some(2), &json!(true)), "{page}");
    let page = served.manage("GET", &format!("{path}/notes?limit=2&offset=2"), Value::Null).await;
    assert_eq!((&page["columns"][1]["name"], &page["rows"][0][1]), (&json!("title"), &json!("c")), "{page}");
    assert_eq!((&page["rows"][0][2], &page["more"]), (&json!([1]), &json!(false)), "{page}");
    assert_contains(page["rows"][0][3].as_str().unwrap_or_default(), &["T", "Z"]);
    assert_eq!(served.manage("GET", &format!("{path}/people"), Value::Null).await["rows"], json!([]));
    for other in ["sqlite_schema", "notes%22%20--", "NOTES"] {
        let refused = served.request(&served.manager, "GET", &format!("{path}/{other}"), Value::Null).await;
        assert_eq!(refused.error(), (404, "not_found".to_owned()), "{other}");
    }
    let reader = served.token(&["read:shop"]);
    assert_eq!(served.request(&reader, "GET", &format!("{path}/notes"), Value::Null).await.status, 403);
}
