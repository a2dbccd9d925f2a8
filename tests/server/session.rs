//! Sessions of browsers: signing in with a token or a code, what the cookie is good for, and signing out.

use plugbay_server::access::{Scope, ScopeKind};
use serde_json::{Value, json};

use crate::harness::administered::Administered;
use crate::harness::assert::assert_contains;
use crate::harness::client::{Client, Response};
use crate::harness::guest::feature;
use crate::harness::host::TestPlugin;

/// The header of a page of the server, as browsers send it.
const OWN_PAGE: &str = "sec-fetch-site: same-origin\r\n";

async fn send(served: &Administered, method: &str, path: &str, headers: &str, body: &Value) -> Response {
    let body = if body.is_null() { String::new() } else { body.to_string() };
    Client::connect(served.address).await.request(method, path, headers, body.as_bytes()).await
}

async fn sign_in(served: &Administered, credentials: Value) -> Response {
    send(served, "POST", "/api/v1/session", OWN_PAGE, &credentials).await
}

/// Signs in, and returns the header `Cookie` of further requests.
async fn cookie(served: &Administered, credentials: Value) -> String {
    let response = sign_in(served, credentials).await;
    assert_eq!(response.status, 201, "{}", response.text());
    let set = response.header("set-cookie").expect("a cookie");
    assert_contains(set, &["plugbay-session=pbs_", "; HttpOnly", "; SameSite=Strict", "; Path=/", "Max-Age="]);
    format!("cookie: {}\r\n", set.split(';').next().expect("a value"))
}

fn code(served: &Administered, now: u64) -> String {
    served.tokens.create_code("ada", &[Scope::all(ScopeKind::Manage)], now).expect("made")
}

fn now() -> u64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970").as_secs()
}

#[tokio::test]
async fn session_has_the_scopes_of_its_token() {
    let served = Administered::start().await;
    served.host.load(TestPlugin::from(feature::ECHO).manifest("name", json!("shop"))).await;
    let token = served.token(&["manage:shop"]);
    let session = format!("{OWN_PAGE}{}", cookie(&served, json!({ "token": token })).await);
    let who = send(&served, "GET", "/api/v1/session", &session, &Value::Null).await.json();
    assert_eq!((&who["consumer"], &who["scopes"]), (&json!("tester"), &json!(["manage:shop"])));
    assert!(who["session"]["expires_at"].is_u64() && who["can_sign_in"] == true, "{who}");
    let disabled = send(&served, "POST", "/api/v1/plugins/shop/disable", &session, &Value::Null).await;
    assert_eq!(disabled.status, 200, "{}", disabled.text());
    assert_eq!(disabled.header("cache-control"), Some("private, no-cache"));
    let refused = send(&served, "GET", "/api/v1/tokens", &session, &Value::Null).await;
    assert_eq!(refused.error(), (403, "insufficient_scope".to_owned()));
}

#[tokio::test]
async fn code_signs_in_once() {
    let served = Administered::start().await;
    let code = code(&served, now());
    let session = cookie(&served, json!({ "code": code })).await;
    let who = send(&served, "GET", "/api/v1/session", &session, &Value::Null).await.json();
    assert_eq!((&who["consumer"], &who["scopes"]), (&json!("ada"), &json!(["manage"])));
    let again = sign_in(&served, json!({ "code": code })).await;
    assert_eq!(again.error(), (401, "invalid_code".to_owned()));
    assert!(again.header("set-cookie").is_none());
}

#[tokio::test]
async fn code_expires_after_ten_minutes() {
    let served = Administered::start().await;
    let late = sign_in(&served, json!({ "code": code(&served, now() - 601) })).await;
    assert_eq!(late.error(), (401, "invalid_code".to_owned()));
    assert_contains(&late.text(), &["plugbay token link"]);
}

#[tokio::test]
async fn wrong_codes_and_tokens_are_slowed_together() {
    let served = Administered::start().await;
    for wrong in [json!({ "code": "pbc_wrong" }), json!({ "token": "pbk_wrong" })].iter().cycle().take(10) {
        assert_eq!(sign_in(&served, wrong.clone()).await.status, 401);
    }
    let slowed = sign_in(&served, json!({ "code": "pbc_wrong" })).await;
    assert_eq!(slowed.error(), (429, "too_many_attempts".to_owned()));
    assert!(slowed.header("retry-after").is_some());
    cookie(&served, json!({ "code": code(&served, now()) })).await;
}

#[tokio::test]
async fn session_ends_by_signing_out() {
    let served = Administered::start().await;
    let session = format!("{OWN_PAGE}{}", cookie(&served, json!({ "token": served.manager })).await);
    let out = send(&served, "DELETE", "/api/v1/session", &session, &Value::Null).await;
    assert_contains(out.header("set-cookie").unwrap_or_default(), &["plugbay-session=;", "Max-Age=0"]);
    let who = send(&served, "GET", "/api/v1/session", &session, &Value::Null).await;
    let described = who.json();
    assert_eq!((&described["consumer"], &described["ended"]), (&Value::Null, &json!(true)));
    assert_eq!(described["scopes"], json!(["read", "call"]), "a caller without a session is still served");
    assert_contains(who.header("set-cookie").unwrap_or_default(), &["Max-Age=0"]);
    let refused = send(&served, "GET", "/api/v1/tokens", &session, &Value::Null).await;
    assert_eq!(refused.error(), (401, "unauthenticated".to_owned()));
}

