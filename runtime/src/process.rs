//! Processes that the host runs beside its plugins, for applications that let plugins see and control them
//! ([`RuntimeBuilder::processes`](crate::RuntimeBuilder::processes)).

pub use crate::service::processes::{ProcessControl, ProcessError, ProcessFuture, ProcessOrder};
