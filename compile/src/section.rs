//! Adds a custom section to a component or a core module.

use wasm_encoder::{ComponentSection, CustomSection};

/// Appends a custom section to the bytes of a component or a core module. The existing bytes are unchanged.
pub fn append_custom_section(bytes: &mut Vec<u8>, name: &str, data: &[u8]) {
    // A custom section is encoded identically in components and in core modules.
    CustomSection { name: name.into(), data: data.into() }.append_to_component(bytes);
}
