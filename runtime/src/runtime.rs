//! The runtime: the only place where everything meets.
//!
//! Loading goes through the stages of a plugin's life, each of which consumes what the one before it returned:
//! `Package` → [`CheckedPackage`] → `Compiled` → [`Linked`] → `LoadedPlugin` ([`prepare`]). A stage that is skipped
//! does not compile.
//!
//! One plugin is changed by one caller at a time ([`Registry::turn`]), and an unload or reload that has begun is
//! completed even if its caller stops waiting.

mod boot;
mod builder;
mod prepare;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, Weak};

use plugbay_compile::{CodeCache, Compiler, Engines, Metering};

use crate::admission::Waits;
use crate::audit::{Audit, AuditEntry};
use crate::capability::Policy;
use crate::clock::Clock;
use crate::component::Component;
use crate::error::{BuildError, LoadError, LoadFailure, ProvideError, RemoveDataError};
use crate::handle::Plugin;
use crate::host_plugin::{HostPlugin, ProvidedPlugin};
use crate::inspection::Inspection;
use crate::limits::OUTCOMES_WAIT_MAX;
use crate::plugin::check::{CheckedPackage, Operator};
use crate::plugin::current::CurrentRevision;
use crate::plugin::instance::{Linked, Start};
use crate::plugin::link::Linkers;
use crate::plugin::package::Source;
use crate::plugin::registry::{Registry, Turn};
use crate::service::cache::Caches;
use crate::service::config::ConfigInMemory;
use crate::service::data::DataInMemory;
use crate::service::db::Databases;
use crate::service::http::Network;
use crate::service::jobs::AllJobs;
use crate::service::log::LogSink;
use crate::service::plugins::ServiceRegistry;
use crate::trigger::schedule;

pub use self::boot::LoadedPlugins;
pub use self::builder::{CodeCacheAt, RuntimeBuilder};

/// A host for plugins. Cheap to clone; everything it made goes when the last clone and the last plugin go.
#[derive(Clone)]
pub struct Runtime(Arc<Shared>);

/// By SHA-256 and metering.
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
    jobs: AllJobs,
    network: Arc<Network>,
    /// Components that are linked already, by what they are and how they run: a thousand plugins of one component share
    /// it.
    linked: Mutex<LinkedComponents>,
    config_in_memory: Arc<ConfigInMemory>,
    data_in_memory: Arc<DataInMemory>,
    /// The SQL databases of loaded plugins, so that two revisions of one share theirs.
    databases: Databases,
    /// The caches of loaded plugins, in the same way.
    caches: Caches,
    plugins: Arc<Registry>,
    /// The services that plugins offer one another.
    services: Arc<ServiceRegistry>,
    /// Calls between plugins that wait for one another.
    waits: Arc<Waits>,
}

/// Completes `work` even if its caller stops waiting, and holds the turn until then.
async fn to_its_end(turn: Turn, work: impl Future<Output = ()> + Send + 'static) {
    let done = tokio::spawn(async move {
        work.await;
        drop(turn);
    });
    // Without an executor nothing runs any more, and no caller is left to get the panic.
    if let Err(error) = done.await
        && let Ok(panic) = error.try_into_panic()
    {
        std::panic::resume_unwind(panic);
    }
}

impl Runtime {
    /// A runtime with the default settings.
    ///
    /// # Errors
    /// As [`RuntimeBuilder::build`].
    pub fn new() -> Result<Self, BuildError> {
        Runtime::builder().build()
    }

    /// The settings, to be changed before the runtime is built.
    pub fn builder() -> RuntimeBuilder {
        RuntimeBuilder::default()
    }

    /// Loads a plugin: a path, bytes or a [`Package`](crate::Package). When this returns, the plugin serves. If another
    /// caller is loading, reloading or unloading the plugin of this name, this waits until that is done.
    ///
    /// # Errors
    /// [`LoadError`] with the stage that failed; nothing of the plugin stays behind. Nor does it where the future is
    /// dropped before it is done.
    pub async fn load(&self, source: impl Into<Source>) -> Result<Plugin, LoadError> {
        self.load_checked(self.check_package(source.into().open()?)?).await
    }

    async fn load_checked(&self, checked: CheckedPackage) -> Result<Plugin, LoadError> {
        let name = &checked.manifest.name;
        let _turn = self.0.plugins.turn(name).await;
        if self.plugin(name).is_some() {
            return Err(LoadError::new(name, LoadFailure::AlreadyLoaded));
        }
        if self.0.plugins.provided(name).is_some() {
            return Err(LoadError::new(name, LoadFailure::Provided));
        }
        let prepared = self.prepare(checked).await?;
        let plugin = CurrentRevision::new(prepared.start(Start::Load).await?);
        self.0.plugins.add(&plugin);
        if self.0.run_jobs.load(Ordering::SeqCst) {
            schedule::start(&plugin);
        }
        Ok(Plugin::new(plugin))
    }

