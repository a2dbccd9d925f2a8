//! Events and log lines as they happen: server-sent events, and Pup's web socket.
//!
//! A stream ends when the server shuts down, so that it does not delay that, and after a quarter of an hour, so that a
//! token that was revoked does not read on. Clients of server-sent events connect again by themselves, and name the
//! last event that they received. A stream begins with an id without an event, so that a client which receives nothing
//! before the end misses nothing either.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::extract::ws::{Message, Utf8Bytes, WebSocket, WebSocketUpgrade};
use axum::extract::{RawQuery, State};
use axum::response::sse::{Event as SentEvent, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use http::HeaderMap;
use plugbay::Event;
use plugbay::event::{EventStream, TopicFilter};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;
use tokio_stream::wrappers::errors::BroadcastStreamRecvError;
use tokio_stream::{Stream, StreamExt};

use super::AdminState;
use super::caller::Caller;
use super::error::AdminError;
use super::feed::{Followed, Follower, Numbered};
use super::logs;
use super::parameters::Query;
use super::readable::Readable;
use crate::ServerState;
use crate::telemetry::{FollowedLog, Since};

/// How long a stream lasts.
const STREAM_MAX: Duration = Duration::from_secs(15 * 60);
/// The most topics that one stream follows.
const TOPICS_MAX: usize = 32;
/// The most events that a client receives after the end of its stream was decided.
const LAST_EVENTS_MAX: usize = 1_000;
/// How often a comment is sent in a stream without events, so that proxies do not close it.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// The query of `GET /events/stream`.
#[derive(Debug, Deserialize, JsonSchema)]
pub(super) struct Topics {
    /// A topic or a pattern, such as `order.*`, or several with commas between them. All events without it.
    topic: Option<String>,
}

/// `GET /events/stream`
pub(super) async fn events(
    State(state): State<AdminState>,
    caller: Caller,
    Query(topics): Query<Topics>,
    headers: HeaderMap,
) -> Result<Response, AdminError> {
    let readable = caller.readable()?;
    let filters = topics.topic.as_deref().unwrap_or("**").split(',').take(TOPICS_MAX + 1).map(str::trim);
    let filters: Vec<TopicFilter> = filters.map(TopicFilter::new).collect::<Result<_, _>>()?;
    if filters.len() > TOPICS_MAX {
        return Err(AdminError::invalid(format!("a stream follows at most {TOPICS_MAX} topics")));
    }
    // Allowed accesses are events only while something subscribes to them by name, which the feed does not.
    let permissions = topics.topic.iter().flat_map(|topics| topics.split(',')).map(str::trim);
    let permissions = permissions.filter(|topic| topic.starts_with("permission."));
    let permissions: Vec<EventStream> =
        permissions.map(|topic| state.runtime().subscribe(topic)).collect::<Result<_, _>>()?;
    let followed = state.feed().follow(last_event_id(&headers))?;
    let start = sent_position(&state, followed.position());
    let ids = state.clone();
    let is_asked = move |event: &Event| {
        let _held = &permissions;
        filters.iter().any(|filter| filter.matches(&event.name)) && readable.event(event)
    };
    let sent = followed.filter_map(move |followed| match followed {
        Followed::Event(numbered) if is_asked(&numbered.event) => Some(Ok(sent_event(&ids, &numbered))),
        Followed::Event(_) => None,
        Followed::Missed(missed) => Some(Ok(sent_missed(missed))),
    });
    Ok(respond(state.server(), tokio_stream::once(Ok(start)).chain(sent)))
}

/// `GET /logs/stream`
pub(super) async fn logs(
    State(state): State<AdminState>,
    caller: Caller,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, AdminError> {
    let (query, readable) = logs::parse(&state, &caller, query)?;
    let since = match last_event_id(&headers).map(|id| state.feed().number(id)) {
        None => Since::Now,
        Some(Some(received)) => Since::Lines(received),
        Some(None) => Since::Start,
    };
    let FollowedLog { lost, held, live, next } = state.logs().follow_since(since);
    let missed = match since {
        Since::Start => Some(sent_missed(None)),
        _ => (lost > 0).then(|| sent_missed(Some(lost))),
    };
    let first = held.first().map_or(next, |line| line.number);
    let start = [Some(sent_position(&state, first)), missed].into_iter().flatten().map(Ok);
    let ids = state.clone();
    let lines = tokio_stream::iter(held.into_iter().map(Ok)).chain(live.into_stream());
    let sent = lines.filter_map(move |received| match received {
        Ok(line) if query.matches(&line) && readable.line(&line) => {
            // The id of a line is the number of lines up to it.
            Some(Ok(SentEvent::default().id(ids.feed().id(line.number + 1)).data(json!(*line).to_string())))
        }
        Ok(_) => None,
        Err(BroadcastStreamRecvError::Lagged(missed)) => Some(Ok(sent_missed(Some(missed)))),
    });
    Ok(respond(state.server(), tokio_stream::iter(start).chain(sent)))
}

/// The last event that a client which connects again has received.
fn last_event_id(headers: &HeaderMap) -> Option<&str> {
    // A text that is none is not of this process.
    headers.get("last-event-id").map(|id| id.to_str().unwrap_or_default())
}

/// Says after which event the stream begins. Clients note it, and receive no event.
fn sent_position(state: &AdminState, number: u64) -> SentEvent {
    SentEvent::default().id(state.feed().id(number))
}

fn sent_event(state: &AdminState, numbered: &Numbered) -> SentEvent {
    // The name of the event is in the data: browsers call the handler of unnamed events only.
    SentEvent::default().id(state.feed().id(numbered.number)).data(json!(*numbered.event).to_string())
}

/// Says that events were missed, and how many if that is known.
fn sent_missed(missed: Option<u64>) -> SentEvent {
    SentEvent::default().event("missed").data(json!({ "missed": missed }).to_string())
}

/// An answer with events as they happen, until the server shuts down or the longest time of a stream has passed.
pub(crate) fn respond(
    server: &ServerState,
    sent: impl Stream<Item = Result<SentEvent, Infallible>> + Send + 'static,
) -> Response {
    let server = server.clone();
    let ended = async move { drop(tokio::time::timeout(STREAM_MAX, server.closed()).await) };
    let stream = UntilEnded { stream: Box::pin(sent), ended: Box::pin(ended), left: None };
    Sse::new(stream).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)).into_response()
}

