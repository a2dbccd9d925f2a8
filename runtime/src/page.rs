//! Pages of plugins, as applications see them: which there are, and what opening one, running its loaders and running
//! an action of it result in.
//!
//! A page is data that a renderer shows. Everything that it fetches or changes is a request to a route of its plugin,
//! made by the runtime on behalf of the person who looks at it. Results serialize as renderers receive them.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use plugbay_manifest::page::{Frontend, Page, PageAction, PageLoader, PageMeta};
use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::error::{PayloadProblem, RouteError};
use crate::invocation::{HttpRequest, RouteCall};

/// What a person asks of a page: its path, and what the renderer knows.
#[derive(Debug, Clone)]
pub struct PageCall {
    pub(crate) path: String,
    pub(crate) state: Map<String, Value>,
    pub(crate) global_state: Map<String, Value>,
    pub(crate) payload: Value,
    pub(crate) full_errors: bool,
    pub(crate) skipped: Vec<String>,
    pub(crate) known: Option<BTreeMap<String, String>>,
    pub(crate) is_poll: bool,
    pub(crate) is_after_event: bool,
    call: RouteCall,
}

impl PageCall {
    /// Creates a call for the page with this path below the plugin's pages, percent-encoded. The slash at its beginning
    /// may be left out.
    pub fn new(path: impl Into<String>) -> Self {
        PageCall {
            path: path.into(),
            state: Map::new(),
            global_state: Map::new(),
            payload: Value::Null,
            full_errors: false,
            skipped: Vec::new(),
            known: None,
            is_poll: false,
            is_after_event: false,
            call: RouteCall::new(HttpRequest::default()),
        }
    }

    /// Sets the state of the page, which lies over its initial state. Default: empty.
    #[must_use]
    pub fn state(mut self, state: Map<String, Value>) -> Self {
        self.state = state;
        self
    }

    /// Sets the state that all pages of the plugin share, which lies over the initial one. Default: empty.
    #[must_use]
    pub fn global_state(mut self, state: Map<String, Value>) -> Self {
        self.global_state = state;
        self
    }

    /// Leaves out loaders when the page opens, whose results the renderer has. Default: none.
    #[must_use]
    pub fn skip_loaders(mut self, ids: Vec<String>) -> Self {
        self.skipped = ids;
        self
    }

    /// Sets the tags of the results that the renderer has, by the ids of their loaders. A loader whose answer is still
    /// the same has a result without data. Default: none, and results have no tags.
    #[must_use]
    pub fn known_results(mut self, tags: BTreeMap<String, String>) -> Self {
        self.known = Some(tags);
        self
    }

    /// Says that no person or event caused this run of loaders: the renderer asks at intervals. A loader with polling
    /// and the method GET may then have a result that another call got at most half its interval before, unless an
    /// action of a page has run since. Results are shared among callers with one identity and the same scopes, or among
    /// all if the plugin does not import `plugbay:plugin/invocation`. Calls with a [timeout](Self::timeout) share none.
    /// Default: `false`.
    #[must_use]
    pub fn poll(mut self, is_poll: bool) -> Self {
        self.is_poll = is_poll;
        self
    }

    /// Says that an event caused this run of loaders. A loader with the method GET that follows events may then have
    /// the result of another call whose run began after this one, so that an event that many renderers receive is a few
    /// calls of the plugin; the second may wait up to 100 ms for others. Results are shared as by [`poll`](Self::poll).
    /// Default: `false`.
    #[must_use]
    pub fn after_event(mut self, is_after_event: bool) -> Self {
        self.is_after_event = is_after_event;
        self
    }

    /// Sets the payload of an action. Default: null.
    #[must_use]
    pub fn payload(mut self, payload: Value) -> Self {
        self.payload = payload;
        self
    }

    /// Sets the authenticated identity behind the calls, and its scopes for the plugin. Default: none.
    #[must_use]
    pub fn identity(
        mut self,
        identity: impl Into<String>,
        scopes: impl IntoIterator<Item = impl Into<String>>,
    ) -> Self {
        self.call = self.call.identity(identity, scopes);
        self
    }

    /// Sets the id under which the calls are logged. Default: a number for each call, unique in this process.
    #[must_use]
    pub fn request_id(mut self, id: impl Into<String>) -> Self {
        self.call = self.call.request_id(id);
        self
    }

    /// Sets the id that the calls share with those that they lead to. Default: the request id.
    #[must_use]
    pub fn correlation_id(mut self, id: impl Into<String>) -> Self {
        self.call = self.call.correlation_id(id);
        self
    }

