//! The harness that authors test their plugins with: what it shows of a plugin, and how it fails.

mod failure;
mod host;
mod jobs;
