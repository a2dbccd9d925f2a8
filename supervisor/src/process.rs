//! One process: a handle, and the task that owns its runs, its timers and its status.
//!
//! All changes of a process happen in its task, one after another, so that its events have an order.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use plugbay_manifest::{ProcessEntry, ProcessLogger};
use tokio::sync::{mpsc, oneshot, watch};

use crate::command::Instance;
use crate::error::OrderError;
use crate::event::ProcessEvent;
use crate::host::Host;
use crate::log_line::LogSeverity;
use crate::policy;
use crate::run::{Run, RunEnd};
use crate::schedule::Schedule;
use crate::state::ProcessState;
use crate::status::{ProcessStatus, Telemetry};

/// An order to a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Start it.
    Start,
    /// Stop it, and leave it so until it is started or its schedule starts it. Changes of its watched files do not.
    Stop,
    /// Stop it if it runs, and start it.
    Restart,
    /// Refuse starts from now on. A running process continues.
    Block,
    /// Allow starts again.
    Unblock,
}

impl Order {
    /// All orders.
    pub const ALL: [Order; 5] = [Order::Start, Order::Stop, Order::Restart, Order::Block, Order::Unblock];

    /// The name of the order, as in `start`.
    pub fn name(self) -> &'static str {
        match self {
            Order::Start => "start",
            Order::Stop => "stop",
            Order::Restart => "restart",
            Order::Block => "block",
            Order::Unblock => "unblock",
        }
    }

    /// The order with this name.
    pub fn from_name(name: &str) -> Option<Order> {
        Order::ALL.into_iter().find(|order| order.name() == name)
    }
}

/// A message to the task of a process. It is boxed, because a channel allocates the space of 32 messages at once.
#[derive(Debug)]
pub(crate) enum Message {
    Order { order: Order, reason: String, answer: oneshot::Sender<Result<(), OrderError>> },
    Ended { number: u64, end: RunEnd },
    FilesChanged,
    Telemetry(Box<Telemetry>),
    ShutDown(oneshot::Sender<()>),
}

/// A handle of a process. Its task ends, with its runs, when all handles are dropped.
#[derive(Debug)]
pub(crate) struct Process {
    pub(crate) id: Arc<str>,
    pub(crate) status: watch::Receiver<ProcessStatus>,
    pub(crate) messages: mpsc::UnboundedSender<Box<Message>>,
}

/// The task of a process.
pub(super) struct ProcessTask {
    pub(super) id: Arc<str>,
    pub(super) entry: Arc<ProcessEntry>,
    pub(super) logger: Arc<ProcessLogger>,
    pub(super) instance: Option<Instance>,
    pub(super) host: Arc<Host>,
    pub(super) status: watch::Sender<ProcessStatus>,
    /// The way of the ends of runs to this task.
    pub(super) own: mpsc::WeakUnboundedSender<Box<Message>>,
    /// The runs that have not ended, the newest last. There are several only with `overrun`.
    pub(super) runs: Vec<Run>,
    pub(super) run_count: u64,
    pub(super) stopping: Option<Stopping>,
    pub(super) restart_at: Option<SystemTime>,
    last_start: Option<SystemTime>,
    pub(super) timeout_at: Option<SystemTime>,
    /// The restart that begins when the process has ended.
    pub(super) pending: Option<Pending>,
    pub(super) starts: Option<Schedule>,
    pub(super) stops: Option<Schedule>,
    /// Whether an operator stopped it, so that its policy does not start it.
    pub(super) is_held: bool,
    shut_down: Option<oneshot::Sender<()>>,
}

/// The next step of a process that ends.
#[derive(Debug)]
pub(super) enum Stopping {
    TerminateAt(SystemTime),
    KillAt(SystemTime),
    Killed,
}

#[derive(Debug)]
pub(super) struct Pending {
    pub(super) reason: String,
    pub(super) delay: Duration,
}

