//! The revision of a plugin that serves now.
//!
//! The registry, the triggers and every handle of a plugin share one of these, so that all of them follow the plugin
//! through reloads.

use std::sync::Arc;

use arc_swap::{ArcSwap, Guard};

use super::loaded::LoadedPlugin;

/// The revision of a plugin that serves now.
pub(crate) struct CurrentRevision(ArcSwap<LoadedPlugin>);

impl CurrentRevision {
    pub(crate) fn new(revision: LoadedPlugin) -> Arc<Self> {
        Arc::new(CurrentRevision(ArcSwap::from_pointee(revision)))
    }

    /// The revision, borrowed: cheaper than [`CurrentRevision::get`], for the time of a call.
    pub(crate) fn borrow(&self) -> Guard<Arc<LoadedPlugin>> {
        self.0.load()
    }

    /// The revision.
    pub(crate) fn get(&self) -> Arc<LoadedPlugin> {
        self.0.load_full()
    }

    /// Whether this is the revision that serves now.
    pub(crate) fn is(&self, revision: &Arc<LoadedPlugin>) -> bool {
        Arc::ptr_eq(revision, &self.0.load())
    }

    /// Lets another revision serve, and returns the one before it.
    pub(crate) fn swap(&self, revision: LoadedPlugin) -> Arc<LoadedPlugin> {
        self.0.swap(Arc::new(revision))
    }
}
