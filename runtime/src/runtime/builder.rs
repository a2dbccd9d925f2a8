//! The settings of a runtime, and its construction from them.
//!
//! Every setting has a safe default, so an application names only what it changes. Nothing is created before
//! [`RuntimeBuilder::build`], and nothing here loads a plugin.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use parking_lot::Mutex;
use plugbay_compile::{CodeCache, CompileIsolation, CompileLimits, Compiler, Engines, Metering, is_worker};

use super::audit_events::AuditEvents;
use super::log_events::LogEvents;
use super::{Runtime, Shared};
use crate::admission::rate::{MemoryRates, RateCounters};
use crate::audit::catch_panic::CatchPanic;
use crate::audit::{Audit, AuditSink, TracingAudit};
use crate::capability::{LivePolicy, Policy};
use crate::clock::{Clock, SystemClock};
use crate::error::BuildError;
use crate::event::{EventBus, EventStore, SqliteEvents};
use crate::host::extension::{AnyExtension, Extension, Extensions};
use crate::lifecycle::RestartPolicy;
use crate::limits::{HTTP_TIMEOUT, HTTP_TIMEOUT_MAX, LIVE_INSTANCES_DEFAULT};
use crate::plugin::check::Operator;
use crate::plugin::link::Linkers;
use crate::plugin::registry::Registry;
use crate::plugin_limits::{Ceilings, Limits};
use crate::service::api::ApiAccess;
use crate::service::cache::{CacheStoreProvider, MemoryCache};
use crate::service::config::ConfigMemory;
use crate::service::data::{DataStoreProvider, MemoryData, SqliteData};
use crate::service::db::{SqlStoreProvider, SqliteDatabases};
use crate::service::http::{HttpResolver, HttpResponder, Network, TraceParent};
use crate::service::jobs::{JobStoreProvider, SqliteJobs};
use crate::service::log::{LogSink, TracingSink, below};
use crate::service::processes::{ProcessControl, Processes};
use crate::trigger::event;

/// The headers of HTTP requests that plugins see by default.
const REQUEST_HEADERS: [&str; 8] = [
    "accept",
    "accept-language",
    "content-type",
    "if-match",
    "if-modified-since",
    "if-none-match",
    "range",
    "user-agent",
];

/// Location of the cache of compiled code, which outlives the process.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub enum CodeCacheLocation {
    /// `$XDG_CACHE_HOME/plugbay`, or `~/.cache/plugbay`. If the user has no home directory, nothing is cached.
    #[default]
    UserDirectory,
    /// This directory. It is created if missing, and must belong to this user alone.
    Directory(PathBuf),
    /// No cache: each process compiles anew.
    Off,
}

/// Settings of a [`Runtime`]. The defaults suit a host of untrusted plugins.
#[derive(Clone)]
pub struct RuntimeBuilder {
    live_instances: u32,
    code_cache: CodeCacheLocation,
    compile_isolation: CompileIsolation,
    compile_limits: CompileLimits,
    policy: Policy,
    trusted: BTreeSet<String>,
    limits: Limits,
    ceilings: Ceilings,
    environment: Option<String>,
    data_dir: Option<PathBuf>,
    data_store: Option<Arc<dyn DataStoreProvider>>,
    cache_store: Option<Arc<dyn CacheStoreProvider>>,
    request_headers: Vec<String>,
    processes: Option<Arc<dyn ProcessControl>>,
    api: Option<Arc<dyn ApiAccess>>,
    rate_counters: Option<Arc<dyn RateCounters>>,
    log_sink: Arc<dyn LogSink>,
    log_parents: Vec<String>,
    audit_sink: Arc<dyn AuditSink>,
    clock: Arc<dyn Clock>,
    run_jobs: bool,
    restarts: RestartPolicy,
    job_store: Option<Arc<dyn JobStoreProvider>>,
    sql_store: Option<Arc<dyn SqlStoreProvider>>,
    event_store: Option<Arc<dyn EventStore>>,
    http_resolver: Option<Arc<dyn HttpResolver>>,
    http_responder: Option<Arc<dyn HttpResponder>>,
    trace_parent: Option<TraceParent>,
    http_root_certificates: Vec<Vec<u8>>,
    http_timeout: Duration,
    extensions: Vec<Arc<AnyExtension>>,
}

