//! A call of an action as every trigger describes it, and its outcome.
//!
//! A trigger (the CLI, an embedder, a schedule, an event, another plugin) makes an [`Invocation`] and gets an
//! [`Outcome`] or an [`InvokeError`]. Triggers know nothing of instances, and dispatch knows
//! nothing of triggers.

mod exchange;
mod http;
mod route;

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

pub(crate) use self::exchange::CallContext;
pub use self::exchange::{HttpRequest, HttpResponse};
pub(crate) use self::http::CallOptions;
pub use self::http::{HttpBody, HttpCall};
pub use self::route::{PluginRoutes, RouteCall, RouteOutcome};
use crate::admission::Chain;
use crate::caller::Caller;
use crate::error::{InvokeError, InvokeErrorKind};

/// A call of an action.
#[derive(Debug, Clone)]
pub struct Invocation<'a> {
    pub(crate) action: Cow<'a, str>,
    pub(crate) payload: Cow<'a, str>,
    /// The reason if the payload is not JSON, with which the call fails.
    pub(crate) invalid_payload: Option<Box<str>>,
    pub(crate) caller: Caller,
    pub(crate) request_id: Option<Cow<'a, str>>,
    pub(crate) timeout: Option<Duration>,
    pub(crate) answer_checked: bool,
    /// The chain of waiting plugins, if a plugin makes this call.
    pub(crate) chain: Option<Arc<Chain>>,
    /// What few calls have.
    pub(crate) context: Option<Arc<CallContext>>,
}

impl<'a> Invocation<'a> {
    /// Creates a call without a payload (JSON `null`).
    pub fn new(action: impl Into<Cow<'a, str>>) -> Self {
        Invocation {
            action: action.into(),
            payload: Cow::Borrowed("null"),
            invalid_payload: None,
            caller: Caller::Host,
            request_id: None,
            timeout: None,
            answer_checked: true,
            chain: None,
            context: None,
        }
    }

    /// Sets the payload from a value. If serde cannot serialise it as JSON, such as a map with keys that are not
    /// strings, the call fails with [`InvokeErrorKind::Payload`].
    #[must_use]
    pub fn payload<P: Serialize + ?Sized>(self, payload: &P) -> Self {
        self.with_payload(serde_json::to_string(payload).map(Cow::Owned))
    }

    /// Sets the payload from a JSON text, which the plugin receives unchanged. If the text is not JSON, the call fails
    /// with [`InvokeErrorKind::Payload`], which has the line and the column.
    #[must_use]
    pub fn payload_json(self, json: impl Into<Cow<'a, str>>) -> Self {
        let json = json.into();
        let checked = serde_json::from_str::<serde::de::IgnoredAny>(&json);
        self.with_payload(checked.map(|_| json))
    }

    fn with_payload(mut self, payload: serde_json::Result<Cow<'a, str>>) -> Self {
        self.invalid_payload = None;
        match payload {
            Ok(payload) => self.payload = payload,
            Err(error) => self.invalid_payload = Some(error.to_string().into()),
        }
        self
    }

    /// Sets the payload from JSON that is already parsed. It is passed on unchanged, and without a copy if it is large.
    #[must_use]
    pub fn payload_raw(self, json: &'a RawValue) -> Self {
        self.with_payload(Ok(Cow::Borrowed(json.get())))
    }

    /// Sets the caller. Default: [`Caller::Host`].
    #[must_use]
    pub fn caller(mut self, caller: Caller) -> Self {
        self.caller = caller;
        self
    }

    /// Sets the id under which the call is logged. Default: a number that is unique in this process.
    #[must_use]
    pub fn request_id(mut self, id: impl Into<Cow<'a, str>>) -> Self {
        self.request_id = Some(id.into());
        self
    }

    /// Sets a deadline for this call. The plugin's own applies if it is sooner. Callers pass on their remaining time
    /// with it.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Sets the id that this call shares with the calls and events that it leads to. Default: the request id.
    #[must_use]
    pub fn correlation_id(mut self, id: impl Into<String>) -> Self {
        self.context().correlation_id = Some(id.into());
        self
    }

    /// Sets the authenticated identity behind the call, such as the consumer of a token, and its scopes for the plugin.
    /// The plugin trusts them. Default: none.
    #[must_use]
    pub fn identity(
        mut self,
        identity: impl Into<String>,
        scopes: impl IntoIterator<Item = impl Into<String>>,
    ) -> Self {
        self.context().set_identity(identity, scopes);
        self
    }

    /// Sets the HTTP request that the action answers, and the caller to [`Caller::Http`]. Default: none.
    ///
    /// The payload is set separately: the request's body as JSON, or what the server makes of it.
    #[must_use]
    pub fn http_request(mut self, request: HttpRequest) -> Self {
        self.context().request = Some(request);
        self.caller(Caller::Http)
    }

    fn context(&mut self) -> &mut CallContext {
        Arc::make_mut(self.context.get_or_insert_default())
    }

    /// Skips the check that the answer is JSON, for callers that parse it anyway. The check takes about a microsecond
    /// per kilobyte.
    #[must_use]
    pub fn unchecked_answer(mut self) -> Self {
        self.answer_checked = false;
        self
    }
}

/// The answer of an action and its cost.
#[derive(Debug, Clone)]
pub struct Outcome {
    pub(crate) json: String,
    pub(crate) usage: Usage,
    pub(crate) response: Option<Box<HttpResponse>>,
}

impl Outcome {
    /// Returns the answer. It is a valid JSON text unless the call was made with [`Invocation::unchecked_answer`].
    pub fn json(&self) -> &str {
        &self.json
    }

    /// Returns the answer as an owned text.
    pub fn into_json(self) -> String {
        self.json
    }

    /// Returns the parts of an HTTP response that the action set: status, headers, a body in place of the JSON answer.
    /// `None` if it set none of them.
    pub fn response(&self) -> Option<&HttpResponse> {
        self.response.as_deref()
    }

    /// Returns the resources that the call used.
    pub fn usage(&self) -> &Usage {
        &self.usage
    }

    /// Parses the answer.
    ///
    /// # Errors
    /// [`InvokeErrorKind::Answer`] if the answer is not JSON or does not fit `R`.
    pub fn parse<R: DeserializeOwned>(&self, plugin: &str, action: &str) -> Result<R, InvokeError> {
        parse_answer(plugin, action, &self.json)
    }
}

pub(crate) fn parse_answer<'a, R: Deserialize<'a>>(
    plugin: &str,
    action: &str,
    json: &'a str,
) -> Result<R, InvokeError> {
    serde_json::from_str(json)
        .map_err(|error| InvokeError::new(plugin, action, InvokeErrorKind::Answer { message: error.to_string() }))
}

/// The resources that a call used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Usage {
    /// Fuel burned by the call; `None` if the plugin is not metered.
    pub fuel: Option<u64>,
    /// The instance's peak memory so far, in bytes, over all its memories.
    pub memory_bytes: u64,
    /// Time from admission to answer.
    #[serde(rename = "duration_seconds", serialize_with = "seconds")]
    pub duration: Duration,
    /// The part of `duration` spent on instantiation; zero if an instance was ready.
    #[serde(rename = "instantiation_seconds", serialize_with = "seconds")]
    pub instantiation: Duration,
}

fn seconds<S: serde::Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(duration.as_secs_f64())
}
