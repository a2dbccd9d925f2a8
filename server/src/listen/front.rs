//! The front of the router: what every request passes before it, and every answer after it.
//!
//! In this order: ids; a refusal of what is malformed or too long; a place among the running requests; the router
//! within a time limit; the ids in the answer; a line in the access log, without the query, which may be secret.

use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::Poll;
use std::time::Instant;

use axum::Router;
use axum::body::Body;
use axum::response::Response;
use http::header::{ALLOW, HOST};
use http::{Method, Request, StatusCode, Version};
use hyper::body::Incoming;
use tokio::sync::Semaphore;
use tower::Service;
use tracing::{Instrument, Span};

use super::{ConnectionInfo, RequestId, WithoutIds};
use crate::telemetry::{RouteKind, request_span};
use crate::{ServerState, answer};

/// The target of the access log.
const ACCESS: &str = "plugbay::access";
/// The methods that some path answers.
const METHODS: [&str; 5] = ["GET", "POST", "PUT", "PATCH", "DELETE"];

#[derive(Debug)]
pub(super) struct Front {
    state: ServerState,
    router: Router,
    /// Free places among the running requests.
    free: Semaphore,
}

impl Front {
    pub(super) fn new(state: ServerState, router: Router) -> Self {
        let free = Semaphore::new(state.settings().requests_max.min(Semaphore::MAX_PERMITS));
        Front { state, router, free }
    }

    /// Answers a request.
    pub(super) async fn answer(&self, request: Request<Incoming>, info: ConnectionInfo) -> Response {
        let (since, mut id) = (Instant::now(), RequestId::of(request.headers()));
        let span = request_span(request.method(), request.uri().path(), request.headers(), &mut id);
        if span.is_disabled() {
            return self.answer_in_span(request, info, since, id).await;
        }
        // Boxed, so that the future of a request without a trace stays as small as it is.
        Box::pin(self.answer_in_span(request, info, since, id).instrument(span)).await
    }

    async fn answer_in_span(
        &self,
        request: Request<Incoming>,
        info: ConnectionInfo,
        since: Instant,
        id: RequestId,
    ) -> Response {
        let kind = RouteKind::of_path(request.uri().path());
        let logged = tracing::event_enabled!(target: ACCESS, tracing::Level::INFO)
            .then(|| (request.method().clone(), request.uri().clone()));
        let counters = self.state.requests();
        let _running = counters.running();
        let mut response = match self.refusal(&request) {
            Some(refused) => refused,
            None => self.run(request, &id, info).await,
        };
        if response.extensions().get::<WithoutIds>().is_none() {
            id.add_to(response.headers_mut());
        }
        let (status, took) = (response.status(), since.elapsed());
        counters.answered(kind, status, took);
        let span = Span::current();
        span.record("http.response.status_code", status.as_u16());
        if status.is_server_error() {
            span.record("otel.status_code", "ERROR");
        }
        if let Some((method, uri)) = logged {
            tracing::info!(
                target: ACCESS,
                %method,
                path = uri.path(),
                status = status.as_u16(),
                micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX),
                request_id = id.id(),
                "answered",
            );
        }
        response
    }

    /// Refuses a request for its head.
    fn refusal(&self, request: &Request<Incoming>) -> Option<Response> {
        let allowed = self.state.settings().url_bytes_max;
        let uri = request.uri();
        let observed = uri.path().len() + uri.query().map_or(0, |query| query.len() + 1);
        if observed > allowed {
            let message = format!("the URL has {observed} bytes, {allowed} are allowed");
            return Some(answer::error(StatusCode::URI_TOO_LONG, "url_too_long", &message));
        }
        if matches!(*request.method(), Method::CONNECT | Method::TRACE) {
            let message = "the server does not answer this method";
            let mut response = answer::error(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", message);
            response.headers_mut().insert(ALLOW, answer::allow(METHODS.into_iter()));
            return Some(response);
        }
        let hosts = request.headers().get_all(HOST).iter().count();
        if hosts > 1 || (hosts == 0 && request.version() == Version::HTTP_11) {
            let message = "a request of HTTP/1.1 has one header `Host`";
            return Some(answer::error(StatusCode::BAD_REQUEST, "malformed_request", message));
        }
        None
    }

    /// Runs the router, if there is a free place.
    async fn run(&self, request: Request<Incoming>, id: &RequestId, info: ConnectionInfo) -> Response {
        let Ok(_place) = self.free.try_acquire() else {
            return answer::busy("the server already answers its maximum of requests");
        };
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(id.clone());
        request.extensions_mut().insert(info);
        let allowed = self.state.settings().request_timeout;
        let mut answer = pin!(self.router.clone().call(request));
        let answer = poll_fn(|cx| match catch_unwind(AssertUnwindSafe(|| answer.as_mut().poll(cx))) {
            Ok(polled) => polled,
            Err(panic) => Poll::Ready(Ok(panicked(&*panic))),
        });
        match tokio::time::timeout(allowed, answer).await {
            Ok(Ok(response)) => response,
            Err(_) => {
                let message = format!("the request was not answered within {allowed:?}");
                answer::error(StatusCode::GATEWAY_TIMEOUT, "timeout", &message)
            }
        }
    }
}

/// The answer to a request whose handler panicked.
fn panicked(panic: &(dyn std::any::Any + Send)) -> Response {
    let text = panic.downcast_ref::<String>().map(String::as_str).or(panic.downcast_ref::<&str>().copied());
    tracing::error!("a request made the server panic: {}", text.unwrap_or("without a message"));
    answer::error(StatusCode::INTERNAL_SERVER_ERROR, "host_error", "the host failed")
}
