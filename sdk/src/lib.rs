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
//!     /// Greets a person by name.
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
//! With `crate-type = ["cdylib"]`, `cargo build --release --target wasm32-wasip2` produces one file that is a complete
//! plugin: the component with its manifest embedded, including the JSON Schema of every action's payload and result.
//!
//! # Where to look
//!
//! | For | See |
//! |---|---|
//! | actions, lifecycle hooks, events, health | [`#[plugin]`](macro@plugin) and its attributes |
//! | routes, typed parts of requests, answers with statuses and files | [`router`] |
//! | payloads and results | [`#[derive(Schema)]`](derive@Schema) |
//! | errors | [`Error`], [`error()`], [`bail!`], [`ensure!`] |
//! | the log and the plugin's configuration | [`log`], [`config`] |
//! | persistent values, and counters that several instances share | [`data`] |
//! | values that may be evicted | [`cache`] |
//! | a SQL database, tables as structs, collections of documents | [`db`] |
//! | requests to other hosts | [`http`] |
//! | calls to other plugins | [`plugins`] |
//! | publishing events, and subscribing at run time | [`events`] |
//! | the HTTP request behind an action, without types | [`exchange`] |
//! | own counters and gauges | [`metrics`] |
//! | processes that the host runs beside its plugins | [`processes`] |
//! | the API of the host's server, with a token of the plugin | [`api`] |
//! | interfaces of the application that runs the plugin | [`import_wit!`] |
//! | actions that run later or repeatedly | [`scheduler`] |
//! | the plugin's own `cargo test` | [`native`] |
//! | a plugin without attributes | [`builder`] |
//!
//! The [`prelude`] has the names that most plugins use. Everything else is imported by name:
//! `use plugbay_sdk::{data, http};`.
//!
//! # Permissions
//!
//! A plugin requests each use of the host in its manifest (`permissions: [{ resource: "data.*", actions: [read] }]`, or
//! `#[plugin(permissions("data.*:read"))]`), and the operator grants it. These are all resources:
//!
//! | Resource | Actions | For |
//! |---|---|---|
//! | `log` | `write` | [`log`]; granted unless the operator denies it |
//! | `config.<key>` | `read`, `write` | [`config`]; `read` is granted unless the operator denies it |
//! | `data.<key>` | `read`, `write` | [`data`] |
//! | `cache.<key>` | `read`, `write` | [`cache`] |
//! | `db.<table>` | `read`, `write` | [`db`]: a table or a collection |
//! | `scheduler.<job>` | `read`, `write` | [`scheduler`] |
//! | `http.<host>` | `execute` | [`http`] |
//! | `plugin.<name>` | `read`, `execute` | [`plugins`]: `read` finds a plugin in lists, `execute` calls it |
//! | `service.<name>` | `read`, `write`, `execute` | [`plugins`]: services by name, not for its own |
//! | `env.<variable>` | `read` | variables of the host in the manifest's `env`; trusted plugins see them by name |
//! | `fs.<path>` | `read`, `write` | directories, for trusted plugins only |
//! | `net.<address>` | `execute` | sockets, for trusted plugins only |
//! | `ext.<name>` | the application's choice | interfaces of the application: [`import_wit!`] |
//! | `events.<topic>` | `publish`, `subscribe` | [`events`]: topics in `publishes`, and subscriptions of code |
//! | `process.<name>` | `read`, `execute` | [`processes`]: `read` for statuses and log lines, `execute` for orders |
//! | `api.<scope>` | `execute` | [`api`]: tokens with the scope; `api.call.greeter` for `call:greeter` |
//!
//! A rule without actions covers all of them. `*` matches any text: `data.note/*`, `http.*.example.org`.
//!
//! # Time, randomness and other crates
//!
//! `std::time`, and crates such as chrono, uuid and rand work inside a plugin: the host provides clocks and random
//! numbers through WASI, which needs no permission. Files, sockets and threads are not available.
//!
//! # Names
//!
//! A value that can be read has methods that begin with `with_` to set its parts, and the bare names read them:
//! [`Error::with_code`] and [`Error::code`]. A builder cannot be read, so its methods have bare names, and a last one
//! such as `build`, `send`, `add` or `run` uses it: `http::get(url).header("accept", "text/plain").send()`.
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
//! `strip = "symbols"` saves another seventh, but the backtrace of a trap then has no function names. The manifest is
//! kept either way, as are the message and location of a panic, which go to stderr and from there into the host's
//! error.
//!
//! # What the macros generate
//!
//! The macros generate calls of this crate's const builder. A crate with `#![forbid(unsafe_code)]` can use them. The
//! exports of a component need unsafe code, but it is in macros of this crate, to which the lint of the other crate
//! does not apply.

// The derives refer to the crate by this name, and this crate uses them too.
extern crate self as plugbay_sdk;

mod answer;
pub mod api;
#[doc(hidden)]
pub mod bindings;
pub mod builder;
pub mod cache;
pub mod config;
pub mod constant;
pub mod data;
pub mod db;
mod dispatch;
mod error;
mod event;
pub mod events;
pub mod exchange;
mod export;
mod health;
mod host;
pub mod http;
mod import_wit;
mod invocation;
pub mod log;
mod macros;
pub mod metrics;
#[cfg(not(target_family = "wasm"))]
pub mod native;
mod payload;
pub mod plugins;
pub mod prelude;
pub mod processes;
mod reply;
pub mod router;
pub mod scheduler;
pub mod schema;
pub mod ui;

pub use error::{Error, Result, error};
pub use event::Event;
pub use health::Health;
pub use invocation::{Invocation, Reload};
pub use macros::{Schema, plugin};
pub use reply::{Reply, ok};
pub use schema::Schema;
pub use serde_json::{Value, json};

/// For the code that this crate's macros write. Not part of the API.
#[doc(hidden)]
pub mod __private {
    pub use crate::answer::{
        Answer, Answerable, Checked, Handled, JsonState, JsonTaken, Loaded, NoSchema, PlainAnswer, SchemaOf, State,
        Taken,
    };
    pub use crate::bindings::{self, Failure};
    pub use crate::dispatch::{Entry, Slot, Table};
    #[cfg(target_family = "wasm")]
    pub use crate::export::event;
    pub use crate::export::{failure, saved_state, state};
    pub use crate::invocation::running;
    pub use crate::payload::parse;
    pub use crate::router::{FromRequest, PlainSent, Sent, path_parameter, path_schema, set_status, text_body};
    pub use wit_bindgen;
}
