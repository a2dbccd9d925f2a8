//! An instance in its store: instantiated, called, and judged when it fails.
//!
//! The store is the unit of failure. After a trap, an interruption or a panic in a host function, nothing in it can be
//! used again; the methods here then return an [`InvokeError`], and their callers drop the instance. A failure that the
//! guest itself reports is an ordinary answer.

use std::borrow::Cow;
use std::pin::pin;
use std::sync::{Arc, OnceLock};

use plugbay_compile::{MappedCode, Metering};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use wasmtime::component::{
    ComponentExportIndex, ComponentNamedList, ComponentType, InstancePre, Lift, Lower, TypedFunc, Val,
};
use wasmtime::{Store, UpdateDeadline};

use super::deadline;
use super::verdict::{self, Ended};
use crate::error::{Failure, InvokeError, InvokeErrorKind};
use crate::event::{Delivery, Reaction};
use crate::host::contract::{
    self, Answer, EventParams, Exports, HandleParams, IncomingParams, ReloadParams, SavedState,
};
use crate::host::event::{EventHandle, HandledEvent};
use crate::host::http::incoming::{self, HttpExchange};
use crate::host::output::Output;
use crate::host::{Call, HostState, PluginContext};
use crate::invocation::HttpResponse;
use crate::limits::{HANDLES_MAX, HOSTCALL_BYTES_MAX, LENT_PAYLOAD_BYTES};
use crate::plugin_limits::Limits;

/// A linked component, from which instances are made. Plugins with the same component share it.
pub(crate) struct Linked {
    pub(crate) metering: Metering,
    pub(crate) fuel_yield_interval: u64,
    pub(crate) pre: InstancePre<HostState>,
    pub(crate) exports: Exports,
    /// One permit for each instance that may live in the runtime.
    pub(crate) live: Arc<Semaphore>,
    /// The mapping of the code, if that is in the cache.
    pub(crate) mapped: Option<MappedCode>,
    /// Set once the types of the exports have been checked, on the first instance.
    pub(crate) types_checked: OnceLock<()>,
}

/// How an instance is started.
pub(crate) enum Start {
    /// Newly: `on-load` is called.
    Load,
    /// As the successor of a revision: `on-reload` is called.
    Reload {
        /// The version of the older revision.
        from: String,
        /// Its state.
        state: Option<SavedState>,
    },
    /// Without a hook: the component is not called as a plugin.
    Bare,
}

/// A live instance.
pub(crate) struct Instance {
    store: Store<HostState>,
    instance: wasmtime::component::Instance,
    handle: Option<TypedFunc<HandleParams, Answer<String>>>,
    /// Set by the first event: finding the function takes longer than a short handler.
    on_event: Option<Box<TypedFunc<EventParams, Answer<()>>>>,
    linked: Arc<Linked>,
    fuel: Option<u64>,
    last_action: Arc<str>,
    /// Declared after the store, so that a permit is released only when this instance's memory is free.
    _live: OwnedSemaphorePermit,
}

impl Instance {
    /// Instantiates and runs `on-load` or `on-reload`.
    pub(crate) async fn start(
        linked: &Arc<Linked>,
        context: &Arc<PluginContext>,
        limits: &Limits,
        start: Start,
        call: &Call<'_>,
    ) -> Result<Result<Box<Self>, Box<Failure>>, InvokeError> {
        let failed = |kind| InvokeError::new(&*context.name, call.name, kind);
        let live = linked.live.clone().try_acquire_owned().map_err(|_| {
            let reason = "the process runs its maximum of live instances";
            failed(InvokeErrorKind::Busy { reason, allowed: context.live_instances as usize })
        })?;
        let mut store = new_store(linked, context, limits);
        store.data_mut().call.begin(call);
        let pre = &linked.pre;
        let instantiated = deadline::until(call.time, pin!(pre.instantiate_async(&mut store))).await;
        let instance = verdict::judge(instantiated, &mut store, call, limits)?;
        if linked.types_checked.get().is_none() {
            linked
                .exports
                .check_types(&instance, &mut store)
                .map_err(|message| failed(InvokeErrorKind::Contract { message }))?;
            linked.types_checked.get_or_init(|| ());
        }
        let handle = match &linked.exports.handle {
            Some(handle) => Some(typed(&instance, &mut store, handle, call)?),
            None => None,
        };
        let mut started = Instance {
            store,
            instance,
            handle,
            on_event: None,
            linked: linked.clone(),
            fuel: limits.fuel,
            last_action: Arc::default(),
            _live: live,
        };
        let answer = match start {
            Start::Load => started.call_optional(|exports| exports.on_load.as_ref(), (), call, limits).await?,
            Start::Reload { from, state } => {
                let params: ReloadParams = (from, state);
                started.call_optional(|exports| exports.on_reload.as_ref(), params, call, limits).await?
            }
            Start::Bare => None,
        };
        started.store.data_mut().is_starting = false;
        Ok(answer.unwrap_or(Ok(())).map(|()| Box::new(started)))
    }

