//! The settings of a runtime, and how it is made of them.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use plugbay_compile::{CodeCache, CompileIsolation, CompileLimits, Compiler, Engines, is_worker};

use super::{Runtime, Shared};
use crate::audit::catch_panic::CatchPanic;
use crate::audit::{Audit, AuditSink, TracingAudit};
use crate::capability::{LivePolicy, Policy};
use crate::clock::{Clock, SystemClock};
use crate::error::BuildError;
use crate::limits::{Ceilings, HTTP_TIMEOUT, HTTP_TIMEOUT_MAX, LIVE_INSTANCES_DEFAULT, Limits};
use crate::plugin::check::Operator;
use crate::plugin::link::Linkers;
use crate::service::cache::Caches;
use crate::service::db::Databases;
use crate::service::http::{HttpResolver, HttpResponder, Network};
use crate::service::jobs::AllJobs;
use crate::service::log::{LogSink, TracingSink};
use crate::sqlite::memory::count_memory;

/// Where compiled code is kept between processes.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub enum CodeCacheAt {
    /// `$XDG_CACHE_HOME/plugbay`, or `~/.cache/plugbay`. For a user without a home directory, each process compiles
    /// anew.
    #[default]
    UserDirectory,
    /// This directory. It is made if it is not there, and must belong to this user alone.
    Directory(PathBuf),
    /// Nowhere: each process compiles anew.
    Off,
}

/// Settings of a [`Runtime`]. Every one has a default that suits a host of untrusted plugins.
#[derive(Clone)]
pub struct RuntimeBuilder {
    live_instances: u32,
    code_cache: CodeCacheAt,
    compile_isolation: CompileIsolation,
    compile_limits: CompileLimits,
    policy: Policy,
    trusted: BTreeSet<String>,
    limits: Limits,
    ceilings: Ceilings,
    environment: Option<String>,
    data_dir: Option<PathBuf>,
    log_sink: Arc<dyn LogSink>,
    audit_sink: Arc<dyn AuditSink>,
    clock: Arc<dyn Clock>,
    run_jobs: bool,
    http_resolver: Option<Arc<dyn HttpResolver>>,
    http_responder: Option<Arc<dyn HttpResponder>>,
    http_root_certificates: Vec<Vec<u8>>,
    http_timeout: Duration,
}

/// Shows the settings that are values. The others are the embedder's own code, and may hold secrets.
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
            .finish_non_exhaustive()
    }
}

impl Default for RuntimeBuilder {
    fn default() -> Self {
        RuntimeBuilder {
            live_instances: LIVE_INSTANCES_DEFAULT,
            code_cache: CodeCacheAt::default(),
            compile_isolation: CompileIsolation::InProcess,
            compile_limits: CompileLimits::default(),
            policy: Policy::default(),
            trusted: BTreeSet::new(),
            limits: Limits::default(),
            ceilings: Ceilings::default(),
            environment: None,
            data_dir: None,
            log_sink: Arc::new(TracingSink),
            audit_sink: Arc::new(TracingAudit),
            clock: Arc::new(SystemClock),
            run_jobs: true,
            http_resolver: None,
            http_responder: None,
            http_root_certificates: Vec::new(),
            http_timeout: HTTP_TIMEOUT,
        }
    }
}

impl RuntimeBuilder {
    /// The maximum number of instances that live at the same time in this runtime. Default: 1,000. An idle plugin has
    /// one, a plugin with `resources.instances` up to that number, and a reload needs one more. A call that would need
    /// one too many fails with `busy`.
    ///
    /// [`build`](Self::build) reserves a memory pool for them: 4 GiB of addresses (not of memory) for each instance,
    /// and half an instance's worth for some that have several memories. Each takes at most six mappings, of which
    /// Linux allows a process 65,530 unless `vm.max_map_count` says otherwise.
    ///
    /// If the address space does not suffice, as under `ulimit -v`, there is no pool, which a warning in the log says
    /// and [`Runtime::has_memory_pool`] returns. Everything works as before and the same limits hold, but instances
    /// take longer to make, and guests check the bounds of each access to memory.
    #[must_use]
    pub fn live_instances(mut self, count: u32) -> Self {
        self.live_instances = count.max(1);
        self
    }

    /// Where compiled code is kept between processes. Default: the user's cache directory.
    #[must_use]
    pub fn code_cache(mut self, at: CodeCacheAt) -> Self {
        self.code_cache = at;
        self
    }

    /// Whether a component is compiled in this process or in a child that has a deadline and a memory limit. Default:
    /// in this process, where what a component may cost is bounded by the scan before it alone. Hosts for uploads of
    /// strangers should use a child: [`WorkerCommand`](crate::WorkerCommand) shows how.
    #[must_use]
    pub fn compile_isolation(mut self, isolation: CompileIsolation) -> Self {
        self.compile_isolation = isolation;
        self
    }

    /// What compiling one component may cost. Default: 60 s, and 2 GiB in a child process.
    #[must_use]
    pub fn compile_limits(mut self, limits: CompileLimits) -> Self {
        self.compile_limits = limits;
        self
    }

    /// What the operator allows. Below its rules stands that every plugin may write its log and read its configuration.
    /// Default: nothing else.
    #[must_use]
    pub fn policy(mut self, policy: Policy) -> Self {
        self.policy = policy;
        self
    }

