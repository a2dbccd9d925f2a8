//! The server of tools, as the crate `rmcp` drives it: lists tools, calls them, and reports changes of the list.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use http::request::Parts;
use parking_lot::Mutex;
use plugbay::Runtime;
use plugbay::manifest::ToolPattern;
use plugbay::tool::ToolResult;
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, Extensions, Implementation, ListToolsResult, PaginatedRequestParams,
    ProtocolVersion, ServerCapabilities, ServerConfig, SubscriptionFilter,
};
use rmcp::service::{NotificationContext, RequestContext, SubscriptionContext};
use rmcp::{ErrorData, RoleServer, ServerHandler, ServiceExt};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

use super::changes;
use super::tool::{self, ExposedTool};
use crate::access::{Scope, ScopeKind};
use crate::{Identity, RequestId, ServerState};

/// The most tools in one page of the list.
const PAGE_MAX: usize = 200;
/// The most calls of tools at once.
const CALLS_MAX: usize = 256;
/// The most clients that listen for changes at once, those with sessions included.
const LISTENERS_MAX: usize = 256;
/// How long a client may listen before it has to ask again, so that a token that was revoked does not listen on.
const LISTEN_MAX: Duration = Duration::from_secs(15 * 60);

/// The standard streams of this process. On Linux, pipes are read without a thread that blocks.
pub fn standard_streams() -> (impl AsyncRead + Send + Unpin + 'static, impl AsyncWrite + Send + Unpin + 'static) {
    rmcp::transport::stdio_pipes()
}

/// A server of tools. Each session has one of its own; all share the limits.
pub struct ToolServer {
    shared: Arc<Shared>,
    /// The caller of all requests of a stream. `None` if each request has its own.
    identity: Option<Identity>,
    /// The task that reports changes to the client of a session. It ends with the session.
    reports: Mutex<JoinSet<()>>,
}

pub(super) struct Shared {
    pub(super) runtime: Runtime,
    server: ServerState,
    exposed: Vec<ToolPattern>,
    calls: Arc<Semaphore>,
    listeners: Arc<Semaphore>,
    changes: OnceLock<watch::Receiver<u64>>,
}

impl Shared {
    /// The tools of plugins that take calls, by name.
    fn tools(&self) -> BTreeMap<String, ExposedTool> {
        let plugins = self.runtime.plugins().into_iter().filter(|plugin| plugin.state().takes_calls());
        let tools = plugins.flat_map(|plugin| tool::of_plugin(&plugin, &self.exposed));
        tools.map(|exposed| (exposed.tool.name.clone(), exposed)).collect()
    }

    fn find(&self, name: &str) -> Option<ExposedTool> {
        let (plugin, _) = name.split_once('.')?;
        let plugin = self.runtime.plugin(plugin).filter(|plugin| plugin.state().takes_calls())?;
        tool::of_plugin(&plugin, &self.exposed).into_iter().find(|exposed| exposed.tool.name == name)
    }

    /// A number that differs if the list of tools does.
    pub(super) fn fingerprint(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        for exposed in self.tools().values() {
            serde_json::to_string(&exposed.tool).unwrap_or_default().hash(&mut hasher);
        }
        hasher.finish()
    }
}

impl ToolServer {
    /// Creates a server of the actions that the settings expose. Each request has an identity of its own.
    pub fn new(server: &ServerState) -> Self {
        ToolServer::exposing(server, server.settings().exposed.clone())
    }

    /// Creates a server of the actions that match these patterns.
    pub fn exposing(server: &ServerState, exposed: Vec<ToolPattern>) -> Self {
        let shared = Shared {
            runtime: server.runtime().clone(),
            server: server.clone(),
            exposed,
            calls: Arc::new(Semaphore::new(CALLS_MAX)),
            listeners: Arc::new(Semaphore::new(LISTENERS_MAX)),
            changes: OnceLock::new(),
        };
        ToolServer { shared: Arc::new(shared), identity: None, reports: Mutex::default() }
    }

    /// A server for another session, which shares the limits of this one.
    pub(super) fn session(&self) -> Self {
        ToolServer { shared: self.shared.clone(), identity: self.identity.clone(), reports: Mutex::default() }
    }

