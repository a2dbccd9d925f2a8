//! What makes calls: each trigger describes its calls as [`Invocation`](crate::Invocation)s and hands them to dispatch.

pub(crate) mod plugin;
pub(crate) mod schedule;
