//! One call, as every trigger describes it, and what becomes of it.
//!
//! A trigger (the CLI, an embedder, a schedule, later HTTP, events and other plugins) makes an [`Invocation`] and gets
//! an [`Outcome`] or an [`InvokeError`](crate::InvokeError). It knows nothing of instances; dispatch knows nothing of
//! triggers.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::admission::Chain;
use crate::caller::Caller;
use crate::error::InvokeError;

/// One call of one action.
#[derive(Debug, Clone)]
pub struct Invocation<'a> {
    pub(crate) action: Cow<'a, str>,
    pub(crate) payload: Cow<'a, str>,
    pub(crate) caller: Caller,
    pub(crate) request_id: Option<String>,
    pub(crate) timeout: Option<Duration>,
    pub(crate) answer_checked: bool,
    /// The plugins that wait for this call, where a plugin makes it.
    pub(crate) chain: Option<Arc<Chain>>,
}

impl<'a> Invocation<'a> {
    /// A call without a payload (JSON `null`).
    pub fn new(action: impl Into<Cow<'a, str>>) -> Self {
        Invocation {
            action: action.into(),
            payload: Cow::Borrowed("null"),
            caller: Caller::Host,
            request_id: None,
            timeout: None,
            answer_checked: true,
            chain: None,
        }
    }

    /// The payload, from a value.
    ///
    /// # Errors
    /// [`InvokeError::Payload`] where serde cannot make JSON of it, such as a map with keys that are not strings.
    pub fn payload<P: Serialize + ?Sized>(mut self, payload: &P) -> Result<Self, InvokeError> {
        self.payload = Cow::Owned(serde_json::to_string(payload).map_err(|error| InvokeError::Payload {
            action: self.action.clone().into_owned(),
            message: error.to_string(),
        })?);
        Ok(self)
    }

    /// The payload, as a JSON text: it goes to the plugin as it is.
    ///
    /// # Errors
    /// [`InvokeError::Payload`] where the text is not JSON, with line and column.
    pub fn payload_json(mut self, json: impl Into<Cow<'a, str>>) -> Result<Self, InvokeError> {
        let json = json.into();
        serde_json::from_str::<serde::de::IgnoredAny>(&json).map_err(|error| InvokeError::Payload {
            action: self.action.clone().into_owned(),
            message: error.to_string(),
        })?;
        self.payload = json;
        Ok(self)
    }

    /// The payload, as JSON that was parsed before: it goes to the plugin unchanged, and without a copy if it is large.
    #[must_use]
    pub fn payload_raw(mut self, json: &'a RawValue) -> Self {
        self.payload = Cow::Borrowed(json.get());
        self
    }

    /// Who calls. Default: [`Caller::Host`].
    #[must_use]
    pub fn caller(mut self, caller: Caller) -> Self {
        self.caller = caller;
        self
    }

    /// The id under which the call is logged. Default: a number that is unique in this process.
    #[must_use]
    pub fn request_id(mut self, id: impl Into<String>) -> Self {
        self.request_id = Some(id.into());
        self
    }

    /// A deadline of this call, if it is sooner than the plugin's own. The caller's remaining time is passed on with
    /// it.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Takes the answer as it comes, without looking whether it is JSON: for callers that parse it anyway. Looking
    /// takes about a microsecond for each kilobyte.
    #[must_use]
    pub fn unchecked_answer(mut self) -> Self {
        self.answer_checked = false;
        self
    }
}

/// What an action answered, and what it cost.
#[derive(Debug, Clone)]
pub struct Outcome {
    pub(crate) json: String,
    pub(crate) usage: Usage,
}

impl Outcome {
    /// The JSON text that the action answered. It is JSON, unless the call was made with
    /// [`Invocation::unchecked_answer`].
    pub fn json(&self) -> &str {
        &self.json
    }

    /// The JSON text, owned.
    pub fn into_json(self) -> String {
        self.json
    }

    /// What the call cost.
    pub fn usage(&self) -> &Usage {
        &self.usage
    }

    /// The answer as a value.
    ///
    /// # Errors
    /// [`InvokeError::Answer`] where the plugin's answer is not JSON or does not fit `R`.
    pub fn parse<R: DeserializeOwned>(&self, plugin: &str, action: &str) -> Result<R, InvokeError> {
        parse_answer(plugin, action, &self.json)
    }
}

pub(crate) fn parse_answer<'a, R: Deserialize<'a>>(
    plugin: &str,
    action: &str,
    json: &'a str,
) -> Result<R, InvokeError> {
    serde_json::from_str(json).map_err(|error| InvokeError::Answer {
        plugin: plugin.to_owned(),
        action: action.to_owned(),
        message: error.to_string(),
    })
}

/// What one call used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Usage {
    /// Fuel burned by the call; `None` where the plugin is not metered.
    pub fuel: Option<u64>,
    /// The most memory that the instance has held so far, in bytes, over all its memories.
    pub memory_bytes: u64,
    /// From admission to answer.
    #[serde(rename = "duration_seconds", serialize_with = "seconds")]
    pub duration: Duration,
    /// What of `duration` went into making a fresh instance; zero where one was ready.
    #[serde(rename = "instantiation_seconds", serialize_with = "seconds")]
    pub instantiation: Duration,
}

fn seconds<S: serde::Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(duration.as_secs_f64())
}
