//! A process group, and its end: signals to all of its processes until none is left.
//!
//! One signal to a group misses a process that is being forked at that moment. So the last step stops all processes,
//! kills them, and looks again, until the table of processes has none of them. Processes that have left the group are
//! found by the variable that marks a run.
//!
//! The number of a group stays reserved while its leader is not reaped or a member exists. The leader is therefore
//! reaped after the others have been ended, so that no signal can reach another group of the same number.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::proc_table::{ProcTable, TableEntry, started_ticks};

/// The time until a group that was killed counts as one that cannot be: a process may hang in a system call.
const KILL_TIMEOUT: Duration = Duration::from_secs(10);
/// The shortest and the longest time between two looks at the table.
const LOOK_MIN: Duration = Duration::from_millis(2);
const LOOK_MAX: Duration = Duration::from_millis(100);

/// A signal to a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum GroupSignal {
    /// SIGTERM, and SIGCONT for processes that are stopped.
    Terminate,
    /// SIGKILL.
    Kill,
}

/// A process group that a run leads.
#[derive(Debug)]
pub(crate) struct Group {
    leader: i32,
    run: Arc<str>,
    has_ended: AtomicBool,
}

impl Group {
    pub(crate) fn new(leader: u32, run: Arc<str>) -> Option<Arc<Self>> {
        let leader = i32::try_from(leader).ok().filter(|leader| *leader > 1)?;
        Some(Arc::new(Group { leader, run, has_ended: AtomicBool::new(false) }))
    }

    pub(crate) fn leader(&self) -> i32 {
        self.leader
    }

    /// Sends a signal to all processes of the group. After its end, none is sent.
    pub(crate) fn signal(&self, signal: GroupSignal) {
        if !self.has_ended.load(Ordering::Acquire) {
            system::signal_group(self.leader, signal);
        }
    }

    /// Records that the leader was reaped and no other process is left.
    pub(crate) fn set_ended(&self) {
        self.has_ended.store(true, Ordering::Release);
    }

    /// The processes of the run other than its leader.
    async fn others(&self, table: &ProcTable) -> Vec<TableEntry> {
        let is_member = |entry: &&TableEntry| {
            let of_run = entry.run.as_deref() == Some(&*self.run);
            !entry.is_zombie && entry.pid != self.leader && (entry.group == self.leader || of_run)
        };
        table.read().await.iter().filter(is_member).cloned().collect()
    }

    /// Ends the processes that outlive their leader, and returns their number. After the time they are killed.
    pub(crate) async fn end_others(&self, table: &ProcTable, timeout: Duration) -> usize {
        let found = self.others(table).await;
        if found.is_empty() {
            return 0;
        }
        self.signal(GroupSignal::Terminate);
        found.iter().for_each(|entry| signal_process(entry, GroupSignal::Terminate));
        if !self.wait_for_others(table, timeout, |_| {}).await.is_empty() {
            self.kill_others(table).await;
        }
        found.len()
    }

    /// Kills the processes of the run until none is left.
    pub(crate) async fn kill_others(&self, table: &ProcTable) {
        let kill = |left: &[TableEntry]| {
            // Stopped processes cannot fork, so the ones that are seen next were forked before.
            system::stop_group(self.leader);
            self.signal(GroupSignal::Kill);
            left.iter().for_each(|entry| signal_process(entry, GroupSignal::Kill));
        };
        let left = self.wait_for_others(table, KILL_TIMEOUT, kill).await;
        if !left.is_empty() {
            let pids: Vec<i32> = left.iter().map(|entry| entry.pid).collect();
            tracing::warn!(run = &*self.run, ?pids, "processes were killed but have not ended");
        }
    }

    /// Looks at the table until no process of the run but its leader is left, or a time has passed.
    async fn wait_for_others(
        &self,
        table: &ProcTable,
        timeout: Duration,
        each: impl Fn(&[TableEntry]),
    ) -> Vec<TableEntry> {
        let until = tokio::time::Instant::now() + timeout;
        let mut pause = LOOK_MIN;
        loop {
            let left = self.others(table).await;
            if left.is_empty() || tokio::time::Instant::now() >= until {
                return left;
            }
            each(&left);
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LOOK_MAX);
        }
    }
}

/// Signals one process, unless its number is another process' by now.
fn signal_process(entry: &TableEntry, signal: GroupSignal) {
    let pid = u32::try_from(entry.pid).unwrap_or_default();
    if started_ticks(pid) == Some(entry.started_ticks) {
        system::signal_process(entry.pid, signal);
    }
}

/// Kills the group unless it has ended, for a run whose task is dropped with its executor.
#[derive(Debug)]
pub(crate) struct KillOnDrop(pub(crate) Arc<Group>);

impl Drop for KillOnDrop {
    fn drop(&mut self) {
        self.0.signal(GroupSignal::Kill);
    }
}

#[cfg(unix)]
mod system {
    use rustix::process::{Pid, Signal, kill_process, kill_process_group};

    use super::GroupSignal;

    // Errors are not reported: the processes have ended, or changed their user.

    pub(super) fn signal_group(leader: i32, signal: GroupSignal) {
        let Some(leader) = Pid::from_raw(leader) else { return };
        for signal in signals(signal) {
            let _ = kill_process_group(leader, *signal);
        }
    }

    pub(super) fn stop_group(leader: i32) {
        if let Some(leader) = Pid::from_raw(leader) {
            let _ = kill_process_group(leader, Signal::STOP);
        }
    }

    pub(super) fn signal_process(pid: i32, signal: GroupSignal) {
        let Some(pid) = Pid::from_raw(pid) else { return };
        for signal in signals(signal) {
            let _ = kill_process(pid, *signal);
        }
    }

    fn signals(signal: GroupSignal) -> &'static [Signal] {
        match signal {
            GroupSignal::Terminate => &[Signal::TERM, Signal::CONT],
            GroupSignal::Kill => &[Signal::KILL],
        }
    }
}

#[cfg(not(unix))]
mod system {
    use super::GroupSignal;

    pub(super) fn signal_group(_: i32, _: GroupSignal) {}
    pub(super) fn stop_group(_: i32) {}
    pub(super) fn signal_process(_: i32, _: GroupSignal) {}
}
