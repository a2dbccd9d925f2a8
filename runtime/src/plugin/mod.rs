//! From bytes to a plugin that serves, in the order of its life.

pub(crate) mod check;
pub(crate) mod code_cache;
pub(crate) mod compile;
pub(crate) mod compiled;
pub(crate) mod contract;
pub(crate) mod deadline;
mod embed;
pub(crate) mod instance;
pub(crate) mod instances;
pub(crate) mod legacy;
pub(crate) mod link;
pub(crate) mod loaded;
pub(crate) mod package;
pub(crate) mod registry;
pub(crate) mod scan;
pub(crate) mod schema;
pub(crate) mod state;
pub(crate) mod verdict;

/// Lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
