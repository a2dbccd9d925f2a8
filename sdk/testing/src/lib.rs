//! Test a Plugbay plugin as it will run: the compiled component, in the real runtime, with services in memory.
//!
//! A native test of a plugin ([`plugbay_sdk::native`](https://docs.rs/plugbay-sdk)) is quick, but does not run the
//! host. Here the host is the real one: it checks payloads against their schemas and each use of a service against the
//! permissions in the manifest, it enforces limits, and a trap is a trap. The test controls the plugin's environment:
//! stored data lasts as long as the test, time advances only when the test advances it, the test replies to HTTP
//! requests, and log lines, denials, requests and published events are recorded.
//!
//! ```no_run
//! // tests/component.rs
//! use std::time::Duration;
//!
//! use plugbay_testing::{TestHost, json};
//!
//! #[test]
//! fn weather_is_requested_once_in_ten_minutes() {
//!     let host = TestHost::new();
//!     host.http().on("GET", "https://api.example.org/weather*").reply(200, json!({ "degrees": 21 }));
//!     let plugin = host.plugin(env!("CARGO_MANIFEST_DIR")).config("units", "metric").load();
//!
//!     for _ in 0..2 {
//!         assert_eq!(plugin.call("today", json!({ "town": "Bern" })), json!("21 °C"));
//!     }
//!     assert_eq!(host.http().requests().len(), 1, "the second result comes from the cache");
//!
//!     host.advance(Duration::from_secs(600));
//!     plugin.call("today", json!({ "town": "Bern" }));
//!     assert_eq!(host.http().requests().len(), 2);
//! }
//!
//! #[test]
//! fn ungranted_host_is_refused() {
//!     let host = TestHost::new();
//!     let plugin = host.plugin(env!("CARGO_MANIFEST_DIR")).load();
//!     assert_eq!(plugin.call_error("fetch", json!("https://example.com/")).code(), "permission_denied");
//!     plugin.assert_denied("http.example.com", "execute");
//! }
//! ```
//!
//! - [`TestHost`] is one runtime with one clock. [`TestHost::boot`] loads plugins that `require` each other.
//! - [`TestHost::emit`] emits an event and returns its outcome. When a call or an event returns, the handlers of the
//!   events that plugins published meanwhile have run.
//! - [`TestHost::plugin`] takes what the `plugbay` command takes: a crate, which is built first (once for each test
//!   process, in cargo's own target directory, so that `plugbay run` finds it built), a `.wasm` file, or a plugin
//!   directory.
//! - By default, the operator grants everything that the manifest requests. [`PluginSetup::deny`] and
//!   [`PluginSetup::only`] are for tests of denials.
//! - Tests are synchronous. Each host has its own executor, and its plugins do not run between calls. An asynchronous
//!   test uses the runtime itself with [`TestHost::runtime`] and [`TestPlugin::plugin`].
//! - Rate limits and deadlines are in real time.

#![forbid(unsafe_code)]

mod api;
mod build;
mod clock;
mod events;
mod executor;
mod file;
mod host;
mod http;
mod page;
mod plugin;
mod processes;
mod record;
mod route;
mod setup;
mod tool;

pub use clock::TestClock;
pub use file::{DeclaredTests, Surroundings, TestFailure, TestFileError, TestOutcome, assert_test_files_pass};
pub use host::{TestHost, TestHostBuilder};
pub use http::{HttpMock, HttpReplies, HttpRequest};
pub use page::PageRequest;
pub use plugin::TestPlugin;
pub use processes::TestProcesses;
pub use record::{DeniedUse, LogLine};
pub use route::{RouteRequest, RouteResponse};
pub use setup::PluginSetup;
pub use tool::ToolRequest;

pub use plugbay::event::{EmitOutcome, Health, Reaction};
pub use plugbay::log::LogLevel;
pub use plugbay::metrics::MetricsSnapshot;
pub use plugbay::page::{ActionResult, LoaderResult, OpenedPage, PageError};
pub use plugbay::tool::{Tool, ToolContent, ToolHints, ToolResult};
pub use plugbay::{Caller, Event, Invocation, InvokeError, LoadError};
pub use serde_json::{Value, json};
