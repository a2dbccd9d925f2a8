//! The kinds of requests that a guest answers, each with its reply type.
//!
//! A kind defines what is called, whether it counts against the rate limit and how its reply is checked, so that
//! [`dispatch`](super::dispatch) can be the same for all. Nothing here decides whether a request may run.

use std::borrow::Cow;

use serde::de::IgnoredAny;

use super::shown;
use crate::error::{Failure, InvokeError, InvokeErrorKind};
use crate::event::{Delivery, Reaction};
use crate::host::Call;
use crate::host::http::incoming::HttpExchange;
use crate::invocation::parse_answer;
use crate::limits::ACTION_NAME_BYTES_MAX;
use crate::plugin::instance::Instance;
use crate::plugin::loaded::{Action, LoadedPlugin};

/// The guest's answer, the failure that it reported, or the error that stopped it.
pub(crate) type GuestAnswer<T> = Result<Result<T, Box<Failure>>, InvokeError>;

/// A request to a guest. It is cloned for each attempt if it may be retried.
pub(crate) trait Request: Clone + Send + Sync {
    /// The type of the guest's reply.
    type Reply: Send;
    /// Whether the request counts against the plugin's rate limit, which bounds callers of its actions. Events do not:
    /// the emitter has been counted, and a refused event would be lost. Health checks do not: they distinguish a busy
    /// plugin from a broken one.
    const COUNTS_AGAINST_RATE: bool;
    /// Whether the plugin has to admit the plugin that makes the request. An event is not addressed to a plugin: the
    /// plugin subscribed to it.
    const NEEDS_ADMITTED_CALLER: bool;
    /// Whether the request starts a plugin that is loaded at its first use. Events and health checks do not: they are
    /// not uses of it.
    const STARTS_A_LAZY_PLUGIN: bool;

    /// Returns the manifest's declaration of the requested action, if there is one.
    ///
    /// # Errors
    /// [`InvokeErrorKind::UnknownAction`].
    fn declared<'p>(&self, plugin: &'p LoadedPlugin, call: &Call<'_>) -> Result<Option<&'p Action>, InvokeError>;

    /// The JSON that the guest receives.
    fn payload(&self) -> &str;

    /// The size of what the guest receives in bytes, as far as it is known.
    fn payload_bytes(&self) -> usize {
        self.payload().len()
    }

    /// Calls the guest. Returns the future of the instance itself, without a layer around it.
    fn ask(
        &mut self,
        plugin: &LoadedPlugin,
        instance: &mut Instance,
        call: &Call<'_>,
    ) -> impl Future<Output = GuestAnswer<Self::Reply>> + Send;

    /// Returns the reply if it is within the limit of its size.
    ///
    /// # Errors
    /// [`InvokeErrorKind::ResultTooLarge`].
    fn within_limit(
        &self,
        plugin: &LoadedPlugin,
        call: &Call<'_>,
        reply: Self::Reply,
    ) -> Result<Self::Reply, InvokeError>;

    /// Returns the reply if it is valid.
    ///
    /// # Errors
    /// [`InvokeErrorKind::Answer`].
    fn check_reply(
        &self,
        plugin: &LoadedPlugin,
        call: &Call<'_>,
        reply: Self::Reply,
    ) -> Result<Self::Reply, InvokeError>;
}

/// A request to run the action that the call names.
#[derive(Clone)]
pub(super) struct RunAction<'a> {
    /// JSON. It is moved out when the guest is called: passed by reference, it would be copied once more.
    pub(super) payload: Cow<'a, str>,
    /// Whether the answer must be checked to be JSON, because the caller passes it on unparsed.
    pub(super) answer_checked: bool,
}

impl Request for RunAction<'_> {
    type Reply = String;
    const COUNTS_AGAINST_RATE: bool = true;
    const NEEDS_ADMITTED_CALLER: bool = true;
    const STARTS_A_LAZY_PLUGIN: bool = true;

    fn declared<'p>(&self, plugin: &'p LoadedPlugin, call: &Call<'_>) -> Result<Option<&'p Action>, InvokeError> {
        let declared = plugin.actions.get(call.name);
        if declared.is_none()
            && (!plugin.actions.is_empty() || call.name.len() > ACTION_NAME_BYTES_MAX || !plugin.has_actions())
        {
            return Err(unknown_action(plugin, call.name));
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
    ) -> impl Future<Output = GuestAnswer<String>> + Send {
        instance.handle(&mut self.payload, call, &plugin.limits)
    }

    #[inline]
    fn within_limit(&self, plugin: &LoadedPlugin, call: &Call<'_>, json: String) -> Result<String, InvokeError> {
        within_result_limit(plugin, call, &json)?;
        Ok(json)
    }

    fn check_reply(&self, plugin: &LoadedPlugin, call: &Call<'_>, json: String) -> Result<String, InvokeError> {
        if self.answer_checked {
            parse_answer::<IgnoredAny>(plugin.name(), call.name, &json)?;
        }
        Ok(json)
    }
}

/// A request to handle an event.
#[derive(Clone, Copy)]
pub(super) struct EventRequest<'a>(pub(super) Delivery<'a>);

