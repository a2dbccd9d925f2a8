//! The test harness for plugin authors: what it shows of a plugin, and how it fails.

mod events;
mod failure;
mod host;
mod jobs;
mod tools;
