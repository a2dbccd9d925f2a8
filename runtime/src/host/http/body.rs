//! Streaming bodies with limits on their size and time, in both directions.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::time::{Instant, Sleep};
use wasmtime_wasi_http::p2::bindings::http::types::ErrorCode;
use wasmtime_wasi_http::{Error, WasiBody};

use super::exchange::{Exchange, from_hyper};
use crate::limits::{HTTP_REQUEST_BYTES_MAX, HTTP_RESPONSE_BYTES_MAX};

/// A request's body, which the guest writes.
pub(super) struct RequestBody {
    body: WasiBody,
    bytes: u64,
    exchange: Exchange,
}

impl RequestBody {
    pub(super) fn new(body: WasiBody, exchange: Exchange) -> Self {
        RequestBody { body, bytes: 0, exchange }
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(context);
        if let Poll::Ready(Some(Ok(frame))) = &polled {
            self.bytes += frame.data_ref().map_or(0, |data| data.len() as u64);
            if self.bytes > HTTP_REQUEST_BYTES_MAX {
                return Poll::Ready(Some(Err(self.exchange.request_too_large(self.bytes))));
            }
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// A response's body, which the server sends.
pub(super) struct ResponseBody {
    body: Incoming,
    bytes: u64,
    /// Fires if the server is silent for too long or the whole request takes too long.
    alarm: Pin<Box<Sleep>>,
    silence: Option<Duration>,
    deadline: Instant,
    exchange: Exchange,
}

impl ResponseBody {
    pub(super) fn new(body: Incoming, silence: Option<Duration>, deadline: Instant, exchange: Exchange) -> Self {
        let alarm = Box::pin(tokio::time::sleep_until(next_alarm(silence, deadline)));
        ResponseBody { body, bytes: 0, alarm, silence, deadline, exchange }
    }
}

/// Returns the next time to give up: after `silence` without data, but never later than the deadline.
fn next_alarm(silence: Option<Duration>, deadline: Instant) -> Instant {
    silence.and_then(|silence| Instant::now().checked_add(silence)).map_or(deadline, |then| then.min(deadline))
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let this = &mut *self;
        // Checked before the frame: otherwise a server that always has one more byte would never count as slow.
        if this.alarm.as_mut().poll(context).is_ready() {
            return Poll::Ready(Some(Err(this.exchange.too_slow(this.deadline))));
        }
        let Poll::Ready(frame) = Pin::new(&mut this.body).poll_frame(context) else { return Poll::Pending };
        let Some(frame) = frame else { return Poll::Ready(None) };
        Poll::Ready(Some(match frame {
            Ok(frame) => {
                this.bytes += frame.data_ref().map_or(0, |data| data.len() as u64);
                if this.bytes > HTTP_RESPONSE_BYTES_MAX {
                    Err(this.exchange.response_too_large(this.bytes))
                } else {
                    if this.silence.is_some() {
                        this.alarm.as_mut().reset(next_alarm(this.silence, this.deadline));
                    }
                    Ok(frame)
                }
            }
            Err(_) if Instant::now() >= this.deadline => Err(this.exchange.too_slow(this.deadline)),
            Err(error) => Err(from_hyper(&error)),
        }))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Returns the `wasi:http` error code of a body that ended early.
pub(super) fn error_code(error: &wasmtime::Error) -> Option<ErrorCode> {
    if let Some(code) = error.downcast_ref::<ErrorCode>() {
        return Some(code.clone());
    }
    Some(match error.downcast_ref::<Error>()? {
        Error::HttpRequestBodySize(bytes) => ErrorCode::HttpRequestBodySize(*bytes),
        Error::HttpResponseBodySize(bytes) => ErrorCode::HttpResponseBodySize(*bytes),
        Error::HttpResponseTimeout => ErrorCode::HttpResponseTimeout,
        Error::HttpResponseIncomplete => ErrorCode::HttpResponseIncomplete,
        Error::ConnectionTerminated => ErrorCode::ConnectionTerminated,
        _ => ErrorCode::HttpProtocolError,
    })
}
