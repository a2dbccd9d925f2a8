//! The runtime, which connects all other modules.
//!
//! Loading goes through the stages of a plugin's life, each of which consumes what the stage before it returned:
//! `Package` → [`CheckedPackage`] → `Compiled` → [`Linked`] → `LoadedPlugin` ([`prepare`]). Code that skips a
//! stage does not compile.
//!
//! Later changes of a loaded plugin are in [`change`], and those of many plugins in [`boot`].

mod audit_events;
mod boot;
mod builder;
mod change;
mod dependents;
mod events;
mod lazy;
mod log_events;
mod pages;
mod prepare;
mod routes;

use std::collections::HashMap;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use plugbay_compile::{CodeCache, Compiler, Engines, Metering};

use crate::admission::Waits;
use crate::admission::rate::RateCounters;
use crate::audit::{Audit, AuditEntry};
use crate::capability::Policy;
use crate::clock::Clock;
use crate::component::Component;
use crate::error::{BuildError, LoadError, LoadErrorKind, ProvideError, RemoveDataError};
use crate::event::EventBus;
use crate::handle::Plugin;
use crate::host::TimeLimit;
use crate::host_plugin::{HostPlugin, ProvidedPlugin};
use crate::inspection::Inspection;
use crate::lifecycle::{PluginState, RestartPolicy};
use crate::metrics::MetricsSnapshot;
use crate::plugin::check::{CheckedPackage, Operator, ReadPackage};
use crate::plugin::current::CurrentRevision;
use crate::plugin::deadline::{Interrupted, until};
use crate::plugin::instance::{Linked, Start};
use crate::plugin::link::Linkers;
use crate::plugin::package::PackageSource;
use crate::plugin::registry::{Registry, Turn};
use crate::service::api::ApiAccess;
use crate::service::cache::CacheStoreProvider;
use crate::service::config::ConfigMemory;
use crate::service::data::DataStoreProvider;
use crate::service::db::SqlStoreProvider;
use crate::service::http::Network;
use crate::service::jobs::JobStoreProvider;
use crate::service::log::LogSink;
use crate::service::plugins::ServiceRegistry;
use crate::service::processes::Processes;
use crate::trigger::{event, schedule};

pub use self::boot::LoadedPlugins;
pub use self::builder::{CodeCacheLocation, RuntimeBuilder};

/// A host for plugins. Cheap to clone. Its resources are released with the last clone and the last plugin.
#[derive(Clone)]
pub struct Runtime(Arc<Shared>);

/// Linked components by SHA-256 of the component and metering.
type LinkedComponents = HashMap<([u8; 32], Metering), Weak<Linked>>;

struct Shared {
    engines: Engines,
    linkers: Linkers,
    code_cache: Option<CodeCache>,
    compiler: Compiler,
    operator: Operator,
    environment: Option<String>,
    data_dir: Option<PathBuf>,
    log_sink: Arc<dyn LogSink>,
    audit: Arc<Audit>,
    clock: Arc<dyn Clock>,
    run_jobs: AtomicBool,
    restarts: RestartPolicy,
    /// The backend of `scheduler`.
    jobs: Arc<dyn JobStoreProvider>,
    network: Arc<Network>,
    /// Linked components that are in use, so that plugins with the same component and metering share one.
    linked: Mutex<LinkedComponents>,
    /// The configuration values that plugins have set, if there is no data directory.
    config_memory: ConfigMemory,
    /// The backend of `data`.
    data: Arc<dyn DataStoreProvider>,
    /// The backend of `db`.
    sql: Arc<dyn SqlStoreProvider>,
    /// The headers of HTTP requests that plugins see, in lower case.
    request_headers: Arc<[String]>,
    processes: Processes,
    /// The server whose API plugins may use.
    api: Option<Arc<dyn ApiAccess>>,
    /// The backend of `cache`.
    cache: Arc<dyn CacheStoreProvider>,
    /// The backend of rate limits.
    rates: Arc<dyn RateCounters>,
    plugins: Arc<Registry>,
    /// The services that plugins offer one another.
    services: Arc<ServiceRegistry>,
    /// Calls between plugins that wait for one another.
    waits: Arc<Waits>,
    events: Arc<EventBus>,
}

impl Runtime {
    /// Creates a runtime with the default settings.
    ///
    /// # Errors
    /// As [`RuntimeBuilder::build`].
    pub fn new() -> Result<Self, BuildError> {
        Runtime::builder().build()
    }

    /// Returns a builder with the default settings.
    pub fn builder() -> RuntimeBuilder {
        RuntimeBuilder::default()
    }

    /// Loads a plugin from a path, bytes or a [`Package`](crate::Package), and returns when it serves, or when it is
    /// known to be a [lazy](crate::Package::lazy) one. If another
    /// caller is loading, reloading or unloading the plugin of this name, waits until that is done.
    ///
    /// # Errors
    /// [`LoadError`] with the stage that failed. If it fails or the future is dropped early, nothing of the plugin
    /// remains.
    pub async fn load(&self, source: impl Into<PackageSource>) -> Result<Plugin, LoadError> {
        self.load_checked(self.check_package(source.into().open()?)?).await
    }