/// Shows the settings that are values. The others are the embedder's own code and may hold secrets.
impl std::fmt::Debug for RuntimeBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RuntimeBuilder")
            .field("live_instances", &self.live_instances)
            .field("code_cache", &self.code_cache)
            .field("compile_isolation", &self.compile_isolation)
            .field("compile_limits", &self.compile_limits)
            .field("policy", &self.policy)
            .field("trusted", &self.trusted)
            .field("limits", &self.limits)
            .field("ceilings", &self.ceilings)
            .field("environment", &self.environment)
            .field("data_dir", &self.data_dir)
            .field("run_jobs", &self.run_jobs)
            .field("restarts", &self.restarts)
            .finish_non_exhaustive()
    }
}

impl Default for RuntimeBuilder {
    fn default() -> Self {
        RuntimeBuilder {
            live_instances: LIVE_INSTANCES_DEFAULT,
            code_cache: CodeCacheLocation::default(),
            compile_isolation: CompileIsolation::InProcess,
            compile_limits: CompileLimits::default(),
            policy: Policy::default(),
            trusted: BTreeSet::new(),
            limits: Limits::default(),
            ceilings: Ceilings::default(),
            environment: None,
            data_dir: None,
            data_store: None,
            cache_store: None,
            request_headers: REQUEST_HEADERS.map(str::to_owned).to_vec(),
            processes: None,
            api: None,
            rate_counters: None,
            log_sink: Arc::new(TracingSink),
            log_parents: Vec::new(),
            audit_sink: Arc::new(TracingAudit),
            clock: Arc::new(SystemClock),
            run_jobs: true,
            restarts: RestartPolicy::default(),
            job_store: None,
            sql_store: None,
            event_store: None,
            http_resolver: None,
            http_responder: None,
            trace_parent: None,
            http_root_certificates: Vec::new(),
            http_timeout: HTTP_TIMEOUT,
            extensions: Vec::new(),
        }
    }
}

impl RuntimeBuilder {
    /// Sets the maximum number of live instances in this runtime. Default: 1,000. An idle plugin has one, a plugin with
    /// `resources.instances` up to that number, and a reload needs one more. A call that would exceed the maximum fails
    /// with `busy`.
    ///
    /// [`build`](Self::build) reserves a memory pool for them: 4 GiB of address space (not of memory) per instance, and
    /// an eighth more for instances with several memories. Each takes at most six mappings, of which Linux allows a
    /// process 65,530 unless `vm.max_map_count` is raised.
    ///
    /// If the address space does not suffice, as under `ulimit -v`, there is no pool: a warning is logged, and
    /// [`Runtime::has_memory_pool`] returns `false`. The same limits hold, but instantiation takes longer, and guests
    /// check the bounds of each memory access.
    #[must_use]
    pub fn live_instances(mut self, count: u32) -> Self {
        self.live_instances = count.max(1);
        self
    }

    /// Sets where compiled code is cached between processes. Default: the user's cache directory.
    #[must_use]
    pub fn code_cache(mut self, at: CodeCacheLocation) -> Self {
        self.code_cache = at;
        self
    }

    /// Sets whether components are compiled in this process or in a child process with a deadline and a memory limit.
    /// Default: in this process, where only the preceding scan bounds the cost of a component. A host that accepts
    /// uploads from strangers should use a child process, as [`WorkerCommand`](crate::compile::WorkerCommand) shows.
    #[must_use]
    pub fn compile_isolation(mut self, isolation: CompileIsolation) -> Self {
        self.compile_isolation = isolation;
        self
    }

    /// Sets the limits for compiling one component. Default: 60 s, and 2 GiB in a child process.
    #[must_use]
    pub fn compile_limits(mut self, limits: CompileLimits) -> Self {
        self.compile_limits = limits;
        self
    }

