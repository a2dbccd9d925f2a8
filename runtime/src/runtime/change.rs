//! Changes of one loaded plugin: reload, disable, enable, restart, unload.
//!
//! Changes to one plugin are serialised ([`Registry::turn`](crate::plugin::registry::Registry::turn)), and an unload or
//! reload that has begun is completed even if its caller stops waiting.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use plugbay_manifest::Manifest;

use super::Runtime;
use super::prepare::Prepared;
use crate::error::{InvokeErrorKind, LoadError, LoadErrorKind};
use crate::handle::Plugin;
use crate::lifecycle::{Dependents, PluginState};
use crate::limits::OUTCOMES_WAIT_MAX;
use crate::plugin::check::ReadPackage;
use crate::plugin::current::{CurrentRevision, Refusal};
use crate::plugin::instance::Start;
use crate::plugin::loaded::LoadedPlugin;
use crate::plugin::package::PackageSource;
use crate::plugin::registry::Turn;
use crate::trigger::{event, schedule};

/// Completes `work` even if its caller stops waiting, and holds the turn until then.
async fn run_to_completion(turn: Turn, work: impl Future<Output = ()> + Send + 'static) {
    let done = tokio::spawn(async move {
        work.await;
        drop(turn);
    });
    // Without an executor nothing runs any more, and no caller is left that could get the panic.
    if let Err(error) = done.await
        && let Ok(panic) = error.try_into_panic()
    {
        std::panic::resume_unwind(panic);
    }
}

impl Runtime {
    /// Replaces a loaded plugin with another revision. The new revision is compiled and started with the state that the
    /// old one hands over; then the two are swapped, and the old one finishes its calls in flight and is unloaded. If
    /// anything fails, or if the future is dropped before the swap, the old revision keeps serving. Once swapped, the
    /// reload is completed even if the future is dropped.
    ///
    /// A plugin with a health check must also be healthy before the swap. The old revision answers calls until then.
    /// Changes to its memory after it handed over its state do not reach the new revision, so state that must not be
    /// lost belongs in a service.
    ///
    /// A plugin that is disabled or lazy gets the new revision and stays so: none of its code runs. One that has failed
    /// serves again, and starts as if it were loaded.
    ///
    /// Plugins that require the old version and not the new one are left alone; [`reload_with`](Self::reload_with) can
    /// refuse the reload or unload them.
    ///
    /// Settings of the application are retained: each of [`Package::manifest`], [`Package::configure`],
    /// [`Package::resources`], [`Package::policy`] and [`Package::trusted`] also applies to the new revision, unless
    /// `source` is a package that sets it. [`Runtime::reload_from_source`] reads the same files again.
    ///
    /// [`Package::manifest`]: crate::Package::manifest
    /// [`Package::configure`]: crate::Package::configure
    /// [`Package::resources`]: crate::Package::resources
    /// [`Package::policy`]: crate::Package::policy
    /// [`Package::trusted`]: crate::Package::trusted
    ///
    /// # Errors
    /// [`LoadError`] if the new revision cannot be loaded, or if no plugin of its name is loaded.
    pub async fn reload(&self, source: impl Into<PackageSource>) -> Result<Plugin, LoadError> {
        Ok(self.reload_checked(source.into(), Dependents::Keep).await?.0)
    }

    /// Reloads a plugin. Returns it with the manifest of the replaced revision.
    pub(super) async fn reload_checked(
        &self,
        source: PackageSource,
        dependents: Dependents,
    ) -> Result<(Plugin, Manifest), LoadError> {
        let package = ReadPackage::read(source.open()?)?;
        let turn = self.0.plugins.turn(package.name()).await;
        let plugin = self.loaded(package.name())?;
        let (package, before) = {
            // Released before the revision is replaced, which waits until nothing uses it any more.
            let revision = plugin.get();
            (package.with_kept(&revision.origin.options)?, revision.manifest.clone())
        };
        Ok((self.replace(&plugin, package, turn, dependents).await?, before))
    }

