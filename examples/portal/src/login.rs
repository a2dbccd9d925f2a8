//! The login of the application: users with passwords, sessions in cookies, and the layer that finds the user of a
//! request.
//!
//! A real application has its users in a database and hashes their passwords. To the routes of plugins only the
//! [`Identity`] in the extensions of a request matters.

use std::collections::HashMap;
use std::sync::Arc;

use axum::Extension;
use axum::Json;
use axum::extract::{Request, State};
use axum::http::header::{COOKIE, SET_COOKIE};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use parking_lot::Mutex;
use plugbay_server::access::{Scope, ScopeKind};
use plugbay_server::{Identity, answer};
use serde::Deserialize;
use serde_json::json;

/// The users: names, passwords, and the plugins that they may call; none for all.
const USERS: [(&str, &str, Option<&str>); 2] = [("ada", "lovelace", None), ("guest", "guest", Some("hello"))];

/// The most sessions. The application forgets all of them before it grows beyond that.
const SESSIONS_MAX: usize = 10_000;

/// The users that are logged in, by the secret in their cookies.
#[derive(Clone, Default)]
pub(crate) struct Sessions(Arc<Mutex<HashMap<String, Identity>>>);

#[derive(Deserialize)]
pub(crate) struct Credentials {
    name: String,
    password: String,
}

/// `POST /login`: begins a session.
pub(crate) async fn login(State(sessions): State<Sessions>, Json(given): Json<Credentials>) -> Response {
    let known = USERS.iter().find(|(name, password, _)| *name == given.name && *password == given.password);
    let Some((name, _, plugin)) = known else { return unauthorized("the name or the password is wrong") };
    let scope = match plugin {
        Some(plugin) => Scope::of_plugin(ScopeKind::Call, *plugin),
        None => Scope::all(ScopeKind::Call),
    };
    let mut secret = [0; 32];
    if let Err(error) = getrandom::fill(&mut secret) {
        return answer::error(StatusCode::INTERNAL_SERVER_ERROR, "host_error", &error.to_string());
    }
    let secret: String = secret.iter().map(|byte| format!("{byte:02x}")).collect();
    let cookie = format!("session={secret}; HttpOnly; SameSite=Strict; Path=/");
    let mut sessions = sessions.0.lock();
    if sessions.len() == SESSIONS_MAX {
        sessions.clear();
    }
    sessions.insert(secret, Identity::new(*name, [scope]));
    ([(SET_COOKIE, cookie)], Json(json!({ "name": name }))).into_response()
}

/// The layer around all other routes: adds the user to the request, or refuses it.
pub(crate) async fn authenticate(State(sessions): State<Sessions>, mut request: Request, next: Next) -> Response {
    let identity = session(request.headers()).and_then(|secret| sessions.0.lock().get(secret).cloned());
    let Some(identity) = identity else { return unauthorized("log in first: POST /login") };
    request.extensions_mut().insert(identity);
    next.run(request).await
}

/// `GET /me`: a route of the application beside those of its plugins.
pub(crate) async fn me(Extension(identity): Extension<Identity>) -> Response {
    Json(json!({ "name": identity.consumer() })).into_response()
}

/// The secret in the cookie of a request. Plugins never see cookies.
fn session(headers: &HeaderMap) -> Option<&str> {
    let mut cookies =
        headers.get_all(COOKIE).iter().filter_map(|header| header.to_str().ok()).flat_map(|it| it.split(';'));
    cookies.find_map(|cookie| cookie.trim().strip_prefix("session="))
}

fn unauthorized(message: &str) -> Response {
    answer::error(StatusCode::UNAUTHORIZED, "unauthorized", message)
}
