//! The code cache of a node. A directory that the operator names must be usable. The user's own directory is only a
//! default: if it cannot be used, as in a container without a writable home, plugins run without a cache.

use plugbay::compile::{CodeCache, CodeCacheError, CodeCacheLocation};

/// A code cache that can be used.
#[derive(Debug)]
#[non_exhaustive]
pub struct UsableCache {
    /// The argument for [`RuntimeBuilder::code_cache`](plugbay::RuntimeBuilder::code_cache).
    pub at: CodeCacheLocation,
    /// The error for which the user's own directory is not used.
    pub problem: Option<CodeCacheError>,
}

/// Returns `asked`, or no cache if that is the user's own directory and it cannot be used.
pub fn usable_code_cache(asked: CodeCacheLocation) -> UsableCache {
    if let (CodeCacheLocation::UserDirectory, Some(directory)) = (&asked, CodeCache::user_directory())
        && let Err(problem) = CodeCache::open(directory)
    {
        return UsableCache { at: CodeCacheLocation::Off, problem: Some(problem) };
    }
    UsableCache { at: asked, problem: None }
}