    /// Lets the plugin of this name run in trusted mode if its manifest asks for that; may be called again for others.
    /// Default: none. A name is what a plugin calls itself: where the packages that are loaded are not all chosen by
    /// the operator, use [`Package::trusted`](crate::Package::trusted) for the one that is meant.
    #[must_use]
    pub fn trust(mut self, plugin: impl Into<String>) -> Self {
        self.trusted.insert(plugin.into());
        self
    }

    /// The limits of plugins whose manifests ask for nothing else. Default: [`Limits::default`].
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// The most that a manifest can ask for. Default: [`Ceilings::default`].
    #[must_use]
    pub fn ceilings(mut self, ceilings: Ceilings) -> Self {
        self.ceilings = ceilings;
        self
    }

    /// The environment whose `config/<environment>.yaml` is read over `config/default.yaml`. Default: none.
    #[must_use]
    pub fn environment(mut self, name: impl Into<String>) -> Self {
        self.environment = Some(name.into());
        self
    }

    /// The directory in which services store what plugins set, one directory for each plugin. Default: none. Values of
    /// `data`, configuration and jobs are then held in memory until the process ends or [`Runtime::remove_data`]
    /// removes them; the SQL database of `db` is dropped when its plugin is unloaded.
    #[must_use]
    pub fn data_dir(mut self, directory: impl Into<PathBuf>) -> Self {
        self.data_dir = Some(directory.into());
        self
    }

    /// Where the log lines of plugins go. Default: the `tracing` crate, target `plugbay::plugin`.
    #[must_use]
    pub fn log_sink(mut self, sink: impl LogSink + 'static) -> Self {
        self.log_sink = Arc::new(sink);
        self
    }

    /// Where it is recorded which host capabilities plugins were denied, and, if the sink wants that, which they used.
    /// Default: the `tracing` crate, target `plugbay::audit`.
    #[must_use]
    pub fn audit_sink(mut self, sink: impl AuditSink + 'static) -> Self {
        self.audit_sink = Arc::new(sink);
        self
    }

    /// Whether the jobs that plugins have scheduled are run. Default: yes, as long as their plugin is loaded. If not,
    /// jobs stay stored until another process runs them, or this one does from [`Runtime::run_jobs`] on.
    #[must_use]
    pub fn run_jobs(mut self, run: bool) -> Self {
        self.run_jobs = run;
        self
    }

    /// The clock by which cached values expire and jobs run, and that guests see. Default: the machine's.
    #[must_use]
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// The resolver of the host names in outgoing HTTP requests. Default: the system's.
    #[must_use]
    pub fn http_resolver(mut self, resolver: impl HttpResolver) -> Self {
        self.http_resolver = Some(Arc::new(resolver));
        self
    }

    /// Answers outgoing HTTP requests in place of the network, for tests. Default: none, and requests go to the
    /// network.
    #[must_use]
    pub fn http_responder(mut self, responder: impl HttpResponder) -> Self {
        self.http_responder = Some(Arc::new(responder));
        self
    }

    /// A root certificate (X.509, DER) that outgoing HTTPS requests trust besides Mozilla's, such as that of a company.
    #[must_use]
    pub fn http_root_certificate(mut self, der: impl Into<Vec<u8>>) -> Self {
        self.http_root_certificates.push(der.into());
        self
    }

    /// How long an outgoing request may take, from its beginning to the end of its response's body, where its call
    /// leaves it that long. At most a day. Default: [`HTTP_TIMEOUT`].
    #[must_use]
    pub fn http_timeout(mut self, timeout: Duration) -> Self {
        self.http_timeout = timeout.min(HTTP_TIMEOUT_MAX);
        self
    }

    /// Makes the engine and its memory pool.
    ///
    /// # Errors
    /// [`BuildError`] if the engine cannot be made, the cache directory is not this user's alone, or this process is a
    /// child that was started to compile.
    pub fn build(self) -> Result<Runtime, BuildError> {
        if is_worker() {
            // An application that was started to compile would start others for what it compiles itself, without end.
            return Err(BuildError::CompileWorker { hint: "begin `main` with `plugbay::compile_worker_if_asked()`" });
        }
        count_memory();
        let engines = Engines::new(self.live_instances)?;
        let code_cache = match &self.code_cache {
            CodeCacheAt::UserDirectory => CodeCache::user_directory().map(CodeCache::open).transpose()?,
            CodeCacheAt::Directory(directory) => Some(CodeCache::open(directory.clone())?),
            CodeCacheAt::Off => None,
        };
        Ok(Runtime(Arc::new(Shared {
            engines,
            linkers: Linkers::new(self.live_instances),
            code_cache,
            compiler: Compiler::new(self.compile_isolation, self.compile_limits),
            operator: Operator {
                policy: LivePolicy::new(self.policy.with_basics()),
                trusted: self.trusted,
                limits: self.limits,
                ceilings: self.ceilings,
            },
            environment: self.environment,
            data_dir: self.data_dir,
            log_sink: Arc::new(CatchPanic(self.log_sink)),
            audit: Arc::new(Audit::new(Arc::new(CatchPanic(self.audit_sink)), self.clock.clone())),
            clock: self.clock,
            run_jobs: AtomicBool::new(self.run_jobs),
            jobs: AllJobs::default(),
            network: Arc::new(Network::new(
                self.http_resolver,
                self.http_responder,
                self.http_root_certificates,
                self.http_timeout,
            )),
            linked: Mutex::default(),
            config_in_memory: Arc::default(),
            data_in_memory: Arc::default(),
            databases: Databases::default(),
            caches: Caches::default(),
            plugins: Arc::default(),
            services: Arc::default(),
            waits: Arc::default(),
        })))
    }
}
