//! Pup's example: its options, a log line that says whether the host's memory is ok or high, and a process that is
//! restarted once it has failed.
//!
//! The memory comes from the host's own API (`GET /state`), with a token that the host makes for the plugin and renews.

use plugbay_sdk::prelude::*;
use plugbay_sdk::{api, config, processes};

/// Bytes of a MiB.
const MIB: u64 = 1 << 20;

/// The event `process_status_changed`, as far as it is read.
#[derive(Deserialize, Schema)]
#[serde(rename_all = "camelCase")]
struct StatusChange {
    process_id: String,
    new_state: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Schema)]
#[serde(rename_all = "lowercase")]
enum Usage {
    Ok,
    High,
}

#[derive(Serialize, Schema)]
struct Memory {
    used_mib: u64,
    usage: Usage,
}

#[derive(Default)]
struct ExamplePlugin {
    threshold_mib: u64,
    process: String,
    /// The usage in the latest log line.
    logged: Option<Usage>,
}

#[plugin]
impl ExamplePlugin {
    /// Reads the options, as the constructor of the original does.
    #[on_load]
    fn start(&mut self) -> Result<()> {
        let threshold: String = config::require("threshold")?;
        let Ok(threshold) = threshold.parse() else {
            bail!(code = "invalid_configuration", "`threshold` is not a number of MiB: {threshold}");
        };
        self.threshold_mib = threshold;
        self.process = config::require("process")?;
        Ok(())
    }

    /// Each second: logs whether the use of memory is ok or high, if that has changed.
    #[on_event("watchdog")]
    fn watchdog(&mut self) {
        // An error must not end the plugin's subscription to the next event, and it may be gone by then.
        match self.memory() {
            Ok(Memory { usage, .. }) if self.logged == Some(usage) => {}
            Ok(Memory { used_mib, usage }) => {
                self.logged = Some(usage);
                match usage {
                    Usage::Ok => log::info!("Memory usage is ok", used_mib = used_mib),
                    Usage::High => log::warn!("Memory usage is high", used_mib = used_mib),
                }
            }
            Err(error) => log::warn!("The memory cannot be read: {error}"),
        }
    }

    /// Restarts the important process once it has failed.
    #[on_event("process_status_changed")]
    fn process_status_changed(&self, change: StatusChange) {
        let StatusChange { process_id, new_state } = change;
        if process_id != self.process || new_state != "failed" {
            return;
        }
        match processes::restart(&process_id) {
            Ok(()) => log::warn!("{process_id} has failed and is restarted"),
            Err(error) => log::error!("{process_id} has failed and cannot be restarted: {error}"),
        }
    }

    /// Returns the memory of the host.
    #[action(idempotent)]
    #[get("/memory")]
    fn memory(&self) -> Result<Memory> {
        let state: Value = api::token(&["read"])?.get("/state").send()?.checked()?.json()?;
        let Some(bytes) = state["data"]["memory"]["rss"].as_u64() else {
            bail!(code = "invalid_data", "the state of the host has no memory");
        };
        let used_mib = bytes / MIB;
        let usage = if used_mib >= self.threshold_mib { Usage::High } else { Usage::Ok };
        Ok(Memory { used_mib, usage })
    }

    /// Returns the names of the processes.
    #[action(idempotent)]
    fn processes(&self) -> Result<Vec<String>> {
        Ok(processes::statuses()?.into_iter().map(|status| status.id).collect())
    }
}
