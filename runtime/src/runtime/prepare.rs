//! The steps from a package to a revision that serves.
//!
//! Except for [`Prepared::start`], everything here happens before any of the plugin's code runs.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, OnceLock, Weak};

use plugbay_compile::CompileContext;
use plugbay_manifest::Manifest;
use semver::Version;

use super::Runtime;
use crate::admission::rate::RateCounter;
use crate::audit::PluginAudit;
use crate::dispatch;
use crate::error::{InvokeError, InvokeErrorKind, LoadError, LoadErrorKind};
use crate::event::TopicPatterns;
use crate::host::extension::PluginExtensions;
use crate::host::{Permissions, PluginContext, environment};
use crate::plugin::check::{CheckedPackage, ReadPackage};
use crate::plugin::deadline::panic_message;
use crate::plugin::instance::{Linked, Start};
use crate::plugin::loaded::LoadedPlugin;
use crate::plugin::package::Package;
use crate::plugin::registry::Registry;
use crate::scope::{PluginScope, drop_dead};
use crate::service::api::PluginApi;
use crate::service::cache::PluginCache;
use crate::service::config::{PluginConfig, StoredValues};
use crate::service::data::PluginData;
use crate::service::db::{NotDeclared, PluginDb};
use crate::service::http::PluginHttp;
use crate::service::jobs::{JobQueue, PluginJobs};
use crate::service::log::PluginLog;
use crate::service::plugins::{Directory, PluginCalls};
use crate::trigger::event::Starting;

/// A revision that is checked, compiled and linked, and none of whose code has run.
pub(super) struct Prepared {
    revision: LoadedPlugin,
    /// Whether calls that another revision serves add jobs through the same context.
    shares_jobs: bool,
}

impl Prepared {
    /// A copy of a revision that starts anew.
    pub(super) fn again(revision: &LoadedPlugin) -> Self {
        Prepared { revision: revision.renewed(), shares_jobs: !revision.instances.is_closed() }
    }

    pub(super) fn manifest(&self) -> &Manifest {
        &self.revision.manifest
    }

    /// Creates the declared tables, starts the first instance and returns the revision that serves. A revision that
    /// replaces another must also be healthy. If it fails, jobs that it has added are removed.
    pub(super) async fn start(self, start: Start) -> Result<LoadedPlugin, LoadError> {
        start_revision(&self.revision, start, self.shares_jobs).await?;
        Ok(self.revision)
    }

    /// Returns a revision that serves nothing.
    pub(super) fn closed(self) -> LoadedPlugin {
        self.revision.instances.close();
        self.revision
    }
}

/// Starts a revision. If it fails, jobs and subscriptions that its code has added are removed. `shares_jobs` is whether
/// calls that another revision serves add jobs through the same context.
pub(super) async fn start_revision(revision: &LoadedPlugin, start: Start, shares_jobs: bool) -> Result<(), LoadError> {
    let context = revision.context.clone();
    let jobs = (!shares_jobs).then(|| context.jobs.begin_start());
    let starting = Starting::new(revision);
    let started = start_first(revision, start).await;
    if started.is_ok() {
        starting.succeeded();
    }
    match (&started, jobs) {
        (Ok(()), Some(jobs)) => jobs.succeeded(),
        (Err(_), Some(jobs)) => jobs.failed().await,
        (_, None) => {}
    }
    started
}

async fn start_first(revision: &LoadedPlugin, start: Start) -> Result<(), LoadError> {
    let (context, manifest) = (&revision.context, &revision.manifest);
    let declared = context.db.declare(&manifest.tables, manifest.database.as_deref()).await;
    declared.map_err(|NotDeclared(message)| LoadError::new(&*context.name, LoadErrorKind::Tables { message }))?;
    let is_probed = matches!(start, Start::Reload { .. });
    revision.start(start).await?;
    if is_probed && let Err(error) = dispatch::probe(revision).await {
        revision.unload().await;
        return Err(error);
    }
    Ok(())
}

impl Runtime {
    pub(super) fn check_package(&self, package: Package) -> Result<CheckedPackage, LoadError> {
        self.check_read_package(ReadPackage::read(package)?)
    }

