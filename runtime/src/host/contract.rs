//! The exports of the contract, and how the host finds and calls them.
//!
//! Each function is looked up separately: a component may omit interfaces, and one built for an older 0.2.x lacks newer
//! functions. A missing function is not an error, except `actions.handle`.

use std::sync::Arc;

use wasmtime::component::types::ComponentItem;
use wasmtime::component::{
    Component, ComponentExportIndex, ComponentNamedList, ComponentType, Instance, Lift, Lower, Resource,
};
use wasmtime::{Engine, Store};
use wasmtime_wasi_http::p2::types::{HostIncomingRequest, HostResponseOutparam};

use super::event::EventHandle;
use crate::error::Failure;

/// The answer of a contract function that may fail.
pub(crate) type Answer<T> = (Result<T, WitFailure>,);
/// Parameters of `actions.handle`: the action and its payload.
pub(crate) type HandleParams = (Arc<str>, String);

/// `plugbay:plugin/types.failure`.
#[derive(Debug, ComponentType, Lift, Lower)]
#[component(record)]
pub(crate) struct WitFailure {
    // Boxed, because every answer is as large as this type and is moved several times.
    code: Box<str>,
    message: Box<str>,
    details: Option<Box<str>>,
    #[component(name = "status-code")]
    status_code: Option<u16>,
}

/// `plugbay:plugin/lifecycle.state`: the state that one revision passes to the next.
#[derive(Debug, ComponentType, Lift, Lower)]
#[component(record)]
pub(crate) struct SavedState {
    /// The version of the format, which the plugin chose.
    format: u32,
    bytes: Vec<u8>,
}

/// Parameters of `lifecycle.on-reload`: the version of the older revision, and its state.
pub(crate) type ReloadParams = (String, Option<SavedState>);
/// Parameters of `event-handler.on-event`.
pub(crate) type EventParams = (Resource<EventHandle>,);

/// Parameters of `incoming-handler.handle`: the request, and where to put the response.
pub(crate) type IncomingParams = (Resource<HostIncomingRequest>, Resource<HostResponseOutparam>);

/// Converts a failure for callers. The code must not be empty: programs branch on it.
pub(crate) fn failure(failure: WitFailure) -> Box<Failure> {
    let WitFailure { code, message, details, status_code } = failure;
    let details = details.map(|details| match serde_json::from_str(&details) {
        Ok(details) => details,
        // Plain text from a guest is passed on as a JSON string.
        Err(_) => serde_json::Value::from(&*details),
    });
    Box::new(Failure {
        code: if code.is_empty() { "error".to_owned() } else { code.into() },
        message: message.into(),
        details,
        status_code: status_code.filter(|status| (400..600).contains(status)),
    })
}

/// The contract functions that a component exports.
pub(crate) struct Exports {
    pub(crate) handle: Option<ComponentExportIndex>,
    pub(crate) on_load: Option<ComponentExportIndex>,
    pub(crate) save_state: Option<ComponentExportIndex>,
    pub(crate) on_reload: Option<ComponentExportIndex>,
    pub(crate) on_unload: Option<ComponentExportIndex>,
    pub(crate) on_event: Option<ComponentExportIndex>,
    pub(crate) health: Option<ComponentExportIndex>,
    /// `wasi:cli/run`, for legacy plugins.
    pub(crate) run: Option<ComponentExportIndex>,
    /// `wasi:http/incoming-handler`.
    pub(crate) incoming_handler: Option<ComponentExportIndex>,
}

impl Exports {
    pub(crate) fn find(engine: &Engine, component: &Component) -> Self {
        let find = |interface, function| find(engine, component, interface, function);
        Exports {
            handle: find("plugbay:plugin/actions@0.2", "handle"),
            on_load: find("plugbay:plugin/lifecycle@0.2", "on-load"),
            save_state: find("plugbay:plugin/lifecycle@0.2", "save-state"),
            on_reload: find("plugbay:plugin/lifecycle@0.2", "on-reload"),
            on_unload: find("plugbay:plugin/lifecycle@0.2", "on-unload"),
            on_event: find("plugbay:plugin/event-handler@0.2", "on-event"),
            health: find("plugbay:plugin/health@0.2", "check"),
            run: find("wasi:cli/run@0.2", "run"),
            incoming_handler: find("wasi:http/incoming-handler@0.2", "handle"),
        }
    }
}

impl Exports {
    /// Checks that every export of the contract has the type that the host calls.
    ///
    /// # Errors
    /// The name of the first export of another type.
    pub(crate) fn check_types<T: Send>(&self, instance: &Instance, store: &mut Store<T>) -> Result<(), String> {
        fn check<P, R>(
            name: &str,
            export: Option<&ComponentExportIndex>,
            instance: &Instance,
            store: &mut Store<impl Send>,
        ) -> Result<(), String>
        where
            P: ComponentNamedList + Lower,
            R: ComponentNamedList + Lift,
        {
            let Some(export) = export else { return Ok(()) };
            match instance.get_typed_func::<P, R>(store, export) {
                Ok(_) => Ok(()),
                Err(error) => Err(format!("its export `{name}` is not what the contract says: {error:#}")),
            }
        }
        check::<HandleParams, Answer<String>>("actions.handle", self.handle.as_ref(), instance, store)?;
        check::<(), Answer<()>>("lifecycle.on-load", self.on_load.as_ref(), instance, store)?;
        check::<(), Answer<Option<SavedState>>>("lifecycle.save-state", self.save_state.as_ref(), instance, store)?;
        check::<ReloadParams, Answer<()>>("lifecycle.on-reload", self.on_reload.as_ref(), instance, store)?;
        check::<(), ()>("lifecycle.on-unload", self.on_unload.as_ref(), instance, store)?;
        check::<EventParams, Answer<()>>("event-handler.on-event", self.on_event.as_ref(), instance, store)?;
        check::<(), Answer<String>>("health.check", self.health.as_ref(), instance, store)?;
        let incoming_handler = self.incoming_handler.as_ref();
        check::<IncomingParams, ()>("wasi:http/incoming-handler.handle", incoming_handler, instance, store)?;
        check::<(), (Result<(), ()>,)>("wasi:cli/run", self.run.as_ref(), instance, store)
    }
}

/// Finds a function of an exported interface of this `package/interface@major.minor`, with any patch version.
fn find(engine: &Engine, component: &Component, interface: &str, function: &str) -> Option<ComponentExportIndex> {
    let ty = component.component_type();
    let (name, _) = ty.exports(engine).find(|(name, export)| {
        matches!(export.ty, ComponentItem::ComponentInstance(_))
            && name.strip_prefix(interface).is_some_and(|patch| patch.starts_with('.'))
    })?;
    let instance = component.get_export_index(None, name)?;
    component.get_export_index(Some(&instance), function)
}
