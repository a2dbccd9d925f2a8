//! A supervisor of processes of the operating system, with the configuration, the states and the events of Pup.
//!
//! ```
//! use plugbay_manifest::{ProcessEntry, Supervision};
//! use plugbay_supervisor::{Order, ProcessState, SupervisorBuilder};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let mut supervision = Supervision::default();
//! supervision.processes = vec![ProcessEntry::new("hello", "echo hello")];
//! let supervisor = SupervisorBuilder::new(supervision).start()?;
//! supervisor.order("hello", Order::Start, "an example").await?;
//! let status = supervisor.wait_for("hello", |status| status.status == ProcessState::Finished).await;
//! assert_eq!(status.and_then(|status| status.code), Some(0));
//! assert!(supervisor.logs("hello", 10).iter().any(|line| line.text == "hello"));
//! supervisor.shutdown().await;
//! # Ok(())
//! # }
//! ```
//!
//! Each process leads a process group. When it ends, everything that it started is ended, too, also daemons that left
//! the group; the next run begins after that. Processes end with their host, even if it is killed, unless they are
//! detached.
//!
//! The crate knows no plugins and no WebAssembly. A host gives it the part of its file
//! (`plugbay_manifest::Supervision`) and an observer of events.

#![forbid(unsafe_code)]

mod adopted;
mod backends;
mod balancer;
mod builder;
mod clock;
mod command;
mod config_json;
mod error;
mod event;
mod group;
mod guardian;
mod host;
mod log_file;
mod log_journal;
mod log_line;
mod output;
mod policy;
mod proc_table;
mod process;
mod process_run;
mod process_time;
mod run;
mod schedule;
mod state;
mod status;
mod supervisor;
mod watch;

pub use builder::SupervisorBuilder;
pub use clock::{Clock, ManualClock, SystemClock};
pub use config_json::process_config;
pub use error::{OrderError, SupervisorError};
pub use event::{ProcessEvent, ProcessObserver};
pub use log_line::{LogLine, LogSeverity};
pub use process::Order;
pub use state::ProcessState;
pub use status::{ProcessKind, ProcessStatus, Telemetry, TelemetryMemory, iso_time};
pub use supervisor::{ALL, ProcessUsage, Supervisor};