    /// Sets the operator's policy. Rules that let every plugin write its log and read its configuration are added at
    /// its end. Default: those rules alone.
    #[must_use]
    pub fn policy(mut self, policy: Policy) -> Self {
        self.policy = policy;
        self
    }

    /// Lets the plugin of this name run in trusted mode if its manifest asks for that. May be called repeatedly.
    /// Default: none. A plugin chooses its own name: unless the operator chose all packages that are loaded, use
    /// [`Package::trusted`](crate::Package::trusted) for the one package.
    #[must_use]
    pub fn trust(mut self, plugin: impl Into<String>) -> Self {
        self.trusted.insert(plugin.into());
        self
    }

    /// Sets the limits of plugins whose manifests do not ask for others. Default: [`Limits::default`].
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Sets the highest limits that a manifest can ask for. Default: [`Ceilings::default`].
    #[must_use]
    pub fn ceilings(mut self, ceilings: Ceilings) -> Self {
        self.ceilings = ceilings;
        self
    }

    /// Sets the environment whose `config/<environment>.yaml` overrides `config/default.yaml`. Default: none.
    #[must_use]
    pub fn environment(mut self, name: impl Into<String>) -> Self {
        self.environment = Some(name.into());
        self
    }

    /// Sets the directory in which services store plugins' data, one directory for each plugin. Default: none. Values
    /// of `data`, configuration and jobs are then held in memory until the process ends or [`Runtime::remove_data`]
    /// removes them; the SQL database of `db` is dropped when its plugin is unloaded. A service that has a backend of
    /// its own, such as [`data_store`](Self::data_store), stores nothing in the directory.
    #[must_use]
    pub fn data_dir(mut self, directory: impl Into<PathBuf>) -> Self {
        self.data_dir = Some(directory.into());
        self
    }

    /// Sets the backend that stores the values of `data`. Default: [`SqliteData`](crate::store::SqliteData) in the data
    /// directory, or [`MemoryData`](crate::store::MemoryData) without one.
    #[must_use]
    pub fn data_store(mut self, backend: impl DataStoreProvider) -> Self {
        self.data_store = Some(Arc::new(backend));
        self
    }

    /// Sets the backend that stores the values of `cache`. Default: a [`MemoryCache`](crate::store::MemoryCache) with
    /// the runtime's clock.
    #[must_use]
    pub fn cache_store(mut self, backend: impl CacheStoreProvider) -> Self {
        self.cache_store = Some(Arc::new(backend));
        self
    }

    /// Sets the backend that stores jobs. Default: [`SqliteJobs`](crate::store::SqliteJobs) in the data directory, or
    /// in memory without one.
    #[must_use]
    pub fn job_store(mut self, backend: impl JobStoreProvider) -> Self {
        self.job_store = Some(Arc::new(backend));
        self
    }

    /// Sets the backend of the SQL databases of `db`. Default: [`SqliteDatabases`](crate::store::SqliteDatabases) in
    /// the data directory, or in memory without one.
    #[must_use]
    pub fn sql_store(mut self, backend: impl SqlStoreProvider) -> Self {
        self.sql_store = Some(Arc::new(backend));
        self
    }

    /// Sets the backend that stores durable events and dead letters. Default:
    /// [`SqliteEvents`](crate::store::SqliteEvents) in the data directory, or in memory without one.
    #[must_use]
    pub fn event_store(mut self, backend: impl EventStore) -> Self {
        self.event_store = Some(Arc::new(backend));
        self
    }

    /// Sets the backend that counts calls against rate limits. Default: [`MemoryRates`](crate::store::MemoryRates),
    /// which counts the calls of this runtime.
    #[must_use]
    pub fn rate_counters(mut self, backend: impl RateCounters) -> Self {
        self.rate_counters = Some(Arc::new(backend));
        self
    }

    /// Sets the sink for log lines of plugins. Default: the `tracing` crate, target `plugbay::plugin`.
    #[must_use]
    pub fn log_sink(mut self, sink: impl LogSink + 'static) -> Self {
        self.log_sink = Arc::new(sink);
        self
    }

