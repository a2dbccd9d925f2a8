//! The supervisor: the processes of a host, and orders to them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use plugbay_manifest::ProcessEntry;
use tokio::sync::{oneshot, watch};
use tokio::task::AbortHandle;

use crate::error::OrderError;
use crate::host::Host;
use crate::log_line::LogLine;
use crate::proc_table::memory_bytes;
use crate::process::{Message, Order, Process};
use crate::status::{ProcessStatus, Telemetry};

/// The name that stands for all processes.
pub const ALL: &str = "all";
/// The clock ticks of a second in `/proc`, on all usual systems.
const TICKS_PER_SECOND: u64 = 100;

/// The processes of a host. Clones share them. When the last one is dropped, they are killed, unless they are detached;
/// [`Supervisor::shutdown`] ends them in order.
#[derive(Clone, Debug)]
pub struct Supervisor(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    host: Arc<Host>,
    managed: Vec<Managed>,
    is_shut_down: AtomicBool,
}

/// A process of the host's file: one, or the instances of a cluster.
#[derive(Debug)]
pub(crate) struct Managed {
    pub(crate) entry: Arc<ProcessEntry>,
    pub(crate) processes: Vec<Process>,
    /// The reason for which the balancer does not listen.
    pub(crate) balancer_error: Option<watch::Receiver<Option<String>>>,
    /// The watch of its files and the balancer.
    pub(crate) tasks: Vec<AbortHandle>,
}

/// The use of a machine by a process and everything that it started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ProcessUsage {
    /// The resident memory in bytes. Pages that processes share are counted for each.
    pub memory_bytes: u64,
    /// The processor time that the running ones have used.
    pub cpu_time: Duration,
    /// The number of processes.
    pub processes: usize,
}

impl Supervisor {
    pub(crate) fn new(host: Arc<Host>, managed: Vec<Managed>) -> Self {
        Supervisor(Arc::new(Inner { host, managed, is_shut_down: AtomicBool::new(false) }))
    }

    /// The status and the configuration of each process, in the order of the host's file. Clusters are one each.
    pub fn list(&self) -> Vec<(ProcessStatus, Arc<ProcessEntry>)> {
        self.0.managed.iter().map(|managed| (self.status_of(managed), Arc::clone(&managed.entry))).collect()
    }

    /// The status of a process, a cluster or an instance of one.
    pub fn status(&self, id: &str) -> Option<ProcessStatus> {
        let cluster = self.0.managed.iter().find(|managed| managed.entry.id == id);
        match cluster {
            Some(managed) => Some(self.status_of(managed)),
            None => self.process(id).map(|process| process.status.borrow().clone()),
        }
    }

    fn status_of(&self, managed: &Managed) -> ProcessStatus {
        let mut all = managed.processes.iter().map(|process| process.status.borrow().clone());
        match &managed.entry.cluster {
            Some(_) => {
                let mut status = ProcessStatus::of_cluster(&managed.entry.id, all.collect(), self.0.host.now());
                status.balancer_error = managed.balancer_error.as_ref().and_then(|error| error.borrow().clone());
                status
            }
            None => all.next().unwrap_or_else(|| ProcessStatus::new(&managed.entry.id, self.0.host.now())),
        }
    }

    fn process(&self, id: &str) -> Option<&Process> {
        self.0.managed.iter().flat_map(|managed| &managed.processes).find(|process| *process.id == *id)
    }

    /// The processes that a name stands for: all, those of a cluster, or one.
    fn processes(&self, target: &str) -> Vec<&Process> {
        let of_entry = |managed: &&Managed| target == ALL || managed.entry.id == target;
        let found: Vec<&Process> =
            self.0.managed.iter().filter(of_entry).flat_map(|managed| &managed.processes).collect();
        if found.is_empty() { self.process(target).into_iter().collect() } else { found }
    }