    /// Runs an action. The payload is moved out of its place: passed by value, it would be moved once more.
    pub(crate) async fn handle(
        &mut self,
        payload: &mut Cow<'_, str>,
        call: &Call<'_>,
        limits: &Limits,
    ) -> Result<Result<String, Box<Failure>>, InvokeError> {
        let Some(handle) = self.handle else {
            // Boxed: few plugins are commands, and its size would be added to the future of every call.
            return Box::pin(self.run_command(payload, call, limits)).await;
        };
        let payload = match payload {
            // Boxed: the call is long anyway.
            Cow::Borrowed(large) if large.len() >= LENT_PAYLOAD_BYTES => {
                return Box::pin(self.handle_large(&handle, large, call, limits)).await;
            }
            payload => std::mem::take(payload).into_owned(),
        };
        let action = self.action_name(call.name);
        // Does what `enter` does, without its layers: every call takes this path, and each layer of futures moves the
        // payload and the answer once more.
        self.prepare(call, limits);
        let answer = deadline::until(call.time, pin!(handle.call_async(&mut self.store, (action, payload)))).await;
        let (answer,) = self.judge(answer, call, limits)?;
        Ok(answer.map_err(contract::failure))
    }

    /// Runs an action without a copy of the payload. The function's type is checked again, because the stored one takes
    /// values that it owns; for a large payload that costs less than the copy.
    async fn handle_large(
        &mut self,
        handle: &TypedFunc<HandleParams, Answer<String>>,
        payload: &str,
        call: &Call<'_>,
        limits: &Limits,
    ) -> Result<Result<String, Box<Failure>>, InvokeError> {
        let lent = handle.func().typed::<(&str, &str), Answer<String>>(&self.store);
        let lent = lent.map_err(|error| verdict::host_error(&self.store, call, &error))?;
        self.enter(&lent, (call.name, payload), call, limits).await
    }

    /// Returns the name of an action as an owned value, without an allocation if the action is the last one called. It
    /// belongs to this instance: a name that all instances share would be written to by all calling threads.
    fn action_name(&mut self, name: &str) -> Arc<str> {
        if &*self.last_action != name {
            self.last_action = name.into();
        }
        self.last_action.clone()
    }

    /// Calls the handler with an event; `None` if the plugin exports no handler.
    pub(crate) async fn on_event(
        &mut self,
        delivery: Delivery<'_>,
        call: &Call<'_>,
        limits: &Limits,
    ) -> Result<Option<Result<Reaction, Box<Failure>>>, InvokeError> {
        let on_event = match (&self.on_event, &self.linked.exports.on_event) {
            (Some(known), _) => **known,
            (None, Some(index)) => {
                **self.on_event.insert(Box::new(typed(&self.instance, &mut self.store, index, call)?))
            }
            (None, None) => return Ok(None),
        };
        self.store.data_mut().event = Some(Box::new(HandledEvent::new(delivery)));
        let answer = self.enter(&on_event, (EventHandle::borrow(),), call, limits).await?;
        let reaction = self.store.data_mut().event.take().map(|event| event.into_reaction());
        Ok(Some(answer.map(|()| reaction.unwrap_or_default())))
    }

    /// Passes a request to the component's own handler, which answers through it.
    pub(crate) async fn answer_http(
        &mut self,
        exchange: &HttpExchange,
        call: &Call<'_>,
        limits: &Limits,
    ) -> Result<(), InvokeError> {
        let host_error = |store: &Store<HostState>, error: &wasmtime::Error| verdict::host_error(store, call, error);
        let Some(index) = &self.linked.exports.incoming_handler else {
            return Err(host_error(&self.store, &wasmtime::Error::msg("no handler of requests")));
        };
        let handle: TypedFunc<IncomingParams, ()> = typed(&self.instance, &mut self.store, index, call)?;
        // The call begins here and not in `enter_raw`, because the request is logged under its id.
        self.prepare(call, limits);
        let params = incoming::begin(self.store.data_mut(), exchange, limits);
        let params = params.map_err(|error| host_error(&self.store, &error))?;
        let answer = deadline::until(call.time, pin!(handle.call_async(&mut self.store, params))).await;
        self.judge(answer, call, limits)?;
        incoming::abort_unfinished(self.store.data_mut());
        Ok(())
    }