    /// Sets names that come before the targets of all plugins' log lines, with `:` between them, as in
    /// `app:plugins:auth`: they distinguish these lines in a common log. A line without a target gets the names alone.
    /// Default: none.
    #[must_use]
    pub fn log_parents(mut self, names: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.log_parents = names.into_iter().map(Into::into).collect();
        self
    }

    /// Sets the sink for denied accesses to host capabilities and, if the sink wants them, granted ones. Default: the
    /// `tracing` crate, target `plugbay::audit`.
    #[must_use]
    pub fn audit_sink(mut self, sink: impl AuditSink + 'static) -> Self {
        self.audit_sink = Arc::new(sink);
        self
    }

    /// Sets whether the jobs that plugins have scheduled are run while their plugin is loaded. Default: `true`. If
    /// `false`, jobs stay stored until another process runs them, or until [`Runtime::run_jobs`] is called.
    #[must_use]
    pub fn run_jobs(mut self, run: bool) -> Self {
        self.run_jobs = run;
        self
    }

    /// Sets when a plugin whose instances break again and again is restarted, and when it has failed. Default: after
    /// three restarts in a row, with a doubling delay; see [`RestartPolicy`].
    #[must_use]
    pub fn restarts(mut self, policy: RestartPolicy) -> Self {
        self.restarts = policy;
        self
    }

    /// Lets plugins see further headers of the HTTP requests that they answer
    /// ([`Invocation::http_request`](crate::Invocation::http_request)). Credentials and cookies are never visible.
    /// Default: `accept`, `accept-language`, `content-type`, `if-match`, `if-modified-since`, `if-none-match`, `range`
    /// and `user-agent`.
    #[must_use]
    pub fn request_headers(mut self, names: impl IntoIterator<Item = impl AsRef<str>>) -> Self {
        self.request_headers.extend(names.into_iter().map(|name| name.as_ref().to_ascii_lowercase()));
        self
    }

    /// Sets the processes that plugins with a permission see and control. Default: none, so that their use is
    /// `unavailable`.
    #[must_use]
    pub fn processes(mut self, processes: impl ProcessControl) -> Self {
        self.processes = Some(Arc::new(processes));
        self
    }

    /// Sets the server whose API plugins with a permission may use. Default: none, so that tokens for it are
    /// `unavailable`.
    #[must_use]
    pub fn api(mut self, api: impl ApiAccess) -> Self {
        self.api = Some(Arc::new(api));
        self
    }

    /// Sets the clock that guests see and that determines when cached values expire, jobs run and plugins restart.
    /// Default: the machine's.
    #[must_use]
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Sets the resolver of host names in outgoing HTTP requests. Default: the system's.
    #[must_use]
    pub fn http_resolver(mut self, resolver: impl HttpResolver) -> Self {
        self.http_resolver = Some(Arc::new(resolver));
        self
    }

    /// Answers outgoing HTTP requests in place of the network, for tests. Default: none; requests go to the network.
    #[must_use]
    pub fn http_responder(mut self, responder: impl HttpResponder) -> Self {
        self.http_responder = Some(Arc::new(responder));
        self
    }

    /// Sets what outgoing HTTP requests of plugins have as `traceparent` (W3C Trace Context), unless the plugin sets it
    /// itself. It is called in the `tracing` span of the request. Default: nothing.
    #[must_use]
    pub fn trace_parent(mut self, trace_parent: impl Fn() -> Option<String> + Send + Sync + 'static) -> Self {
        self.trace_parent = Some(Arc::new(trace_parent));
        self
    }

    /// Adds a root certificate (X.509, DER) that outgoing HTTPS requests trust besides Mozilla's, such as a company's.
    #[must_use]
    pub fn http_root_certificate(mut self, der: impl Into<Vec<u8>>) -> Self {
        self.http_root_certificates.push(der.into());
        self
    }

    /// Sets the time limit of an outgoing request, from its beginning to the end of its response's body. At most a day.
    /// The deadline of the plugin's call applies if it is sooner. Default: 60 s.
    #[must_use]
    pub fn http_timeout(mut self, timeout: Duration) -> Self {
        self.http_timeout = timeout.min(HTTP_TIMEOUT_MAX);
        self
    }