impl Process {
    /// Begins the task of a process. `starts` and `stops` are its schedules.
    pub(crate) fn begin(
        id: Arc<str>,
        entry: &Arc<ProcessEntry>,
        logger: &Arc<ProcessLogger>,
        instance: Option<Instance>,
        host: &Arc<Host>,
        starts: Option<Schedule>,
        stops: Option<Schedule>,
    ) -> Process {
        let (status, seen) = watch::channel(ProcessStatus::new(&id, host.now()));
        let (messages, received) = mpsc::unbounded_channel();
        let task = Box::new(ProcessTask {
            id: Arc::clone(&id),
            entry: Arc::clone(entry),
            logger: Arc::clone(logger),
            instance,
            host: Arc::clone(host),
            status,
            own: messages.downgrade(),
            runs: Vec::new(),
            run_count: 0,
            stopping: None,
            restart_at: None,
            last_start: None,
            timeout_at: None,
            pending: None,
            starts,
            stops,
            is_held: false,
            shut_down: None,
        });
        tokio::spawn(task.run(received));
        Process { id, status: seen, messages }
    }
}

impl ProcessTask {
    async fn run(mut self: Box<Self>, mut messages: mpsc::UnboundedReceiver<Box<Message>>) {
        let status = Box::new(self.status.borrow().clone());
        self.host.observe(&ProcessEvent::StatusChanged { old: None, status });
        self.arm_schedules(true, true);
        if !self.adopt() && self.entry.autostart {
            // A failure is in the status.
            let _ = self.start("Autostart", false);
        }
        loop {
            let clock = Arc::clone(&self.host.clock);
            let message = match self.due() {
                None => messages.recv().await,
                Some(moment) => tokio::select! {
                    biased;
                    message = messages.recv() => message,
                    () = clock.sleep_until(moment) => {
                        self.on_time();
                        continue;
                    }
                },
            };
            let Some(message) = message else {
                // The supervisor was dropped.
                self.runs.drain(..).for_each(|run| run.abandon(&self.host));
                return;
            };
            if self.on_message(*message) {
                return;
            }
        }
    }

    /// Handles a message, and returns whether the task is done.
    fn on_message(&mut self, message: Message) -> bool {
        match message {
            Message::Order { order, reason, answer } => {
                let outcome = self.on_order(order, &reason);
                // The caller may have gone.
                let _ = answer.send(outcome);
            }
            Message::Ended { number, end } => self.on_ended(number, end),
            Message::FilesChanged => self.on_files_changed(),
            Message::Telemetry(telemetry) => {
                self.status.send_modify(|status| status.telemetry = Some(telemetry.clone()));
                self.host.observe(&ProcessEvent::Telemetry(telemetry));
            }
            Message::ShutDown(answer) => self.on_shut_down(answer),
        }
        let is_done = self.shut_down.is_some() && self.runs.is_empty();
        if let Some(answer) = self.shut_down.take_if(|_| is_done) {
            let _ = answer.send(());
        }
        is_done
    }

    fn on_order(&mut self, order: Order, reason: &str) -> Result<(), OrderError> {
        if self.shut_down.is_some() {
            return Err(OrderError::ShuttingDown);
        }
        match order {
            Order::Start if self.stopping.is_some() => self.restart(reason, Duration::ZERO),
            Order::Start => {
                self.is_held = false;
                self.start(reason, false)
            }
            Order::Stop => self.stop_for_operator(reason),
            Order::Restart => self.restart(reason, Duration::ZERO),
            Order::Block => {
                self.set_blocked(true, reason);
                Ok(())
            }
            Order::Unblock => {
                self.set_blocked(false, reason);
                self.plan_start();
                Ok(())
            }
        }
    }

