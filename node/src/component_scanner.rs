//! The facts of components that the catalog asks for, as the runtime's scan finds them.

use plugbay_catalog::package::{ComponentFacts, ComponentReader};
use plugbay_compile::scan::{Kind, ScanLimits, scan};

/// Reads components by scanning their sections, with the limits that loading a plugin has. Nothing is compiled.
#[derive(Clone, Copy, Debug, Default)]
pub struct ComponentScanner;

impl ComponentReader for ComponentScanner {
    fn read(&self, bytes: &[u8]) -> Result<ComponentFacts, String> {
        let scan = scan(bytes, &ScanLimits::default()).map_err(|error| error.to_string())?;
        Ok(ComponentFacts {
            is_component: scan.kind == Kind::Component,
            manifests: scan.manifests,
            imports: scan.imports.into_iter().map(|import| import.name).collect(),
            exports: scan.exports.into_iter().map(|export| export.name).collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn component_and_core_module_are_distinguished() {
        let facts = ComponentScanner.read(b"\0asm\x0d\0\x01\0").expect("the smallest component");
        assert!(facts.is_component && facts.manifests.is_empty());
        assert!(!ComponentScanner.read(b"\0asm\x01\0\0\0").expect("the smallest module").is_component);
        let error = ComponentScanner.read(b"nonsense").expect_err("it is not WebAssembly");
        assert!(!error.contains('\n') && !error.is_empty(), "{error}");
    }
}