    /// Offers interfaces of the application to plugins that are granted them. May be called repeatedly. Default: none.
    /// [`crate::extension`] has an example.
    #[must_use]
    pub fn extension<S: Send + 'static>(mut self, extension: Extension<S>) -> Self {
        self.extensions.push(Arc::new(extension.erase()));
        self
    }

    /// Builds the engine and its memory pool.
    ///
    /// # Errors
    /// [`BuildError`] if the engine cannot be made, if the cache directory does not belong to this user alone, if an
    /// extension cannot be offered, or if this process is a child that was started to compile.
    pub fn build(self) -> Result<Runtime, BuildError> {
        if is_worker() {
            // If it were allowed, a child process started to compile would start another one for its own components,
            // without end.
            return Err(BuildError::CompileWorker { hint: "begin `main` with `plugbay::compile_worker_if_asked()`" });
        }
        let engines = Engines::new(self.live_instances)?;
        let extensions = Extensions::check(self.extensions, &engines.get(Metering::Fuel)?.engine)?;
        let code_cache = match &self.code_cache {
            CodeCacheLocation::UserDirectory => CodeCache::user_directory().map(CodeCache::open).transpose()?,
            CodeCacheLocation::Directory(directory) => Some(CodeCache::open(directory.clone())?),
            CodeCacheLocation::Off => None,
        };
        let data = self.data_store.unwrap_or_else(|| match &self.data_dir {
            Some(directory) => Arc::new(SqliteData::new(directory)),
            None => Arc::new(MemoryData::default()),
        });
        let cache = self.cache_store.unwrap_or_else(|| Arc::new(MemoryCache::with_clock(self.clock.clone())));
        let job_store = self.job_store.unwrap_or_else(|| match &self.data_dir {
            Some(directory) => Arc::new(SqliteJobs::new(directory)),
            None => Arc::new(SqliteJobs::in_memory()),
        });
        let sql_store = self.sql_store.unwrap_or_else(|| match &self.data_dir {
            Some(directory) => Arc::new(SqliteDatabases::new(directory)),
            None => Arc::new(SqliteDatabases::in_memory()),
        });
        let event_store = self.event_store.unwrap_or_else(|| match &self.data_dir {
            Some(directory) => Arc::new(SqliteEvents::new(directory)),
            None => Arc::new(SqliteEvents::in_memory()),
        });
        let plugins: Arc<Registry> = Arc::default();
        let events = EventBus::new(self.clock.clone(), event_store, event::handlers(Arc::downgrade(&plugins)));
        let audit_sink = AuditEvents { sink: CatchPanic(self.audit_sink), bus: events.clone() };
        Ok(Runtime(Arc::new(Shared {
            engines,
            linkers: Linkers::new(self.live_instances, extensions.clone()),
            code_cache,
            compiler: Compiler::new(self.compile_isolation, self.compile_limits),
            operator: Operator {
                policy: LivePolicy::new(self.policy.with_basics()),
                trusted: self.trusted,
                limits: self.limits,
                ceilings: Arc::new(self.ceilings),
                extensions,
            },
            environment: self.environment,
            data_dir: self.data_dir,
            data,
            log_sink: below(self.log_parents, LogEvents { sink: CatchPanic(self.log_sink), bus: events.clone() }),
            audit: Arc::new(Audit::new(Arc::new(audit_sink), self.clock.clone())),
            clock: self.clock,
            run_jobs: AtomicBool::new(self.run_jobs),
            restarts: self.restarts,
            jobs: job_store,
            network: Arc::new(Network::new(
                self.http_resolver,
                self.http_responder,
                self.trace_parent,
                self.http_root_certificates,
                self.http_timeout,
            )),
            linked: Mutex::default(),
            config_memory: ConfigMemory::default(),
            sql: sql_store,
            cache,
            request_headers: self.request_headers.into(),
            processes: Processes::new(self.processes),
            api: self.api,
            rates: self.rate_counters.unwrap_or_else(|| Arc::new(MemoryRates::default())),
            plugins,
            services: Arc::default(),
            waits: Arc::default(),
            events,
        })))
    }
}
