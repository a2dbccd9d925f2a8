//! Routes of plugins: requests to them, and their outcomes.

use std::sync::Arc;
use std::time::Duration;

use plugbay_manifest::Route;
use serde::Serialize;

use super::exchange::CallContext;
use super::{HttpRequest, Outcome};

/// A request to a route of a plugin. See [`Runtime::handle_route`](crate::Runtime::handle_route).
#[derive(Debug, Clone)]
pub struct RouteCall {
    pub(crate) request_id: Option<String>,
    pub(crate) timeout: Option<Duration>,
    pub(crate) context: Arc<CallContext>,
}

impl RouteCall {
    /// Creates a call. The request's path is that of the URL below the plugin's mount point, still percent-encoded and
    /// without the query. The plugin sees it decoded. The route's template and parameters, and the result of a previous
    /// action, are set by the runtime.
    pub fn new(request: HttpRequest) -> Self {
        let context = CallContext { request: Some(request), ..CallContext::default() };
        RouteCall { request_id: None, timeout: None, context: Arc::new(context) }
    }

    /// Sets the id under which the call is logged. Default: a number for each action, unique in this process.
    #[must_use]
    pub fn request_id(mut self, id: impl Into<String>) -> Self {
        self.request_id = Some(id.into());
        self
    }

    /// Sets the id that this call shares with the calls and events that it leads to. Default: the request id.
    #[must_use]
    pub fn correlation_id(mut self, id: impl Into<String>) -> Self {
        self.context().correlation_id = Some(id.into());
        self
    }

    /// Sets the authenticated identity behind the call, and its scopes for the plugin. Default: none.
    #[must_use]
    pub fn identity(
        mut self,
        identity: impl Into<String>,
        scopes: impl IntoIterator<Item = impl Into<String>>,
    ) -> Self {
        self.context().set_identity(identity, scopes);
        self
    }

    /// Sets a deadline for all actions of the route together. The plugin's own applies to each action. Default: none.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// The identity behind the call, and its scopes.
    pub(crate) fn caller(&self) -> (Option<String>, Vec<String>) {
        (self.context.identity.clone(), self.context.scopes.clone())
    }

    pub(crate) fn context(&mut self) -> &mut CallContext {
        Arc::make_mut(&mut self.context)
    }

    /// The request, which every route call has.
    pub(crate) fn request(&mut self) -> &mut HttpRequest {
        self.context().request.get_or_insert_default()
    }
}

impl From<HttpRequest> for RouteCall {
    fn from(request: HttpRequest) -> Self {
        RouteCall::new(request)
    }
}

/// The answer of a route.
#[derive(Debug, Clone)]
pub struct RouteOutcome {
    pub(crate) route: Arc<str>,
    pub(crate) outcome: Outcome,
}

impl RouteOutcome {
    /// Returns the path template of the route that answered, such as `/items/{id}`.
    pub fn route(&self) -> &str {
        &self.route
    }

    /// Returns the outcome of the route's last action.
    pub fn outcome(&self) -> &Outcome {
        &self.outcome
    }

    /// Returns the outcome of the route's last action.
    pub fn into_outcome(self) -> Outcome {
        self.outcome
    }
}

/// The routes of one plugin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct PluginRoutes {
    /// The plugin's name.
    pub plugin: String,
    /// Its routes, in the order of its manifest.
    pub routes: Vec<Route>,
    /// Whether its component answers the other paths by a handler of its own, `wasi:http/incoming-handler`.
    pub handler: bool,
}
