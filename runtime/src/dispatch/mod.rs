//! The spine: all guest calls go through [`dispatch`], for actions, events and health checks alike.
//!
//! Admission (the plugin serves, admits the caller and knows the request; size and rate are within limits) -> an
//! instance is leased -> the guest runs -> its answer or an error.

mod first_use;
mod payload;
mod provided;
mod rate;
mod request;
mod retry;

use std::sync::Arc;
use std::time::{Duration, Instant};

use tracing::Instrument;
use tracing::field::Empty;

pub(crate) use self::provided::invoke_provided;
pub(crate) use self::request::Request;
use self::request::{AnswerHttp, EventRequest, HealthRequest, RunAction};
use crate::admission::{Chain, Waiting};
use crate::caller::Caller;
use crate::error::{EventError, InvokeError, InvokeErrorKind, LoadError, LoadErrorKind};
use crate::event::{Delivery, Event, Health, NewEvent, Reaction};
use crate::host::http::incoming::{HttpExchange, INCOMING_HANDLER};
use crate::host::{Call, TimeLimit};
use crate::invocation::{CallContext, CallOptions, HttpRequest, HttpResponse, Invocation, Outcome, Usage};
use crate::limits::{ACTION_NAME_BYTES_MAX, CALL_DEPTH_MAX};
use crate::plugin::current::CurrentRevision;
use crate::plugin::instance::Start;
use crate::plugin::instances::Lease;
use crate::plugin::loaded::{Action, LoadedPlugin};

/// The name of an event's handler in errors.
const ON_EVENT: &str = "on_event";

/// The circumstances of a request: its name in errors, its caller and its deadline.
struct Circumstances<'a> {
    name: &'a str,
    caller: &'a Caller,
    request_id: Option<&'a str>,
    timeout: Option<Duration>,
    chain: Option<&'a Arc<Chain>>,
    context: Option<&'a Arc<CallContext>>,
}

/// The cost of a request, and what the guest answered beside its reply.
#[derive(Default)]
struct Cost {
    usage: Usage,
    response: Option<Box<HttpResponse>>,
    /// Whether the request may be retried. It is then counted at its end.
    repeats: bool,
    /// Whether the plugin's counters include the request.
    counted: bool,
    /// Whether the request failed because no instance could be started.
    not_started: bool,
}

/// Runs an action.
pub(crate) async fn invoke(plugin: &CurrentRevision, invocation: &mut Invocation<'_>) -> Result<Outcome, InvokeError> {
    let Invocation { action, payload, invalid_payload, caller, request_id, timeout, answer_checked, chain, context } =
        invocation;
    if let Some(message) = invalid_payload.take() {
        return Err(not_json(plugin.borrow().name(), action, message));
    }
    let circumstances = Circumstances {
        name: action,
        caller,
        request_id: request_id.as_deref(),
        timeout: *timeout,
        chain: chain.as_ref(),
        context: context.as_ref(),
    };
    let mut request = RunAction { payload: std::mem::take(payload), answer_checked: *answer_checked };
    let (json, Cost { usage, response, .. }) = dispatch(plugin, &circumstances, &mut request).await?;
    Ok(Outcome { json, usage, response })
}

/// Delivers an event that reached this plugin alone to each matching subscription, until one of them stops it.
pub(crate) async fn deliver(plugin: &CurrentRevision, event: &Event) -> Result<Reaction, InvokeError> {
    let revision = plugin.get();
    let refused = |error: EventError| {
        InvokeError::new(revision.name(), ON_EVENT, InvokeErrorKind::Host { message: error.to_string() })
    };
    let bus = &revision.context.events;
    let event = NewEvent::try_from(event.clone()).and_then(|event| bus.accept(event)).map_err(refused)?;
    let event = Arc::new(event);
    let (mut sum, mut failed) = (Reaction::default(), None);
    for subscription in bus.subscriptions_of(revision.name(), &event.topic) {
        let delivery = Delivery { event: &event, subscription: &subscription, attempt: 1, chain: None, timeout: None };
        let Some(answer) = bus.deliver(delivery).await else { continue };
        sum.heard += 1;
        match answer {
            Ok(reaction) => {
                sum.cancel |= reaction.cancel;
                sum.reason = sum.reason.or(reaction.reason);
                sum.stop |= reaction.stop;
                if reaction.stop {
                    break;
                }
            }
            Err(error) => failed = failed.or(Some(error)),
        }
    }
    failed.map_or(Ok(sum), Err)
}

