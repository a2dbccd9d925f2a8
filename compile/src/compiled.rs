//! The steps from a scanned file to machine code, which is cached.

use std::borrow::Cow;

use wasmtime::component::Component;

use crate::code_cache::{self, CodeCache, CodeKey, MappedCode};
use crate::compiler::{CompileError, Compiler};
use crate::engine::{CodeEngine, Metering};
use crate::legacy::{self, LegacyError};
use crate::scan::{Kind, Scan};

/// A compiled component.
pub struct Compiled {
    /// The component, from which instances are made.
    pub component: Component,
    /// How its code is interrupted.
    pub metering: Metering,
    /// Whether it is composed of parts that call each other ([`Scan::is_composed`]).
    pub is_composed: bool,
    /// The mapping of its code, if that is in the cache.
    pub mapped: Option<MappedCode>,
}

/// Why a file could not be compiled.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CodeError {
    /// The module of a WASI preview 1 command cannot be made a component.
    #[error(transparent)]
    Legacy(#[from] LegacyError),
    /// The component cannot be compiled.
    #[error(transparent)]
    Compile(#[from] CompileError),
    /// An instance of the component has more memories, tables or core instances than the engine's pool allows.
    #[error("its instances are larger than this host allows: {0}")]
    TooLarge(String),
}

/// The settings with which a file is compiled.
pub struct CompileContext<'a> {
    /// The engine to compile for, from [`Engines`](crate::Engines).
    pub engine: &'a CodeEngine,
    /// The compiler, with its isolation and limits.
    pub compiler: &'a Compiler,
    /// The cache of machine code, if there is one.
    pub cache: Option<&'a CodeCache>,
}

impl CompileContext<'_> {
    /// Compiles `bytes`, whose [`scan`](fn@crate::scan::scan) and SHA-256 are `scan` and `digest`, or takes the code
    /// from the cache.
    ///
    /// # Errors
    /// [`CodeError`] with the stage that failed.
    pub async fn compile(&self, bytes: &[u8], scan: &Scan, digest: &[u8; 32]) -> Result<Compiled, CodeError> {
        let CodeEngine { engine, settings, fingerprint } = self.engine;
        let made = |component, mapped| {
            let (metering, is_composed) = (settings.metering, scan.is_composed);
            Compiled { component, metering, is_composed, mapped }
        };
        let cache = self.cache.map(|cache| (cache, CodeKey::new(fingerprint, digest)));
        let cached = || {
            let component = cache.as_ref().and_then(|(cache, key)| cache.get(engine, key))?;
            let mapped = MappedCode::new(&component);
            Some(made(component, Some(mapped)))
        };
        if let Some(cached) = cached() {
            return Ok(cached);
        }
        // A preview 1 command becomes a component here.
        let bytes = match scan.kind {
            Kind::Component => Cow::Borrowed(bytes),
            Kind::CoreModule => Cow::Owned(legacy::componentize(bytes)?),
        };
        let code = self.compiler.compile(self.engine, &bytes).await?;
        let component = code_cache::load(engine, &code).map_err(|error| CodeError::TooLarge(format!("{error:#}")))?;
        if let Some((cache, key)) = &cache {
            cache.put(key, &code);
        }
        // Code in the cache is mapped: it takes no memory of this process alone, and can be released.
        Ok(cached().unwrap_or_else(|| made(component, None)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compiler::{CompileIsolation, CompileLimits};
    use crate::engine::compiling;
    use crate::scan::{ScanLimits, scan};

    #[tokio::test]
    async fn code_is_mapped_from_the_cache_as_soon_as_it_is_compiled() {
        let directory = tempfile::tempdir().expect("a directory");
        let cache = CodeCache::open(directory.path().join("code")).expect("it is made");
        let compiler = Compiler::new(CompileIsolation::InProcess, CompileLimits::default());
        let engine = compiling(Metering::Fuel);
        let bytes = wat::parse_str("(component)").expect("the text is valid");
        let scan = scan(&bytes, &ScanLimits::default()).expect("a component");
        for (cache, is_mapped) in [(None, false), (Some(&cache), true), (Some(&cache), true)] {
            let context = CompileContext { engine: &engine, compiler: &compiler, cache };
            let compiled = context.compile(&bytes, &scan, &[1; 32]).await.expect("it compiles");
            assert_eq!(compiled.mapped.is_some(), is_mapped);
        }
    }
}
