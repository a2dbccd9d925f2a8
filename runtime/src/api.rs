//! The API of the host's server for plugins, for applications that run a server
//! ([`RuntimeBuilder::api`](crate::RuntimeBuilder::api)).

pub use crate::service::api::ApiAccess;