/// Calls the plugin's handler of an event.
pub(crate) async fn handle_event(plugin: &CurrentRevision, delivery: Delivery<'_>) -> Result<Reaction, InvokeError> {
    let circumstances = Circumstances {
        name: ON_EVENT,
        caller: &Caller::Event,
        request_id: Some(&delivery.event.id),
        timeout: delivery.timeout,
        chain: delivery.chain,
        context: None,
    };
    let (reaction, _) = dispatch(plugin, &circumstances, &mut EventRequest(delivery)).await?;
    Ok(reaction)
}

/// Passes an HTTP request to the component's own handler, and returns when that has returned.
pub(crate) async fn answer_http(
    plugin: &CurrentRevision,
    exchange: &HttpExchange,
    options: &CallOptions,
) -> Result<(), InvokeError> {
    let circumstances = Circumstances {
        name: INCOMING_HANDLER,
        caller: &Caller::Http,
        request_id: options.request_id.as_deref(),
        timeout: options.timeout,
        chain: None,
        context: Some(&options.context),
    };
    dispatch(plugin, &circumstances, &mut AnswerHttp(exchange)).await.map(|((), _)| ())
}

/// Runs the plugin's health check.
pub(crate) async fn health(plugin: &CurrentRevision) -> Result<Health, InvokeError> {
    let answer = dispatch(plugin, &Circumstances::by_host("health"), &mut HealthRequest).await;
    health_of(plugin.borrow().name(), answer.map(|(json, _)| json))
}

/// Runs the health check of a revision that does not serve yet, if it has one.
///
/// # Errors
/// [`LoadError`] if the check cannot run or reports that the plugin is not healthy.
pub(crate) async fn probe(revision: &LoadedPlugin) -> Result<(), LoadError> {
    if revision.linked.exports.health.is_none() {
        return Ok(());
    }
    let call = Circumstances::by_host("health").call(revision);
    let answer = serve(revision, &mut HealthRequest, &call, &mut Cost::default()).await;
    match health_of(revision.name(), answer) {
        Ok(health) if health.healthy => Ok(()),
        Ok(health) => Err(LoadError::new(revision.name(), LoadErrorKind::Unhealthy { message: health.message })),
        Err(error) => Err(LoadError::new(revision.name(), error)),
    }
}

/// Returns the health that a plugin's answer reports. It is healthy if it exports no check.
fn health_of(plugin: &str, answer: Result<Option<String>, InvokeError>) -> Result<Health, InvokeError> {
    match answer {
        Ok(Some(json)) => Health::parse(plugin, &json),
        Ok(None) => Ok(Health::healthy()),
        Err(error) => match error.failure() {
            Some(failure) => Ok(Health::unhealthy(failure.message.clone())),
            None => Err(error),
        },
    }
}

/// Runs a request in a span of the trace that it is part of, if anything listens to spans.
async fn dispatch<R: Request>(
    plugin: &CurrentRevision,
    circumstances: &Circumstances<'_>,
    request: &mut R,
) -> Result<(R::Reply, Cost), InvokeError> {
    let span = tracing::debug_span!(
        target: "plugbay::trace",
        "call",
        otel.name = format!("{}/{}", plugin.borrow().name(), circumstances.name),
        plugin = plugin.borrow().name(),
        action = circumstances.name,
        caller = %circumstances.caller,
        error.code = Empty,
        otel.status_code = Empty,
    );
    if span.is_disabled() {
        drop(span);
        return run(plugin, circumstances, request).await;
    }
    // Boxed, so that the future of a call without a trace stays as small as it is.
    let answer = Box::pin(run(plugin, circumstances, request).instrument(span.clone())).await;
    if let Err(error) = &answer {
        span.record("error.code", error.code());
        span.record("otel.status_code", "ERROR");
    }
    answer
}

