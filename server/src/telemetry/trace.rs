//! Traces across processes: the span of a request continues the trace of its client, and requests that plugins send
//! continue that of their call.

use http::{HeaderMap, Method};
use opentelemetry::Context;
use opentelemetry::trace::{SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId, TraceState};
use tracing::Span;
use tracing::field::Empty;
use tracing_opentelemetry::OpenTelemetrySpanExt;

use super::RouteKind;
use crate::RequestId;

/// The span of a request, with the client's span as its parent. The ids of the request become those of the span.
/// Without a collector it is disabled, and the ids stay.
pub(crate) fn request_span(method: &Method, path: &str, headers: &HeaderMap, id: &mut RequestId) -> Span {
    let span = tracing::debug_span!(
        target: "plugbay::trace",
        "request",
        otel.name = format!("{method} {}", RouteKind::of_path(path).name()),
        otel.kind = "server",
        http.request.method = method.as_str(),
        url.path = path,
        http.response.status_code = Empty,
        otel.status_code = Empty,
        request_id = id.id(),
    );
    if span.is_disabled() {
        return span;
    }
    if let Some(parent) = parent(headers) {
        // It fails only once the span has a context.
        let _ = span.set_parent(Context::new().with_remote_span_context(parent));
    }
    let context = span.context();
    let own = context.span().span_context().clone();
    if own.is_valid() {
        id.join(own.trace_id().to_bytes(), own.span_id().to_bytes(), own.is_sampled());
    }
    span
}

/// The client's span.
fn parent(headers: &HeaderMap) -> Option<SpanContext> {
    let (trace, span, is_sampled) = RequestId::trace_parent(headers)?;
    let (trace, span) = (TraceId::from_hex(trace).ok()?, SpanId::from_hex(span).ok()?);
    let flags = if is_sampled { TraceFlags::SAMPLED } else { TraceFlags::NOT_SAMPLED };
    Some(SpanContext::new(trace, span, flags, true, TraceState::default()))
}

/// The value of `traceparent` for a request that is sent in the present span; `None` without one. It is for
/// [`RuntimeBuilder::trace_parent`](plugbay::RuntimeBuilder::trace_parent).
pub fn current_trace_parent() -> Option<String> {
    let span = Span::current();
    if span.is_disabled() {
        return None;
    }
    let context = span.context();
    let own = context.span().span_context().clone();
    let flags = u8::from(own.is_sampled());
    own.is_valid().then(|| format!("00-{}-{}-{flags:02x}", own.trace_id(), own.span_id()))
}
