//! The SDK's routes: the parts of a request that methods take, the answers that they give, and the manifest.

use serde_json::{Value, json};

use crate::harness::assert::assert_contains;
use crate::harness::client::{Client, Response, get, request};
use crate::harness::guest::sdk;
use crate::harness::host::{Host, TestPlugin};
use crate::harness::serving::Serving;

async fn serve() -> Serving {
    let host = Host::new();
    host.load(TestPlugin::from(sdk::ROUTES).manifest("name", json!("routes"))).await;
    Serving::start(host).await
}

fn path(below: &str) -> String {
    format!("/plugins/routes/v1{below}")
}

#[tokio::test]
async fn path_and_query_arrive_in_their_types() {
    let serving = serve().await;
    let answer = async |below: &str| get(serving.address, &path(below)).await.json();
    let search = json!({ "text": "a b", "limit": 7, "tag": ["x", "y"] });
    assert_eq!(answer("/search?text=a%20b&limit=7&tag=x&tag=y").await, search);
    assert_eq!(answer("/search?text=7").await, json!({ "text": "7", "limit": null, "tag": [] }));
    assert_eq!(answer("/parts/a%2Fb/7").await, json!({ "shop": "a/b", "number": 7 }));
    assert_eq!(answer("/pairs/a/7").await, json!("a 7"));
    assert_eq!(answer("/one/7").await, json!(7));
}

#[tokio::test]
async fn value_that_does_not_fit_is_400_with_its_name() {
    let serving = serve().await;
    for (below, expected) in [
        ("/search?text=a&limit=0", "/limit"),
        ("/search?text=a&limit=x", "/limit"),
        ("/search?text=a&text=b", "/text"),
        ("/search?limit=1", "text"),
        ("/search?text=a&lmit=1", "lmit"),
        ("/parts/a/x", "/number"),
        ("/pairs/a/-1", "/number"),
        ("/one/1.5", "/number"),
    ] {
        let response = get(serving.address, &path(below)).await;
        assert_eq!(response.error(), (400, "validation_error".to_owned()), "{below}");
        assert_contains(&response.text(), &[expected]);
    }
    let put = async |below: &str, body: &str| request(serving.address, "PUT", &path(below), body).await;
    let response = put("/named/a/256", "{\"text\":\"b\"}").await;
    assert_eq!(response.error(), (400, "validation_error".to_owned()));
    assert_contains(&response.text(), &["/number"]);
    let response = put("/named/a/1", "{\"text\":\"much too long\"}").await;
    assert_eq!(response.error(), (422, "validation_error".to_owned()));
    assert_contains(&response.text(), &["/text"]);
    assert_eq!(put("/named/a/1", "{").await.error(), (400, "invalid_payload".to_owned()));
}

#[tokio::test]
async fn headers_and_bodies_arrive() {
    let serving = serve().await;
    let mut client = Client::connect(serving.address).await;
    let headers = "accept: text/html\r\ncookie: a=b\r\n";
    let named = client.request("PUT", &path("/named/a/7"), headers, b"{\"text\":\"b\"}").await;
    assert_eq!(named.json(), json!(["a", 7, "b", "text/html", null]));
    let shouted = client.request("POST", &path("/shout"), "", "grüße {".as_bytes()).await;
    assert_eq!(
        (shouted.header("content-type"), shouted.text()),
        (Some("text/plain; charset=utf-8"), "GRÜSSE {".into())
    );
    let shouted = client.request("POST", &path("/shout"), "", b"\xff").await;
    assert_eq!(shouted.error(), (400, "invalid_argument".to_owned()));
    let bytes = client.request("POST", &path("/bytes"), "", b"\xff\x00\"").await;
    assert_eq!((bytes.status, bytes.header("x-bytes"), &*bytes.body), (201, Some("3"), &b"\xff\x00\""[..]));
    assert_eq!(bytes.header("content-type"), Some("image/x-test"));
    // Text, JSON and white space are bytes too.
    for body in ["grüße {", "{\"a\": 1}", "\"a\"", " \n"] {
        let bytes = client.request("POST", &path("/bytes"), "", body.as_bytes()).await;
        assert_eq!((bytes.status, bytes.text()), (201, body.to_owned()));
    }
}