impl Request for EventRequest<'_> {
    type Reply = Reaction;
    const COUNTS_AGAINST_RATE: bool = false;
    const NEEDS_ADMITTED_CALLER: bool = false;
    const STARTS_A_LAZY_PLUGIN: bool = false;

    fn declared<'p>(&self, _: &'p LoadedPlugin, _: &Call<'_>) -> Result<Option<&'p Action>, InvokeError> {
        Ok(None)
    }

    fn payload(&self) -> &str {
        &self.0.event.data
    }

    async fn ask(&mut self, plugin: &LoadedPlugin, instance: &mut Instance, call: &Call<'_>) -> GuestAnswer<Reaction> {
        // A revision that took over meanwhile may have no such subscription.
        if !self.0.subscription.is_active() {
            return Ok(Ok(Reaction::default()));
        }
        let answer = instance.on_event(self.0, call, &plugin.limits).await?;
        // A plugin without a handler lets the event pass.
        Ok(answer.unwrap_or(Ok(Reaction::default())))
    }

    fn within_limit(&self, _: &LoadedPlugin, _: &Call<'_>, reaction: Reaction) -> Result<Reaction, InvokeError> {
        Ok(reaction)
    }

    fn check_reply(&self, _: &LoadedPlugin, _: &Call<'_>, reaction: Reaction) -> Result<Reaction, InvokeError> {
        Ok(reaction)
    }
}

/// A request to report the plugin's health as JSON. The reply is `None` if the plugin exports no health check.
#[derive(Clone, Copy)]
pub(super) struct HealthRequest;

impl Request for HealthRequest {
    type Reply = Option<String>;
    const COUNTS_AGAINST_RATE: bool = false;
    const NEEDS_ADMITTED_CALLER: bool = false;
    const STARTS_A_LAZY_PLUGIN: bool = false;

    fn declared<'p>(&self, _: &'p LoadedPlugin, _: &Call<'_>) -> Result<Option<&'p Action>, InvokeError> {
        Ok(None)
    }

    fn payload(&self) -> &str {
        ""
    }

    async fn ask(
        &mut self,
        plugin: &LoadedPlugin,
        instance: &mut Instance,
        call: &Call<'_>,
    ) -> GuestAnswer<Option<String>> {
        let answer = instance.health(call, &plugin.limits).await?;
        Ok(answer.map_or(Ok(None), |answer| answer.map(Some)))
    }

    fn within_limit(
        &self,
        plugin: &LoadedPlugin,
        call: &Call<'_>,
        json: Option<String>,
    ) -> Result<Option<String>, InvokeError> {
        json.as_ref().map_or(Ok(()), |json| within_result_limit(plugin, call, json))?;
        Ok(json)
    }

    fn check_reply(&self, _: &LoadedPlugin, _: &Call<'_>, json: Option<String>) -> Result<Option<String>, InvokeError> {
        Ok(json)
    }
}

/// An HTTP request for the component's own handler.
#[derive(Clone, Copy)]
pub(super) struct AnswerHttp<'a>(pub(super) &'a HttpExchange);

impl Request for AnswerHttp<'_> {
    type Reply = ();
    const COUNTS_AGAINST_RATE: bool = true;
    const NEEDS_ADMITTED_CALLER: bool = true;
    const STARTS_A_LAZY_PLUGIN: bool = true;

    fn declared<'p>(&self, _: &'p LoadedPlugin, _: &Call<'_>) -> Result<Option<&'p Action>, InvokeError> {
        Ok(None)
    }

    fn payload(&self) -> &str {
        ""
    }

    fn payload_bytes(&self) -> usize {
        self.0.announced_bytes()
    }

    async fn ask(&mut self, plugin: &LoadedPlugin, instance: &mut Instance, call: &Call<'_>) -> GuestAnswer<()> {
        instance.answer_http(self.0, call, &plugin.limits).await.map(Ok)
    }

    fn within_limit(&self, _: &LoadedPlugin, _: &Call<'_>, (): ()) -> Result<(), InvokeError> {
        Ok(())
    }

    fn check_reply(&self, plugin: &LoadedPlugin, call: &Call<'_>, (): ()) -> Result<(), InvokeError> {
        if self.0.is_answered() {
            return Ok(());
        }
        let message = "it returned without a response".to_owned();
        Err(plugin.error(call, InvokeErrorKind::Answer { message }))
    }
}

#[inline]
fn within_result_limit(plugin: &LoadedPlugin, call: &Call<'_>, json: &str) -> Result<(), InvokeError> {
    let (allowed, observed) = (plugin.limits.result_bytes, json.len());
    if observed <= allowed {
        return Ok(());
    }
    Err(plugin.error(call, InvokeErrorKind::ResultTooLarge { allowed, observed: Some(observed) }))
}

fn unknown_action(plugin: &LoadedPlugin, action: &str) -> InvokeError {
    let known = plugin.manifest.actions.iter().map(|action| action.name.clone()).collect();
    InvokeError::new(plugin.name(), shown(action), InvokeErrorKind::UnknownAction { known })
}