    /// Reloads a plugin from the files that it was loaded from, like [`Runtime::reload`], including the application's
    /// settings.
    ///
    /// # Errors
    /// [`LoadError`] if no plugin of this name is loaded, if it was loaded from memory, or if its files cannot be
    /// loaded or name another plugin.
    pub async fn reload_from_source(&self, name: &str) -> Result<Plugin, LoadError> {
        let turn = self.0.plugins.turn(name).await;
        let plugin = self.loaded(name)?;
        let package = reopen(&plugin).inspect_err(|error| plugin.note_error(error))?;
        self.replace(&plugin, package, turn, Dependents::Keep).await
    }

    /// Reloads a plugin from the files that it was loaded from, like [`Runtime::reload_from_source`], unless they have
    /// the same content as when it was loaded. Returns whether it was reloaded.
    ///
    /// # Errors
    /// As [`Runtime::reload_from_source`]. Files that are being written may not be a valid package.
    pub async fn reload_if_changed(&self, name: &str) -> Result<bool, LoadError> {
        let turn = self.0.plugins.turn(name).await;
        let plugin = self.loaded(name)?;
        let read = reopen(&plugin).and_then(|package| {
            let content = package.content_digest(self.0.environment.as_deref())?;
            Ok((package, content))
        });
        let (package, content) = read.inspect_err(|error| plugin.note_error(error))?;
        if content == plugin.borrow().content {
            return Ok(false);
        }
        self.replace(&plugin, package, turn, Dependents::Keep).await?;
        Ok(true)
    }

    fn loaded(&self, name: &str) -> Result<Arc<CurrentRevision>, LoadError> {
        self.0.plugins.get(name).ok_or_else(|| LoadError::new(name, LoadErrorKind::NothingToReload))
    }

    async fn replace(
        &self,
        plugin: &Arc<CurrentRevision>,
        package: ReadPackage,
        turn: Turn,
        dependents: Dependents,
    ) -> Result<Plugin, LoadError> {
        let state = plugin.state();
        let transition = plugin.begin(match state {
            PluginState::Disabled | PluginState::Lazy => state,
            _ if state.serves() => PluginState::Reloading,
            _ => PluginState::Loading,
        });
        match self.successor(plugin, package, state, dependents).await {
            Ok(new) => {
                let old = plugin.swap(new);
                let next = if is_at_rest(state) { state } else { PluginState::Ready };
                transition.complete(next);
                if next.serves() {
                    event::begin(plugin);
                }
                plugin.announce("reloaded");
                schedule::look_again(plugin);
                let retiring = plugin.clone();
                run_to_completion(turn, async move { retiring.retire(old).await }).await;
                Ok(Plugin::new(plugin.clone()))
            }
            Err(error) => Err(transition.fail(error)),
        }
    }

    /// Prepares and starts the revision that replaces the one of a plugin in this state.
    async fn successor(
        &self,
        plugin: &CurrentRevision,
        package: ReadPackage,
        state: PluginState,
        dependents: Dependents,
    ) -> Result<LoadedPlugin, LoadError> {
        let checked = self.check_read_package(package)?;
        if dependents == Dependents::Refuse {
            self.check_dependents(&plugin.borrow().manifest, &checked.manifest.version)?;
        }
        if is_at_rest(state) {
            return Ok(self.prepare(checked, Some(&plugin.get())).await?.closed());
        }
        self.start_requirements(&checked.manifest, &[]).await?;
        // Everything slow happens before the state is requested: later changes by calls are not handed over.
        let old = plugin.get();
        let prepared = self.prepare(checked, Some(&old)).await?;
        let start = match old.save_state().await {
            Ok(state) => Start::Reload { from: old.manifest.version.to_string(), state },
            // It has failed, so there is no state.
            Err(error) if matches!(error.kind(), InvokeErrorKind::NotLoaded) => Start::Load,
            Err(error) => return Err(LoadError::new(old.name(), error)),
        };
        let new = prepared.start(start).await?;
        new.context.plugins.take_over(&old.context.plugins);
        Ok(new)
    }