#[tokio::test]
async fn answers_of_all_kinds_reach_the_client() {
    let serving = serve().await;
    let send = async |method: &str, below: &str, body: &str| -> Response {
        request(serving.address, method, &path(below), body).await
    };
    let response = send("POST", "/chain", "{\"text\":\"a\"}").await;
    assert_eq!((response.status, response.json()), (202, json!({ "text": "a!" })));
    assert_eq!(send("POST", "/chain", "{\"text\":\"taken\"}").await.error(), (409, "conflict".to_owned()));
    let response = send("GET", "/page", "").await;
    assert_eq!((response.header("content-type"), response.text()), (Some("text/html; charset=utf-8"), "<p>".into()));
    let response = send("GET", "/file/%C3%A4.csv", "").await;
    assert_eq!((response.header("content-type"), response.text()), (Some("text/csv"), "abc".into()));
    let disposition = "attachment; filename=\"_.csv\"; filename*=UTF-8''%C3%A4.csv";
    assert_eq!(response.header("content-disposition"), Some(disposition));
    let response = send("GET", "/old", "").await;
    assert_eq!((response.status, response.header("location")), (308, Some("/plugins/routes/v1/page")));
    let response = send("DELETE", "/one/7", "").await;
    assert_eq!((response.status, response.header("x-removed"), response.text()), (204, Some("7"), String::new()));
}

#[tokio::test]
async fn action_of_a_route_is_called_with_members_of_the_payload() {
    let host = Host::new();
    let plugin = host.load(TestPlugin::from(sdk::ROUTES)).await;
    let call = async |action: &str, payload: Value| plugin.call::<Value>(action, &payload).await;
    let search = json!({ "text": "a", "limit": 7, "tag": ["x", "y"] });
    assert_eq!(call("search", search.clone()).await.expect("an answer"), search);
    let part = json!({ "number": 7, "shop": "a" });
    assert_eq!(call("part", part.clone()).await.expect("an answer"), part);
    assert_eq!(call("one", json!({ "number": "7" })).await.expect("an answer"), 7);
    assert_eq!(call("shout", json!("ab")).await.expect("an answer"), "AB");
    assert_eq!(call("last", json!({ "text": "a" })).await.expect("an answer"), json!({ "text": "a" }));
    assert_eq!(call("bytes", json!("a")).await.expect("an answer"), Value::Null);
    let error = call("one", json!({})).await.expect_err("there is no number");
    assert_eq!((error.code(), error.http_status()), ("validation_error", 400));
}

#[tokio::test]
async fn manifest_has_the_schemas_of_the_types() {
    let serving = serve().await;
    let routes = get(serving.address, "/plugins/routes").await.json()[0]["routes"].clone();
    let find = |action: &str| -> Value {
        let is_its = |route: &&Value| route["actions"].as_array().expect("a list").last() == Some(&json!(action));
        routes.as_array().expect("a list").iter().find(is_its).expect("a route").clone()
    };
    let number = json!({ "type": "integer", "minimum": 0, "maximum": u64::MAX });
    let search = find("search");
    assert_eq!((&search["path"], &search["summary"]), (&json!("/v1/search"), &json!("Search")));
    assert_eq!((&search["description"], &search["tags"]), (&json!("Finds something."), &json!(["all", "more"])));
    assert_eq!(search["query"]["properties"]["tag"], json!({ "type": "array", "items": { "type": "string" } }));
    assert_eq!(search["query"]["required"], json!(["text"]));
    let of_both = json!({ "shop": { "type": "string" }, "number": number });
    for action in ["part", "pair"] {
        assert_eq!(find(action)["params"]["properties"], of_both, "{action}");
        assert_eq!(find(action)["params"]["required"], json!(["shop", "number"]), "{action}");
    }
    assert_eq!(find("one")["params"]["properties"], json!({ "number": number }));
    assert_eq!(find("named")["params"]["properties"]["number"]["maximum"], 255);
    assert_eq!(find("shout")["consumes"], "text/plain");
    assert_eq!(find("bytes")["consumes"], "application/octet-stream");
    assert_eq!(find("bytes")["responses"], json!({ "201": { "content_type": "application/octet-stream" } }));
    assert_eq!(find("last")["responses"], json!({ "409": { "description": "It is taken." } }));
    assert_eq!(find("page")["responses"]["200"]["content_type"], "text/html; charset=utf-8");
}