    /// Sets the caller of all requests, for a stream that belongs to one.
    #[must_use]
    pub fn identity(mut self, identity: Identity) -> Self {
        self.identity = Some(identity);
        self
    }

    /// Sets the caller of all requests to the user of this process, who may call everything.
    #[must_use]
    pub fn local_identity(self) -> Self {
        #[cfg(unix)]
        let name = format!("user {}", rustix::process::geteuid().as_raw());
        #[cfg(not(unix))]
        let name = "local user";
        self.identity(Identity::new(name, [Scope::all(ScopeKind::Manage)]))
    }

    /// Serves one client whose messages are lines of a stream, until the client or the server ends it. The server waits
    /// for the calls that run.
    pub async fn serve_stream(
        self,
        reader: impl AsyncRead + Send + Unpin + 'static,
        writer: impl AsyncWrite + Send + Unpin + 'static,
    ) {
        let shared = self.shared.clone();
        let starting = self.serve((reader, writer));
        let running = tokio::select! {
            running = starting => match running {
                Ok(running) => running,
                Err(error) => return tracing::debug!("a client of tools ended: {error}"),
            },
            () = shared.server.closed() => return,
        };
        let cancellation = running.cancellation_token();
        let mut ended = std::pin::pin!(running.waiting());
        tokio::select! {
            _ = &mut ended => return,
            () = shared.server.closed() => {}
        }
        shared.drained().await;
        cancellation.cancel();
        let _ = ended.await;
    }

    /// The caller of a request, and its ids.
    fn caller(&self, extensions: &Extensions) -> (Option<Identity>, Option<RequestId>) {
        let parts = extensions.get::<Parts>();
        let of_request = parts.and_then(|parts| parts.extensions.get::<Identity>()).cloned();
        let id = parts.and_then(|parts| parts.extensions.get::<RequestId>()).cloned();
        (self.identity.clone().or(of_request), id)
    }

    /// The number of the list, which grows with each change.
    fn changes(&self) -> watch::Receiver<u64> {
        self.shared.changes.get_or_init(|| changes::follow(&self.shared)).clone()
    }

    async fn call(
        &self,
        exposed: ExposedTool,
        request: CallToolRequestParams,
        context: &RequestContext<RoleServer>,
    ) -> ToolResult {
        let ExposedTool { tool, plugin } = exposed;
        let (identity, id) = self.caller(&context.extensions);
        let name = plugin.name();
        if let Some(Err(refusal)) = identity.as_ref().map(|identity| identity.require(ScopeKind::Call, Some(&name))) {
            return ToolResult::failure(refusal.code(), &refusal.to_string());
        }
        let Ok(_permit) = self.shared.calls.clone().try_acquire_owned() else {
            return ToolResult::failure("busy", "the server already calls its maximum of tools: try again");
        };
        let settings = self.shared.server.settings();
        let mut invocation = tool.invocation(request.arguments.unwrap_or_default()).timeout(settings.request_timeout);
        if let Some((consumer, identity)) = identity.as_ref().and_then(|known| Some((known.consumer()?, known))) {
            invocation = invocation.identity(consumer, identity.scopes_for(&name));
        }
        if let Some(id) = &id {
            invocation = invocation.request_id(id.id()).correlation_id(id.trace_id());
        }
        let called = plugin.invoke(invocation).await;
        let outcome = called.as_ref().map_or_else(|error| error.code(), |_| "ok");
        let caller = identity.as_ref().and_then(Identity::consumer).unwrap_or("anonymous");
        tracing::info!(target: "plugbay::access", tool = &*tool.name, caller, outcome, "a tool was called");
        let mut result = tool.result(called.as_ref(), settings.development);
        // The older revisions have structured content for objects alone. A text is in the content as it is.
        let takes_any_value =
            context.protocol_version().is_some_and(|version| version >= ProtocolVersion::V_2026_07_28);
        if !takes_any_value {
            result.structured_content = result.structured_content.filter(|value| !value.is_string());
        }
        result
    }
}

