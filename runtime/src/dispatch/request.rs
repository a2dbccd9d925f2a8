//! The kinds of requests, each with the reply that belongs to it.

use std::borrow::Cow;

use serde::de::IgnoredAny;

use crate::error::{Failure, InvokeError};
use crate::event::{Event, Reaction};
use crate::host::Call;
use crate::invocation::parse_answer;
use crate::limits::ACTION_NAME_BYTES_MAX;
use crate::plugin::instance::Instance;
use crate::plugin::loaded::{Action, LoadedPlugin};

/// What the guest answered, the failure that it reported, or what stopped it.
pub(crate) type Asked<T> = Result<Result<T, Box<Failure>>, Box<InvokeError>>;

/// What a guest is asked. A request that may be tried again is cloned for each attempt.
pub(crate) trait Request: Clone + Send + Sync {
    /// What it answers.
    type Reply: Send;
    /// Whether the plugin's rate limit bounds it. The limit bounds those who call the plugin's actions. An event was
    /// counted where it was emitted, and would be lost if it were refused; a health check distinguishes a busy plugin
    /// from a broken one.
    const COUNTS_AGAINST_RATE: bool;

    /// What the manifest declares of it.
    ///
    /// # Errors
    /// [`InvokeError::UnknownAction`].
    fn declared<'p>(&self, plugin: &'p LoadedPlugin, call: &Call<'_>) -> Result<Option<&'p Action>, Box<InvokeError>>;

    /// The JSON that the guest gets.
    fn payload(&self) -> &str;

    /// Asks the guest. The future is that of the instance itself, without a layer around it.
    fn ask(
        &mut self,
        plugin: &LoadedPlugin,
        instance: &mut Instance,
        call: &Call<'_>,
    ) -> impl Future<Output = Asked<Self::Reply>> + Send;

    /// A reply that is as short as it must be.
    ///
    /// # Errors
    /// [`InvokeError::ResultTooLarge`].
    fn within_limit(
        &self,
        plugin: &LoadedPlugin,
        call: &Call<'_>,
        reply: Self::Reply,
    ) -> Result<Self::Reply, Box<InvokeError>>;

    /// A reply that is what it has to be.
    ///
    /// # Errors
    /// [`InvokeError::Answer`].
    fn check_reply(
        &self,
        plugin: &LoadedPlugin,
        call: &Call<'_>,
        reply: Self::Reply,
    ) -> Result<Self::Reply, Box<InvokeError>>;
}

/// To run the action that the call names.
#[derive(Clone)]
pub(super) struct RunAction<'a> {
    /// JSON. It is taken when the guest is asked: passed on by reference it would be copied once more.
    pub(super) payload: Cow<'a, str>,
    /// Whether the caller wants an answer that is JSON, and can pass it on as it is.
    pub(super) answer_checked: bool,
}

impl Request for RunAction<'_> {
    type Reply = String;
    const COUNTS_AGAINST_RATE: bool = true;

    fn declared<'p>(&self, plugin: &'p LoadedPlugin, call: &Call<'_>) -> Result<Option<&'p Action>, Box<InvokeError>> {
        let declared = plugin.actions.get(call.name);
        if declared.is_none() && (!plugin.actions.is_empty() || call.name.len() > ACTION_NAME_BYTES_MAX) {
            return Err(Box::new(unknown_action(plugin, call.name)));
        }
        Ok(declared)
    }

    fn payload(&self) -> &str {
        &self.payload
    }

    #[inline]
    fn ask(
        &mut self,
        plugin: &LoadedPlugin,
        instance: &mut Instance,
        call: &Call<'_>,
    ) -> impl Future<Output = Asked<String>> + Send {
        instance.handle(&mut self.payload, call, &plugin.limits)
    }

    #[inline]
    fn within_limit(&self, plugin: &LoadedPlugin, call: &Call<'_>, json: String) -> Result<String, Box<InvokeError>> {
        within_result_limit(plugin, call, &json)?;
        Ok(json)
    }

    fn check_reply(&self, plugin: &LoadedPlugin, call: &Call<'_>, json: String) -> Result<String, Box<InvokeError>> {
        if self.answer_checked {
            parse_answer::<IgnoredAny>(plugin.name(), call.name, &json)?;
        }
        Ok(json)
    }
}

