//! The data of a wasmtime `Store`, that is, of one instance of one plugin.
//!
//! A `per_call` plugin creates one for each call, so it holds only what is cheap, and creates the rest when a guest
//! first needs it.

use std::sync::Arc;
use std::time::Duration;

use plugbay_manifest::PermissionAction;

use super::event::HandledEvent;
use super::extension::StoreExtensions;
use super::limiter::InstanceLimiter;
use super::output::Output;
use super::wasi::Wasi;
use super::{Call, HostWork, PluginContext, TimeLimit};
use crate::admission::{Chain, EventCause};
use crate::caller::CallOrigin;
use crate::capability::Denial;
use crate::invocation::{CallContext, HttpResponse};
use crate::service::db::OpenTransaction;

/// The data of a store. It is public for the signatures of functions that link interfaces, and has no public members.
pub struct HostState {
    pub(crate) plugin: Arc<PluginContext>,
    pub(crate) call: CallState,
    pub(crate) memory: InstanceLimiter,
    /// Standard input of a legacy plugin, which WASI takes over when it is created.
    pub(crate) stdin: Option<Vec<u8>>,
    pub(crate) output: Option<Output>,
    pub(crate) wasi: Option<Box<Wasi>>,
    pub(crate) host_work: HostWork,
    /// Whether the instance starts: its initialiser, `on-load` or `on-reload` runs.
    pub(crate) is_starting: bool,
    /// The event that the running call handles.
    pub(crate) event: Option<Box<HandledEvent>>,
    /// The database transaction that the running call has begun.
    pub(crate) transaction: Option<OpenTransaction>,
    /// The states of the application's interfaces that the guest has used.
    pub(crate) extensions: Option<Box<StoreExtensions>>,
    /// The status with which the guest exited.
    pub(crate) exit_code: Option<i32>,
}

impl HostState {
    pub(crate) fn new(plugin: Arc<PluginContext>, memory_bytes: u64) -> Self {
        HostState {
            call: CallState::default(),
            memory: InstanceLimiter::new(memory_bytes, plugin.metrics.clone()),
            plugin,
            stdin: None,
            output: None,
            wasi: None,
            host_work: HostWork::default(),
            is_starting: true,
            event: None,
            transaction: None,
            extensions: None,
            exit_code: None,
        }
    }

    /// Returns the chain of what the running call waits for.
    pub(crate) fn chain(&self) -> Arc<Chain> {
        let before = self.call.chain.clone().or_else(Chain::of_this_task);
        let event = self.event.as_deref().map(HandledEvent::cause);
        Chain::new(self.plugin.name.clone(), self.plugin.plugins.requires(), before, event)
    }

    /// Returns the event from which events follow that the running call publishes.
    pub(crate) fn event_cause(&self) -> Option<EventCause> {
        match &self.event {
            Some(handled) => Some(handled.cause()),
            None => self.call.chain.as_ref()?.event().cloned(),
        }
    }

    /// Checks an access in the running call. It is counted and audited.
    pub(crate) fn check(&self, resource: &str, action: PermissionAction) -> Result<(), Denial> {
        self.plugin.permissions.check_in(&self.call.origin, resource, action)
    }
}

/// The call that runs in the store.
#[derive(Clone, Default)]
pub(crate) struct CallState {
    /// The caller and the id of the call.
    pub(crate) origin: CallOrigin,
    /// `None` between calls.
    pub(crate) time: Option<TimeLimit>,
    /// Outgoing HTTP requests so far.
    pub(crate) http_requests: u32,
    /// The plugins that wait for this call.
    pub(crate) chain: Option<Arc<Chain>>,
    /// What few calls have.
    pub(crate) context: Option<Arc<CallContext>>,
    /// The parts of an HTTP response that the guest has set.
    pub(crate) response: Option<Box<HttpResponse>>,
    /// Whether the call has used a function of the application.
    pub(crate) used_extension: bool,
}

impl CallState {
    /// Becomes the state of the next call.
    pub(crate) fn begin(&mut self, call: &Call<'_>) {
        let CallState { origin, time, http_requests, chain, context, response, used_extension } = self;
        origin.begin(call.caller, call.request_id);
        *time = Some(call.time);
        *http_requests = 0;
        *chain = call.chain.cloned();
        *context = call.context.cloned();
        *response = None;
        *used_extension = false;
    }

    /// Returns the remaining time; `None` if the call has no limit.
    pub(crate) fn time_left(&self) -> Option<Duration> {
        self.time?.left()
    }

    /// Counts a request, and returns the state of the call for the duration of that request.
    pub(crate) fn count_http_request(&mut self) -> CallState {
        self.http_requests = self.http_requests.saturating_add(1);
        self.share()
    }

    /// Returns a copy that may outlive the call.
    pub(crate) fn share(&self) -> CallState {
        // Created now: an id that was never created would serve for the next call too.
        self.origin.request_id.get();
        self.clone()
    }
}
