//! The example plugins with routes, served by the command.

use serde_json::{Value, json};

use super::serve::Served;
use crate::harness::assert::assert_contains;
use crate::harness::client::{Response, request};
use crate::harness::guest::example;

#[tokio::test]
async fn items_are_created_read_updated_and_deleted() {
    let served = Served::start(&[example::ITEMS.path().to_str().expect("UTF-8")]);
    let send = async |method: &str, path: &str, body: Value| -> Response {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        request(served.address, method, &format!("/plugins/items{path}"), &body).await
    };
    let created = send("POST", "/items/", json!({ "name": "Tea", "price_cents": 250 })).await;
    let tea = json!({ "id": 1, "name": "Tea", "price_cents": 250 });
    assert_eq!((created.status, created.json()), (201, tea.clone()));
    assert_eq!(created.header("location"), Some("/plugins/items/items/1"));
    assert_eq!(send("GET", "/items/1", Value::Null).await.json(), tea);
    assert_eq!(send("GET", "/items", Value::Null).await.json(), json!({ "items": [tea] }));
    let updated = send("PUT", "/items/1", json!({ "name": "Green tea" })).await;
    assert_eq!(updated.json(), json!({ "id": 1, "name": "Green tea", "price_cents": 0 }));
    assert_eq!(send("DELETE", "/items/1", Value::Null).await.json(), json!({ "deleted": true }));
    for (method, path) in [("GET", "/items/1"), ("DELETE", "/items/1")] {
        assert_eq!(send(method, path, Value::Null).await.error(), (404, "not_found".to_owned()), "{method} {path}");
    }
    for path in ["/items/x", "/items?limit=0"] {
        assert_eq!(send("GET", path, Value::Null).await.error(), (400, "validation_error".to_owned()), "{path}");
    }
    let refused = send("POST", "/items", json!({ "name": "" })).await;
    assert_eq!(refused.error(), (422, "validation_error".to_owned()));
    served.end();
}

#[tokio::test]
async fn users_are_validated_and_data_is_processed_by_a_chain() {
    let served = Served::start(&[example::ITEMS.path().to_str().expect("UTF-8")]);
    let post = async |path: &str, body: Value| {
        request(served.address, "POST", &format!("/plugins/items{path}"), &body.to_string()).await
    };
    let ada = json!({ "username": "ada", "email": "ada@example.org", "age": 36 });
    assert_eq!(post("/users", ada.clone()).await.json(), ada);
    assert_eq!(post("/users", ada).await.error(), (409, "conflict".to_owned()));
    let wrong = post("/users", json!({ "username": "al", "email": "nowhere", "age": 200 })).await;
    assert_eq!(wrong.status, 422);
    assert_contains(&wrong.text(), &["/username", "/email", "/age"]);

    assert_eq!(post("/process", json!({ "data": "abc" })).await.json(), json!({ "data": "ABC" }));
    assert_eq!(post("/process", json!({ "data": " " })).await.error(), (400, "invalid_argument".to_owned()));
    served.end();
}
