//! Test a Plugbay plugin as it will run: the compiled component, in the real runtime, with services in memory.
//!
//! A native test of a plugin ([`plugbay_sdk::native`](https://docs.rs/plugbay-sdk)) is quick and sees nothing of what
//! the host does. Here the host is the real one: payloads are checked against their schemas, each use of a service
//! against the permissions that the manifest asks for, limits hold, a trap is a trap. What the plugin would meet
//! outside is under the test's control: what the plugin stores is forgotten with the test, time stands still until the
//! test moves it, requests are answered by the test, and log lines, denials and requests are kept for it to look at.
//!
//! ```no_run
//! // tests/component.rs
//! use std::time::Duration;
//!
//! use plugbay_testing::{TestHost, json};
//!
//! #[test]
//! fn weather_is_asked_for_once_in_ten_minutes() {
//!     let host = TestHost::new();
//!     host.http().on("GET", "https://api.example.org/weather*").reply(200, json!({ "degrees": 21 }));
//!     let plugin = host.plugin(env!("CARGO_MANIFEST_DIR")).config("units", "metric").load();
//!
//!     for _ in 0..2 {
//!         assert_eq!(plugin.call("today", json!({ "town": "Bern" })), json!("21 °C"));
//!     }
//!     assert_eq!(host.http().requests().len(), 1, "the second answer comes from the cache");
//!
//!     host.advance(Duration::from_secs(600));
//!     plugin.call("today", json!({ "town": "Bern" }));
//!     assert_eq!(host.http().requests().len(), 2);
//! }
//!
//! #[test]
//! fn host_that_was_not_granted_is_refused() {
//!     let host = TestHost::new();
//!     let plugin = host.plugin(env!("CARGO_MANIFEST_DIR")).load();
//!     assert_eq!(plugin.call_error("fetch", json!("https://example.com/")).code(), "permission_denied");
//!     plugin.assert_denied("http.example.com", "execute");
//! }
//! ```
//!
//! - [`TestHost`] is one runtime with one clock. Plugins that `require` each other are loaded into the same host, in
//!   order.
//! - [`TestHost::plugin`] takes what the `plugbay` command takes: a crate, which is built first (once for each test
//!   process, in cargo's own target directory, so that `plugbay run` finds it built), a `.wasm` file, or a plugin
//!   directory.
//! - The operator allows whatever the manifest asks for; [`PluginSetup::deny`] and [`PluginSetup::only`] are for the
//!   tests of denials.
//! - Tests stay synchronous. Each host has a small executor of its own, and nothing of its plugins runs between calls;
//!   an asynchronous test finds the runtime itself behind [`TestHost::runtime`] and [`TestPlugin::plugin`].
//! - Rate limits and deadlines are in real time, as they are everywhere.

mod build;
mod clock;
mod executor;
mod file;
mod host;
mod http;
mod plugin;
mod record;
mod setup;

pub use clock::TestClock;
pub use file::{DeclaredTests, Surroundings, TestFailure, TestFileError, TestOutcome, assert_test_files_pass};
pub use host::{TestHost, TestHostBuilder};
pub use http::{HttpMock, HttpReplies, HttpRequest};
pub use plugin::TestPlugin;
pub use record::{DeniedUse, LogLine};
pub use setup::PluginSetup;

pub use plugbay::{Event, Health, InvokeError, Level, LoadError, MetricsSnapshot, Reaction};
pub use serde_json::{Value, json};