    pub(super) fn check_read_package(&self, package: ReadPackage) -> Result<CheckedPackage, LoadError> {
        CheckedPackage::check(package, &self.0.operator).inspect_err(|error| {
            if let LoadErrorKind::Denied { denial, .. } | LoadErrorKind::NotGranted { denial, .. } = error.kind() {
                self.0.audit.deny(error.subject(), denial, None, 0);
            }
        })
    }

    /// Prepares everything that the first instance needs. The counters of the revision `before`, which this one is to
    /// replace, are continued.
    pub(super) async fn prepare(
        &self,
        checked: CheckedPackage,
        before: Option<&LoadedPlugin>,
    ) -> Result<Prepared, LoadError> {
        let context = self.context(&checked, before.map(|before| &*before.context))?;
        let linked = self.link(&checked).await?;
        let rate = self.rate_counter(&checked)?;
        let content = checked.package.content_digest(&checked.digest, self.0.environment.as_deref());
        let content = content.map_err(|failure| LoadError::new(&checked.manifest.name, failure))?;
        let revision = LoadedPlugin::new(checked, context, linked, rate, content)?;
        Ok(Prepared { revision, shares_jobs: false })
    }

    /// The counter of the plugin's rate limit, if it has one.
    fn rate_counter(&self, checked: &CheckedPackage) -> Result<Option<Arc<dyn RateCounter>>, LoadError> {
        let Some(limit) = checked.limits.rate else { return Ok(None) };
        let name = &checked.manifest.name;
        let counter = catch_unwind(AssertUnwindSafe(|| self.0.rates.counter(name, limit)));
        counter.map(Some).map_err(|panic| {
            let message = format!("its rate limit cannot be counted: {}", panic_message(&*panic));
            LoadError::new(name, InvokeError::new(name, "on_load", InvokeErrorKind::Host { message }))
        })
    }

    /// Compiles and links the component, unless a linked one exists. Fails if it does not export the contract.
    pub(super) async fn link(&self, checked: &CheckedPackage) -> Result<Arc<Linked>, LoadError> {
        let linked = self.link_any(checked).await?;
        linked
            .check_contract(checked.manifest.execution_mode)
            .map_err(|failure| LoadError::new(&checked.manifest.name, failure))?;
        Ok(linked)
    }

    pub(super) async fn link_any(&self, checked: &CheckedPackage) -> Result<Arc<Linked>, LoadError> {
        let metering = checked.metering();
        let key = (checked.digest, metering);
        if let Some(linked) = self.0.linked.lock().get(&key).and_then(Weak::upgrade) {
            return Ok(linked);
        }
        let load_error = |failure: LoadErrorKind| LoadError::new(&checked.manifest.name, failure);
        let engine =
            self.0.engines.get(metering).map_err(|error| load_error(LoadErrorKind::Engine(error.to_string())))?;
        let context = CompileContext { engine, compiler: &self.0.compiler, cache: self.0.code_cache.as_ref() };
        let compiled = context.compile(&checked.package.bytes, &checked.scan, &checked.digest).await;
        let compiled = compiled.map_err(|error| load_error(error.into()))?;
        let linked = Arc::new(self.0.linkers.link(compiled).map_err(load_error)?);
        let mut all = self.0.linked.lock();
        drop_dead(&mut all, |linked| linked.strong_count() > 0);
        all.insert(key, Arc::downgrade(&linked));
        Ok(linked)
    }