    /// Unloads a plugin: finishes its calls in flight and runs its `on-unload`, all within its deadline. Returns
    /// whether a plugin of this name was loaded. An unload that has begun is completed even if the future is dropped.
    /// Plugins that require it stay loaded; [`unload_with`](Self::unload_with) can refuse or unload them.
    pub async fn unload(&self, name: &str) -> bool {
        let turn = self.0.plugins.turn(name).await;
        let Some(plugin) = self.0.plugins.remove(name) else { return false };
        run_to_completion(turn, async move { end(&plugin, Refusal::Unloaded).await }).await;
        true
    }

    /// Disables a plugin: finishes its calls in flight and runs its `on-unload`, as [`unload`](Self::unload) does, but
    /// the plugin stays in [`plugins`](Self::plugins), and its handles stay valid. Until it is
    /// [enabled](Self::enable), its calls fail with `plugin_disabled` and its jobs rest; jobs that are due meanwhile
    /// run when it is enabled, as if the host had been off. Plugins that require it are left alone;
    /// [`disable_with`](Self::disable_with) can refuse or disable them.
    ///
    /// Returns whether a plugin of this name is loaded. If it is disabled already, nothing happens. A change that has
    /// begun is completed even if the future is dropped. The runtime does not store the state: a new one begins with
    /// the plugins that it is given.
    pub async fn disable(&self, name: &str) -> bool {
        let turn = self.0.plugins.turn(name).await;
        let Some(plugin) = self.0.plugins.get(name) else { return false };
        if plugin.state() != PluginState::Disabled {
            run_to_completion(turn, async move { end(&plugin, Refusal::Disabled).await }).await;
        }
        true
    }

    /// Enables a disabled plugin, or a lazy one before its first use: starts it as [`load`](Self::load) does, with the
    /// package that it was loaded from. Otherwise nothing happens.
    ///
    /// # Errors
    /// [`LoadError`] if no plugin of this name is loaded, if a plugin that it requires does not serve, or if it does
    /// not start. It then stays disabled or lazy.
    pub async fn enable(&self, name: &str) -> Result<Plugin, LoadError> {
        let turn = self.0.plugins.turn(name).await;
        let plugin = self.loaded(name)?;
        match plugin.state() {
            PluginState::Disabled => {
                self.start_again(&plugin, turn).await?;
                plugin.announce_start("enabled");
            }
            PluginState::Lazy => self.start_in_place(&plugin).await?,
            _ => {}
        }
        Ok(Plugin::new(plugin))
    }

    /// Starts a plugin anew, as [`load`](Self::load) does, with the package that it was loaded from: one that has
    /// failed, or one that serves and continues to do so until the new revision replaces it. State in its memory is not
    /// handed over.
    ///
    /// # Errors
    /// [`LoadError`] if no plugin of this name is loaded, if it is disabled, if a plugin that it requires does not
    /// serve, or if it does not start. Its state is then unchanged.
    pub async fn restart(&self, name: &str) -> Result<Plugin, LoadError> {
        let turn = self.0.plugins.turn(name).await;
        let plugin = self.loaded(name)?;
        match plugin.state() {
            PluginState::Disabled => return Err(LoadError::new(name, LoadErrorKind::Disabled)),
            PluginState::Lazy => {
                self.start_in_place(&plugin).await?;
                return Ok(Plugin::new(plugin));
            }
            _ => {}
        }
        self.start_again(&plugin, turn).await?;
        plugin.announce_start("restarted");
        Ok(Plugin::new(plugin))
    }

