//! Replacing the network behind plugins' HTTP requests: a [`HttpResolver`] looks names up in place of the system, and a
//! [`HttpResponder`] answers requests in place of the servers.

pub use crate::service::http::{HttpResolver, HttpResponder};