    async fn load_checked(&self, checked: CheckedPackage) -> Result<Plugin, LoadError> {
        let _turn = self.turn_to_load(&checked.manifest.name).await?;
        if checked.package.is_lazy() {
            return self.register_lazy(checked).await;
        }
        self.start_requirements(&checked.manifest, &[]).await?;
        let revision = self.prepare(checked, None).await?.start(Start::Load).await?;
        let plugin = CurrentRevision::new(revision, PluginState::Ready, self.0.restarts);
        self.0.plugins.add(&plugin);
        event::begin(&plugin);
        self.run_jobs_of(&plugin);
        plugin.announce_first_state();
        plugin.announce_start("loaded");
        Ok(Plugin::new(plugin))
    }

    /// Waits for the right to load the plugin of this name.
    ///
    /// # Errors
    /// [`LoadError`] if the name is in use.
    async fn turn_to_load(&self, name: &str) -> Result<Turn, LoadError> {
        let turn = self.0.plugins.turn(name).await;
        if self.plugin(name).is_some() {
            return Err(LoadError::new(name, LoadErrorKind::AlreadyLoaded));
        }
        if self.0.plugins.provided(name).is_some() {
            return Err(LoadError::new(name, LoadErrorKind::Provided));
        }
        Ok(turn)
    }

    /// Returns whether a memory pool is reserved for the instances of this runtime; see
    /// [`RuntimeBuilder::live_instances`].
    pub fn has_memory_pool(&self) -> bool {
        self.0.engines.has_pool()
    }

    /// Adds a plugin whose actions are Rust functions of the application, for as long as the runtime lives. It admits
    /// every plugin that was granted `plugin.<name>:execute`, and plugins that `requires` it can be loaded from then
    /// on. The runtime's [`Limits`] bound its payloads and results.
    ///
    /// [`Runtime::plugin`] and [`Runtime::plugins`] do not return it: the application calls its own functions directly.
    ///
    /// [`Limits`]: crate::Limits
    ///
    /// # Errors
    /// [`ProvideError`] if a name or the version is invalid, or if another plugin has the name.
    pub fn provide(&self, plugin: HostPlugin) -> Result<(), ProvideError> {
        self.0.plugins.provide(ProvidedPlugin::check(plugin, &self.0.operator.limits)?)
    }

    /// Returns the counters of a plugin that the application provides; `None` if there is none of this name. Only
    /// calls, errors and durations are counted; the rest is zero.
    pub fn provided_metrics(&self, name: &str) -> Option<MetricsSnapshot> {
        self.0.plugins.provided(name).map(|plugin| plugin.metrics().snapshot([].iter(), None, 0))
    }

    /// Returns whether no job is running or due. Tests that advance the clock use it to detect that all due jobs have
    /// run.
    pub fn jobs_are_idle(&self) -> bool {
        self.0.plugins.all().iter().all(|plugin| plugin.borrow().context.jobs.queue.is_idle())
    }

    /// Starts running the jobs of all plugins, if [`RuntimeBuilder::run_jobs`] was set to `false`.
    pub fn run_jobs(&self) {
        if !self.0.run_jobs.swap(true, Ordering::SeqCst) {
            for plugin in self.0.plugins.all().iter().filter(|plugin| plugin.state().serves()) {
                schedule::start(plugin);
            }
        }
    }

    /// Removes all stored data of a plugin that is not loaded: values, tables, jobs with their outcomes, events.
    /// Returns whether there was any. Unloading alone removes none of it.
    ///
    /// # Errors
    /// [`RemoveDataError`] if the plugin is loaded, its directory cannot be removed or a backend fails. Some of its
    /// data may be removed then.
    pub async fn remove_data(&self, name: &str) -> Result<bool, RemoveDataError> {
        let mut letters = name.chars();
        let is_name = letters.next().is_some_and(|first| first.is_ascii_lowercase())
            && letters.all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_'));
        if !is_name {
            return Err(RemoveDataError::Name { name: name.to_owned() });
        }
        let _turn = self.0.plugins.turn(name).await;
        if self.plugin(name).is_some() {
            return Err(RemoveDataError::Loaded { plugin: name.to_owned() });
        }
        let stored = self.remove_stored(name).await?;
        let in_memory = stored || self.0.config_memory.remove(name);
        let Some(directory) = self.0.data_dir.as_ref().map(|directory| directory.join(name)) else {
            return Ok(in_memory);
        };
        let removed = tokio::task::spawn_blocking(move || std::fs::remove_dir_all(directory)).await;
        match removed.map_err(std::io::Error::other).flatten() {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(in_memory),
            Err(error) => Err(RemoveDataError::Io { plugin: name.to_owned(), error }),
        }
    }

