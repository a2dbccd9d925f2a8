//! The revision of a plugin that serves now.
//!
//! The registry, the triggers and every handle of a plugin share one of these, so that all of them follow the plugin
//! through reloads.

use std::sync::Arc;

use arc_swap::{ArcSwap, Guard};

use super::loaded::LoadedPlugin;

/// The revision of a plugin that serves now, which a reload replaces.
pub(crate) struct CurrentRevision(ArcSwap<LoadedPlugin>);

impl CurrentRevision {
    pub(crate) fn new(revision: LoadedPlugin) -> Arc<Self> {
        Arc::new(CurrentRevision(ArcSwap::from_pointee(revision)))
    }

    /// Borrows the revision for the duration of a call, which is cheaper than [`CurrentRevision::get`].
    pub(crate) fn borrow(&self) -> Guard<Arc<LoadedPlugin>> {
        self.0.load()
    }

    /// Returns the revision.
    pub(crate) fn get(&self) -> Arc<LoadedPlugin> {
        self.0.load_full()
    }

    /// Returns whether this revision serves now.
    pub(crate) fn is(&self, revision: &Arc<LoadedPlugin>) -> bool {
        Arc::ptr_eq(revision, &self.0.load())
    }

    /// Replaces the revision, and returns the previous one.
    pub(crate) fn swap(&self, revision: LoadedPlugin) -> Arc<LoadedPlugin> {
        self.0.swap(Arc::new(revision))
    }
}
