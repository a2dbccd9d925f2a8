//! The parts of a manifest, one file each. Each file contains, in this order, the types, their field tables, the reader
//! that checks them, and the shape for the JSON Schema.

pub(crate) mod action;
pub(crate) mod column;
pub(crate) mod column_default;
pub(crate) mod database;
pub(crate) mod env;
pub(crate) mod event;
mod host_pattern;
pub(crate) mod identity;
pub mod page;
pub(crate) mod path;
pub(crate) mod permission;
pub(crate) mod requirement;
pub(crate) mod resources;
pub(crate) mod retry;
pub(crate) mod route;
pub(crate) mod route_contract;
pub(crate) mod setting;
pub(crate) mod setting_check;
pub(crate) mod table;
pub(crate) mod tool_pattern;
pub(crate) mod topic;
