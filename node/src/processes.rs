//! The processes of a node, and the host's events on the bus: those of processes and of the host itself, in the names
//! and shapes of Pup.
//!
//! Events wait in bounded queues for one task that publishes them, because processes may not wait for plugins. Log
//! lines have a queue of their own, so that a flood of them delays no change of a state and pushes none out. An event
//! that no plugin and no stream receives is not made.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use plugbay::manifest::{ProcessEntry, Supervision};
use plugbay::{Event, Runtime};
use plugbay_supervisor::{LogLine, ProcessEvent, Supervisor, SupervisorBuilder, SupervisorError};
use serde_json::Value;
use tokio::sync::{OnceCell, mpsc, oneshot};
use tokio::task::AbortHandle;
use tokio::time::MissedTickBehavior;

use crate::application_state::application_state;
use crate::{HostFile, Node};

/// The log lines, and the other events, that may wait to be published. Further ones are lost.
const EVENTS_MAX: usize = 4_096;
/// The time between two events `watchdog`.
const WATCHDOG_EVERY: Duration = Duration::from_secs(1);
/// The number of watchdogs between two events `application_state`.
const WATCHDOGS_PER_STATE: u64 = 20;
/// The time that Pup announces in `terminating`, in milliseconds.
const TERMINATING_MS: u64 = 30_000;

/// Returns the variables for the environment of a process, by its name.
pub type VariablesOfProcess = Arc<dyn Fn(&str) -> Vec<(String, String)> + Send + Sync>;

/// Receives a line of the log of processes, and whether it is to be shown on the console of the host.
pub type ProcessLogSink = Arc<dyn Fn(&LogLine, bool) + Send + Sync>;

/// The parts of a host that its processes use.
#[non_exhaustive]
pub struct ProcessOptions {
    /// Variables for the environment of a process, by its name. Default: none.
    pub variables: VariablesOfProcess,
    /// Receives each line of the log of processes. Default: lines are dropped.
    pub log: ProcessLogSink,
    /// The port of the server, for the state of the host. Default: none.
    pub port: Option<u16>,
}

impl Default for ProcessOptions {
    fn default() -> Self {
        ProcessOptions { variables: Arc::new(|_| Vec::new()), log: Arc::new(|_, _| {}), port: None }
    }
}

impl fmt::Debug for ProcessOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProcessOptions").field("port", &self.port).finish_non_exhaustive()
    }
}

/// The processes that a node has started.
#[derive(Debug)]
pub(crate) struct NodeProcesses {
    supervisor: Supervisor,
    port: Option<u16>,
    publishing: AbortHandle,
    /// Asks for an answer once all earlier events have been published.
    flushes: mpsc::Sender<oneshot::Sender<()>>,
    ended: OnceCell<()>,
}

impl Drop for NodeProcesses {
    fn drop(&mut self) {
        self.publishing.abort();
    }
}

/// The settings of a supervisor for the processes of a host's file.
pub(crate) fn builder(file: &HostFile, data_dir: Option<&std::path::Path>) -> SupervisorBuilder {
    let builder = SupervisorBuilder::new(file.supervision().clone()).directory(file.directory());
    match data_dir {
        Some(directory) => builder.data_dir(directory),
        None => builder,
    }
}

impl Node {
    /// Starts the processes of the host's file that start with the host, and publishes the events of the host from now
    /// on: `init` and `server.boot`, `watchdog` each second, `application_state`, and those of processes. It has to be
    /// called once, in a Tokio runtime, after the plugins were loaded.
    ///
    /// # Errors
    /// [`SupervisorError`] if the processes cannot be set up. [`Node::open`] has checked them.
    pub fn start_processes(&self, options: ProcessOptions) -> Result<(), SupervisorError> {
        let (lines, queue_of_lines) = mpsc::channel(EVENTS_MAX);
        let (events, queue) = mpsc::channel(EVENTS_MAX);
        let hidden = hidden_on_the_console(self.file.supervision());
        let log = options.log;
        let supervisor = builder(&self.file, self.data_dir.as_deref().filter(|_| self.is_writable))
            .variables(move |id| (options.variables)(id))
            .observer(move |event: &ProcessEvent| {
                // A full queue loses events: the plugins that receive them are too slow.
                if let ProcessEvent::Log(line) = event {
                    log(line, !hidden.contains(&line.process_id));
                    let _ = lines.try_send(event.clone());
                } else if events.try_send(event.clone()).is_err() {
                    tracing::warn!(topic = event.topic(), "an event of a process is lost: plugins are too slow for it");
                }
            })
            .start()?;
        self.process_control.set(&supervisor);
        let (flushes, queue_of_flushes) = mpsc::channel(1);
        let publisher = Publisher { runtime: self.runtime.clone(), supervisor: supervisor.clone(), port: options.port };
        let publishing = tokio::spawn(publisher.run(queue, queue_of_lines, queue_of_flushes)).abort_handle();
        let ended = OnceCell::new();
        let processes = NodeProcesses { supervisor, port: options.port, publishing, flushes, ended };
        // A second call ends the processes of the first one when its value is dropped here.
        let _ = self.processes.set(processes);
        Ok(())
    }

