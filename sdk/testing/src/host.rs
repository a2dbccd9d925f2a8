//! The host of a test: a runtime, a clock, replies to HTTP requests, and a record of what happened.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use plugbay::{Package, Policy, Runtime, RuntimeBuilder};

use crate::api::TestApi;
use crate::clock::TestClock;
use crate::events::EventRecorder;
use crate::executor::{Executor, settle};
use crate::http::HttpReplies;
use crate::plugin::{TestPlugin, hint};
use crate::record::{LogLine, Record};
use crate::setup::{PluginSetup, boot};
use crate::{build, record};

/// Enough for a few plugins with a few concurrent calls each. An instance reserves address space, not memory.
const LIVE_INSTANCES: u32 = 32;

/// A host for the plugins of one test. Cheap to clone; clones are the same host.
#[derive(Clone)]
pub struct TestHost(Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) executor: Executor,
    pub(crate) runtime: Runtime,
    pub(crate) record: Record,
    pub(crate) recorder: EventRecorder,
    pub(crate) clock: TestClock,
    http: HttpReplies,
}

/// Settings of a [`TestHost`].
#[must_use = "the builder creates no host before `build`"]
pub struct TestHostBuilder {
    clock: TestClock,
    runtime: RuntimeBuilder,
}

impl TestHost {
    /// A host without plugins, on 1 January 2026, 00:00 UTC.
    ///
    /// # Panics
    /// If no runtime can be created.
    #[track_caller]
    pub fn new() -> Self {
        TestHost::builder().build()
    }

    /// A builder for a host with other settings.
    pub fn builder() -> TestHostBuilder {
        let runtime = Runtime::builder()
            .live_instances(LIVE_INSTANCES)
            .code_cache(build::code_cache())
            .api(TestApi)
            .policy(Policy::allow_all());
        TestHostBuilder { clock: TestClock::default(), runtime }
    }

    /// Prepares the plugin at a path: the directory of a crate, which is built first, a `.wasm` file, or a plugin
    /// directory. A test of the crate itself passes `env!("CARGO_MANIFEST_DIR")`.
    ///
    /// # Panics
    /// If the path contains no plugin, or its crate does not build.
    #[track_caller]
    pub fn plugin(&self, path: impl AsRef<Path>) -> PluginSetup {
        match build::open(path.as_ref()) {
            Ok(package) => self.package(package),
            Err(error) => panic!("{error}"),
        }
    }

    /// Prepares a plugin from the bytes of a component. `name` is its name unless an embedded manifest sets another.
    pub fn component(&self, name: impl Into<String>, bytes: impl Into<Vec<u8>>) -> PluginSetup {
        self.package(Package::from_bytes(name, bytes))
    }

    /// Prepares a plugin from a package that was created elsewhere.
    pub fn package(&self, package: Package) -> PluginSetup {
        PluginSetup::new(self.0.clone(), package)
    }

    /// Loads several plugins, each after those that it requires, in any order, and returns them in this order.
    ///
    /// # Panics
    /// If one cannot be loaded; the message contains its log.
    #[track_caller]
    pub fn boot(&self, plugins: impl IntoIterator<Item = PluginSetup>) -> Vec<TestPlugin> {
        boot(self, plugins.into_iter().collect())
            .into_iter()
            .map(|loaded| match loaded {
                Ok(plugin) => plugin,
                Err(error) => panic!("{error}{}{}", hint(error.hint()), self.0.record.scene(error.subject())),
            })
            .collect()
    }

    /// Advances the time of services, jobs and the wall clocks of guests. Waiters such as jobs wake one after another
    /// at their own times.
    ///
    /// # Panics
    /// If that is after the year 9999.
    #[track_caller]
    pub fn advance(&self, by: Duration) {
        self.try_advance(by).unwrap_or_else(|error| panic!("{error}"));
    }

