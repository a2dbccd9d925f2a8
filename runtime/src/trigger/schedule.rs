//! Runs the jobs of loaded plugins when they are due, with the caller `schedule`.
//!
//! One task for each plugin that has jobs, started by the first of them. It sleeps until the next job is due by the
//! runtime's clock, and every change of the jobs wakes it. It polls only while another process runs the same jobs, or
//! while they cannot be read. Each run is a task of its own and a call like any other: rate, concurrency, deadline and
//! fuel are the plugin's.
//!
//! - A refused run (`rate_limit_exceeded`, `busy`) is an outcome like every other. A job that repeats runs when it is
//!   due again. A one-time job is tried again at the time that the refusal names, until it is no longer refused.
//! - A run that fails, traps or takes too long is an outcome, and is tried again only by the plugin's own retry policy.
//! - A job whose plugin has lost the permission to write `scheduler.<job>` stays and does not run.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock, Weak};
use std::time::{Duration, Instant, SystemTime};

use parking_lot::Mutex;
use plugbay_manifest::PermissionAction;
use serde_json::json;
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use crate::caller::Caller;
use crate::clock::{Clock, from_unix_ms, unix_ms};
use crate::dispatch;
use crate::error::{InvokeError, InvokeErrorKind};
use crate::invocation::Invocation;
use crate::limits::{
    JOB_INTERRUPTIONS_MAX, JOB_RUNS_AT_ONCE_MAX, JOBS_TAKE_OVER, JOBS_UNREADABLE_PAUSE, OUTCOMES_WAIT_MAX,
};
use crate::plugin::current::CurrentRevision;
use crate::plugin::loaded::LoadedPlugin;
use crate::service::jobs::{Ended, JobClaim, JobQueue, Run, Wake};
use crate::service::log::LogLevel;

/// The log target of lines about runs.
const TARGET: &str = "schedule";
/// The longest part of an answer that the log shows, in bytes.
const LOGGED_BYTES_MAX: usize = 256;

/// Runs the jobs of a plugin from now on, until it is stopped or the plugin is gone.
pub(crate) fn start(plugin: &Arc<CurrentRevision>) {
    let jobs = plugin.borrow().context.jobs.queue.clone();
    let waker = Waker { plugin: Arc::downgrade(plugin), runner: OnceLock::new() };
    drop(jobs.set_waker(Some(Box::new(waker))));
    if jobs.may_have_jobs() {
        jobs.wake();
    }
}

/// Looks again at what may run: the plugin has another revision, with other grants or other limits.
pub(crate) fn look_again(plugin: &CurrentRevision) {
    plugin.borrow().context.jobs.queue.wake();
}

/// Begins no more runs. Those that have begun go on.
pub(crate) async fn stop(jobs: &JobQueue) {
    let Some(task) = jobs.set_waker(None).and_then(|waker| waker.stop()) else { return };
    let abort = task.abort_handle();
    match tokio::time::timeout(OUTCOMES_WAIT_MAX, task).await {
        // A task that was cancelled with its executor has nothing left to end.
        Ok(Err(error)) if error.is_panic() => {
            tracing::error!(plugin = jobs.plugin(), %error, "the task that ran its jobs panicked");
        }
        Ok(_) => {}
        Err(_) => {
            tracing::error!(plugin = jobs.plugin(), "the store of its jobs has not answered");
            abort.abort();
        }
    }
}

/// The handle by which the jobs wake their runner, which is created when it is first woken. The runner stops when this
/// is dropped.
struct Waker {
    plugin: Weak<CurrentRevision>,
    runner: OnceLock<Arc<Runner>>,
}

impl Wake for Waker {
    fn wake(&self) {
        let Some(plugin) = self.plugin.upgrade() else { return };
        let jobs = &plugin.borrow().context.jobs.queue;
        self.runner.get_or_init(|| Arc::new(Runner::new(self.plugin.clone(), jobs))).wake();
    }

    fn is_waiting(&self) -> bool {
        self.runner.get().is_none_or(|runner| runner.waiting.load(Ordering::Relaxed))
    }

    fn stop(&self) -> Option<JoinHandle<()>> {
        let runner = self.runner.get()?;
        runner.stopped.store(true, Ordering::Relaxed);
        runner.woken.notify_one();
        runner.task.lock().take()
    }
}