/// Runs a request on the revision that serves, and on its successor if a reload intervenes before any of it ran. The
/// request is borrowed because it is large: every call would pay for moving it.
async fn run<R: Request>(
    plugin: &CurrentRevision,
    circumstances: &Circumstances<'_>,
    request: &mut R,
) -> Result<(R::Reply, Cost), InvokeError> {
    loop {
        // Without this, a caller that loops over calls to an instance that is always free would never yield its thread.
        tokio::task::coop::consume_budget().await;
        let revision = plugin.borrow();
        let call = circumstances.call(&revision);
        let mut cost = Cost::default();
        let answer = match admit(&revision, request, &call).await {
            Ok(Some(Action { retry: Some(retry), .. })) => {
                // Boxed, as everything that few requests need: every call would carry the size of its future.
                Box::pin(retry::serve_with_retries(&revision, request, &call, *retry, &mut cost)).await
            }
            Ok(_) => serve(&revision, request, &call, &mut cost).await,
            Err(refused) => Err(refused),
        };
        let mut answer = answer.and_then(|reply| request.check_reply(&revision, &call, reply));
        if let Err(error) = &answer
            && matches!(error.kind(), InvokeErrorKind::NotLoaded)
        {
            if R::STARTS_A_LAZY_PLUGIN && plugin.is_lazy() {
                drop(revision);
                match Box::pin(first_use::start(plugin, &call)).await {
                    Ok(()) => continue,
                    Err(error) => {
                        cost.settle(&plugin.borrow(), call.time, Some(&error));
                        return Err(error);
                    }
                }
            }
            match plugin.refusal(&revision) {
                Some(kind) => answer = Err(revision.error(&call, kind)),
                None => continue,
            }
        }
        cost.settle(&revision, call.time, answer.as_ref().err());
        if let Err(error) = &answer
            && is_broken(error, cost.not_started)
        {
            plugin.instance_broke(&revision, error);
        }
        return answer.map(|reply| (reply, cost));
    }
}

/// Decides whether a request may run now. The cheap checks come first, and a request that is refused for its content
/// does not count against the rate limit, except for the work of checking it.
async fn admit<'a, R: Request>(
    plugin: &'a LoadedPlugin,
    request: &R,
    call: &Call<'_>,
) -> Result<Option<&'a Action>, InvokeError> {
    if plugin.instances.is_closed() {
        return Err(plugin.error(call, InvokeErrorKind::NotLoaded));
    }
    if let Some(chain) = call.chain {
        if R::NEEDS_ADMITTED_CALLER {
            admit_caller(plugin, call, chain)?;
        }
        check_depth(plugin.name(), call.name, chain)?;
    }
    let declared = request.declared(plugin, call)?;
    let body = call.context.and_then(|context| context.request.as_ref()).map_or(0, HttpRequest::body_bytes);
    let (allowed, observed) = (plugin.limits.payload_bytes, request.payload_bytes().max(body));
    if observed > allowed {
        return Err(plugin.error(call, InvokeErrorKind::PayloadTooLarge { allowed, observed }));
    }
    if let Some(counter) = &plugin.rate
        && R::COUNTS_AGAINST_RATE
    {
        rate::admit(plugin, &**counter, call).await?;
    }
    if payload::is_checked_on_blocking_thread(declared, request) {
        Box::pin(payload::check_aside(plugin, declared, request, call)).await?;
    } else {
        payload::check_here(plugin, declared, request, call)?;
    }
    Ok(declared)
}

/// Checks that the plugin admits the plugin at the end of this chain.
fn admit_caller(plugin: &LoadedPlugin, call: &Call<'_>, chain: &Chain) -> Result<(), InvokeError> {
    let allowed_callers = plugin.manifest.allowed_callers.as_deref();
    if !chain.is_admitted_by(plugin.name(), allowed_callers) {
        let (caller, names_callers) = (chain.caller().to_owned(), allowed_callers.is_some());
        return Err(plugin.error(call, InvokeErrorKind::CallerRefused { caller, names_callers }));
    }
    Ok(())
}

/// Checks that the chain is within its limit.
fn check_depth(plugin: &str, action: &str, chain: &Chain) -> Result<(), InvokeError> {
    let observed = chain.depth();
    if observed > CALL_DEPTH_MAX {
        let chain = format!("{chain} -> {plugin}");
        let kind = InvokeErrorKind::CallDepth { chain, allowed: CALL_DEPTH_MAX, observed };
        return Err(InvokeError::new(plugin, shown(action), kind));
    }
    Ok(())
}

/// Creates the error of an invocation whose payload is not JSON.
fn not_json(plugin: &str, action: &str, message: Box<str>) -> InvokeError {
    InvokeError::new(plugin, shown(action), InvokeErrorKind::Payload { message: message.into() })
}

/// Returns the beginning of an action's name, which the caller may have made very long.
fn shown(action: &str) -> String {
    action.chars().take(ACTION_NAME_BYTES_MAX).collect()
}