    /// Removes everything that the backends store for a plugin. Returns whether there was anything.
    async fn remove_stored(&self, plugin: &str) -> Result<bool, RemoveDataError> {
        let unavailable = |message: String| RemoveDataError::Unavailable { plugin: plugin.to_owned(), message };
        let removed = pin!(async {
            let data = self.0.data.remove(plugin).await.map_err(|error| error.to_string())?;
            let cached = self.0.cache.remove(plugin).await.map_err(|error| error.to_string())?;
            let jobs = self.0.jobs.remove(plugin).await.map_err(|error| error.to_string())?;
            let tables = self.0.sql.remove(plugin).await.map_err(|error| error.to_string())?;
            let events = self.0.events.remove_stored(plugin).await.map_err(|error| error.to_string())?;
            Ok(data || cached || jobs || tables || events)
        });
        match until(TimeLimit::from_now(None), removed).await {
            Ok(removed) => removed.map_err(unavailable),
            Err(Interrupted::Panicked(message)) => Err(unavailable(format!("the backend panicked: {message}"))),
            Err(Interrupted::Deadline) => Err(unavailable("the backend takes too long".to_owned())),
        }
    }

    /// Returns the loaded plugin of this name, whether it serves, is disabled or has failed.
    pub fn plugin(&self, name: &str) -> Option<Plugin> {
        self.0.plugins.get(name).map(Plugin::new)
    }

    /// Returns all loaded plugins, by name, including those that are disabled or have failed: [`Plugin::state`]
    /// distinguishes them.
    pub fn plugins(&self) -> Vec<Plugin> {
        self.0.plugins.all().into_iter().map(Plugin::new).collect()
    }

    /// Returns the operator's policy that is in force, with the basic rules that end every policy.
    pub fn policy(&self) -> Policy {
        Policy::clone(&self.0.operator.policy.now())
    }

    /// Replaces the operator's policy for all plugins, loaded or not, from their next access to a host capability. As
    /// with the builder's policy, rules that let every plugin write its log and read its configuration are added at its
    /// end, and the rules of a [`Package`](crate::Package) take precedence.
    ///
    /// Access that a plugin already holds is not revoked: the environment of a loaded plugin, and the directories that
    /// a running instance of a trusted plugin has open. [`Runtime::reload`] revokes both.
    pub fn set_policy(&self, policy: Policy) {
        self.0.operator.policy.set(policy.with_basics());
        // A job may have been waiting for a permission that this policy grants.
        self.0.plugins.all().iter().for_each(|plugin| schedule::look_again(plugin));
    }

    /// Changes the operator's policy atomically. If another change intervenes, `change` is called again, so it should
    /// have no side effects.
    ///
    /// Revoke a permission with [`Policy::deny_first`]: the first rule that matches an access decides.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let runtime = plugbay::Runtime::new()?;
    /// runtime.update_policy(|policy| policy.deny_first("data.city/*:write"))?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// The error of `change`; the policy is then unchanged.
    pub fn update_policy<E>(&self, mut change: impl FnMut(Policy) -> Result<Policy, E>) -> Result<(), E> {
        self.0.operator.policy.update(|policy| change(policy).map(Policy::with_basics))?;
        self.0.plugins.all().iter().for_each(|plugin| schedule::look_again(plugin));
        Ok(())
    }

    /// Returns the latest denials of all plugins, oldest first, at most 1,000.
    pub fn audit_trail(&self) -> Vec<AuditEntry> {
        self.0.audit.trail()
    }

    /// Describes a plugin without compiling or running it. Its component is validated, within the time limit for
    /// compilation.
    ///
    /// # Errors
    /// [`LoadError`] if it is not a package, or if its manifest or component is invalid. Imports that are not granted
    /// are reported in the result, not refused.
    pub fn inspect(&self, source: impl Into<PackageSource>) -> Result<Inspection, LoadError> {
        let checked = CheckedPackage::examine(ReadPackage::read(source.into().open()?)?, &self.0.operator)?;
        let validated = self.0.compiler.validate(&checked.package.bytes);
        validated.map_err(|error| LoadError::new(&checked.manifest.name, LoadErrorKind::Compile(error)))?;
        Ok(Inspection::new(&checked))
    }

    /// Takes a plugin through all stages before the first run: manifest, limits, grants, compilation, linking,
    /// configuration.
    ///
    /// # Errors
    /// [`LoadError`] with the first stage that fails.
    pub async fn check(&self, source: impl Into<PackageSource>) -> Result<Inspection, LoadError> {
        let checked = self.check_package(source.into().open()?)?;
        let inspection = Inspection::new(&checked);
        self.context(&checked, None)?;
        self.link(&checked).await?;
        Ok(inspection)
    }

    /// Loads any component, plugin or not, to call its exports one by one.
    ///
    /// # Errors
    /// [`LoadError`] if it is not a component, is over a limit, or imports what the host does not offer.
    pub async fn component(&self, source: impl Into<PackageSource>) -> Result<Component, LoadError> {
        let checked = self.check_package(source.into().open()?)?;
        let context = self.context(&checked, None)?;
        let linked = self.link_any(&checked).await?;
        Ok(Component::new(linked, context, checked.limits))
    }
}

impl std::fmt::Debug for Runtime {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Runtime").field("plugins", &self.plugins()).finish_non_exhaustive()
    }
}
