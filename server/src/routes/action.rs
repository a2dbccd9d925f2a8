//! Calls of single actions: `POST /plugins/{plugin}/actions/{action}` and `POST /ipc/{plugin}/{action}`.
//!
//! The answer is `{status, plugin, action, result}`. The action is not called through a route, so it sees no request,
//! and what it sets of a response has no effect.

use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use plugbay::error::InvokeErrorKind;
use plugbay::{Caller, Invocation, InvokeError};
use serde::Serialize;
use serde_json::value::RawValue;

use super::{body, response};
use crate::access::ScopeKind;
use crate::admin::Path;
use crate::{Identity, RequestId, ServerState, answer};

#[derive(Serialize)]
struct Answered<'a> {
    status: &'static str,
    plugin: &'a str,
    action: &'a str,
    result: &'a RawValue,
}

pub(super) async fn answer(
    State(state): State<ServerState>,
    Path((plugin, action)): Path<(String, String)>,
    request: Request,
) -> Response {
    let (parts, body) = request.into_parts();
    let identity = parts.extensions.get::<Identity>();
    if let Some(Err(refusal)) = identity.map(|identity| identity.require(ScopeKind::Call, Some(&plugin))) {
        return refusal.into_response();
    }
    let body = match body::read(&parts.headers, body, state.settings()).await {
        Ok(body) => body,
        Err(refused) => return refused,
    };
    let mut invocation = Invocation::new(&*action).caller(Caller::Http).unchecked_answer();
    match std::str::from_utf8(body.trim_ascii()) {
        Ok("") => {}
        Ok(json) => invocation = invocation.payload_json(json),
        Err(error) => {
            let kind = InvokeErrorKind::Payload { message: format!("it is not UTF-8: {error}") };
            return answer::invoke_error(&InvokeError::new(plugin, action, kind), state.settings());
        }
    }
    if let Some((consumer, identity)) = identity.and_then(|identity| Some((identity.consumer()?, identity))) {
        invocation = invocation.identity(consumer, identity.scopes_for(&plugin));
    }
    if let Some(id) = parts.extensions.get::<RequestId>() {
        invocation = invocation.request_id(id.id()).correlation_id(id.trace_id());
    }
    let Some(loaded) = state.runtime().plugin(&plugin) else {
        let message = format!("no plugin `{plugin}` is loaded");
        return answer::error(StatusCode::NOT_FOUND, "unknown_plugin", &message);
    };
    let called = loaded.invoke(invocation).await;
    if called.is_ok() {
        state.last_actions().action(&plugin, &action);
    }
    let mut response = match called {
        Ok(outcome) => match serde_json::from_str::<&RawValue>(outcome.json()) {
            Ok(result) => {
                let answered = Answered { status: "ok", plugin: &plugin, action: &action, result };
                answer::json(StatusCode::OK, &answered)
            }
            Err(error) => {
                let kind = InvokeErrorKind::Answer { message: error.to_string() };
                answer::invoke_error(&InvokeError::new(plugin, action, kind), state.settings())
            }
        },
        Err(error) => answer::invoke_error(&error, state.settings()),
    };
    response::protect(response.headers_mut());
    response
}