    /// Runs the plugin's health check; `None` if it exports none.
    pub(crate) async fn health(
        &mut self,
        call: &Call<'_>,
        limits: &Limits,
    ) -> Result<Option<Result<String, Box<Failure>>>, InvokeError> {
        self.call_optional(|exports| exports.health.as_ref(), (), call, limits).await
    }

    /// Returns the state to hand over; `None` if the plugin does not export `save-state`.
    pub(crate) async fn save_state(
        &mut self,
        call: &Call<'_>,
        limits: &Limits,
    ) -> Result<Result<Option<SavedState>, Box<Failure>>, InvokeError> {
        let answer = self.call_optional(|exports| exports.save_state.as_ref(), (), call, limits).await?;
        Ok(answer.unwrap_or(Ok(None)))
    }

    /// Runs `on-unload` and drops the instance.
    pub(crate) async fn unload(mut self: Box<Self>, call: &Call<'_>, limits: &Limits) -> Result<(), InvokeError> {
        let Some(index) = &self.linked.exports.on_unload else { return Ok(()) };
        let on_unload: TypedFunc<(), ()> = typed(&self.instance, &mut self.store, index, call)?;
        self.enter_raw(&on_unload, (), call, limits).await
    }

    /// Calls any export with values of its type.
    pub(crate) async fn call_dynamic(
        &mut self,
        function: ComponentExportIndex,
        params: &[Val],
        call: &Call<'_>,
        limits: &Limits,
    ) -> Result<Vec<Val>, InvokeError> {
        let Some(func) = self.instance.get_func(&mut self.store, function) else {
            return Err(verdict::host_error(&self.store, call, &wasmtime::Error::msg("the export is gone")));
        };
        self.prepare(call, limits);
        let mut results = vec![Val::Bool(false); func.ty(&self.store).results().len()];
        let answer = deadline::until(call.time, pin!(func.call_async(&mut self.store, params, &mut results))).await;
        self.judge(answer, call, limits)?;
        Ok(results)
    }

    /// Fuel that the last call burned.
    pub(crate) fn fuel_used(&self) -> Option<u64> {
        Some(self.fuel?.saturating_sub(self.store.get_fuel().ok()?))
    }

    /// Takes the parts of an HTTP response that the last call has set.
    pub(crate) fn take_response(&mut self) -> Option<Box<HttpResponse>> {
        let call = &mut self.store.data_mut().call;
        // An idle instance does not hold the body of its last request.
        call.context = None;
        call.response.take()
    }

    /// The instance's peak memory, in bytes.
    pub(crate) fn memory_bytes(&self) -> u64 {
        self.store.data().memory.bytes()
    }

    async fn call_optional<P, R>(
        &mut self,
        export: fn(&Exports) -> Option<&ComponentExportIndex>,
        params: P,
        call: &Call<'_>,
        limits: &Limits,
    ) -> Result<Option<Result<R, Box<Failure>>>, InvokeError>
    where
        P: ComponentNamedList + Lower + Send + Sync,
        R: Lift + Send + Sync + ComponentType + 'static,
    {
        let Some(index) = export(&self.linked.exports) else { return Ok(None) };
        let function: TypedFunc<P, Answer<R>> = typed(&self.instance, &mut self.store, index, call)?;
        self.enter(&function, params, call, limits).await.map(Some)
    }

    /// Calls a function of the contract that may report a failure.
    async fn enter<P, R>(
        &mut self,
        function: &TypedFunc<P, Answer<R>>,
        params: P,
        call: &Call<'_>,
        limits: &Limits,
    ) -> Result<Result<R, Box<Failure>>, InvokeError>
    where
        P: ComponentNamedList + Lower + Send + Sync,
        R: Lift + Send + Sync + ComponentType + 'static,
    {
        let (answer,) = self.enter_raw(function, params, call, limits).await?;
        Ok(answer.map_err(contract::failure))
    }

