//! A supervisor of shells, with a manual clock and a record of its events.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use plugbay_manifest::{ProcessEntry, Supervision};
use plugbay_supervisor::{
    ManualClock, Order, OrderError, ProcessEvent, ProcessState, ProcessStatus, Supervisor, SupervisorBuilder,
};

/// The longest wait for anything. A test that needs it has failed.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A supervisor with what it was given.
pub struct Supervised {
    pub supervisor: Supervisor,
    pub clock: ManualClock,
    pub events: Arc<Mutex<Vec<ProcessEvent>>>,
    pub directory: tempfile::TempDir,
}

/// A process that runs a script in `/bin/sh`.
pub fn shell(id: &str, script: &str) -> ProcessEntry {
    ProcessEntry::new(id, format!("/bin/sh -c '{script}'"))
}

/// A process that runs until it is stopped.
pub fn endless(id: &str) -> ProcessEntry {
    ProcessEntry::new(id, "sleep 1000000")
}

pub fn supervised(processes: impl IntoIterator<Item = ProcessEntry>) -> Supervised {
    supervised_in(tempfile::tempdir().expect("a directory"), processes)
}

pub fn supervised_in(directory: tempfile::TempDir, processes: impl IntoIterator<Item = ProcessEntry>) -> Supervised {
    let mut supervision = Supervision::default();
    supervision.processes = processes.into_iter().collect();
    supervision.watcher.interval = Duration::from_millis(50);
    supervised_with(directory, supervision)
}

pub fn supervised_with(directory: tempfile::TempDir, supervision: Supervision) -> Supervised {
    let (clock, events) = (ManualClock::default(), Arc::new(Mutex::new(Vec::new())));
    let record = Arc::clone(&events);
    let supervisor = SupervisorBuilder::new(supervision)
        .directory(directory.path())
        .data_dir(directory.path())
        .clock(clock.clone())
        .observer(move |event: &ProcessEvent| record.lock().expect("not poisoned").push(event.clone()))
        .start()
        .expect("the processes are valid");
    Supervised { supervisor, clock, events, directory }
}

impl Supervised {
    pub async fn order(&self, target: &str, order: Order) -> Result<(), OrderError> {
        self.supervisor.order(target, order, "a test").await
    }

    /// Waits until a process is in a state.
    pub async fn wait(&self, id: &str, state: ProcessState) -> ProcessStatus {
        self.wait_for(id, |status| status.status == state).await
    }

    pub async fn wait_for(&self, id: &str, fits: impl FnMut(&ProcessStatus) -> bool) -> ProcessStatus {
        let found = tokio::time::timeout(PATIENCE, self.supervisor.wait_for(id, fits)).await;
        match found {
            Ok(status) => status.expect("there is such a process"),
            Err(_) => panic!("{:?} {:?}", self.supervisor.status(id), self.supervisor.logs("all", 50)),
        }
    }

    /// Waits until a process has written a line.
    pub async fn wait_for_line(&self, id: &str, text: &str) {
        let found = async {
            while !self.supervisor.logs(id, usize::MAX).iter().any(|line| line.text == text) {
                tokio::task::yield_now().await;
            }
        };
        let found = tokio::time::timeout(PATIENCE, found).await;
        assert!(found.is_ok(), "{text}: {:?}", self.supervisor.logs("all", 50));
    }

    /// The changes of state of a process as numbers, the first without an old one.
    pub fn states(&self, id: &str) -> Vec<u16> {
        let events = self.events.lock().expect("not poisoned");
        let mut last = None;
        let mut states = Vec::new();
        for event in events.iter() {
            if let ProcessEvent::StatusChanged { old, status } = event
                && status.id == id
            {
                assert_eq!(*old, last, "each change begins where the one before ended");
                last = Some(status.status);
                states.push(status.status.code());
            }
        }
        states
    }

    /// The events of a topic.
    pub fn events_of(&self, topic: &str) -> Vec<serde_json::Value> {
        let events = self.events.lock().expect("not poisoned");
        events.iter().filter(|event| event.topic() == topic).map(ProcessEvent::payload).collect()
    }
}

/// Waits until a condition holds.
pub async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let wait = async {
        while !holds() {
            tokio::task::yield_now().await;
        }
    };
    assert!(tokio::time::timeout(PATIENCE, wait).await.is_ok(), "{what}");
}

/// Whether a process exists and has not ended.
pub fn is_alive(pid: u32) -> bool {
    let stat = std::fs::read(format!("/proc/{pid}/stat")).unwrap_or_default();
    String::from_utf8_lossy(&stat).rsplit_once(')').is_some_and(|(_, rest)| !rest.trim_start().starts_with(['Z', 'X']))
}

/// Waits until a process has written its number to a file, and returns it.
pub async fn pid_in(path: &Path) -> u32 {
    let read = || std::fs::read_to_string(path).ok().filter(|text| text.ends_with('\n'))?.trim().parse().ok();
    until(&format!("a number in {}", path.display()), || read().is_some()).await;
    read().expect("it was read")
}
