//! From a checked package to machine code: taken from the cache, or compiled and put there.

use wasmtime::Engine;
use wasmtime::component::Component;

use super::check::CheckedPackage;
use crate::engine::Metering;
use crate::error::LoadFailure;

/// A compiled component.
pub(crate) struct Compiled {
    pub(crate) component: Component,
    pub(crate) metering: Metering,
}

/// What compiling needs of the runtime.
pub(crate) struct Settings<'a> {
    pub(crate) engine: &'a Engine,
    pub(crate) metering: Metering,
}

impl Compiled {
    pub(crate) async fn new(checked: &CheckedPackage, settings: Settings<'_>) -> Result<Self, LoadFailure> {
        let component = Component::new(settings.engine, &checked.package.bytes).map_err(|e| LoadFailure::Link(format!("{e:#}")))?;
        Ok(Compiled { component, metering: settings.metering })
    }
}
