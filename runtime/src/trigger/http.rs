//! Requests for the handler that a component exports in place of routes (`wasi:http/incoming-handler`), with the caller
//! `http`.
//!
//! The handler goes on after it has sent the head of its response, so it runs in a task of its own. The task is stopped
//! if the client leaves: if the future of the head or the body is dropped.
//!
//! A response ends when its handler returns. wasmtime-wasi-http reports a body that breaks off as one that has ended,
//! so the end of a body says nothing by itself. A handler that returns without finishing its body has broken it off.

use std::error::Error;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::Response;
use http_body::{Body, Frame};
use tokio::task::JoinHandle;
use tracing::Instrument;

use crate::dispatch;
use crate::error::{InvokeError, InvokeErrorKind, RouteError, RouteErrorKind};
use crate::host::http::incoming::{self, HttpExchange, INCOMING_HANDLER};
use crate::invocation::{CallOptions, HttpBody, HttpCall};
use crate::plugin::current::CurrentRevision;
use crate::plugin::route_table::decoded_segments;
use crate::trigger::route::route_line;

/// Returns whether the plugin answers requests of this path by its own handler: it has one, and no route with this
/// path.
pub(crate) fn is_for_handler(plugin: &CurrentRevision, path: &str) -> bool {
    let revision = plugin.borrow();
    let is_route = |path| matches!(decoded_segments(path), Ok(path) if revision.routes.has(&path));
    revision.has_http_handler() && !is_route(path)
}

/// Passes a request to the plugin's handler, and returns its response as soon as its head is there.
pub(crate) async fn handle(plugin: &Arc<CurrentRevision>, call: HttpCall) -> Result<Response<HttpBody>, RouteError> {
    let HttpCall { request, options } = call;
    let allowed = {
        let revision = plugin.borrow();
        if !revision.has_http_handler() {
            let available = revision.manifest.routes.iter().map(route_line).collect();
            return Err(RouteError::new(revision.name(), RouteErrorKind::UnknownRoute { available }));
        }
        revision.limits.result_bytes
    };
    let (exchange, head) = HttpExchange::new(request);
    let task = Running(tokio::spawn(run(plugin.clone(), exchange, options).in_current_span()));
    match head.await {
        Ok(Ok(response)) => {
            Ok(response.map(|body| HttpBody::new(ResponseBody { body, allowed, task, returned: None })))
        }
        Ok(Err(error)) => Err(error.into()),
        // The task ended without an answer, which only the end of the executor explains.
        Err(_) => {
            let message = "the host shuts down".to_owned();
            Err(InvokeError::new(plugin.borrow().name(), INCOMING_HANDLER, InvokeErrorKind::Host { message }).into())
        }
    }
}

/// Runs the handler until it returns. Returns whether its response is whole.
async fn run(plugin: Arc<CurrentRevision>, exchange: HttpExchange, options: CallOptions) -> bool {
    let Err(error) = dispatch::answer_http(&plugin, &exchange, &options).await else { return true };
    if let Some(Err(error)) = exchange.answer(Err(error)) {
        tracing::warn!(plugin = error.plugin(), code = error.code(), "a response broke off: {error}");
    }
    false
}

/// The task of a handler, which is stopped when this is dropped.
struct Running(JoinHandle<bool>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.abort();
    }
}

const BROKEN_OFF: &str = "the plugin broke off its response";

/// The body of a response, of which the plugin may write as much as of a result.
struct ResponseBody {
    body: incoming::ResponseBody,
    /// What may still come, in bytes.
    allowed: usize,
    task: Running,
    /// Whether the response is whole, once the handler has returned.
    returned: Option<bool>,
}

impl ResponseBody {
    /// Waits for the return of the handler.
    fn poll_returned(&mut self, context: &mut Context<'_>) -> Poll<bool> {
        if self.returned.is_none() {
            let returned = ready!(Pin::new(&mut self.task.0).poll(context));
            self.returned = Some(matches!(returned, Ok(true)));
        }
        Poll::Ready(self.returned == Some(true))
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = Box<dyn Error + Send + Sync>;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        loop {
            let had_returned = self.returned.is_some();
            let frame = match Pin::new(&mut self.body).poll_frame(context) {
                Poll::Ready(Some(Ok(frame))) => frame,
                Poll::Ready(Some(Err(_))) => return Poll::Ready(Some(Err(BROKEN_OFF.into()))),
                Poll::Ready(None) => {
                    let is_whole = ready!(self.poll_returned(context));
                    return Poll::Ready(if is_whole { None } else { Some(Err(BROKEN_OFF.into())) });
                }
                // The body is open, and nothing can be written to it any more.
                Poll::Pending if had_returned => return Poll::Ready(Some(Err(BROKEN_OFF.into()))),
                Poll::Pending => {
                    ready!(self.poll_returned(context));
                    // What the handler wrote before its return is read first.
                    continue;
                }
            };
            // Trailers could set what a header may not.
            let Some(bytes) = frame.data_ref().map(Bytes::len) else { continue };
            match self.allowed.checked_sub(bytes) {
                Some(left) => self.allowed = left,
                None => return Poll::Ready(Some(Err("the plugin's response is larger than allowed".into()))),
            }
            return Poll::Ready(Some(Ok(frame)));
        }
    }
}
