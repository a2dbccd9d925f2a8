//! The spine: every call of every trigger goes through here.
//!
//! admission (known, fits, rate) -> lease an instance -> the guest runs -> what it answered, or why it did not.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Instant;

use plugbay_manifest::Retry;
use serde::de::IgnoredAny;

use crate::admission::Chain;
use crate::error::{Failure, InvokeError};
use crate::invocation::{Invocation, Outcome, Usage, parse_answer};
use crate::limits::{ACTION_NAME_BYTES_MAX, CALL_DEPTH_MAX, Limits, PAYLOAD_CHECKED_ASIDE_BYTES};
use crate::plugin::contract::{WitEvent, WitReaction};
use crate::plugin::deadline::TimeLimit;
use crate::plugin::instance::{Call, Instance, Start};
use crate::plugin::instances::{Lease, thread_number};
use crate::plugin::loaded::{Action, LoadedPlugin, shorter};
use crate::plugin::schema::PayloadSchema;

/// What a guest is asked.
enum Request<'r, 'a> {
    /// To run the action that the call names, with this JSON payload, which is taken.
    Action(&'r mut Cow<'a, str>),
    /// To take note of something. Boxed: every action would carry its room.
    Notice(Box<Notice>),
}

/// What a guest is asked beside its actions.
pub(crate) enum Notice {
    /// To hear this event.
    Event(WitEvent),
    /// To tell its health.
    Health,
}

/// What it answered.
pub(crate) enum Reply {
    /// A JSON text.
    Json(String),
    /// What is to become of the event; `None` where it has no handler.
    Event(Option<WitReaction>),
    /// The plugin exports nothing for this.
    NotProvided,
}

/// What a call costs.
#[derive(Default)]
struct Cost {
    usage: Usage,
    /// Whether it may be tried again: then it is counted at its end.
    repeats: bool,
    /// Whether the plugin's counters know of it.
    counted: bool,
}

impl Cost {
    /// Counts a call by its lease, which is the fast way.
    fn count(&mut self, lease: &Lease<'_>, call: &Call<'_>) {
        if !self.repeats {
            self.usage.duration = call.time.elapsed();
            lease.count(self.usage.duration, self.usage.fuel);
            self.counted = true;
        }
    }

    /// Counts a call that was not counted yet, and its failure.
    fn settle(&mut self, plugin: &LoadedPlugin, time: TimeLimit, error: Option<&InvokeError>) {
        if !self.counted {
            self.usage.duration = time.elapsed();
            plugin.metrics.call(self.usage.duration, self.usage.fuel);
        }
        if let Some(error) = error {
            plugin.metrics.error(error);
        }
    }
}

/// Runs one action. The invocation stays where its caller has it: it is large, and every call would pay for moving it.
pub(crate) async fn invoke(plugin: &LoadedPlugin, invocation: &mut Invocation<'_>) -> Result<Outcome, InvokeError> {
    // Whoever calls in a loop an instance that is always free never waits, and would keep its thread from everybody else.
    tokio::task::coop::consume_budget().await;
    let time = TimeLimit::from_now(shorter(invocation.timeout, plugin.limits.timeout));
    let mut cost = Cost::default();
    let admitted = match admit(plugin, invocation, time) {
        // Boxed, like everything that few calls do: every call would carry its room.
        Ok(Some(declared @ Action { payload: Some(schema), .. }))
            if invocation.payload.len() >= PAYLOAD_CHECKED_ASIDE_BYTES =>
        {
            Box::pin(check_aside(plugin, schema, invocation, time)).await.map(|()| Some(declared))
        }
        admitted => admitted,
    };
    let answer = match admitted {
        Ok(declared) => {
            let Invocation { action, payload, caller, request_id, answer_checked, chain, .. } = invocation;
            let request_id = request_id.as_deref();
            let call = Call { name: action, caller, request_id, time, chain: chain.as_ref() };
            let answer = match declared.and_then(|declared| declared.retry) {
                Some(retry) => Box::pin(serve_with_retries(plugin, payload, &call, retry, &mut cost)).await,
                None => serve(plugin, Request::Action(payload), &call, &mut cost).await,
            };
            if *answer_checked { answer.and_then(|reply| checked(plugin, &call, reply)) } else { answer }
        }
        Err(refused) => Err(refused),
    };
    cost.settle(plugin, time, answer.as_ref().err().map(|error| &**error));
    match answer.map_err(|error| *error)? {
        Reply::Json(json) => Ok(Outcome { json, usage: cost.usage }),
        Reply::Event(_) | Reply::NotProvided => Ok(Outcome { json: "null".to_owned(), usage: cost.usage }),
    }
}