impl Shared {
    /// Waits until no call runs.
    async fn drained(&self) {
        // The semaphore is never closed.
        let _ = self.calls.acquire_many(CALLS_MAX as u32).await;
    }
}

impl ServerHandler for ToolServer {
    fn get_info(&self) -> ServerConfig {
        let capabilities = ServerCapabilities::builder().enable_tools().enable_tool_list_changed().build();
        let about = "Each tool is an action of a plugin, which runs in a sandbox with the permissions that the operator granted.";
        let mut info = ServerConfig::new(capabilities).with_instructions(about);
        info.server_info = Implementation::new("plugbay", env!("CARGO_PKG_VERSION"));
        info
    }

    /// The tools that the caller may call, in the order of their names, a page at a time.
    async fn list_tools(
        &self,
        request: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        let (identity, _) = self.caller(&context.extensions);
        let may_call = |exposed: &ExposedTool| {
            identity.as_ref().is_none_or(|identity| identity.may(ScopeKind::Call, Some(&exposed.plugin.name())))
        };
        let after = request.and_then(|request| request.cursor).unwrap_or_default();
        let tools = self.shared.tools().into_iter().filter(|(name, exposed)| *name > after && may_call(exposed));
        let mut tools: Vec<_> = tools.map(|(_, exposed)| tool::listed(exposed.tool)).take(PAGE_MAX + 1).collect();
        let has_more = tools.len() > PAGE_MAX;
        tools.truncate(PAGE_MAX);
        let next_cursor = tools.last().filter(|_| has_more).map(|tool| tool.name.to_string());
        let mut page = ListToolsResult::with_all_items(tools);
        page.next_cursor = next_cursor;
        Ok(page)
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let Some(exposed) = self.shared.find(&request.name) else {
            let name = request.name.chars().take(200).collect::<String>();
            let message = format!("there is no tool `{}`: list the tools again", name.escape_debug());
            return Err(ErrorData::invalid_params(message, None));
        };
        let cancelled = context.ct.clone();
        tokio::select! {
            called = self.call(exposed, request, &context) => Ok(tool::answered(called).into()),
            () = cancelled.cancelled() => Err(ErrorData::internal_error("the call was cancelled", None)),
        }
    }

    /// Arguments of tools are in bodies alone, so no tool is looked up for its headers.
    fn get_tool(&self, _: &str) -> Option<rmcp::model::Tool> {
        None
    }

    /// Reports changes to a client of the older revisions, which has a session.
    async fn on_initialized(&self, context: NotificationContext<RoleServer>) {
        let Ok(place) = self.shared.listeners.clone().try_acquire_owned() else { return };
        let mut changes = self.changes();
        let peer = context.peer;
        let mut reports = self.reports.lock();
        // A client that says so twice is reported to once.
        if !reports.is_empty() {
            return;
        }
        reports.spawn(async move {
            changes.mark_unchanged();
            while changes.changed().await.is_ok() && peer.notify_tool_list_changed().await.is_ok() {}
            drop(place);
        });
    }

    fn accepted_subscription_filter(&self, _: &SubscriptionFilter) -> Option<SubscriptionFilter> {
        Some(SubscriptionFilter::builder().tools_list_changed().build())
    }

    /// Reports changes to a client of the stateless revision.
    async fn listen(&self, context: SubscriptionContext) -> Result<(), ErrorData> {
        let Ok(_place) = self.shared.listeners.clone().try_acquire_owned() else {
            return Err(ErrorData::internal_error("the server already has its maximum of listening clients", None));
        };
        let mut changes = self.changes();
        changes.mark_unchanged();
        let reported = async {
            while changes.changed().await.is_ok() && context.sink().notify_tool_list_changed().await.is_ok() {}
        };
        tokio::select! {
            () = context.cancelled() => {}
            () = self.shared.server.closed() => {}
            () = tokio::time::sleep(LISTEN_MAX) => {}
            () = reported => {}
        }
        Ok(())
    }
}

impl std::fmt::Debug for ToolServer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ToolServer").field("exposed", &self.shared.exposed).finish_non_exhaustive()
    }
}