    /// Like [`TestHost::advance`], without the panic, for durations from a test file.
    pub(crate) fn try_advance(&self, by: Duration) -> Result<(), String> {
        let end = self.0.clock.later(by)?;
        self.0.run(self.0.clock.pass(end, || settle(&self.0.runtime)));
        Ok(())
    }

    /// Sets the clock, back or ahead. In contrast to [`TestHost::advance`], waiters in between are not woken one by
    /// one.
    pub fn set_time(&self, now: SystemTime) {
        self.0.clock.set(now);
        self.0.run(settle(&self.0.runtime));
    }

    /// The current time of the plugins.
    pub fn now(&self) -> SystemTime {
        self.0.clock.now()
    }

    /// The replies to HTTP requests, and the requests that were made. The server of this host, for which a plugin gets
    /// a token, is `http://plugbay.test`.
    pub fn http(&self) -> HttpReplies {
        self.0.http.clone()
    }

    /// The log lines of all plugins, in order.
    pub fn log_lines(&self) -> Vec<LogLine> {
        self.0.record.entries().lines.clone()
    }

    /// The denied uses of all plugins, in order.
    pub fn denials(&self) -> Vec<record::DeniedUse> {
        self.0.record.entries().denials.clone()
    }

    /// The number of events that were recorded so far.
    pub(crate) fn event_count(&self) -> usize {
        self.0.record.entries().events.len()
    }

    pub(crate) fn shared(&self) -> Arc<Inner> {
        self.0.clone()
    }

    pub(crate) fn inner(&self) -> &Inner {
        &self.0
    }

    /// The runtime itself, for an asynchronous test or for functions that this harness does not cover.
    pub fn runtime(&self) -> &Runtime {
        &self.0.runtime
    }
}

impl Default for TestHost {
    fn default() -> Self {
        TestHost::new()
    }
}

impl std::fmt::Debug for TestHost {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TestHost").field("runtime", &self.0.runtime).field("now", &self.now()).finish_non_exhaustive()
    }
}

impl TestHostBuilder {
    /// Sets the time at which the test begins. Default: 1 January 2026, 00:00 UTC.
    pub fn time(mut self, now: SystemTime) -> Self {
        self.clock = TestClock::new(now);
        self
    }

    /// Changes any setting of the runtime, such as its ceilings or the directory for stored data (in memory by
    /// default). The harness itself sets the clock, the log, the audit and the network.
    pub fn runtime(mut self, settings: impl FnOnce(RuntimeBuilder) -> RuntimeBuilder) -> Self {
        self.runtime = settings(self.runtime);
        self
    }

    /// Allows the plugin with this name to run in trusted mode if its manifest requests that. May be called several
    /// times. Default: no plugin. A test file cannot allow this, because it comes with the plugin.
    pub fn trust(mut self, plugin: impl Into<String>) -> Self {
        self.runtime = self.runtime.trust(plugin);
        self
    }

    /// Creates the host.
    ///
    /// # Panics
    /// If no runtime can be created.
    #[track_caller]
    pub fn build(self) -> TestHost {
        match self.try_build() {
            Ok(host) => host,
            Err(error) => panic!("the runtime of the test cannot be created: {error}"),
        }
    }

    /// Creates the host.
    ///
    /// # Errors
    /// [`plugbay::error::BuildError`] if no runtime can be created.
    pub fn try_build(self) -> Result<TestHost, plugbay::error::BuildError> {
        let (record, http) = (Record::default(), HttpReplies::default());
        // If the test used SQLite before, its plugins' statements run without this bound.
        let _ = plugbay::bound_sql_memory();
        let runtime = self
            .runtime
            .clock(self.clock.clone())
            .log_sink(record.clone())
            .audit_sink(record.clone())
            .http_responder(http.clone())
            .build()?;
        let recorder = EventRecorder::new(&runtime, record.clone());
        let executor = Executor::new();
        Ok(TestHost(Arc::new(Inner { executor, runtime, record, recorder, clock: self.clock, http })))
    }
}
