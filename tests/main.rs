//! Integration and end-to-end tests of Plugbay, with real WebAssembly guests and the built command.
//!
//! The guests are in `guests/`; `harness/` builds and loads them. A test never waits for time to pass: it waits for the
//! condition that it expects, or gives the guest a limit that is soon reached.

#![allow(missing_docs)]

mod harness;

mod actions;
mod adversarial;
mod author;
mod conformance;
mod e2e;
mod lifecycle;
mod manifest;
mod node;
mod repository;
mod server;
mod services;
