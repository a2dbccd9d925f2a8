//! The moments of a process: schedules, its timeout, planned restarts, and the steps of its end.

use std::time::SystemTime;

use crate::event::ProcessEvent;
use crate::group::GroupSignal;
use crate::log_line::LogSeverity;
use crate::process::{ProcessTask, Stopping, later};
use crate::schedule::Schedule;
use crate::state::ProcessState;

impl ProcessTask {
    /// The next moment at which something is due.
    pub(super) fn due(&self) -> Option<SystemTime> {
        let stopping = match self.stopping {
            Some(Stopping::TerminateAt(moment) | Stopping::KillAt(moment)) => Some(moment),
            _ => None,
        };
        let scheduled = [&self.starts, &self.stops].map(|schedule| schedule.as_ref().and_then(Schedule::next));
        [stopping, self.restart_at, self.timeout_at].into_iter().chain(scheduled).flatten().min()
    }

    pub(super) fn on_time(&mut self) {
        let now = self.host.now();
        self.step_stopping();
        if self.timeout_at.is_some_and(|moment| moment <= now) {
            self.timeout_at = None;
            self.stop("Timeout");
        }
        let is_due = |schedule: &Option<Schedule>| schedule.as_ref().is_some_and(|schedule| schedule.is_due(now));
        let is_outdated =
            |schedule: &Option<Schedule>| schedule.as_ref().is_some_and(|schedule| schedule.is_outdated(now));
        let (starts, stops) = (is_due(&self.starts), is_due(&self.stops));
        if stops {
            self.stop("Terminate pattern");
        }
        if starts {
            self.status.send_modify(|status| status.restarts = 0);
            self.is_held = false;
            // A refusal is logged.
            let _ = self.start("Cron pattern", false);
        }
        self.arm_schedules(starts || is_outdated(&self.starts), stops || is_outdated(&self.stops));
        if self.restart_at.is_some_and(|moment| moment <= now) {
            self.restart_at = None;
            let is_first = self.status.borrow().status == ProcessState::Created;
            let reason =
                self.pending.as_ref().map_or_else(|| "Restart policy".to_owned(), |pending| pending.reason.clone());
            // A failure is in the status.
            let _ = self.start(&reason, !is_first);
        }
    }

    pub(super) fn arm_schedules(&mut self, starts: bool, stops: bool) {
        let now = self.host.now();
        if let Some(schedule) = self.starts.as_mut().filter(|_| starts) {
            let next = schedule.arm(now);
            let event = ProcessEvent::Scheduled { next, status: self.status_now() };
            self.host.observe(&event);
        }
        if let Some(schedule) = self.stops.as_mut().filter(|_| stops) {
            let next = schedule.arm(now);
            let event = ProcessEvent::ScheduledTerminate { next, status: self.status_now() };
            self.host.observe(&event);
        }
    }

    /// Takes the steps to the end of a process that are due.
    pub(super) fn step_stopping(&mut self) {
        let now = self.host.now();
        if matches!(self.stopping, Some(Stopping::TerminateAt(moment)) if moment <= now) {
            self.runs.iter().for_each(|run| run.group.signal(GroupSignal::Terminate));
            self.stopping = Some(Stopping::KillAt(later(now, self.terminate_timeout())));
        }
        if matches!(self.stopping, Some(Stopping::KillAt(moment)) if moment <= now) {
            self.log(LogSeverity::Warn, "stopping", "Process has not ended in time and is killed".to_owned());
            self.runs.iter().for_each(|run| run.kill(&self.host));
            self.stopping = Some(Stopping::Killed);
        }
    }
}