    /// Loads a plugin as disabled: it is checked, compiled and linked, but none of its code runs until it is
    /// [enabled](Self::enable). Plugins that it requires need not be loaded yet.
    ///
    /// # Errors
    /// As [`load`](Self::load), except for what is found when a plugin starts.
    pub async fn load_disabled(&self, source: impl Into<PackageSource>) -> Result<Plugin, LoadError> {
        let checked = self.check_package(source.into().open()?)?;
        let _turn = self.turn_to_load(&checked.manifest.name).await?;
        let plugin =
            CurrentRevision::new(self.prepare(checked, None).await?.closed(), PluginState::Disabled, self.0.restarts);
        self.0.plugins.add(&plugin);
        plugin.announce_first_state();
        Ok(Plugin::new(plugin))
    }

    /// Starts a plugin with a fresh copy of its revision.
    async fn start_again(&self, plugin: &Arc<CurrentRevision>, turn: Turn) -> Result<(), LoadError> {
        let serves = plugin.state().serves();
        let transition = plugin.begin(if serves { PluginState::Reloading } else { PluginState::Loading });
        let started = async {
            let prepared = Prepared::again(&plugin.borrow());
            self.start_requirements(prepared.manifest(), &[]).await?;
            prepared.start(Start::Load).await
        };
        match started.await {
            Ok(new) => {
                let old = plugin.swap(new);
                transition.complete(PluginState::Ready);
                event::begin(plugin);
                self.run_jobs_of(plugin);
                let retiring = plugin.clone();
                run_to_completion(turn, async move { retiring.retire(old).await }).await;
                Ok(())
            }
            Err(error) => Err(transition.fail(error)),
        }
    }

    /// Starts running the plugin's jobs, unless the application runs none.
    pub(super) fn run_jobs_of(&self, plugin: &Arc<CurrentRevision>) {
        if self.0.run_jobs.load(Ordering::SeqCst) {
            schedule::start(plugin);
        }
    }
}

/// Returns whether a plugin in this state gets a new revision without starting it.
fn is_at_rest(state: PluginState) -> bool {
    matches!(state, PluginState::Disabled | PluginState::Lazy)
}

/// Reads the files that a plugin was loaded from, with the application's settings.
fn reopen(plugin: &CurrentRevision) -> Result<ReadPackage, LoadError> {
    let revision = plugin.get();
    let package =
        revision.origin.reopen().ok_or_else(|| LoadError::new(revision.name(), LoadErrorKind::FromMemory))??;
    let package = ReadPackage::read(package)?.with_kept(&revision.origin.options)?;
    if package.name() != revision.name() {
        return Err(LoadError::new(package.name(), LoadErrorKind::NothingToReload));
    }
    Ok(package)
}

/// Ends a plugin's serving: its subscriptions, its jobs, its calls, its instances and its named services.
async fn end(plugin: &CurrentRevision, refusal: Refusal) {
    plugin.end(refusal);
    event::end(plugin);
    let revision = plugin.get();
    let jobs = revision.context.jobs.queue.clone();
    schedule::stop(&jobs).await;
    revision.unload().await;
    // Calls that were in flight may have subscribed.
    event::end(plugin);
    revision.context.plugins.release();
    // The outcome of a run that has just ended may not be stored yet.
    let _ = tokio::time::timeout(OUTCOMES_WAIT_MAX, jobs.settled()).await;
    plugin.ended();
    plugin.announce_end(if refusal == Refusal::Disabled { "disabled" } else { "unloaded" });
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::sync::atomic::AtomicBool;
    use std::task::{Context, Waker};

    use tokio::sync::Notify;

    use super::*;
    use crate::plugin::registry::Registry;

    #[tokio::test]
    async fn work_that_nobody_waits_for_is_done_and_keeps_its_turn_until_then() {
        let registry = Registry::default();
        let (go_on, done) = (Arc::new(Notify::new()), Arc::new(AtomicBool::new(false)));
        {
            let (go_on, done) = (go_on.clone(), done.clone());
            let turn = registry.turn("p").await;
            let mut work = pin!(run_to_completion(turn, async move {
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