#[tokio::test]
async fn session_ends_with_its_token_and_by_its_number() {
    let served = Administered::start().await;
    let [first, second] = [served.token(&["read"]), served.token(&["read"])];
    let session = cookie(&served, json!({ "token": first })).await;
    let other = cookie(&served, json!({ "token": second })).await;
    let listed = served.manage("GET", "/api/v1/tokens", Value::Null).await;
    let of_kind = |kind: &str| {
        let tokens = listed["tokens"].as_array().expect("a list").iter();
        tokens.filter(|token| token["kind"] == kind).map(|token| token["id"].clone()).collect::<Vec<_>>()
    };
    // The first token is the manager's.
    let (tokens, sessions) = (of_kind("token"), of_kind("session"));
    served.manage("DELETE", &format!("/api/v1/tokens/{}", tokens[1]), Value::Null).await;
    served.manage("DELETE", &format!("/api/v1/tokens/{}", sessions[1]), Value::Null).await;
    for ended in [session, other] {
        let who = send(&served, "GET", "/api/v1/session", &ended, &Value::Null).await.json();
        assert_eq!(who["consumer"], Value::Null, "{who}");
    }
}

#[tokio::test]
async fn cookie_counts_in_requests_of_own_pages_only() {
    let served = Administered::start().await;
    served.host.load(TestPlugin::from(feature::ECHO).manifest("name", json!("shop"))).await;
    let cookie = cookie(&served, json!({ "token": served.manager })).await;
    let change = async |headers: &str| {
        let headers = format!("{headers}{cookie}");
        send(&served, "POST", "/api/v1/plugins/shop/restart", &headers, &Value::Null).await
    };
    assert_eq!(change("").await.error(), (403, "unknown_origin".to_owned()));
    for other in [
        "sec-fetch-site: cross-site\r\n",
        "sec-fetch-site: same-site\r\n",
        "origin: http://localhost:8080\r\n",
        "origin: http://evil.example\r\n",
    ] {
        assert_eq!(change(other).await.error(), (403, "cross_origin".to_owned()), "{other}");
    }
    assert_eq!(change("origin: null\r\n").await.error(), (403, "opaque_origin".to_owned()));
    for own in [OWN_PAGE, "origin: http://localhost\r\n"] {
        assert_eq!(change(own).await.status, 200, "{own}");
    }
    // What a page of another origin makes the browser read, it reads without the session.
    let read = async |headers: &str| {
        send(&served, "GET", "/api/v1/tokens", &format!("{headers}{cookie}"), &Value::Null).await.status
    };
    assert_eq!((read("sec-fetch-site: cross-site\r\n").await, read("origin: null\r\n").await), (401, 401));
    assert_eq!((read(OWN_PAGE).await, read("").await), (200, 200));
    // A web socket is opened by a `GET`.
    let upgrade = "connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n\
        sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    let opened = send(&served, "GET", "/wss", &format!("{upgrade}{cookie}"), &Value::Null).await;
    assert_eq!(opened.error(), (403, "unknown_origin".to_owned()));
}

#[tokio::test]
async fn page_of_another_origin_signs_nobody_in() {
    let served = Administered::start().await;
    let credentials = json!({ "token": served.manager });
    let refused = send(&served, "POST", "/api/v1/session", "origin: http://evil.example\r\n", &credentials).await;
    assert_eq!(refused.error(), (403, "cross_origin".to_owned()));
}

#[tokio::test]
async fn secret_of_a_session_is_not_a_token() {
    let served = Administered::start().await;
    let cookie = cookie(&served, json!({ "token": served.manager })).await;
    let secret = cookie.trim().split_once('=').expect("a value").1.to_owned();
    let refused = served.request(&secret, "GET", "/api/v1/tokens", Value::Null).await;
    assert_eq!(refused.error(), (401, "invalid_token".to_owned()));
    let refused = sign_in(&served, json!({ "token": secret })).await;
    assert_eq!(refused.error(), (401, "invalid_token".to_owned()));
    // A token counts before a session, also if it is wrong.
    let both = format!("authorization: Bearer pbk_wrong\r\n{cookie}");
    assert_eq!(send(&served, "GET", "/api/v1/tokens", &both, &Value::Null).await.status, 401);
}

#[tokio::test]
async fn body_has_one_credential() {
    let served = Administered::start().await;
    for wrong in [json!({}), json!({ "token": "a", "code": "b" }), json!({ "password": "a" }), json!([])] {
        assert_eq!(sign_in(&served, wrong.clone()).await.error(), (400, "invalid_request".to_owned()), "{wrong}");
    }
    let large = json!({ "token": "x".repeat(5_000) });
    assert_eq!(sign_in(&served, large).await.error(), (400, "invalid_request".to_owned()));
}