/// Leases an instance, creates one if none is idle, and returns it if it is still intact.
async fn serve<R: Request>(
    plugin: &LoadedPlugin,
    request: &mut R,
    call: &Call<'_>,
    cost: &mut Cost,
) -> Result<R::Reply, InvokeError> {
    let mut lease = match plugin.instances.try_lease() {
        Some(lease) => lease,
        // Boxed: a call that has to wait can afford the allocation.
        None => Box::pin(wait_for_turn(plugin, call)).await?,
    };
    let mut instance = match lease.take() {
        Some(instance) => instance,
        None => {
            let since = Instant::now();
            let started = Box::pin(plugin.start_instance(Start::Load, call)).await;
            cost.not_started = started.is_err();
            cost.usage.instantiation = since.elapsed();
            started?
        }
    };
    // The request makes the guest's future itself: each layer of futures between a call and its guest costs time.
    let answer = match request.ask(plugin, &mut instance, call).await {
        Ok(Ok(reply)) => request.within_limit(plugin, call, reply).map(Ok),
        Ok(Err(failure)) => Ok(Err(failure)),
        Err(error) => Err(error),
    };
    cost.usage.fuel = instance.fuel_used();
    cost.usage.memory_bytes = instance.memory_bytes();
    cost.response = instance.take_response();
    cost.count(&lease, call);
    let answer = answer?;
    plugin.instances.note_answer();
    if plugin.instances.are_reused() {
        lease.give_back(instance);
    } else {
        Box::pin(plugin.retire(instance, call)).await;
    }
    answer.map_err(|failure| plugin.guest_error(failure, call))
}

/// Waits for an instance, unless the call that holds it waits for this one.
async fn wait_for_turn<'a>(plugin: &'a LoadedPlugin, call: &Call<'_>) -> Result<Lease<'a>, InvokeError> {
    let _waiting = begin_to_wait(plugin, call, plugin.instances.concurrency())?;
    plugin.instances.lease(call.time.deadline()).await.map_err(|no| plugin.no_lease(no, call))
}

/// Registers that a call begins to wait for one of this number of instances.
///
/// # Errors
/// [`InvokeErrorKind::Reentrant`] if the wait would never end.
fn begin_to_wait<'a>(
    plugin: &'a LoadedPlugin,
    call: &Call<'_>,
    instances: usize,
) -> Result<Option<Waiting<'a>>, InvokeError> {
    // A call by a function of the application has no chain, even if a plugin waits for that function.
    let chain = call.chain.cloned().or_else(Chain::of_this_task);
    let enter = |chain| plugin.context.plugins.waits.enter(chain, &plugin.context.name, instances);
    let waiting = chain.as_ref().map(enter).transpose();
    waiting.map_err(|chain| plugin.error(call, InvokeErrorKind::Reentrant { chain }))
}

impl<'a> Circumstances<'a> {
    /// The circumstances of a request that the host itself makes.
    fn by_host(name: &'a str) -> Self {
        Circumstances { name, caller: &Caller::Host, request_id: None, timeout: None, chain: None, context: None }
    }

    /// Begins the call on this revision.
    fn call(&self, plugin: &LoadedPlugin) -> Call<'a> {
        let &Circumstances { name, caller, request_id, timeout, chain, context } = self;
        let time = TimeLimit::from_now(shorter(timeout, plugin.limits.timeout));
        Call { name, caller, request_id, time, chain, context }
    }
}

impl Cost {
    /// Counts a call in the counters of its lease, which is the fast path.
    #[inline]
    fn count(&mut self, lease: &Lease<'_>, call: &Call<'_>) {
        if !self.repeats {
            self.usage.duration = call.time.elapsed();
            lease.count(self.usage.duration, self.usage.fuel);
            self.counted = true;
        }
    }

    /// Counts a call that has not been counted yet, and its failure.
    fn settle(&mut self, plugin: &LoadedPlugin, time: TimeLimit, error: Option<&InvokeError>) {
        if !self.counted {
            self.usage.duration = time.elapsed();
            plugin.context.metrics.call(self.usage.duration, self.usage.fuel);
        }
        if let Some(error) = error {
            plugin.context.metrics.error(error);
        }
    }
}

/// Returns whether a call failed because its instance broke, and not because of the call's own limits.
fn is_broken(error: &InvokeError, not_started: bool) -> bool {
    match error.kind() {
        InvokeErrorKind::Trapped { .. } => true,
        InvokeErrorKind::Busy { .. }
        | InvokeErrorKind::Timeout { .. }
        | InvokeErrorKind::Unavailable { .. }
        | InvokeErrorKind::Host { .. } => false,
        _ => not_started,
    }
}

/// Returns the shorter of two optional deadlines.
fn shorter(a: Option<Duration>, b: Option<Duration>) -> Option<Duration> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (limit, None) | (None, limit) => limit,
    }
}