impl Drop for Waker {
    fn drop(&mut self) {
        drop(self.stop());
    }
}

/// Runs the jobs of one plugin.
struct Runner {
    plugin: Weak<CurrentRevision>,
    jobs: Weak<JobQueue>,
    clock: Arc<dyn Clock>,
    woken: Notify,
    stopped: AtomicBool,
    /// Set while the task waits for a moment or a change.
    waiting: AtomicBool,
    task: Mutex<Option<JoinHandle<()>>>,
    /// Jobs that were logged as not permitted to run.
    logged_withheld: Mutex<BTreeSet<String>>,
    /// Jobs that were logged as paused.
    logged_paused: Mutex<BTreeSet<String>>,
}

/// What the task waits for, unless it is woken first.
enum Wait {
    Nothing,
    /// Until a moment by the runtime's clock, in milliseconds since the Unix epoch.
    Moment(u64),
    /// For a time, independently of the runtime's clock.
    Time(Duration),
}

impl Runner {
    fn new(plugin: Weak<CurrentRevision>, jobs: &Arc<JobQueue>) -> Self {
        Runner {
            plugin,
            jobs: Arc::downgrade(jobs),
            clock: jobs.clock(),
            woken: Notify::new(),
            stopped: AtomicBool::new(false),
            waiting: AtomicBool::new(true),
            task: Mutex::default(),
            logged_withheld: Mutex::default(),
            logged_paused: Mutex::default(),
        }
    }

    /// Starts the task, or wakes it. A task that was cancelled with its executor is started anew.
    fn wake(self: &Arc<Self>) {
        let mut task = self.task.lock();
        if task.as_ref().is_none_or(JoinHandle::is_finished)
            && let Ok(executor) = tokio::runtime::Handle::try_current()
        {
            *task = Some(executor.spawn(self.clone().run()));
        }
        if task.as_ref().is_some_and(|task| !task.is_finished()) {
            self.waiting.store(false, Ordering::Relaxed);
        }
        self.woken.notify_one();
    }

    async fn run(self: Arc<Self>) {
        let mut claim = None;
        while !self.stopped.load(Ordering::Relaxed) {
            self.waiting.store(false, Ordering::Relaxed);
            let before = self.clock.now();
            let Some(wait) = self.look(&mut claim).await else { break };
            self.waiting.store(true, Ordering::Relaxed);
            tokio::select! {
                () = self.woken.notified() => {}
                () = self.wait(wait, before) => {}
            }
        }
        self.waiting.store(true, Ordering::Relaxed);
    }

    /// `before` is the clock's time before the look that returned `wait`.
    async fn wait(&self, wait: Wait, before: SystemTime) {
        match wait {
            Wait::Nothing => std::future::pending().await,
            Wait::Time(time) => tokio::time::sleep(time).await,
            Wait::Moment(ms) => match from_unix_ms(ms) {
                Some(moment) => {
                    let sleep = self.clock.sleep_until(moment);
                    // If the clock was set back before the sleep began, the moment is no longer valid.
                    if self.clock.now() >= before {
                        sleep.await;
                    }
                }
                None => std::future::pending().await,
            },
        }
    }

    /// Begins the runs that are due. Returns `None` if the plugin or its jobs are gone.
    async fn look(&self, claim: &mut Option<Arc<dyn JobClaim>>) -> Option<Wait> {
        let (plugin, jobs) = (self.plugin.upgrade()?, self.jobs.upgrade()?);
        let status = plugin.status();
        if !status.state.serves() {
            // Another process may run the jobs meanwhile. A plugin that is restarted or reloaded wakes this task.
            *claim = None;
            // Rounded up, so that the plugin serves when the wait ends.
            let moment = status.restarts_at.map(|time| Wait::Moment(unix_ms(time).saturating_add(1)));
            return Some(moment.unwrap_or(Wait::Nothing));
        }
        if claim.as_ref().is_none_or(|claim| !claim.is_held()) {
            *claim = None;
            match jobs.claim().await {
                Ok(taken) => *claim = taken,
                Err(_) => return Some(Wait::Time(JOBS_UNREADABLE_PAUSE)),
            }
        }
        // Another process runs these jobs. This one takes over when that one ends.
        let Some(claim) = claim.clone() else { return Some(Wait::Time(JOBS_TAKE_OVER)) };
        let revision = plugin.get();
        let capacity = revision.instances.concurrency().min(JOB_RUNS_AT_ONCE_MAX).saturating_sub(jobs.running());
        let context = revision.context.clone();
        let may = move |job: &str| context.permissions.holds(&format!("scheduler.{job}"), PermissionAction::Write);
        let Ok(look) = jobs.look(claim, capacity, may).await else { return Some(Wait::Time(JOBS_UNREADABLE_PAUSE)) };
        for job in look.given_up {
            self.log_given_up(&revision, job);
        }
        for job in look.withheld {
            self.log_withheld(&revision, job);
        }
        for run in look.begun {
            tokio::spawn(run_job(plugin.clone(), jobs.clone(), run));
        }
        Some(look.next_ms.map_or(Wait::Nothing, Wait::Moment))
    }