/// To hear an event, as the subscription of this pattern.
#[derive(Clone, Copy)]
pub(super) struct EventRequest<'a> {
    pub(super) event: &'a Event,
    /// The data of the event as JSON.
    pub(super) data: &'a str,
    pub(super) pattern: &'a str,
}

impl Request for EventRequest<'_> {
    type Reply = Reaction;
    const COUNTS_AGAINST_RATE: bool = false;

    fn declared<'p>(&self, _: &'p LoadedPlugin, _: &Call<'_>) -> Result<Option<&'p Action>, Box<InvokeError>> {
        Ok(None)
    }

    fn payload(&self) -> &str {
        self.data
    }

    async fn ask(&mut self, plugin: &LoadedPlugin, instance: &mut Instance, call: &Call<'_>) -> Asked<Reaction> {
        // A revision that took over meanwhile may not subscribe to this any more.
        if !plugin.subscriptions.has(self.pattern) {
            return Ok(Ok(Reaction::default()));
        }
        let answer = instance.on_event(self.event, self.data.to_owned(), self.pattern, call, &plugin.limits).await?;
        // A plugin without a handler lets the event pass.
        Ok(answer.unwrap_or(Ok(Reaction::default())))
    }

    fn within_limit(&self, _: &LoadedPlugin, _: &Call<'_>, reaction: Reaction) -> Result<Reaction, Box<InvokeError>> {
        Ok(reaction)
    }

    fn check_reply(&self, _: &LoadedPlugin, _: &Call<'_>, reaction: Reaction) -> Result<Reaction, Box<InvokeError>> {
        Ok(reaction)
    }
}

/// To report its health, as JSON; `None` if the plugin exports no check.
#[derive(Clone, Copy)]
pub(super) struct HealthRequest;

impl Request for HealthRequest {
    type Reply = Option<String>;
    const COUNTS_AGAINST_RATE: bool = false;

    fn declared<'p>(&self, _: &'p LoadedPlugin, _: &Call<'_>) -> Result<Option<&'p Action>, Box<InvokeError>> {
        Ok(None)
    }

    fn payload(&self) -> &str {
        ""
    }

    async fn ask(&mut self, plugin: &LoadedPlugin, instance: &mut Instance, call: &Call<'_>) -> Asked<Option<String>> {
        let answer = instance.health(call, &plugin.limits).await?;
        Ok(answer.map_or(Ok(None), |answer| answer.map(Some)))
    }

    fn within_limit(
        &self,
        plugin: &LoadedPlugin,
        call: &Call<'_>,
        json: Option<String>,
    ) -> Result<Option<String>, Box<InvokeError>> {
        json.as_ref().map_or(Ok(()), |json| within_result_limit(plugin, call, json))?;
        Ok(json)
    }

    fn check_reply(
        &self,
        _: &LoadedPlugin,
        _: &Call<'_>,
        json: Option<String>,
    ) -> Result<Option<String>, Box<InvokeError>> {
        Ok(json)
    }
}

#[inline]
fn within_result_limit(plugin: &LoadedPlugin, call: &Call<'_>, json: &str) -> Result<(), Box<InvokeError>> {
    let (allowed, observed) = (plugin.limits.result_bytes, json.len());
    if observed <= allowed {
        return Ok(());
    }
    let (plugin, action) = (plugin.name().to_owned(), call.name.to_owned());
    Err(Box::new(InvokeError::ResultTooLarge { plugin, action, allowed, observed: Some(observed) }))
}

fn unknown_action(plugin: &LoadedPlugin, action: &str) -> InvokeError {
    InvokeError::UnknownAction {
        plugin: plugin.name().to_owned(),
        action: action.chars().take(ACTION_NAME_BYTES_MAX).collect(),
        known: plugin.manifest.actions.iter().map(|action| action.name.clone()).collect(),
    }
}
