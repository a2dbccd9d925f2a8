//! Plugbay from the outside: real WebAssembly guests in process, and the built command.
//!
//! One module for each part of what Plugbay promises. The guests are in `guests/`; `harness/` builds and loads them. A
//! test never waits for time to pass: it waits for what it expects, or gives the guest a limit that is soon reached.

#![allow(missing_docs)]

mod harness;

mod actions;
mod adversarial;
mod author;
mod e2e;
mod lifecycle;
mod manifest;
mod repository;
mod services;
