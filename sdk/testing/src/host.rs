//! One host for one test: a runtime, a clock, replies for requests, and a record of what happened.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use plugbay::{Package, Policy, Runtime, RuntimeBuilder};

use crate::clock::TestClock;
use crate::executor::{Executor, settle};
use crate::http::HttpReplies;
use crate::record::{LogLine, Record};
use crate::setup::PluginSetup;
use crate::{build, record};

/// Enough for a few plugins that each run a few calls at once; each costs addresses, not memory.
const LIVE_INSTANCES: u32 = 32;

/// A host for the plugins of one test. Cheap to clone; clones are the same host.
#[derive(Clone)]
pub struct TestHost(Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) executor: Executor,
    pub(crate) runtime: Runtime,
    pub(crate) record: Record,
    pub(crate) clock: TestClock,
    http: HttpReplies,
}

/// Settings of a [`TestHost`].
#[must_use = "it is no host before `build`"]
pub struct TestHostBuilder {
    clock: TestClock,
    runtime: RuntimeBuilder,
}

impl TestHost {
    /// A host without plugins, on 1 January 2026, 00:00 UTC.
    ///
    /// # Panics
    /// Where no runtime can be made.
    #[track_caller]
    pub fn new() -> Self {
        TestHost::builder().build()
    }

    /// A host with other settings.
    pub fn builder() -> TestHostBuilder {
        let runtime = Runtime::builder()
            .live_instances(LIVE_INSTANCES)
            .code_cache(build::code_cache())
            .policy(Policy::allow_all());
        TestHostBuilder { clock: TestClock::default(), runtime }
    }

    /// A plugin to be loaded: the directory of a crate, which is built first, a `.wasm` file, or a plugin directory. A
    /// test of the crate that it is in names it as `env!("CARGO_MANIFEST_DIR")`.
    ///
    /// # Panics
    /// Where there is no plugin, or its crate does not build.
    #[track_caller]
    pub fn plugin(&self, path: impl AsRef<Path>) -> PluginSetup {
        match build::open(path.as_ref()) {
            Ok(package) => self.package(package),
            Err(error) => panic!("{error}"),
        }
    }

    /// A plugin to be loaded: a component from memory. `name` is its name unless it carries a manifest that says
    /// otherwise.
    pub fn component(&self, name: impl Into<String>, bytes: impl Into<Vec<u8>>) -> PluginSetup {
        self.package(Package::from_bytes(name, bytes))
    }

    /// A plugin to be loaded: a package that was put together elsewhere.
    pub fn package(&self, package: Package) -> PluginSetup {
        PluginSetup::new(self.0.clone(), package)
    }

    /// Lets time pass for services, jobs and the wall clocks of guests. Each waiter on the way, such as a
    /// job, gets it, one after another.
    ///
    /// # Panics
    /// If that is after the year 9999.
    #[track_caller]
    pub fn advance(&self, by: Duration) {
        self.try_advance(by).unwrap_or_else(|error| panic!("{error}"));
    }

    /// The same, for a length of time that comes from a file.
    pub(crate) fn try_advance(&self, by: Duration) -> Result<(), String> {
        let end = self.0.clock.later(by)?;
        self.0.executor.wait(self.0.clock.pass(end, || settle(&self.0.runtime)));
        Ok(())
    }

    /// Sets the clock, back or ahead, as one sets the clock of a machine. Waiters in between are not woken.
    pub fn set_time(&self, now: SystemTime) {
        self.0.clock.set(now);
        self.0.executor.wait(settle(&self.0.runtime));
    }

    /// What time it is for plugins.
    pub fn now(&self) -> SystemTime {
        self.0.clock.now()
    }

    /// The world outside: what requests get, and which were made.
    pub fn http(&self) -> HttpReplies {
        self.0.http.clone()
    }

    /// The log lines of all plugins, in their order.
    pub fn log_lines(&self) -> Vec<LogLine> {
        self.0.record.kept().lines.clone()
    }

    /// What plugins were about to use and were not granted, in order.
    pub fn denials(&self) -> Vec<record::DeniedUse> {
        self.0.record.kept().denials.clone()
    }

    /// The runtime itself, for an asynchronous test or for what this harness has no word for.
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
    /// What time it is when the test begins. Default: 1 January 2026, 00:00 UTC.
    pub fn time(mut self, now: SystemTime) -> Self {
        self.clock = TestClock::new(now);
        self
    }

    /// Any setting of the runtime, such as its ceilings or a directory for what plugins keep (in memory by default).
    /// The clock, the log, the audit and the network are the harness's own.
    pub fn runtime(mut self, settings: impl FnOnce(RuntimeBuilder) -> RuntimeBuilder) -> Self {
        self.runtime = settings(self.runtime);
        self
    }

    /// Lets the plugin of this name run in trusted mode if its manifest asks for that; may be called again for others.
    /// Default: none. A file of tests cannot say so: it comes with the plugin.
    pub fn trust(mut self, plugin: impl Into<String>) -> Self {
        self.runtime = self.runtime.trust(plugin);
        self
    }

    /// Makes the host.
    ///
    /// # Panics
    /// Where no runtime can be made.
    #[track_caller]
    pub fn build(self) -> TestHost {
        match self.try_build() {
            Ok(host) => host,
            Err(error) => panic!("no runtime can be made: {error}"),
        }
    }

    /// Makes the host.
    ///
    /// # Errors
    /// [`plugbay::BuildError`] where no runtime can be made.
    pub fn try_build(self) -> Result<TestHost, plugbay::BuildError> {
        let (record, http) = (Record::default(), HttpReplies::default());
        let runtime = self
            .runtime
            .clock(self.clock.clone())
            .log_sink(record.clone())
            .audit_sink(record.clone())
            .http_responder(http.clone())
            .build()?;
        Ok(TestHost(Arc::new(Inner { executor: Executor::new(), runtime, record, clock: self.clock, http })))
    }
}