    /// Replaces a loaded plugin by another revision: compiles it, asks the old one for its state, starts the new one
    /// beside it with that state, swaps, lets the calls in flight finish and unloads the old one. If anything fails, or
    /// the future is dropped before the swap, the old one keeps serving; what comes after the swap goes on even then.
    ///
    /// The old revision answers calls until the swap. Changes that they make in its memory after it was asked for its
    /// state do not reach the new one: state that must not be lost belongs in a service.
    ///
    /// # Errors
    /// [`LoadError`] where the new revision cannot be loaded or no plugin of its name is.
    pub async fn reload(&self, source: impl Into<Source>) -> Result<Plugin, LoadError> {
        let checked = self.check_package(source.into().open()?)?;
        let name = checked.manifest.name.clone();
        let turn = self.0.plugins.turn(&name).await;
        let plugin = self.0.plugins.get(&name);
        let plugin = plugin.ok_or_else(|| LoadError::new(&name, LoadFailure::NothingToReload))?;
        // Whatever takes long comes before the state is asked for: what calls change after that is not handed over.
        let prepared = self.prepare(checked).await?;
        let old = plugin.get();
        let state = old.save_state().await.map_err(|error| LoadError::new(&name, error))?;
        let new = prepared.start(Start::Reload(state)).await?;
        new.context.plugins.take_over(&old.context.plugins);
        drop(old);
        let old = plugin.swap(new);
        schedule::look_again(&plugin);
        to_its_end(turn, async move { old.drain_and_unload().await }).await;
        Ok(Plugin::new(plugin))
    }

    /// Unloads a plugin: lets its calls in flight finish and runs its `on-unload`, all within its deadline. Answers
    /// whether there was one. What has begun goes on to its end, though the future be dropped.
    pub async fn unload(&self, name: &str) -> bool {
        let turn = self.0.plugins.turn(name).await;
        let Some(plugin) = self.0.plugins.remove(name) else { return false };
        let runtime = self.clone();
        to_its_end(turn, async move {
            let revision = plugin.get();
            let jobs = revision.context.jobs.db.clone();
            schedule::stop(&jobs).await;
            revision.unload().await;
            revision.context.plugins.release();
            // The outcome of a run that has just ended is still on its way.
            let _ = tokio::time::timeout(OUTCOMES_WAIT_MAX, jobs.settled()).await;
            runtime.0.jobs.keep(&jobs);
        })
        .await;
        true
    }

    /// Whether a memory pool is reserved for the instances of this runtime; see
    /// [`RuntimeBuilder::live_instances`].
    pub fn has_memory_pool(&self) -> bool {
        self.0.engines.has_pool()
    }

    /// Adds a plugin of the application, whose actions are Rust functions, for as long as the runtime lives. Plugins
    /// call it as they call one another, if they were granted `plugin.<name>:execute`; it admits every plugin that was.
    /// A plugin that `requires` it can be loaded from then on. Its payloads and results are as long as those of
    /// [`Limits`] may be.
    ///
    /// [`Runtime::plugin`] and [`Runtime::plugins`] do not return it: the application calls its own functions directly.
    ///
    /// [`Limits`]: crate::Limits
    ///
    /// # Errors
    /// [`ProvideError`] if a name or the version is wrong, or the name is that of another plugin.
    pub fn provide(&self, plugin: HostPlugin) -> Result<(), ProvideError> {
        self.0.plugins.provide(ProvidedPlugin::check(plugin, &self.0.operator.limits)?)
    }

    /// Whether no job runs and none is about to. A test that moves the clock of this runtime asks this to learn when
    /// everything that became due has run.
    pub fn jobs_are_at_rest(&self) -> bool {
        self.0.plugins.all().iter().all(|plugin| plugin.borrow().context.jobs.db.are_at_rest())
    }

    /// Runs the jobs of all plugins from now on, where the builder said no.
    pub fn run_jobs(&self) {
        if !self.0.run_jobs.swap(true, Ordering::SeqCst) {
            for plugin in self.0.plugins.all() {
                schedule::start(&plugin);
            }
        }
    }

    /// Removes everything that is kept of a plugin that is not loaded: values, tables, jobs with their outcomes.
    /// Answers whether there was anything. Unloading alone keeps all of it.
    ///
    /// # Errors
    /// [`RemoveDataError`] where the plugin is loaded or its directory cannot be removed.
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
        let forgotten =
            [self.0.jobs.forget(name), self.0.config_in_memory.forget(name), self.0.data_in_memory.forget(name).await];
        let in_memory = forgotten.contains(&true);
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