    /// Logs once for each start of a host that a job is paused because hosts ended while it ran.
    fn log_given_up(&self, revision: &LoadedPlugin, job: String) {
        let text = format!(
            "job `{job}` is paused: the host ended while it ran, {JOB_INTERRUPTIONS_MAX} times in a row; it runs again when \
             the plugin resumes it"
        );
        if self.logged_paused.lock().insert(job) {
            revision.context.log.write(LogLevel::Warn, TARGET, &text, &[]);
        }
    }

    /// Logs once why a job does not run.
    fn log_withheld(&self, revision: &LoadedPlugin, job: String) {
        let resource = format!("scheduler.{job}");
        let new = self.logged_withheld.lock().insert(job.clone());
        if new && let Err(denial) = revision.context.permissions.check(&resource, PermissionAction::Write) {
            let text = format!("job `{job}` is due and does not run: {denial}; {}", denial.hint());
            revision.context.log.write(LogLevel::Warn, TARGET, &text, &[]);
        }
    }
}

/// One run, from its call to its stored outcome.
async fn run_job(plugin: Arc<CurrentRevision>, jobs: Arc<JobQueue>, run: Run) {
    let (job, started) = (run.job().to_owned(), Instant::now());
    let answer = call(&plugin, &run).await;
    let took = started.elapsed();
    let revision = plugin.get();
    let (level, text, ended) = match answer {
        // The action was not called: the job stays due.
        Err(error)
            if matches!(
                error.kind(),
                InvokeErrorKind::NotLoaded | InvokeErrorKind::PluginDisabled | InvokeErrorKind::PluginFailed { .. }
            ) =>
        {
            let _ = jobs.put_back(run).await;
            return;
        }
        Ok(answer) => (LogLevel::Info, format!("job `{job}` answered {}", beginning(&answer)), Ended::With(Ok(answer))),
        Err(error) => {
            let text = format!("job `{job}` failed: {} ({})", beginning(&error.to_string()), error.code());
            (LogLevel::Warn, text, ended_by(&error))
        }
    };
    if jobs.end(run, ended).await.is_ok() {
        let fields = [("milliseconds".to_owned(), took.as_millis().to_string())];
        revision.context.log.write(level, TARGET, &text, &fields);
    }
}

async fn call(plugin: &CurrentRevision, run: &Run) -> Result<String, InvokeError> {
    let mut invocation = Invocation::new(run.action()).payload_json(run.payload()).caller(Caller::Schedule);
    Ok(dispatch::invoke(plugin, &mut invocation).await?.into_json())
}

fn ended_by(error: &InvokeError) -> Ended {
    let json = match error.kind() {
        // A failure inside the host is for the operator, who finds it in the log, and not for the plugin.
        InvokeErrorKind::Host { .. } | InvokeErrorKind::Unavailable { .. } => {
            json!({ "status": "error", "msg": error.public(), "code": error.code() }).to_string()
        }
        _ => error.to_json().to_string(),
    };
    match error.kind() {
        InvokeErrorKind::RateLimited { retry_after, .. } => Ended::Refused(json, Some(*retry_after)),
        InvokeErrorKind::Busy { .. } | InvokeErrorKind::Unavailable { .. } => Ended::Refused(json, None),
        _ => Ended::With(Err(json)),
    }
}

/// The beginning of a text.
fn beginning(text: &str) -> String {
    let end = text.floor_char_boundary(LOGGED_BYTES_MAX);
    if end == text.len() { text.to_owned() } else { format!("{}…", &text[..end]) }
}
