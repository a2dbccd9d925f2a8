//! From a checked package to machine code: taken from the cache, or compiled and put there.

use std::borrow::Cow;

use wasmtime::Engine;
use wasmtime::component::Component;

use super::check::CheckedPackage;
use super::code_cache::{self, CodeCache, CodeKey};
use super::compile::Compiler;
use super::legacy;
use super::scan::Kind;
use crate::engine::Metering;
use crate::error::LoadFailure;
use crate::limits::{FUEL_YIELD_INTERVAL, FUEL_YIELD_INTERVAL_COMPOSED};

/// A compiled component.
pub(crate) struct Compiled {
    pub(crate) component: Component,
    pub(crate) metering: Metering,
    /// Fuel between two moments at which it lets others run.
    pub(crate) fuel_yield_interval: u64,
}

/// What compiling needs of the runtime.
pub(crate) struct Workshop<'a> {
    pub(crate) engine: &'a Engine,
    pub(crate) metering: Metering,
    pub(crate) compiler: &'a Compiler,
    pub(crate) cache: Option<&'a CodeCache>,
}

impl Compiled {
    pub(crate) async fn new(checked: &CheckedPackage, workshop: Workshop<'_>) -> Result<Self, LoadFailure> {
        let Workshop { engine, metering, compiler, cache } = workshop;
        let fuel_yield_interval =
            if checked.scan.is_composed { FUEL_YIELD_INTERVAL_COMPOSED } else { FUEL_YIELD_INTERVAL };
        let cache = cache.map(|cache| (cache, CodeKey::new(engine, &checked.digest)));
        if let Some((cache, key)) = &cache
            && let Some(component) = cache.get(engine, key)
        {
            return Ok(Compiled { component, metering, fuel_yield_interval });
        }
        // A preview 1 command becomes a component here, and is one from here on.
        let bytes = match checked.scan.kind {
            Kind::Component => Cow::Borrowed(&checked.package.bytes),
            Kind::CoreModule => Cow::Owned(legacy::componentize(&checked.package.bytes)?),
        };
        let code = compiler.compile(engine, metering, &bytes).await?;
        if let Some((cache, key)) = &cache {
            cache.put(key, &code);
        }
        let component = code_cache::load(engine, &code).map_err(|error| LoadFailure::Pool(format!("{error:#}")))?;
        Ok(Compiled { component, metering, fuel_yield_interval })
    }
}