/// An answer that is JSON: whoever gets it can pass it on as it is.
fn checked(plugin: &LoadedPlugin, call: &Call<'_>, reply: Reply) -> Result<Reply, Box<InvokeError>> {
    if let Reply::Json(json) = &reply {
        parse_answer::<IgnoredAny>(plugin.name(), call.name, json)?;
    }
    Ok(reply)
}

/// Runs something else than an action: an event, a health check.
pub(crate) async fn run(plugin: &LoadedPlugin, notice: Notice, call: Call<'_>) -> Result<Reply, Box<InvokeError>> {
    let mut cost = Cost::default();
    let reply = serve(plugin, Request::Notice(Box::new(notice)), &call, &mut cost).await;
    cost.settle(plugin, call.time, reply.as_ref().err().map(|error| &**error));
    reply
}

/// May this call run now? The cheap questions come first, and a call that is refused for what it is costs no quota but for
/// the work of checking it.
fn admit<'a>(
    plugin: &'a LoadedPlugin,
    invocation: &Invocation<'_>,
    time: TimeLimit,
) -> Result<Option<&'a Action>, Box<InvokeError>> {
    let action = &*invocation.action;
    if plugin.instances.is_closed() {
        return Err(Box::new(InvokeError::NotLoaded { plugin: plugin.name().to_owned() }));
    }
    if let Some(chain) = &invocation.chain {
        admit_caller(plugin, action, chain)?;
    }
    let declared = plugin.actions.get(action);
    if declared.is_none() && (!plugin.actions.is_empty() || action.len() > ACTION_NAME_BYTES_MAX) {
        return Err(Box::new(unknown_action(plugin, action)));
    }
    let (allowed, observed) = (plugin.limits.payload_bytes, invocation.payload.len());
    if observed > allowed {
        let (plugin, action) = (plugin.name().to_owned(), action.to_owned());
        return Err(Box::new(InvokeError::PayloadTooLarge { plugin, action, allowed, observed }));
    }
    if let Some(rate) = &plugin.rate {
        rate.admit(time.started(), thread_number()).map_err(|retry_after| {
            let limit = rate.limit();
            let plugin = plugin.name().to_owned();
            InvokeError::RateLimited { plugin, calls: limit.calls, period: limit.period, retry_after }
        })?;
    }
    if let Some(schema) = declared.and_then(|declared| declared.payload.as_ref())
        && observed < PAYLOAD_CHECKED_ASIDE_BYTES
    {
        schema.check(plugin.name(), action, &invocation.payload)?;
    }
    Ok(declared)
}

/// Compares a large payload with its schema where that keeps nobody from the executor.
async fn check_aside(
    plugin: &LoadedPlugin,
    schema: &Arc<PayloadSchema>,
    invocation: &Invocation<'_>,
    time: TimeLimit,
) -> Result<(), Box<InvokeError>> {
    let (schema, name, payload) = (schema.clone(), plugin.name().to_owned(), invocation.payload.clone().into_owned());
    let action = invocation.action.clone().into_owned();
    let check = tokio::task::spawn_blocking(move || schema.check(&name, &action, &payload));
    let checked = match time.deadline() {
        Some(deadline) => tokio::time::timeout_at(deadline.into(), check).await,
        None => Ok(check.await),
    };
    let (plugin_name, action) = (|| plugin.name().to_owned(), || invocation.action.clone().into_owned());
    match checked {
        Ok(Ok(checked)) => Ok(checked?),
        Ok(Err(error)) => {
            let message = format!("its payload could not be checked: {error}");
            Err(Box::new(InvokeError::Host { plugin: plugin_name(), action: action(), message }))
        }
        Err(_) => {
            let (allowed, observed) = (time.timeout.unwrap_or_default(), time.elapsed());
            Err(Box::new(InvokeError::Timeout { plugin: plugin_name(), action: action(), allowed, observed }))
        }
    }
}

/// May the plugin at the end of this chain call, and is there an end to the chain?
fn admit_caller(plugin: &LoadedPlugin, action: &str, chain: &Chain) -> Result<(), Box<InvokeError>> {
    let name = plugin.name().to_owned();
    let allowed_callers = plugin.manifest.allowed_callers.as_deref();
    if !chain.is_let_in(&name, allowed_callers) {
        let (caller, names_callers) = (chain.caller().to_owned(), allowed_callers.is_some());
        return Err(Box::new(InvokeError::CallerRefused { plugin: name, caller, names_callers }));
    }
    let observed = chain.depth();
    if observed > CALL_DEPTH_MAX {
        let (action, chain) = (action.chars().take(ACTION_NAME_BYTES_MAX).collect(), format!("{chain} -> {name}"));
        return Err(Box::new(InvokeError::CallDepth {
            plugin: name,
            action,
            chain,
            allowed: CALL_DEPTH_MAX,
            observed,
        }));
    }
    Ok(())
}