/// A stream that ends when a future completes, after what it has at that moment.
struct UntilEnded<S, E> {
    stream: Pin<Box<S>>,
    ended: Pin<Box<E>>,
    /// The most items that are left, once the future has completed.
    left: Option<usize>,
}

impl<S: Stream, E: Future<Output = ()>> Stream for UntilEnded<S, E> {
    type Item = S::Item;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<S::Item>> {
        if self.left.is_none() && self.ended.as_mut().poll(context).is_ready() {
            self.left = Some(LAST_EVENTS_MAX);
        }
        match (self.left, self.stream.as_mut().poll_next(context)) {
            (None, next) => next,
            (Some(left @ 1..), Poll::Ready(Some(next))) => {
                self.left = Some(left - 1);
                Poll::Ready(Some(next))
            }
            _ => Poll::Ready(None),
        }
    }
}

/// `GET /wss`: Pup's frames `{t, d}`, a topic and its data.
pub(super) async fn web_socket(
    State(state): State<AdminState>,
    caller: Caller,
    upgrade: WebSocketUpgrade,
) -> Result<Response, AdminError> {
    let readable = caller.readable()?;
    let (place, open) = (state.web_socket()?, state.server().web_socket());
    let followed = state.feed().follow(None)?;
    // Clients have nothing to say but that they close the connection.
    let upgrade = upgrade.max_message_size(4 << 10).max_frame_size(4 << 10);
    Ok(upgrade.on_upgrade(async move |socket| {
        send_frames(socket, followed, readable, state.server().clone()).await;
        drop((place, open));
    }))
}

async fn send_frames(mut socket: WebSocket, followed: Follower, readable: Readable, server: ServerState) {
    let ended = async move { drop(tokio::time::timeout(STREAM_MAX, server.closed()).await) };
    let mut followed = UntilEnded { stream: Box::pin(followed), ended: Box::pin(ended), left: None };
    loop {
        let frame = tokio::select! {
            received = socket.recv() => match received {
                Some(Ok(Message::Close(_)) | Err(_)) | None => return,
                Some(Ok(_)) => continue,
            },
            received = followed.next() => match received {
                Some(Followed::Event(numbered)) if !readable.event(&numbered.event) => continue,
                Some(Followed::Event(numbered)) => json!({ "t": numbered.event.name, "d": numbered.event.data }),
                Some(Followed::Missed(missed)) => json!({ "t": "missed", "d": missed }),
                None => break,
            },
        };
        if socket.send(Message::Text(Utf8Bytes::from(frame.to_string()))).await.is_err() {
            return;
        }
    }
    let _ = socket.send(Message::Close(None)).await;
}
