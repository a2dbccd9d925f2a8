//! Requests to routes of plugins: each runs the route's actions one after another, with the caller `http`.
//!
//! All actions get the same request and the same payload, and each the result of the one before. The first that fails
//! ends the chain. The result is that of the last action.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Instant;

use plugbay_manifest::{Method, Route};

use crate::caller::Caller;
use crate::dispatch;
use crate::error::{InvokeError, InvokeErrorKind, RouteError, RouteErrorKind};
use crate::invocation::{HttpRequest, Invocation, RouteCall, RouteOutcome};
use crate::plugin::current::CurrentRevision;
use crate::plugin::loaded::LoadedPlugin;
use crate::plugin::route_table::{RouteMatch, decoded_segments};

/// Answers a request by the route that its method and path match.
pub(crate) async fn handle(plugin: &CurrentRevision, mut call: RouteCall) -> Result<RouteOutcome, RouteError> {
    let since = Instant::now();
    let revision = plugin.borrow();
    if revision.instances.is_closed()
        && !plugin.is_lazy()
        && let Some(kind) = plugin.refusal(&revision)
    {
        return Err(InvokeError::new(revision.name(), "route", kind).into());
    }
    let index = match_route(&revision, call.request())?;
    check_parameters(&revision, index, call.request())?;
    let route = &revision.manifest.routes[index];
    let body = call.request().body.clone().unwrap_or_default();
    let payload = payload(&revision, &route.actions[0], &body)?;
    let last = route.actions.len() - 1;
    for action in &route.actions[..last] {
        let outcome = dispatch::invoke(plugin, &mut invocation(&call, action, &payload, since)).await?;
        call.request().previous = Some(outcome.into_json());
    }
    let outcome = dispatch::invoke(plugin, &mut invocation(&call, &route.actions[last], &payload, since)).await?;
    Ok(RouteOutcome { route: revision.routes.template(index).clone(), outcome })
}

/// Finds the route of a request, and completes the request with its template and parameters.
fn match_route(revision: &LoadedPlugin, request: &mut HttpRequest) -> Result<usize, RouteError> {
    let error = |kind| Err(RouteError::new(revision.name(), kind));
    let Ok(segments) = decoded_segments(&request.path) else { return error(RouteErrorKind::MalformedPath) };
    // The server leaves out the body of an answer to HEAD.
    let method = if request.method == "HEAD" { "GET" } else { &request.method };
    let routes = &revision.manifest.routes;
    match revision.routes.find(Method::from_name(method), &segments) {
        RouteMatch::Route { index, values } => {
            let template = revision.routes.template(index);
            let names = template.split('/').filter_map(|segment| segment.strip_prefix('{')?.strip_suffix('}'));
            request.params = names.map(str::to_owned).zip(values).collect();
            request.route = Some(template.clone());
            let is_canonical =
                request.path.starts_with('/') && !request.path.contains('%') && !request.path.ends_with('/');
            if !is_canonical {
                request.path = format!("/{}", segments.join("/"));
            }
            request.previous = None;
            Ok(index)
        }
        RouteMatch::OtherMethods(allowed) => error(RouteErrorKind::OtherMethods { allowed }),
        RouteMatch::Nothing => {
            error(RouteErrorKind::UnknownRoute { available: routes.iter().map(route_line).collect() })
        }
    }
}

/// A route as errors list it, such as `GET /items/{id}`.
pub(super) fn route_line(route: &Route) -> String {
    format!("{} {}", route.method.name(), route.path)
}

/// Checks the parameters of a request against the schemas that its route declares.
fn check_parameters(revision: &LoadedPlugin, index: usize, request: &HttpRequest) -> Result<(), RouteError> {
    revision
        .routes
        .parameters(index)
        .check(&request.params, &request.query)
        .map_err(|(place, problems)| RouteError::new(revision.name(), RouteErrorKind::Parameters { place, problems }))
}

/// Returns the body of a request as a JSON text: the body itself if it is JSON, `null` without one, otherwise the text
/// as a JSON string. If the action declares a schema of its payload, a body that is not JSON is refused. A body that is
/// neither JSON nor text is `null`: the action reads the bytes.
fn payload<'b>(revision: &LoadedPlugin, action: &str, body: &'b [u8]) -> Result<Cow<'b, str>, InvokeError> {
    const NULL: Cow<'_, str> = Cow::Borrowed("null");
    // Dispatch refuses a body that is too large, so it need not be parsed.
    if body.trim_ascii().is_empty() || body.len() > revision.limits.payload_bytes {
        return Ok(NULL);
    }
    let declares_schema = revision.actions.get(action).is_some_and(|action| action.payload.is_some());
    let text = std::str::from_utf8(body);
    let problem = match text {
        Ok(text) => match serde_json::from_str::<serde::de::IgnoredAny>(text) {
            Ok(_) => return Ok(Cow::Borrowed(text)),
            Err(error) => error.to_string(),
        },
        Err(error) => format!("it is not UTF-8: {error}"),
    };
    if declares_schema {
        return Err(InvokeError::new(revision.name(), action, InvokeErrorKind::Payload { message: problem }));
    }
    Ok(text.map_or(NULL, |text| serde_json::Value::from(text).to_string().into()))
}

/// The call of one action of the chain.
fn invocation<'a>(call: &'a RouteCall, action: &'a str, payload: &'a str, since: Instant) -> Invocation<'a> {
    let mut invocation = Invocation::new(action).caller(Caller::Http);
    invocation.payload = Cow::Borrowed(payload);
    invocation.request_id = call.request_id.as_deref().map(Cow::Borrowed);
    invocation.timeout = call.timeout.map(|timeout| timeout.saturating_sub(since.elapsed()));
    invocation.context = Some(Arc::clone(&call.context));
    invocation
}