    /// Sets a deadline for each call. The plugin's own applies too. Default: none.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.call = self.call.timeout(timeout);
        self
    }

    /// Puts the full texts of errors into results, as developers need them, instead of those for outsiders. Default:
    /// those for outsiders.
    #[must_use]
    pub fn full_errors(mut self, full: bool) -> Self {
        self.full_errors = full;
        self
    }

    /// The identity behind the calls, and its scopes.
    pub(crate) fn caller(&self) -> (Option<String>, Vec<String>) {
        self.call.caller()
    }

    pub(crate) fn has_timeout(&self) -> bool {
        self.call.timeout.is_some()
    }

    /// The call of one request.
    pub(crate) fn route_call(&self, request: HttpRequest) -> RouteCall {
        let mut call = self.call.clone();
        *call.request() = request;
        call
    }
}

/// A page that was found by its path.
#[derive(Debug, Clone)]
pub struct FoundPage {
    pub(crate) frontend: Arc<Frontend>,
    pub(crate) index: usize,
    pub(crate) params: Map<String, Value>,
}

impl FoundPage {
    /// Returns the page.
    pub fn page(&self) -> &Page {
        &self.frontend.pages[self.index]
    }

    /// Returns what all pages of the plugin share.
    pub fn frontend(&self) -> &Frontend {
        &self.frontend
    }

    /// Returns the values of the parameters in the page's path.
    pub fn params(&self) -> &Map<String, Value> {
        &self.params
    }

    /// Returns the page's loaders, those of all pages first. Of those with the same id, the first is used.
    pub fn loaders(&self) -> impl Iterator<Item = &PageLoader> {
        let shared = &self.frontend.loaders;
        let own = self.page().loaders.iter().filter(|own| !shared.iter().any(|loader| loader.id == own.id));
        shared.iter().chain(own)
    }

    /// Returns the page's actions, those of all pages first. Of those with the same id, the first is used.
    pub fn actions(&self) -> impl Iterator<Item = &PageAction> {
        let shared = &self.frontend.actions;
        let own = self.page().actions.iter().filter(|own| !shared.iter().any(|action| action.id == own.id));
        shared.iter().chain(own)
    }

    /// Returns the page's action with an id.
    ///
    /// # Errors
    /// [`PageError::UnknownAction`] if it has none.
    pub fn action(&self, id: &str) -> Result<&PageAction, PageError> {
        self.actions().find(|action| action.id == id).ok_or_else(|| PageError::UnknownAction {
            id: id.to_owned(),
            available: self.actions().map(|action| action.id.clone()).collect(),
        })
    }
}

/// The pages of one plugin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct PluginPages {
    /// The plugin's name.
    pub plugin: String,
    /// Its title, or its name.
    pub title: String,
    /// The pages, in the order of the manifest.
    pub pages: Vec<PageRoute>,
}

/// The path of a page, and its entry in the navigation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct PageRoute {
    /// The path below the plugin's pages, with parameters as `{name}`.
    pub path: String,
    /// The entry.
    pub meta: PageMeta,
}

/// An entry of the navigation of a host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct NavigationItem {
    /// The plugin's name.
    pub plugin_id: String,
    /// The plugin's title, or its name.
    pub plugin_name: String,
    /// The page's path: `/p/{plugin}/{path}`.
    pub path: String,
    /// The page's title, or that of the plugin.
    pub title: String,
    /// The name of an icon.
    pub icon: Option<String>,
    /// The position; smaller numbers come first.
    pub order: i32,
}

/// The parts of a page that are the same for all callers, as JSON.
#[derive(Debug)]
pub(crate) struct PageParts {
    pub(crate) plugin: Box<RawValue>,
    pub(crate) route: Box<RawValue>,
    pub(crate) template: Box<RawValue>,
    pub(crate) fragments: Box<RawValue>,
    pub(crate) loaders: Box<RawValue>,
    pub(crate) actions: Box<RawValue>,
    pub(crate) global_state: Box<RawValue>,
}

/// A page that was opened, with the results of its loaders. It serializes as the document that renderers receive.
#[derive(Debug, Clone)]
pub struct OpenedPage {
    pub(crate) parts: Arc<PageParts>,
    pub(crate) path: String,
    pub(crate) params: Map<String, Value>,
    pub(crate) initial_data: InitialData,
}

impl Serialize for OpenedPage {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let PageParts { plugin, route, template, fragments, loaders, actions, global_state } = &*self.parts;
        let mut document = serializer.serialize_struct("OpenedPage", 10)?;
        document.serialize_field("plugin", plugin)?;
        document.serialize_field("route", route)?;
        document.serialize_field("path", &self.path)?;
        document.serialize_field("params", &self.params)?;
        document.serialize_field("template", template)?;
        document.serialize_field("fragments", fragments)?;
        document.serialize_field("loaders", loaders)?;
        document.serialize_field("actions", actions)?;
        document.serialize_field("globalState", global_state)?;
        document.serialize_field("initialData", &self.initial_data)?;
        document.end()
    }
}

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct InitialData {
    pub(crate) state: Map<String, Value>,
    pub(crate) data: Map<String, Value>,
    pub(crate) loader_results: Vec<LoaderResult>,
}