    /// Gives an order to a process, a cluster, an instance, or [`ALL`]. It returns when the order is accepted: a
    /// process that was started runs then, and one that was stopped was asked to end. `reason` is logged.
    ///
    /// # Errors
    /// [`OrderError`] if there is no such process, or none of the processes accepts the order.
    pub async fn order(&self, target: &str, order: Order, reason: &str) -> Result<(), OrderError> {
        let processes = self.processes(target);
        let mut outcome = match processes.is_empty() {
            true if target == ALL || self.status(target).is_some() => Ok(()),
            _ => Err(OrderError::Unknown { id: target.to_owned() }),
        };
        let answers: Vec<_> = processes
            .into_iter()
            .map(|process| {
                let (answer, answered) = oneshot::channel();
                // A process that has shut down drops the message.
                let message = Message::Order { order, reason: reason.to_owned(), answer };
                let _ = process.messages.send(Box::new(message));
                answered
            })
            .collect();
        for (index, answered) in answers.into_iter().enumerate() {
            let answer = answered.await.unwrap_or(Err(OrderError::ShuttingDown));
            if index == 0 || answer.is_ok() {
                outcome = answer;
            }
        }
        outcome
    }

    /// Waits until the status of a process or of an instance fits, and returns it. `None` if there is no such process,
    /// or it was shut down before.
    pub async fn wait_for(&self, id: &str, fits: impl FnMut(&ProcessStatus) -> bool) -> Option<ProcessStatus> {
        let mut status = self.process(id)?.status.clone();
        let fitting = status.wait_for(fits).await.ok()?;
        Some(fitting.clone())
    }

    /// Takes the report of a process about itself. Returns whether there is such a process.
    pub fn report(&self, telemetry: Telemetry) -> bool {
        match self.process(&telemetry.sender) {
            Some(process) => process.messages.send(Box::new(Message::Telemetry(Box::new(telemetry)))).is_ok(),
            None => false,
        }
    }

    /// The latest log lines of a process or of the instances of a cluster, or of [`ALL`], oldest first.
    pub fn logs(&self, target: &str, count_max: usize) -> Vec<LogLine> {
        let ids: Vec<&str> = self.processes(target).into_iter().map(|process| &*process.id).collect();
        self.0.host.latest.latest(|id| id == target || ids.contains(&id), count_max)
    }

    /// The use of the machine by each running process, by its name. Empty on systems other than Linux.
    pub async fn usage(&self) -> BTreeMap<String, ProcessUsage> {
        let table = self.0.host.table.read().await;
        let running: BTreeMap<i32, &Process> = self
            .processes(ALL)
            .into_iter()
            .filter_map(|process| Some((i32::try_from(process.status.borrow().pid?).ok()?, process)))
            .collect();
        let mut usage: BTreeMap<String, ProcessUsage> = BTreeMap::new();
        for entry in table.iter().filter(|entry| !entry.is_zombie) {
            let Some(process) = running.get(&entry.group) else { continue };
            let used = usage.entry(process.id.to_string()).or_default();
            used.memory_bytes += memory_bytes(entry.pid);
            used.cpu_time += Duration::from_millis(entry.cpu_ticks * 1_000 / TICKS_PER_SECOND);
            used.processes += 1;
        }
        usage
    }

    /// Ends all processes, each in its own time, and returns when they have ended. Detached ones continue to run.
    pub async fn shutdown(&self) {
        self.0.is_shut_down.store(true, Ordering::Release);
        self.0.managed.iter().flat_map(|managed| &managed.tasks).for_each(AbortHandle::abort);
        let answers: Vec<_> = self
            .processes(ALL)
            .into_iter()
            .map(|process| {
                let (answer, answered) = oneshot::channel();
                // A process that has shut down before drops the message.
                let _ = process.messages.send(Box::new(Message::ShutDown(answer)));
                answered
            })
            .collect();
        for answered in answers {
            let _ = answered.await;
        }
    }

    /// Whether [`Supervisor::shutdown`] was called.
    pub fn is_shut_down(&self) -> bool {
        self.0.is_shut_down.load(Ordering::Acquire)
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.managed.iter().flat_map(|managed| &managed.tasks).for_each(AbortHandle::abort);
    }
}
