//! The rows of the benchmark, with a file for each kind.

pub mod boot;
pub mod call;
pub mod durable;
pub mod event;
pub mod follow;
pub mod fresh;
pub mod hostile;
pub mod http;
pub mod load;
pub mod memory;
pub mod pages;
pub mod processes;
pub mod service;
pub mod start;
pub mod threads;

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::measure::Plan;
use crate::subject::extism::Extism;

/// The data that all rows share.
pub struct Bench {
    pub plan: Plan,
    /// The benchmark's plugin.
    pub wasm: Vec<u8>,
    pub wasm_path: PathBuf,
    /// The plugin that calls services.
    pub service_wasm: Vec<u8>,
    pub extism: Option<Extism>,
    /// A directory of this run.
    pub scratch: PathBuf,
}

impl Bench {
    /// A plan with longer and fewer batches, for rows with slow calls.
    pub fn slower(&self, batch: Duration) -> Plan {
        let rounds = self.plan.rounds.min((self.plan.rounds / 2).max(10));
        Plan { rounds, batch: self.plan.batch.max(batch) }
    }

    pub fn scratch(&self, name: &str) -> PathBuf {
        Path::new(&self.scratch).join(name)
    }
}

/// The maximum number of live instances in rows that need a few.
pub const LIVE_INSTANCES: u32 = 1_000;
