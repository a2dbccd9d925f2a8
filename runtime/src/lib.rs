//! Plugbay extends an application with untrusted plugins: WebAssembly components with a manifest, run in a sandbox with
//! fuel, memory and time limits and only the permissions that they were granted.
//!
//! ```no_run
//! use plugbay::Runtime;
//! use serde_json::json;
//!
//! #[tokio::main]
//! async fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let plugin = Runtime::new()?.load("hello.wasm").await?;
//!     let greeting: String = plugin.call("hello", &json!({ "name": "Ada" })).await?;
//!     println!("{greeting}");
//!     Ok(())
//! }
//! ```
//!
//! A plugin passes through these stages: [`Package`] (what was found), the checks of its manifest and imports,
//! compilation, linking, [`Plugin`] (what serves). A call passes through [`Invocation`] → admission → dispatch →
//! [`Outcome`] or [`InvokeError`]. `ARCHITECTURE.md` in the repository draws both.
//!
//! At the root are the names that most applications use. The others are in modules: [`policy`] for what plugins may
//! use, [`error`] for why something failed, [`log`] and [`audit`] for what is recorded, [`compile`] for where
//! components are compiled, [`inspection`], [`lifecycle`] and [`metrics`] for what is known of a plugin, [`tool`] for
//! actions as tools of assistants, [`clock`] and [`network`] for what tests replace.
//!
//! # Untrusted plugins
//!
//! Running plugins are sandboxed by default. Before compilation, a component is scanned and refused if it is known to
//! take long. By default it is then compiled in this process, on a separate thread: when the deadline of
//! [`CompileLimits`](compile::CompileLimits) passes, the caller gets an error, but the thread continues and its memory
//! is not bounded. A host that accepts uploads from strangers should compile in a child process, which is killed at its
//! deadline and at its memory limit. That takes two lines: see [`WorkerCommand`](compile::WorkerCommand).
//!
//! The memory of plugins' SQL statements is bounded only if the application first calls [`bound_sql_memory`].
//!
//! # Requirements
//!
//! The library never prints, never exits, and never blocks the async executor for longer than it takes to read a file.
//! It needs a tokio runtime, of either flavour, with time enabled. If plugins send requests or components are compiled
//! in a child process, it also needs IO (`enable_all`).
//!
//! Without optimisation the compiler is many times slower. `[profile.dev.package."*"] opt-level = 2` in the embedder's
//! `Cargo.toml` avoids that in debug builds.

#![forbid(unsafe_code)]

mod runtime;

mod handle;

mod trigger;

mod dispatch;

pub mod invocation;
pub mod lifecycle;
pub mod metrics;
pub mod page;
pub mod tool;

pub mod component;
pub mod inspection;
mod plugin;

mod host;
pub mod host_plugin;

pub mod event;
mod service;

mod admission;
pub mod api;
pub mod audit;
mod capability;
mod sqlite;

mod caller;
pub mod clock;
pub mod error;
mod limits;
mod plugin_limits;
mod scope;
pub mod store;
mod store_future;
mod thread_number;

// The public names of modules that are arranged otherwise inside.
pub mod compile;
pub mod extension;
pub mod log;
pub mod network;
pub mod package;
pub mod policy;
pub mod process;

pub use bytes;
pub use http;
pub use plugbay_manifest as manifest;
pub use wasmtime;

pub use caller::Caller;
pub use capability::Policy;
pub use error::{Failure, InvokeError, LoadError};
pub use event::Event;
pub use handle::Plugin;
pub use host_plugin::HostPlugin;
pub use invocation::{Invocation, Outcome};
pub use plugin::package::Package;
pub use plugin_limits::{Ceilings, Limits};
pub use runtime::{LoadedPlugins, Runtime, RuntimeBuilder};
pub use service::db::bound_sql_memory;
