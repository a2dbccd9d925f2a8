//! The cache of compiled code. A directory that the operator names has to be usable; the user's own is a default, and if it
//! cannot be used, as in a container without a writable home, plugins run without a cache.

use plugbay::{CodeCache, CodeCacheAt, CodeCacheError};

/// Where compiled code is cached.
#[derive(Debug)]
#[non_exhaustive]
pub struct UsableCache {
    /// For [`RuntimeBuilder::code_cache`](plugbay::RuntimeBuilder::code_cache).
    pub at: CodeCacheAt,
    /// Why the user's own directory is not used.
    pub problem: Option<CodeCacheError>,
}

/// `asked`, or no cache if that is the user's own directory and it cannot be used.
pub fn usable_code_cache(asked: CodeCacheAt) -> UsableCache {
    if let (CodeCacheAt::UserDirectory, Some(directory)) = (&asked, CodeCache::user_directory())
        && let Err(problem) = CodeCache::open(directory)
    {
        return UsableCache { at: CodeCacheAt::Off, problem: Some(problem) };
    }
    UsableCache { at: asked, problem: None }
}