    /// The loaded plugin of this name.
    pub fn plugin(&self, name: &str) -> Option<Plugin> {
        self.0.plugins.get(name).map(Plugin::new)
    }

    /// All loaded plugins, by name.
    pub fn plugins(&self) -> Vec<Plugin> {
        self.0.plugins.all().into_iter().map(Plugin::new).collect()
    }

    /// The operator's policy that is in force, with what every policy ends with.
    pub fn policy(&self) -> Policy {
        Policy::clone(&self.0.operator.policy.now())
    }

    /// Replaces the operator's policy, for the plugins that are loaded and for those that will be: the next use of a
    /// host capability is checked against this one. As with the builder's, every plugin may write its log and read its
    /// configuration below it, and what was said of one [`Package`](crate::Package) alone comes before it.
    ///
    /// What a plugin holds already, it keeps: the environment of a loaded plugin, and the directories that a running
    /// instance of a trusted plugin has open. [`Runtime::reload`] takes those back.
    pub fn set_policy(&self, policy: Policy) {
        self.0.operator.policy.set(policy.with_basics());
        // Jobs that may run now may have been waiting for it.
        self.0.plugins.all().iter().for_each(|plugin| schedule::look_again(plugin));
    }

    /// Changes the operator's policy, as [`Runtime::set_policy`] replaces it. No change that is made at the same time
    /// is lost: `change` is called again if another one came between, so it should do nothing else.
    ///
    /// A right is taken back with [`Policy::deny_first`]: the first rule that covers a use decides.
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
    /// That of `change`; the policy is then as it was.
    pub fn update_policy<E>(&self, mut change: impl FnMut(Policy) -> Result<Policy, E>) -> Result<(), E> {
        self.0.operator.policy.update(|policy| change(policy).map(Policy::with_basics))?;
        self.0.plugins.all().iter().for_each(|plugin| schedule::look_again(plugin));
        Ok(())
    }

    /// The last denials of all plugins, the oldest first: at most 1,000.
    pub fn audit_trail(&self) -> Vec<AuditEntry> {
        self.0.audit.trail()
    }

    /// What a plugin is and asks for. Its component is validated, within the time that compiling may take, and not
    /// compiled or run.
    ///
    /// # Errors
    /// [`LoadError`], if it is not a package, its manifest is wrong or its component is not valid. Imports that are not
    /// granted are reported, not refused.
    pub fn inspect(&self, source: impl Into<Source>) -> Result<Inspection, LoadError> {
        let checked = CheckedPackage::examine(source.into().open()?, &self.0.operator)?;
        let validated = self.0.compiler.validate(&checked.package.bytes);
        validated.map_err(|error| LoadError::new(&checked.manifest.name, LoadFailure::Compile(error)))?;
        Ok(Inspection::new(&checked))
    }

    /// Takes a plugin through every stage before it would run: manifest, limits, grants, compilation, linking,
    /// configuration.
    ///
    /// # Errors
    /// [`LoadError`] with the first stage that fails.
    pub async fn check(&self, source: impl Into<Source>) -> Result<Inspection, LoadError> {
        let checked = self.check_package(source.into().open()?)?;
        let inspection = Inspection::new(&checked);
        self.context(&checked)?;
        self.link(&checked).await?;
        Ok(inspection)
    }

    /// Any component, plugin or not, for calling its exports one by one.
    ///
    /// # Errors
    /// [`LoadError`] if it is not a component, is over a limit, or imports what the host does not offer.
    pub async fn component(&self, source: impl Into<Source>) -> Result<Component, LoadError> {
        let checked = self.check_package(source.into().open()?)?;
        let context = self.context(&checked)?;
        let linked = self.link_any(&checked).await?;
        Ok(Component::new(linked, context, checked.limits))
    }
}

impl std::fmt::Debug for Runtime {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Runtime").field("plugins", &self.plugins()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::{Context, Waker};

    use tokio::sync::Notify;

    use super::*;

    #[tokio::test]
    async fn work_that_nobody_waits_for_is_done_and_keeps_its_turn_until_then() {
        let registry = Registry::default();
        let (go_on, done) = (Arc::new(Notify::new()), Arc::new(AtomicBool::new(false)));
        {
            let (go_on, done) = (go_on.clone(), done.clone());
            let turn = registry.turn("p").await;
            let mut work = pin!(to_its_end(turn, async move {
                go_on.notified().await;
                done.store(true, Ordering::SeqCst);
            }));
            assert!(work.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        }
        let _other = registry.turn("other").await;
        go_on.notify_one();
        let _next = registry.turn("p").await;
        assert!(done.load(Ordering::SeqCst));
    }
}
