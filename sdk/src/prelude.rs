//! The names that most plugins use: `use plugbay_sdk::prelude::*;`.
//!
//! The host's services are modules with short function names, so each is imported by name where it is used:
//! `use plugbay_sdk::{data, http};`. A plugin's imports then show what it needs from its host. [`log`](mod@crate::log)
//! is the exception, because it needs no permission.

#[doc(hidden)]
pub use crate::macros::{
    action, delete, get, health, on_event, on_load, on_reload, on_unload, page, patch, post, put, save_state,
};
pub use crate::router::{Attachment, Bytes, Headers, Html, Json, Path, Previous, Query, Redirect, Status, Text};
pub use crate::{
    Error, Event, Health, Invocation, Reload, Reply, Result, Schema, Value, bail, emit, ensure, error, json, log, ok,
    plugin,
};
pub use serde::{Deserialize, Serialize};
