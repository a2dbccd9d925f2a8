//! Write Plugbay plugins in Rust: a struct, typed actions and nothing else.
//!
//! ```
//! use plugbay_sdk::prelude::*;
//!
//! #[derive(Deserialize, Schema)]
//! struct Greeting {
//!     name: String,
//! }
//!
//! #[derive(Default)]
//! struct Hello;
//!
//! #[plugin]
//! impl Hello {
//!     /// Greets somebody by name.
//!     #[action]
//!     fn hello(&mut self, input: Greeting) -> Result<String> {
//!         Ok(format!("Hello, {}!", input.name))
//!     }
//! }
//! # fn main() {
//! # let answer = native_instance().call("hello", json!({ "name": "World" }));
//! # assert_eq!(answer.expect("an answer"), "Hello, World!");
//! # }
//! ```
//!
//! With `crate-type = ["cdylib"]`, `cargo build --release --target wasm32-wasip2` makes one file of it that is a whole
//! plugin: the component and, inside it, the manifest with the schemas of all actions.
//!
//! - [`macro@plugin`] tells what the attributes can do: actions, routes, lifecycle hooks, events, health.
//! - [`Schema`](derive@Schema) derives a JSON Schema while the plugin compiles.
//! - [`Plugin::builder`] says the same as the attributes, without them.
//! - [`error()`], [`bail!`], [`ensure!`] and [`ok!`] make answers; [`log`] and [`config`] talk to the host.
//! - [`cache`] has values that may be forgotten.
//! - [`data`] keeps values; [`db`] is the plugin's own database; [`Table`](derive@Table) makes a table of a struct.
//! - [`http`] asks the world outside.
//! - [`plugins`] calls other plugins, and finds them by the services that they offer.
//! - [`scheduler`] runs actions later, or again and again.
//! - [`native`] is for the plugin's own `cargo test`.
//!
//! # The release profile
//!
//! A plugin is small and fast with
//!
//! ```toml
//! [profile.release]
//! opt-level = "s"
//! lto = true
//! codegen-units = 1
//! strip = "debuginfo"
//! ```
//!
//! Without `opt-level` it spends a fifth less fuel on JSON and is a fifth larger; `"z"` is neither smaller nor faster.
//! `strip = "symbols"` saves another seventh and costs the names of functions in the backtrace of a trap. The manifest
//! stays in either way, and so do the message and the place of a panic, which go to stderr and from there into the
//! host's error.
//!
//! # What the macros write
//!
//! Calls of this crate's const builder. A crate with `#![forbid(unsafe_code)]` can use them: the exports of a component
//! need unsafe code, and it is in macros of this crate, where the lint leaves it to this crate to answer for it.

// The derives of this crate name it so, and are used in it too.
extern crate self as plugbay_sdk;

mod answer;
#[doc(hidden)]
pub mod bindings;
pub mod cache;
pub mod config;
pub mod constant;
pub mod data;
pub mod db;
mod dispatch;
mod error;
mod event;
mod export;
mod health;
mod host;
pub mod http;
mod invocation;
pub mod log;
mod macros;
#[cfg(not(target_family = "wasm"))]
pub mod native;
mod payload;
pub mod plugin;
pub mod plugins;
pub mod prelude;
mod reply;
pub mod scheduler;
pub mod schema;

pub use db::Table;
pub use error::{Error, Result, error};
pub use event::{Event, Reaction};
pub use health::Health;
pub use invocation::Invocation;
pub use macros::{Schema, Table, manifest, plugin};
pub use plugin::{Action, Method, Plugin, Route, Subscription};
pub use reply::{Reply, ok};
pub use schema::Schema;
pub use serde_json::{Value, json};

/// For the code that this crate's macros write. Not part of the API.
#[doc(hidden)]
pub mod __private {
    pub use crate::answer::{
        Answer, Checked, JsonState, JsonTaken, Loaded, NoSchema, PlainAnswer, Reacted, SchemaOf, State, Taken, to_json,
    };
    pub use crate::bindings::{self, Failure};
    pub use crate::dispatch::{Entry, Slot, Table};
    pub use crate::export::{event, failure, reaction};
    pub use crate::invocation::running;
    pub use crate::payload::parse;
}