impl OpenedPage {
    /// Returns the values of the parameters in the page's path.
    pub fn params(&self) -> &Map<String, Value> {
        &self.params
    }

    /// Returns the state: the initial values, those of the caller, and the results of loaders with a state key. Values
    /// that the renderer computes are not part of it.
    pub fn state(&self) -> &Map<String, Value> {
        &self.initial_data.state
    }

    /// Returns the results of loaders by their data keys.
    pub fn data(&self) -> &Map<String, Value> {
        &self.initial_data.data
    }

    /// Returns the results of the loaders, in their order.
    pub fn loader_results(&self) -> &[LoaderResult] {
        &self.initial_data.loader_results
    }
}

/// The result of a loader.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct LoaderResult {
    /// The loader.
    pub loader_id: String,
    /// Whether the route answered.
    pub success: bool,
    /// The answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data: Option<Value>,
    /// The tag of the answer, if the call names those of known results.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tag: Option<String>,
    /// Whether the renderer has this answer already, so that there is no `data`.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub unchanged: bool,
    /// The reason why there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<PageCallError>,
    /// The key of the page's state for the answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state_key: Option<String>,
    /// The key of the page's data for the answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data_key: Option<String>,
    /// When it was loaded, in milliseconds since 1970.
    pub loaded_at: u64,
}

/// The result of an action of a page.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct ActionResult {
    /// The action.
    pub action_id: String,
    /// Whether it succeeded.
    pub success: bool,
    /// The answer of the route. Other types of actions run in the renderer: the data is what they need.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data: Option<Value>,
    /// The reason why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<PageCallError>,
    /// When it ran, in milliseconds since 1970.
    pub executed_at: u64,
}

/// The reason why a loader or an action failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct PageCallError {
    /// A stable code: that of the route's error, `missing_value` if a value in its path is empty, or `http_status` if
    /// the route answered with a status of 400 or more.
    pub code: String,
    /// What happened.
    pub message: String,
    /// The values of the payload that do not fit, if the error names any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub details: Option<PageCallDetails>,
}

/// What a renderer shows of an error beside its message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct PageCallDetails {
    /// One entry for each value that does not fit.
    pub problems: Vec<PayloadProblem>,
}

impl PageCallError {
    pub(crate) fn new(code: impl Into<String>, message: impl Into<String>) -> Self {
        PageCallError { code: code.into(), message: message.into(), details: None }
    }

    pub(crate) fn of(error: &RouteError, full: bool) -> Self {
        let message = if full { error.to_string() } else { error.public().into_owned() };
        let problems = error.problems();
        let details = (!problems.is_empty()).then_some(PageCallDetails { problems });
        PageCallError { details, ..PageCallError::new(error.code(), message) }
    }
}

/// The reason why a page cannot be opened or asked.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum PageError {
    /// No plugin of this name is loaded, or it is disabled or has failed.
    UnknownPlugin {
        /// The plugin.
        plugin: String,
    },
    /// The plugin has no page with this path.
    UnknownPage {
        /// The plugin.
        plugin: String,
        /// The path.
        path: String,
        /// The paths of its pages.
        available: Vec<String>,
    },
    /// The page has no loader with this id.
    UnknownLoader {
        /// The loader.
        id: String,
        /// The page's loaders.
        available: Vec<String>,
    },
    /// The page has no action with this id.
    UnknownAction {
        /// The action.
        id: String,
        /// The page's actions.
        available: Vec<String>,
    },
}

impl PageError {
    /// Returns the stable name of this kind of error.
    pub fn code(&self) -> &'static str {
        match self {
            PageError::UnknownPlugin { .. } => "unknown_plugin",
            PageError::UnknownPage { .. } => "unknown_page",
            PageError::UnknownLoader { .. } => "unknown_loader",
            PageError::UnknownAction { .. } => "unknown_action",
        }
    }
}

impl fmt::Display for PageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |names: &[String]| if names.is_empty() { "none".to_owned() } else { names.join(", ") };
        match self {
            PageError::UnknownPlugin { plugin } => write!(f, "no plugin `{plugin}` is loaded"),
            PageError::UnknownPage { plugin, path, available } => {
                write!(f, "plugin `{plugin}` has no page `{path}`; its pages are: {}", list(available))
            }
            PageError::UnknownLoader { id, available } => {
                write!(f, "the page has no loader `{id}`; its loaders are: {}", list(available))
            }
            PageError::UnknownAction { id, available } => {
                write!(f, "the page has no action `{id}`; its actions are: {}", list(available))
            }
        }
    }
}

impl std::error::Error for PageError {}
