//! Lazy plugins: they are registered without running any of their code, and started by their first use.
//!
//! A start is made in place, on the revision that was registered, because the call that causes it may hold on to that.
//! It runs in a task of its own, so a caller that leaves does not stop it. However many callers ask at the same time,
//! one start is made: the others wait for their turn, and find that it was made.

use std::pin::Pin;
use std::sync::Arc;

use plugbay_manifest::Manifest;

use super::Runtime;
use super::prepare::start_revision;
use crate::error::{InvokeErrorKind, LoadError, LoadErrorKind};
use crate::handle::Plugin;
use crate::lifecycle::PluginState;
use crate::plugin::check::CheckedPackage;
use crate::plugin::current::{CurrentRevision, StartLazy};
use crate::plugin::instance::Start;
use crate::trigger::event;

/// The future of a function that is recursive.
type Recursive<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

impl Runtime {
    /// Registers a lazy plugin. The caller holds its turn.
    pub(super) async fn register_lazy(&self, checked: CheckedPackage) -> Result<Plugin, LoadError> {
        self.check_requirements(&checked.manifest, true)?;
        let name = checked.manifest.name.clone();
        if !checked.manifest.events.subscribes.is_empty() {
            tracing::warn!(plugin = name, "it is lazy and subscribes to events: it receives none before its first use");
        }
        let revision = self.prepare(checked, None).await?.closed();
        let plugin = CurrentRevision::lazy(revision, self.0.restarts, self.starter(name));
        self.0.plugins.add(&plugin);
        plugin.announce_first_state();
        Ok(Plugin::new(plugin))
    }

    /// Returns the function that starts the plugin of this name. It does not keep the runtime alive.
    fn starter(&self, name: String) -> StartLazy {
        let runtime = Arc::downgrade(&self.0);
        Box::new(move || {
            let (runtime, name) = (runtime.upgrade().map(Runtime), name.clone());
            Box::pin(async move {
                let runtime = runtime.ok_or(InvokeErrorKind::NotLoaded)?;
                let started = tokio::spawn(async move { runtime.start_at_first_use(&name, &[]).await }).await;
                started.unwrap_or_else(|error| match error.try_into_panic() {
                    Ok(panic) => std::panic::resume_unwind(panic),
                    // The executor ends.
                    Err(_) => Err(InvokeErrorKind::NotLoaded),
                })
            })
        })
    }

    /// Starts a lazy plugin and those that it requires, unless it was started or failed to a moment ago. `chain` has
    /// the plugins that are to be started after it, each of which requires the next.
    fn start_at_first_use<'a>(
        &'a self,
        name: &'a str,
        chain: &'a [String],
    ) -> Recursive<'a, Result<(), InvokeErrorKind>> {
        Box::pin(async move {
            let lazy = || self.0.plugins.get(name).filter(|plugin| plugin.is_lazy());
            let Some(plugin) = lazy() else { return Ok(()) };
            if let Some(failed) = plugin.failed_start() {
                return Err(failed);
            }
            // Before it has its turn: what it requires may require it in turn, and would wait for that.
            let manifest = plugin.get().manifest.clone();
            let required = self.start_requirements(&manifest, chain).await;
            let _turn = self.0.plugins.turn(name).await;
            let Some(plugin) = lazy() else { return Ok(()) };
            if let Some(failed) = plugin.failed_start() {
                return Err(failed);
            }
            let started = match required {
                Ok(()) => self.start_in_place(&plugin).await,
                Err(error) => Err(error),
            };
            started.map_err(|error| {
                tracing::warn!(plugin = name, "it could not be started at its first use: {error}");
                plugin.note_error(&error);
                plugin.note_failed_start(&error);
                // It is there: it was noted at this moment.
                plugin.failed_start().unwrap_or(InvokeErrorKind::NotLoaded)
            })
        })
    }

    /// Starts a lazy plugin on its registered revision. The caller holds its turn.
    pub(super) async fn start_in_place(&self, plugin: &Arc<CurrentRevision>) -> Result<(), LoadError> {
        let revision = plugin.get();
        self.start_requirements(&revision.manifest, &[]).await?;
        let transition = plugin.begin(PluginState::Loading);
        match start_revision(&revision, Start::Load, false).await {
            Ok(()) => {
                revision.instances.open();
                transition.complete(PluginState::Ready);
                event::begin(plugin);
                self.run_jobs_of(plugin);
                plugin.announce_start("loaded");
                Ok(())
            }
            Err(error) => Err(transition.fail(error)),
        }
    }

    /// Starts the lazy plugins that a plugin requires, and checks that all that it requires serve. `chain` has the
    /// plugins that require this one, the first of which is to be started last.
    pub(super) async fn start_requirements(&self, manifest: &Manifest, chain: &[String]) -> Result<(), LoadError> {
        for required in &manifest.requires {
            if !self.0.plugins.get(&required.name).is_some_and(|plugin| plugin.is_lazy()) {
                continue;
            }
            let mut chain = chain.to_vec();
            chain.push(manifest.name.clone());
            if let Some(first) = chain.iter().position(|name| *name == required.name) {
                let mut chain = chain.split_off(first);
                chain.push(required.name.clone());
                return Err(LoadError::new(&manifest.name, LoadErrorKind::RequiresItself { chain }));
            }
            if let Err(InvokeErrorKind::LoadFailed { reason, .. }) =
                self.start_at_first_use(&required.name, &chain).await
            {
                let chain = vec![manifest.name.clone(), required.name.clone()];
                return Err(LoadError::new(&manifest.name, LoadErrorKind::RequirementFailed { chain, reason }));
            }
        }
        self.check_requirements(manifest, false)
    }
}
