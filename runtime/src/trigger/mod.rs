//! Triggers, which make calls: each describes its calls as [`Invocation`](crate::Invocation)s and passes them to
//! dispatch.

pub(crate) mod event;
pub(crate) mod http;
pub(crate) mod page;
pub(crate) mod plugin;
pub(crate) mod route;
pub(crate) mod schedule;