/// Runs an idempotent action again while its failures look transient, attempts are left and the deadline allows it.
async fn serve_with_retries(
    plugin: &LoadedPlugin,
    payload: &str,
    call: &Call<'_>,
    retry: Retry,
    cost: &mut Cost,
) -> Result<Reply, Box<InvokeError>> {
    cost.repeats = true;
    let mut pause = retry.backoff;
    for attempt in 1..retry.max_attempts {
        let answer = serve(plugin, Request::Action(&mut payload.into()), call, cost).await;
        let Err(error) = &answer else { return answer };
        if !error.is_transient() || call.time.left().is_some_and(|left| pause >= left) {
            return answer;
        }
        tracing::info!(plugin = plugin.name(), action = call.name, attempt, "failed and is tried again: {error}");
        tokio::time::sleep(pause).await;
        pause = pause.saturating_mul(2);
    }
    serve(plugin, Request::Action(&mut payload.into()), call, cost).await
}

/// Leases an instance, makes one where none is idle, and gives it back if it is still whole.
async fn serve(
    plugin: &LoadedPlugin,
    request: Request<'_, '_>,
    call: &Call<'_>,
    cost: &mut Cost,
) -> Result<Reply, Box<InvokeError>> {
    let mut lease = match plugin.instances.try_lease() {
        Some(lease) => lease,
        // Boxed: who has to wait has time for that.
        None => Box::pin(wait_for_turn(plugin, call)).await?,
    };
    let mut instance = match lease.take() {
        Some(instance) => instance,
        None => {
            let since = Instant::now();
            let instance = Box::pin(plugin.start_instance(Start::Load, call)).await?;
            cost.usage.instantiation = since.elapsed();
            instance
        }
    };
    // An action is asked for right here: each layer of futures between a call and its guest costs it time.
    let answer = match request {
        Request::Action(payload) => match instance.handle(payload, call, &plugin.limits).await {
            Ok(Ok(json)) => within_limit(plugin, call, json).map(Ok),
            Ok(Err(failure)) => Ok(Err(failure)),
            Err(error) => Err(error),
        },
        Request::Notice(notice) => Box::pin(tell(&mut instance, *notice, call, &plugin.limits)).await,
    };
    cost.usage.fuel = instance.fuel_used();
    cost.usage.memory_bytes = instance.memory_bytes();
    cost.count(&lease, call);
    let answer = answer?;
    if plugin.instances.are_reused() {
        lease.give_back(instance);
    } else {
        Box::pin(plugin.retire(instance, call)).await;
    }
    answer.map_err(|failure| plugin.guest_error(failure))
}

/// Waits for an instance, unless whoever holds it waits for this call.
async fn wait_for_turn<'a>(plugin: &'a LoadedPlugin, call: &Call<'_>) -> Result<Lease<'a>, Box<InvokeError>> {
    let enter = |chain| plugin.context.plugins.waits.enter(chain, &plugin.context.name, plugin.instances.concurrency());
    let _waiting = call.chain.map(enter).transpose().map_err(|chain| InvokeError::Reentrant {
        plugin: plugin.name().to_owned(),
        action: call.name.to_owned(),
        chain,
    })?;
    plugin.instances.lease(call.time.deadline()).await.map_err(|no| plugin.no_lease(no, call))
}

/// A result that its plugin may answer.
#[inline]
fn within_limit(plugin: &LoadedPlugin, call: &Call<'_>, json: String) -> Result<Reply, Box<InvokeError>> {
    let (allowed, observed) = (plugin.limits.result_bytes, json.len());
    if observed <= allowed {
        return Ok(Reply::Json(json));
    }
    let (plugin, action) = (plugin.name().to_owned(), call.name.to_owned());
    Err(Box::new(InvokeError::ResultTooLarge { plugin, action, allowed, observed: Some(observed) }))
}

async fn tell(
    instance: &mut Instance,
    notice: Notice,
    call: &Call<'_>,
    limits: &Limits,
) -> Result<Result<Reply, Box<Failure>>, Box<InvokeError>> {
    Ok(match notice {
        Notice::Event(event) => match instance.on_event(event, call, limits).await? {
            Some(answer) => answer.map(|reaction| Reply::Event(Some(reaction))),
            None => Ok(Reply::Event(None)),
        },
        Notice::Health => match instance.health(call, limits).await? {
            Some(answer) => answer.map(Reply::Json),
            None => Ok(Reply::NotProvided),
        },
    })
}

fn unknown_action(plugin: &LoadedPlugin, action: &str) -> InvokeError {
    InvokeError::UnknownAction {
        plugin: plugin.name().to_owned(),
        action: action.chars().take(ACTION_NAME_BYTES_MAX).collect(),
        known: plugin.manifest.actions.iter().map(|action| action.name.clone()).collect(),
    }
}