    /// Starts the process, in the order of Pup's checks.
    pub(super) fn start(&mut self, reason: &str, is_restart: bool) -> Result<(), OrderError> {
        let id = self.id.to_string();
        let (is_blocked, restarts) = {
            let status = self.status.borrow();
            (status.blocked, status.restarts)
        };
        if is_blocked {
            self.drop_pending();
            self.log(LogSeverity::Log, "blocked", "Process blocked, refusing to start".to_owned());
            return Err(OrderError::Blocked { id });
        }
        if !self.runs.is_empty() && !self.entry.overrun {
            self.log(LogSeverity::Log, "blocked", "Process still running, refusing to start".to_owned());
            return Err(OrderError::Running { id });
        }
        self.drop_pending();
        if is_restart && policy::is_exhausted(&self.entry, restarts) {
            let text = "Maximum number of restarts exhausted, refusing to start".to_owned();
            self.log(LogSeverity::Error, "exhausted", text);
            self.set_state(ProcessState::Exhausted, |_| {});
            return Err(OrderError::Exhausted { id });
        }
        self.log(LogSeverity::Log, "starting", format!("Process starting, reason: {reason}"));
        self.set_state(ProcessState::Starting, |status| {
            (status.pid, status.code, status.signal) = (None, None, None);
            (status.started, status.exited, status.telemetry) = (None, None, None);
            status.restarts = if is_restart { status.restarts + 1 } else { 0 };
        });
        let now = self.host.now();
        self.last_start = Some(now);
        match self.spawn() {
            Ok(pid) => {
                self.timeout_at = self.entry.timeout.and_then(|timeout| now.checked_add(timeout));
                self.set_state(ProcessState::Running, |status| {
                    (status.pid, status.started) = (Some(pid), Some(now));
                });
                Ok(())
            }
            Err(reason) => {
                self.log(LogSeverity::Error, "errored", format!("Process could not start, error: {reason}"));
                self.set_state(ProcessState::Errored, |status| status.exited = Some(now));
                self.plan_restart(ProcessState::Errored);
                Err(OrderError::Start { id, reason })
            }
        }
    }

    /// Asks the process to end. Returns whether it runs.
    pub(super) fn stop(&mut self, reason: &str) -> bool {
        if self.runs.is_empty() {
            return false;
        }
        self.status.send_modify(|status| status.restarts = 0);
        if self.stopping.is_none() {
            self.log(LogSeverity::Log, "stopping", format!("Stopping process, reason: {reason}"));
            self.set_state(ProcessState::Stopping, |_| {});
            self.timeout_at = None;
            let grace = self.entry.terminate_grace_period.unwrap_or(self.host.terminate_grace_period);
            self.stopping = Some(Stopping::TerminateAt(later(self.host.now(), grace)));
            self.step_stopping();
        }
        true
    }

    fn stop_for_operator(&mut self, reason: &str) -> Result<(), OrderError> {
        let is_awaited = self.restart_at.is_some() || self.pending.is_some();
        let is_watched = !self.entry.watch.is_empty() && !self.is_held;
        self.drop_pending();
        self.is_held = true;
        match self.stop(reason) || is_awaited || is_watched {
            true => Ok(()),
            false => Err(OrderError::NotRunning { id: self.id.to_string() }),
        }
    }

    fn restart(&mut self, reason: &str, delay: Duration) -> Result<(), OrderError> {
        if self.status.borrow().blocked {
            return Err(OrderError::Blocked { id: self.id.to_string() });
        }
        self.is_held = false;
        if !self.stop(reason) {
            return self.start(reason, true);
        }
        self.pending = Some(Pending { reason: reason.to_owned(), delay });
        self.status.send_modify(|status| status.pending_restart_reason = Some(reason.to_owned()));
        Ok(())
    }

    fn set_blocked(&mut self, is_blocked: bool, reason: &str) {
        let (category, word) = if is_blocked { ("block", "blocked") } else { ("unblock", "unblocked") };
        let now = self.host.now();
        self.status.send_modify(|status| (status.blocked, status.updated) = (is_blocked, now));
        self.log(LogSeverity::Log, category, format!("Process {word}, reason: {reason}"));
    }

    /// Starts or restarts the process. As in Pup, the files of a process that was stopped on purpose are not watched.
    fn on_files_changed(&mut self) {
        if self.is_held || self.shut_down.is_some() {
            return;
        }
        let at = self.host.now();
        self.log(LogSeverity::Log, "watcher", "File change detected".to_owned());
        self.host.observe(&ProcessEvent::Watch { at, status: self.status_now() });
        self.status.send_modify(|status| status.restarts = 0);
        let (state, is_blocked) = {
            let status = self.status.borrow();
            (status.status, status.blocked)
        };
        // A failure is in the status.
        let _ = match state {
            _ if is_blocked => Ok(()),
            ProcessState::Created => self.start("File change", false),
            _ => self.restart("File change", policy::restart_delay(&self.entry)),
        };
    }