    /// Calls a function of the contract within its budget and deadline, and judges the result.
    async fn enter_raw<P, R>(
        &mut self,
        function: &TypedFunc<P, R>,
        params: P,
        call: &Call<'_>,
        limits: &Limits,
    ) -> Result<R, InvokeError>
    where
        P: ComponentNamedList + Lower + Send + Sync,
        R: ComponentNamedList + Lift + Send + Sync + 'static,
    {
        self.prepare(call, limits);
        let answer = deadline::until(call.time, pin!(function.call_async(&mut self.store, params))).await;
        self.judge(answer, call, limits)
    }

    /// Sets the call and its budget.
    fn prepare(&mut self, call: &Call<'_>, limits: &Limits) {
        let state = self.store.data_mut();
        state.call.begin(call);
        if let Some(output) = &state.output {
            output.start_call(&state.call.origin.request_id);
        }
        refuel(&mut self.store, self.linked.metering, limits);
    }

    #[inline(always)]
    fn judge<R>(
        &mut self,
        ran: Result<wasmtime::Result<R>, deadline::Interrupted>,
        call: &Call<'_>,
        limits: &Limits,
    ) -> Result<R, InvokeError> {
        let answer = verdict::judge(ran, &mut self.store, call, limits);
        // A transaction ends with the call that began it, even if the guest still holds its handle.
        self.store.data_mut().transaction = None;
        if let Some(output) = &self.store.data().output {
            output.flush();
        }
        answer
    }

    /// Runs a legacy command, which receives the call on standard input and answers on standard output.
    async fn run_command(
        &mut self,
        payload: &str,
        call: &Call<'_>,
        limits: &Limits,
    ) -> Result<Result<String, Box<Failure>>, InvokeError> {
        let state = self.store.data_mut();
        let output = Output::to_result(state.plugin.clone(), limits.result_bytes);
        state.output = Some(output.clone());
        let action = serde_json::Value::from(call.name);
        state.stdin = Some(format!("{{\"action\":{action},\"payload\":{payload}}}\n").into_bytes());
        let Some(index) = &self.linked.exports.run else {
            return Err(verdict::host_error(&self.store, call, &wasmtime::Error::msg("no function to run")));
        };
        let run: TypedFunc<(), (Result<(), ()>,)> = typed(&self.instance, &mut self.store, index, call)?;
        let ended = match self.enter_raw(&run, (), call, limits).await {
            Ok((Ok(()),)) => Ended::Success,
            Ok((Err(()),)) => Ended::Failure,
            Err(error) => verdict::exit_code(&mut self.store).map(Ended::with_code).ok_or(error)?,
        };
        Ok(verdict::command_answer(ended, output.take_result(), &output))
    }
}

/// Returns an export as a function of this type, which was checked on the component's first instance.
fn typed<P, R>(
    instance: &wasmtime::component::Instance,
    store: &mut Store<HostState>,
    export: &ComponentExportIndex,
    call: &Call<'_>,
) -> Result<TypedFunc<P, R>, InvokeError>
where
    P: ComponentNamedList + Lower,
    R: ComponentNamedList + Lift,
{
    instance.get_typed_func(&mut *store, export).map_err(|error| verdict::host_error(store, call, &error))
}

fn new_store(linked: &Linked, context: &Arc<PluginContext>, limits: &Limits) -> Store<HostState> {
    let engine = linked.pre.engine();
    let mut store = Store::new(engine, HostState::new(context.clone(), limits.memory_bytes));
    store.limiter(|state| &mut state.memory);
    store.set_hostcall_fuel(HOSTCALL_BYTES_MAX);
    store.set_max_component_handles(HANDLES_MAX);
    if linked.metering == Metering::Epoch {
        store.epoch_deadline_callback(|store| match &store.data().call.time {
            Some(time) if time.is_over() => Ok(UpdateDeadline::Interrupt),
            // wasmtime's own yield would be rescheduled before all waiting tasks.
            _ => Ok(UpdateDeadline::YieldCustom(1, Box::pin(tokio::task::yield_now()))),
        });
    }
    if linked.metering == Metering::Fuel {
        let set = store.fuel_async_yield_interval(Some(linked.fuel_yield_interval));
        debug_assert!(set.is_ok(), "the metered engine counts fuel");
    }
    refuel(&mut store, linked.metering, limits);
    store
}

/// Sets the budget of the next call.
fn refuel(store: &mut Store<HostState>, metering: Metering, limits: &Limits) {
    match metering {
        Metering::Fuel => {
            let set = store.set_fuel(limits.fuel.unwrap_or(u64::MAX));
            debug_assert!(set.is_ok(), "the metered engine counts fuel");
        }
        Metering::Epoch => store.set_epoch_deadline(1),
    }
}