    /// The log lines of processes that earlier hosts stored in the data directory, oldest first.
    pub fn stored_process_lines(&self) -> Vec<LogLine> {
        builder(&self.file, self.data_dir.as_deref().filter(|_| self.is_writable)).stored_lines()
    }

    /// The processes, once they were started.
    pub fn processes(&self) -> Option<&Supervisor> {
        self.processes.get().map(|processes| &processes.supervisor)
    }

    /// The state of the host in Pup's shape.
    pub fn application_state(&self) -> Value {
        let processes = self.processes.get();
        application_state(self.processes(), processes.and_then(|processes| processes.port))
    }

    /// Ends the processes: plugins and other listeners receive `terminating`, with the milliseconds that Pup announces;
    /// then all processes end, each in its own time, and the events of that are published. Calls after the first wait
    /// for it. Without processes it does nothing.
    pub async fn end_processes(&self) {
        let Some(processes) = self.processes.get() else { return };
        let end = async || {
            // Handlers have their deadlines. One that fails is logged.
            let _ = self.runtime.emit(Event::new("terminating", TERMINATING_MS)).await;
            processes.supervisor.shutdown().await;
            let (published, is_published) = oneshot::channel();
            if processes.flushes.send(published).await.is_ok() {
                // An error means that the task of events has ended.
                let _ = is_published.await;
            }
        };
        processes.ended.get_or_init(end).await;
    }

    /// Returns whether the host has processes that were started and not ended.
    pub fn has_processes(&self) -> bool {
        self.processes
            .get()
            .is_some_and(|processes| !self.file.supervision().processes.is_empty() && !processes.ended.initialized())
    }

    /// Ends the host in order: Docker engines are no longer followed, processes are ended
    /// ([`end_processes`](Self::end_processes)), and plugins are unloaded.
    pub async fn shutdown(&self) {
        self.docker.end();
        self.end_processes().await;
        self.runtime.shutdown().await;
    }
}

/// The names of processes, and of instances of clusters, whose lines are not shown on the console.
fn hidden_on_the_console(supervision: &Supervision) -> BTreeSet<String> {
    let is_hidden = |entry: &&ProcessEntry| entry.logger.or(&supervision.logger.processes).console == Some(false);
    let names = |entry: &ProcessEntry| {
        let instances = entry.cluster.as_ref().map_or(0, |cluster| cluster.instances);
        let id = entry.id.clone();
        std::iter::once(id.clone())
            .chain((1..=instances).map(move |number| format!("{id}-{number}")))
            .collect::<Vec<_>>()
    };
    supervision.processes.iter().filter(is_hidden).flat_map(names).collect()
}

/// Publishes the events of a host.
struct Publisher {
    runtime: Runtime,
    supervisor: Supervisor,
    port: Option<u16>,
}

impl Publisher {
    async fn run(
        self,
        mut queue: mpsc::Receiver<ProcessEvent>,
        mut lines: mpsc::Receiver<ProcessEvent>,
        mut flushes: mpsc::Receiver<oneshot::Sender<()>>,
    ) {
        self.publish("init", || Value::Null).await;
        // DockStat's `onServerBoot`.
        self.publish("server.boot", || Value::Null).await;
        let mut watchdog = tokio::time::interval(WATCHDOG_EVERY);
        watchdog.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut watchdogs = 0_u64;
        loop {
            tokio::select! {
                biased;
                event = queue.recv() => match event {
                    Some(event) => self.publish(event.topic(), || event.payload()).await,
                    None => return,
                },
                _ = watchdog.tick() => {
                    self.publish("watchdog", || Value::Null).await;
                    if watchdogs.is_multiple_of(WATCHDOGS_PER_STATE) {
                        let state = || application_state(Some(&self.supervisor), self.port);
                        self.publish("application_state", state).await;
                    }
                    watchdogs += 1;
                }
                // Last: the others do not wait for a flood of lines.
                Some(line) = lines.recv() => self.publish(line.topic(), || line.payload()).await,
                Some(published) = flushes.recv() => drop(published.send(())),
            }
        }
    }

    /// Publishes an event if anything receives it.
    async fn publish(&self, topic: &str, payload: impl FnOnce() -> Value) {
        if !self.runtime.has_subscribers(topic) {
            return;
        }
        if let Err(error) = self.runtime.publish(Event::new(topic, payload())).await {
            tracing::warn!(topic, %error, "an event of the host is lost");
        }
    }
}