    fn on_ended(&mut self, number: u64, end: RunEnd) {
        let Some(index) = self.runs.iter().position(|run| run.number == number) else { return };
        self.runs.remove(index);
        let count = end.left_behind;
        if count > 0 {
            let text = format!("Process left {count} other processes behind, which were ended");
            self.log(LogSeverity::Warn, "left-behind", text);
        }
        if let Some(run) = self.runs.last() {
            let pid = run.pid;
            self.log(LogSeverity::Log, "finished", "One of several runs has ended".to_owned());
            self.status.send_modify(|status| status.pid = Some(pid));
            return;
        }
        self.forget_run();
        let is_stopped = self.stopping.take().is_some();
        self.timeout_at = None;
        let (state, code) = policy::after_run(end.code, end.signal.as_deref(), is_stopped);
        let how = match (&end.signal, code) {
            (Some(signal), _) => format!("was ended by {signal}"),
            (None, Some(code)) => format!("exited with code {code}"),
            (None, None) => "has ended with an unknown exit code".to_owned(),
        };
        match state {
            ProcessState::Finished => self.log(LogSeverity::Log, "finished", format!("Process {how}")),
            _ => self.log(LogSeverity::Error, "errored", format!("Process {how}")),
        }
        let now = self.host.now();
        self.set_state(state, |status| {
            (status.pid, status.code, status.signal) = (None, code, end.signal);
            status.exited = Some(now);
        });
        self.plan_restart(state);
    }

    /// Plans the next start of a process that has ended.
    fn plan_restart(&mut self, state: ProcessState) {
        let status = self.status.borrow();
        let is_kept_down = status.blocked || self.is_held || self.shut_down.is_some();
        let ended = status.exited.unwrap_or(status.updated);
        drop(status);
        self.restart_at = match &self.pending {
            Some(pending) => Some(later(ended, pending.delay)),
            None if is_kept_down => None,
            None => policy::restart_delay_after(&self.entry, state).map(|delay| {
                let earliest = self.last_start.map_or(ended, |start| later(start, policy::BETWEEN_STARTS));
                later(ended, delay).max(earliest)
            }),
        };
    }

    /// Plans the start of a process that was unblocked.
    fn plan_start(&mut self) {
        let state = self.status.borrow().status;
        if state == ProcessState::Created && self.entry.autostart && !self.is_held {
            self.restart_at = Some(self.host.now());
        } else if !state.is_alive() {
            self.plan_restart(state);
        }
    }

    fn drop_pending(&mut self) {
        self.restart_at = None;
        if self.pending.take().is_some() {
            self.status.send_modify(|status| status.pending_restart_reason = None);
        }
    }

    fn on_shut_down(&mut self, answer: oneshot::Sender<()>) {
        self.drop_pending();
        (self.starts, self.stops) = (None, None);
        self.shut_down = Some(answer);
        if self.entry.detach {
            self.runs.drain(..).for_each(Run::leave);
        } else {
            self.stop("The host shuts down");
        }
    }

    pub(super) fn terminate_timeout(&self) -> Duration {
        self.entry.terminate_timeout.unwrap_or(self.host.terminate_timeout)
    }

    pub(super) fn set_state(&self, state: ProcessState, change: impl FnOnce(&mut ProcessStatus)) {
        let now = self.host.now();
        let mut old = state;
        self.status.send_modify(|status| {
            old = std::mem::replace(&mut status.status, state);
            status.updated = now;
            change(status);
        });
        self.host.observe(&ProcessEvent::StatusChanged { old: Some(old), status: self.status_now() });
    }

    pub(super) fn status_now(&self) -> Box<ProcessStatus> {
        Box::new(self.status.borrow().clone())
    }

    pub(super) fn log(&self, severity: LogSeverity, category: &'static str, text: String) {
        self.host.log(severity, category, &self.id, text);
    }
}

/// A later moment; the same one if the system cannot represent it.
pub(super) fn later(moment: SystemTime, by: Duration) -> SystemTime {
    moment.checked_add(by).unwrap_or(moment)
}