    /// Creates the context of the plugin's host functions: grants, configuration, environment and services. Services
    /// that have a state share it with the revision `before`.
    pub(super) fn context(
        &self,
        checked: &CheckedPackage,
        before: Option<&PluginContext>,
    ) -> Result<Arc<PluginContext>, LoadError> {
        let manifest = &checked.manifest;
        let name: Arc<str> = manifest.name.as_str().into();
        let load_error = |failure: LoadErrorKind| LoadError::new(&manifest.name, failure);
        let layers = checked.package.config_layers(self.0.environment.as_deref()).map_err(load_error)?;
        let directory = self.0.data_dir.as_ref().map(|directory| directory.join(&manifest.name));
        let scope = PluginScope::new(name.clone(), directory, self.0.clock.clone());
        let schema = manifest.configuration.clone().into_iter().collect();
        let counted = before.map(|before| before.log.counters()).unwrap_or_default();
        let log = PluginLog::new(name.clone(), self.0.log_sink.clone(), counted);
        let mask = log.mask.clone();
        let stored = match before {
            Some(before) => Ok(before.config.stored()),
            None => StoredValues::open(&scope, &self.0.config_memory),
        };
        let config = (stored.map_err(|problem| vec![problem]))
            .and_then(|stored| {
                PluginConfig::new(schema, manifest.additional_configuration, layers, stored, mask.clone())
            })
            .map_err(|problems| load_error(LoadErrorKind::Configuration { problems }))?;
        let counters = before.map(|before| before.permissions.audit().counters()).unwrap_or_default();
        let audit = PluginAudit::new(name.clone(), self.0.audit.clone(), mask, counters);
        let permissions = Permissions::new(checked.grants.clone(), audit);
        Ok(Arc::new(PluginContext {
            log,
            config,
            data: PluginData::new(name.clone(), self.0.data.clone()),
            cache: match before {
                Some(before) => before.cache.clone(),
                None => PluginCache::new(name.clone(), self.0.cache.clone()),
            },
            db: match before {
                Some(before) => before.db.clone(),
                None => PluginDb::new(&scope, self.0.sql.clone()),
            },
            jobs: PluginJobs::new(
                match before {
                    Some(before) => before.jobs.queue.clone(),
                    None => Arc::new(JobQueue::new(name.clone(), self.0.clock.clone(), self.0.jobs.clone())),
                },
                manifest.actions.iter().map(|action| action.name.clone()),
            ),
            plugins: self.plugin_calls(manifest, &name),
            http: PluginHttp::new(self.0.network.clone()),
            api: PluginApi::new(name.clone(), self.0.api.clone()),
            metrics: before.map(|before| before.metrics.clone()).unwrap_or_default(),
            request_headers: self.0.request_headers.clone(),
            processes: self.0.processes.clone(),
            events: self.0.events.clone(),
            published_topics: TopicPatterns::new(&manifest.events.publishes),
            publishes: OnceLock::new(),
            extensions: PluginExtensions::new(&self.0.operator.extensions),
            environment: environment::variables(manifest, &checked.grants).map_err(load_error)?,
            wasi: environment::wasi_grants(manifest, &checked.grants).map_err(load_error)?,
            ceilings: self.0.operator.ceilings.clone(),
            live_instances: self.0.engines.live_instances(),
            clock: self.0.clock.clone(),
            may_use_table: Arc::new(permissions.holds_fn()),
            permissions,
            name,
        }))
    }

    /// Creates the plugin's access to other plugins, which reaches the registry but not the runtime.
    fn plugin_calls(&self, manifest: &Manifest, name: &Arc<str>) -> PluginCalls {
        let registry: Weak<Registry> = Arc::downgrade(&self.0.plugins);
        let directory: Weak<dyn Directory> = registry;
        let requires = manifest.requires.iter().map(|required| required.name.clone());
        PluginCalls::new(name.clone(), requires, directory, self.0.services.clone(), self.0.waits.clone())
    }

    /// Checks that the plugins that this one requires serve, or are lazy if `lazy` says so.
    pub(super) fn check_requirements(&self, manifest: &Manifest, lazy: bool) -> Result<(), LoadError> {
        for required in &manifest.requires {
            let found = match self.serving_version(&required.name, lazy) {
                Err(found) => found,
                Ok(version) if required.version.as_ref().is_some_and(|wanted| !wanted.matches(&version)) => {
                    format!("loaded in version {version}")
                }
                Ok(_) => continue,
            };
            let version = required.version.as_ref().map(ToString::to_string);
            let chain = vec![manifest.name.clone(), required.name.clone()];
            let failure = LoadErrorKind::Requires { name: required.name.clone(), version, found, chain };
            return Err(LoadError::new(&manifest.name, failure));
        }
        Ok(())
    }

    /// Returns the version of the plugin of this name, or why none serves.
    fn serving_version(&self, name: &str, lazy: bool) -> Result<Version, String> {
        if let Some(provided) = self.0.plugins.provided(name) {
            return Ok(provided.version().clone());
        }
        let Some(plugin) = self.0.plugins.get(name) else { return Err("not loaded".to_owned()) };
        match plugin.state() {
            state if state.serves() || lazy && plugin.is_lazy() => Ok(plugin.borrow().manifest.version.clone()),
            state => Err(state.to_string()),
        }
    }
}
