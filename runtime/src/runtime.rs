//! The runtime: the only place where everything meets.
//!
//! Loading goes through the stages of a plugin's life, each of which consumes what the one before it returned:
//! [`Package`] → [`CheckedPackage`] → [`Compiled`] → [`Linked`] → [`LoadedPlugin`]. A stage that is skipped does not compile.

mod builder;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use plugbay_manifest::{ExecutionMode, Manifest};

use crate::admission::Waits;
use crate::capability::Policy;
use crate::clock::Clock;
use crate::component::AnyComponent;
use crate::engine::{Engines, Metering};
use crate::error::{BuildError, LoadError, LoadFailure, RemoveDataError};
use crate::inspection::Inspection;
use crate::limits::OUTCOMES_WAIT_MAX;
use crate::plugin::check::{CheckedPackage, Operator};
use crate::plugin::code_cache::CodeCache;
use crate::plugin::compile::Compiler;
use crate::plugin::compiled::{Compiled, Workshop};
use crate::plugin::instance::{Linked, Start};
use crate::plugin::link::Linkers;
use crate::plugin::loaded::{LoadedPlugin, Plugin};
use crate::plugin::package::{Package, Source};
use crate::plugin::registry::Registry;
use crate::service::audit::{Audit, AuditEntry, PluginAudit};
use crate::service::cache::{Caches, PluginCache};
use crate::service::config::PluginConfig;
use crate::service::data::PluginData;
use crate::service::db::{Databases, NotMade, PluginDb};
use crate::service::http::{Network, PluginHttp};
use crate::service::log::{LogSink, PluginLog};
use crate::service::plugins::{Directory, Offers, PluginCalls};
use crate::service::scheduler::{AllJobs, PluginJobs};
use crate::service::{PluginContext, PluginHome, environment};
use crate::trigger::schedule;

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
    /// Components that are linked already, by what they are and how they run: a thousand plugins of one component share it.
    linked: Mutex<LinkedComponents>,
    /// The SQL databases of loaded plugins, so that two revisions of one share theirs.
    databases: Databases,
    /// The caches of loaded plugins, in the same way.
    caches: Caches,
    plugins: Arc<Registry>,
    /// The services that plugins offer one another.
    offers: Arc<Offers>,
    /// Calls between plugins that wait for one another.
    waits: Arc<Waits>,
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

    /// Loads a plugin: a path, bytes or a [`Package`]. When this returns, the plugin serves.
    ///
    /// # Errors
    /// [`LoadError`] with the stage that failed; nothing of the plugin stays behind.
    pub async fn load(&self, source: impl Into<Source>) -> Result<Plugin, LoadError> {
        let checked = self.check_package(source.into().open()?)?;
        let name = checked.manifest.name.clone();
        if self.plugin(&name).is_some() {
            return Err(LoadError::new(name, LoadFailure::AlreadyLoaded));
        }
        let plugin = Plugin::new(self.start(checked, Start::Load).await?);
        if self.0.plugins.add(&name, &plugin) {
            if self.0.run_jobs.load(Ordering::SeqCst) {
                schedule::start(&plugin);
            }
            return Ok(plugin);
        }
        // Somebody else loaded one of this name in the meantime.
        plugin.current().unload().await;
        Err(LoadError::new(name, LoadFailure::AlreadyLoaded))
    }

    /// Replaces a loaded plugin by another revision: asks the old one for its state, starts the new one beside it with that
    /// state, swaps, lets the calls in flight finish and unloads the old one. If anything fails, the old one keeps serving.
    ///
    /// # Errors
    /// [`LoadError`] where the new revision cannot be loaded or no plugin of its name is.
    pub async fn reload(&self, source: impl Into<Source>) -> Result<Plugin, LoadError> {
        let checked = self.check_package(source.into().open()?)?;
        let name = checked.manifest.name.clone();
        let plugin = self.plugin(&name).ok_or_else(|| LoadError::new(&name, LoadFailure::NothingToReload))?;
        let old = plugin.current();
        let state = old.save_state().await.map_err(|error| LoadError::new(&name, error))?;
        let new = self.start(checked, Start::Reload(state)).await?;
        new.context.plugins.take_over(&old.context.plugins);
        drop(old);
        let old = plugin.swap(new);
        schedule::look_again(&plugin);
        old.drain_and_unload().await;
        Ok(plugin)
    }

    /// Unloads a plugin: lets its calls in flight finish and runs its `on-unload`, all within its deadline. Answers whether
    /// there was one.
    pub async fn unload(&self, name: &str) -> bool {
        let Some(plugin) = self.0.plugins.remove(name) else { return false };
        let revision = plugin.current();
        let jobs = revision.context.jobs.kept.clone();
        schedule::stop(&jobs).await;
        revision.unload().await;
        revision.context.plugins.release();
        // The outcome of a run that has just ended is still on its way.
        let _ = tokio::time::timeout(OUTCOMES_WAIT_MAX, jobs.settled()).await;
        self.0.jobs.keep(&jobs);
        true
    }

    /// Whether no job runs and none is about to: for whoever moves the clock that this runtime was given, and wants to know
    /// when what became due by that is done.
    pub fn jobs_are_at_rest(&self) -> bool {
        self.plugins().iter().all(|plugin| plugin.current().context.jobs.kept.are_at_rest())
    }

    /// Runs the jobs of all plugins from now on, where the builder said no.
    pub fn run_jobs(&self) {
        if !self.0.run_jobs.swap(true, Ordering::SeqCst) {
            for plugin in self.plugins() {
                schedule::start(&plugin);
            }
        }
    }

    /// Removes everything that is kept of a plugin that is not loaded: values, tables, jobs with their outcomes. Answers
    /// whether there was anything. Unloading alone keeps all of it.
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
        if self.plugin(name).is_some() {
            return Err(RemoveDataError::Loaded { plugin: name.to_owned() });
        }
        let in_memory = self.0.jobs.forget(name);
        let Some(directory) = self.0.data_dir.as_ref().map(|directory| directory.join(name)) else {
            return Ok(in_memory);
        };
        let removed = tokio::task::spawn_blocking(move || std::fs::remove_dir_all(directory)).await;
        match removed.map_err(std::io::Error::other).flatten() {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(in_memory),
            Err(source) => Err(RemoveDataError::Io { plugin: name.to_owned(), source }),
        }
    }

    /// The loaded plugin of this name.
    pub fn plugin(&self, name: &str) -> Option<Plugin> {
        self.0.plugins.get(name)
    }

    /// All loaded plugins, by name.
    pub fn plugins(&self) -> Vec<Plugin> {
        self.0.plugins.all()
    }

    /// The operator's policy that is in force, with what every policy ends with.
    pub fn policy(&self) -> Policy {
        Policy::clone(&self.0.operator.policy.now())
    }

    /// Replaces the operator's policy, for the plugins that are loaded and for those that will be: the next use of a host
    /// capability is checked against this one. As with the builder's, every plugin may write its log and read its
    /// configuration below it, and what was said of one [`Package`] alone comes before it.
    ///
    /// What a plugin holds already, it keeps: the environment of a loaded plugin, and the directories that a running
    /// instance of a trusted plugin has open. [`Runtime::reload`] takes those back.
    pub fn set_policy(&self, policy: Policy) {
        self.0.operator.policy.set(policy.with_basics());
        // Jobs that may run now may have been waiting for it.
        self.plugins().iter().for_each(schedule::look_again);
    }

    /// The last denials of all plugins, the oldest first: at most 1,000.
    pub fn audit_trail(&self) -> Vec<AuditEntry> {
        self.0.audit.trail()
    }

    /// What a plugin is and asks for. Nothing of it is compiled or run.
    ///
    /// # Errors
    /// [`LoadError`] where it is no package or its manifest is wrong. Imports that are not granted are reported, not refused.
    pub fn inspect(&self, source: impl Into<Source>) -> Result<Inspection, LoadError> {
        Ok(Inspection::new(&CheckedPackage::examine(source.into().open()?, &self.0.operator)?))
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
    /// [`LoadError`] where it is no component, is over a limit, or imports what the host does not offer.
    pub async fn component(&self, source: impl Into<Source>) -> Result<AnyComponent, LoadError> {
        let checked = self.check_package(source.into().open()?)?;
        let context = self.context(&checked)?;
        let linked = self.link_any(&checked).await?;
        Ok(AnyComponent::new(linked, context, checked.limits))
    }

    fn check_package(&self, package: Package) -> Result<CheckedPackage, LoadError> {
        CheckedPackage::check(package, &self.0.operator).inspect_err(|error| {
            if let LoadFailure::Denied { denial, .. } = &error.source {
                self.0.audit.deny(&error.plugin, denial, None, 0);
            }
        })
    }

    /// From a checked package to a revision that serves.
    async fn start(&self, checked: CheckedPackage, start: Start) -> Result<LoadedPlugin, LoadError> {
        self.check_requirements(&checked.manifest)?;
        let context = self.context(&checked)?;
        let linked = self.link(&checked).await?;
        let declared = context.db.declare(&checked.manifest.tables, checked.manifest.database.as_ref()).await;
        declared.map_err(|NotMade(message)| LoadError::new(&*context.name, LoadFailure::Tables { message }))?;
        LoadedPlugin::start(checked, context, linked, start).await
    }

    /// Compiles and links, or finds that somebody did already; the contract must be exported.
    async fn link(&self, checked: &CheckedPackage) -> Result<Arc<Linked>, LoadError> {
        let linked = self.link_any(checked).await?;
        linked
            .check_contract(checked.manifest.execution_mode)
            .map_err(|failure| LoadError::new(&checked.manifest.name, failure))?;
        Ok(linked)
    }

    async fn link_any(&self, checked: &CheckedPackage) -> Result<Arc<Linked>, LoadError> {
        let mode = checked.manifest.execution_mode;
        let metering = if mode == ExecutionMode::Trusted { Metering::Epoch } else { Metering::Fuel };
        let key = (checked.digest, metering);
        if let Some(linked) = self.linked_lock().get(&key).and_then(Weak::upgrade) {
            return Ok(linked);
        }
        let load_error = |failure: LoadFailure| LoadError::new(&checked.manifest.name, failure);
        let engine =
            self.0.engines.get(metering).map_err(|error| load_error(LoadFailure::Engine(error.to_string())))?;
        let workshop = Workshop { engine, metering, compiler: &self.0.compiler, cache: self.0.code_cache.as_ref() };
        let compiled = Compiled::new(checked, workshop).await.map_err(load_error)?;
        let linked = Arc::new(self.0.linkers.link(compiled).map_err(load_error)?);
        let mut all = self.linked_lock();
        all.retain(|_, linked| linked.strong_count() > 0);
        all.insert(key, Arc::downgrade(&linked));
        Ok(linked)
    }

    /// What the plugin's services will know of it: its grants, its configuration, its environment.
    fn context(&self, checked: &CheckedPackage) -> Result<Arc<PluginContext>, LoadError> {
        let manifest = &checked.manifest;
        let name: Arc<str> = manifest.name.as_str().into();
        let load_error = |failure: LoadFailure| LoadError::new(&manifest.name, failure);
        let layers = checked.package.config_layers(self.0.environment.as_deref()).map_err(load_error)?;
        let directory = self.0.data_dir.as_ref().map(|directory| directory.join(&manifest.name));
        let kept_at = directory.as_ref().map(|directory| directory.join("config.json"));
        let home = PluginHome { name: name.clone(), directory, clock: self.0.clock.clone() };
        let config = PluginConfig::new(manifest.configuration.clone().into_iter().collect(), layers, kept_at)
            .map_err(|problems| load_error(LoadFailure::Configuration { problems }))?;
        let log = PluginLog::new(name.clone(), self.0.log_sink.clone());
        log.mask.add(&config.secrets());
        let mask = log.mask.clone();
        Ok(Arc::new(PluginContext {
            log,
            config,
            data: PluginData::new(home.clone()),
            cache: PluginCache::new(&self.0.caches, &home),
            db: PluginDb::new(&self.0.databases, &home),
            jobs: PluginJobs::new(self.0.jobs.of(&home), manifest.actions.iter().map(|action| action.name.clone())),
            plugins: self.plugin_calls(manifest, &name),
            http: PluginHttp::new(self.0.network.clone()),
            environment: environment::variables(manifest, &checked.grants).map_err(load_error)?,
            wasi: environment::wasi_grants(manifest, &checked.grants).map_err(load_error)?,
            live_instances: self.0.engines.live_instances(),
            grants: checked.grants.clone(),
            clock: self.0.clock.clone(),
            audit: PluginAudit::new(name.clone(), self.0.audit.clone(), mask),
            name,
        }))
    }

    /// The service of this plugin, which sees the others and not the runtime.
    fn plugin_calls(&self, manifest: &Manifest, name: &Arc<str>) -> PluginCalls {
        let registry: Weak<Registry> = Arc::downgrade(&self.0.plugins);
        let directory: Weak<dyn Directory> = registry;
        let requires = manifest.requires.iter().map(|required| required.name.clone());
        PluginCalls::new(name.clone(), requires, directory, self.0.offers.clone(), self.0.waits.clone())
    }

    fn check_requirements(&self, manifest: &Manifest) -> Result<(), LoadError> {
        for required in &manifest.requires {
            let found = match self.plugin(&required.name).map(|plugin| plugin.manifest().version) {
                None => "not loaded".to_owned(),
                Some(version) if required.version.as_ref().is_some_and(|wanted| !wanted.matches(&version)) => {
                    format!("loaded in version {version}")
                }
                Some(_) => continue,
            };
            let version = required.version.as_ref().map(ToString::to_string);
            let failure = LoadFailure::Requires { name: required.name.clone(), version, found };
            return Err(LoadError::new(&manifest.name, failure));
        }
        Ok(())
    }

    fn linked_lock(&self) -> std::sync::MutexGuard<'_, LinkedComponents> {
        self.0.linked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Runtime {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Runtime").field("plugins", &self.plugins()).finish_non_exhaustive()
    }
}
