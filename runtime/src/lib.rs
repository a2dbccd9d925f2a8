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
//! # Untrusted plugins
//!
//! Running plugins are sandboxed by default. Before compilation, a component is scanned and refused if it is known to
//! take long. By default it is then compiled in this process, on a separate thread: when the deadline of
//! [`CompileLimits`] passes, the caller gets an error, but the thread continues and its memory is not bounded. A host
//! that accepts uploads from strangers should compile in a child process, which is killed at its deadline and at its
//! memory limit. That takes two lines: see [`WorkerCommand`].
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

mod invocation;
mod metrics;

pub mod component;
mod inspection;
mod plugin;

mod host;
mod host_plugin;

mod event;
mod service;

mod admission;
mod audit;
mod capability;
mod sqlite;

mod caller;
mod clock;
mod error;
pub mod limits;
mod scope;
pub mod store;
mod store_future;
mod thread_number;

pub use bytes;
pub use http;
pub use plugbay_manifest as manifest;
pub use plugbay_sqlite_memory::SqliteInUse;
pub use wasmtime;

pub mod compile;
pub mod extension;

pub use audit::{AuditEntry, AuditRecord, AuditSink, TracingAudit};
pub use caller::Caller;
pub use capability::{Denial, Grants, Pattern, Policy, PolicyError, Refused, UnreachableRule};
pub use clock::{Clock, ManualClock, SystemClock};
pub use compile::{
    CodeCache, CodeCacheError, CompileError, CompileIsolation, CompileLimits, LegacyError, Quantity, ScanError,
    ScanLimits, WorkerCommand, compile_worker, compile_worker_if_asked,
};
pub use error::{
    BuildError, ConfigProblem, Failure, InvokeError, InvokeErrorKind, LimitHit, LimitOrigin, LoadError, LoadErrorKind,
    PayloadProblem, ProvideError, RemoveDataError,
};
pub use event::{Event, Health, Reaction};
pub use handle::Plugin;
pub use host_plugin::{HostCall, HostPlugin};
pub use inspection::{
    ImportRefusal, InspectedDirectory, InspectedImport, InspectedLimits, InspectedRate, Inspection, Trust,
};
pub use invocation::{Invocation, Outcome, Usage};
pub use limits::{Ceilings, Limits};
pub use metrics::{LATENCY_BUCKETS_MICROS, MetricsSnapshot};
pub use plugin::package::{Package, Source};
pub use runtime::{CodeCacheAt, LoadedPlugins, Runtime, RuntimeBuilder};
pub use service::db::bound_sql_memory;
pub use service::http::{HttpResolver, HttpResponder};
pub use service::log::{Level, LogRecord, LogSink, TracingSink};
