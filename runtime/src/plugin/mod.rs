//! Plugins from bytes to serving, in the order of their life.

pub(crate) mod broken;
pub(crate) mod check;
pub(crate) mod current;
pub(crate) mod deadline;
mod embed;
pub(crate) mod instance;
pub(crate) mod instances;
pub(crate) mod link;
pub(crate) mod loaded;
pub(crate) mod package;
pub(crate) mod page_table;
pub(crate) mod polled_results;
pub(crate) mod registry;
pub(crate) mod route_parameters;
pub(crate) mod route_table;
pub(crate) mod schema;
mod turns;
pub(crate) mod verdict;
