//! Setting a supervisor up: checks that need more than the host's file, and the tasks of its processes.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use plugbay_manifest::{ProcessEntry, Supervision};
use tokio::sync::watch;

use crate::adopted::Detached;
use crate::balancer::Balancer;
use crate::clock::{Clock, SystemClock};
use crate::command::{self, Instance};
use crate::error::SupervisorError;
use crate::event::{ProcessEvent, ProcessObserver};
use crate::guardian::Guardian;
use crate::host::{Host, Variables};
use crate::log_file::LogFiles;
use crate::log_journal::{LogJournal, stored_lines};
use crate::log_line::{LatestLines, LogLine, LogSeverity, unix_ms};
use crate::proc_table::ProcTable;
use crate::process::{Message, Process};
use crate::schedule::Schedule;
use crate::supervisor::{Managed, Supervisor};
use crate::watch::FileWatch;

/// The time from SIGTERM to SIGKILL.
const TERMINATE_TIMEOUT: Duration = Duration::from_secs(30);

/// The settings of a supervisor.
pub struct SupervisorBuilder {
    supervision: Supervision,
    directory: PathBuf,
    data_dir: Option<PathBuf>,
    clock: Arc<dyn Clock>,
    observer: Arc<dyn ProcessObserver>,
    variables: Variables,
}

/// The checked parts of a process.
struct Checked {
    entry: Arc<ProcessEntry>,
    watch: Option<FileWatch>,
}

impl SupervisorBuilder {
    /// The settings for the processes of a host's file.
    pub fn new(supervision: Supervision) -> Self {
        SupervisorBuilder {
            supervision,
            directory: PathBuf::new(),
            data_dir: None,
            clock: Arc::new(SystemClock),
            observer: Arc::new(|_: &ProcessEvent| {}),
            variables: Arc::new(|_| Vec::new()),
        }
    }

    /// Sets the directory to which paths of the configuration are relative, and in which processes run. Default: the
    /// current one.
    pub fn directory(mut self, directory: &Path) -> Self {
        self.directory = directory.to_owned();
        self
    }

    /// Sets the directory in which detached processes are recorded and log lines are stored. Default: none, so that no
    /// process can be detached, and lines end with the supervisor.
    pub fn data_dir(mut self, directory: &Path) -> Self {
        self.data_dir = Some(directory.to_owned());
        self
    }

    /// Sets the clock of delays, timeouts and schedules. Default: that of the machine.
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Sets the observer of events. It may not hold the supervisor, which would then never be dropped. Default: none.
    pub fn observer(mut self, observer: impl ProcessObserver) -> Self {
        self.observer = Arc::new(observer);
        self
    }

    /// Sets the source of variables for the environment of a process, by its name. Default: none.
    pub fn variables(mut self, variables: impl Fn(&str) -> Vec<(String, String)> + Send + Sync + 'static) -> Self {
        self.variables = Arc::new(variables);
        self
    }

    /// Checks the processes without starting any.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub fn check(&self) -> Result<(), SupervisorError> {
        self.checked().map(drop)
    }

    /// Checks the processes, and starts those that start with the host. It has to be called in a Tokio runtime.
    ///
    /// # Errors
    /// [`SupervisorError`] with all problems: command lines, cron expressions and patterns that cannot be read, cron
    /// expressions without a next moment, and detached processes without a directory for data.
    pub fn start(self) -> Result<Supervisor, SupervisorError> {
        let checked = self.checked()?;
        let latest = LatestLines::new(self.supervision.logger.log_age_max());
        self.stored_lines().into_iter().for_each(|line| latest.push(line));
        let journal = self.log_dir().map(|directory| LogJournal::open(directory, self.oldest_ms()));
        let supervision = &self.supervision;
        let host = Arc::new(Host {
            clock: self.clock,
            observer: self.observer,
            variables: self.variables,
            directory: self.directory,
            terminate_timeout: supervision.terminate_timeout.unwrap_or(TERMINATE_TIMEOUT),
            terminate_grace_period: supervision.terminate_grace_period.unwrap_or_default(),
            mark: new_mark(),
            guardian: Guardian::default(),
            table: ProcTable::default(),
            latest,
            journal,
            files: LogFiles::default(),
            detached: self.data_dir.as_deref().map(Detached::open),
        });
        let logger = &supervision.logger.processes;
        let managed = checked.into_iter().map(|checked| begin(checked, logger, &host)).collect();
        Ok(Supervisor::new(host, managed))
    }

    /// The log lines that earlier supervisors with the same directory for data stored, oldest first, except those that
    /// are older than the configuration allows. The supervisor that is started has them, too.
    pub fn stored_lines(&self) -> Vec<LogLine> {
        self.log_dir().map(|directory| stored_lines(directory, self.oldest_ms())).unwrap_or_default()
    }

    /// The directory in which log lines are stored, if they are.
    fn log_dir(&self) -> Option<&Path> {
        self.data_dir.as_deref().filter(|_| !self.supervision.logger.log_age_max().is_zero())
    }

    /// The time of the oldest line that may be stored.
    fn oldest_ms(&self) -> u64 {
        unix_ms(self.clock.now()).saturating_sub(unix_ms(UNIX_EPOCH + self.supervision.logger.log_age_max()))
    }

    fn checked(&self) -> Result<Vec<Checked>, SupervisorError> {
        let mut problems = Vec::new();
        let checked = self.supervision.processes.iter().map(|entry| self.check_process(entry, &mut problems)).collect();
        if problems.is_empty() { Ok(checked) } else { Err(SupervisorError { problems }) }
    }

    fn check_process(&self, entry: &ProcessEntry, problems: &mut Vec<String>) -> Checked {
        let mut report = |problem: String| problems.push(format!("process `{}`: {problem}", entry.id));
        if let Err(problem) = command::words(&entry.cmd) {
            report(format!("`cmd` cannot be split: {problem}"));
        }
        for (field, expression) in [("cron", &entry.cron), ("terminate", &entry.terminate)] {
            let Some(expression) = expression else { continue };
            match Schedule::parse(expression).map(|mut schedule| schedule.arm(self.clock.now())) {
                Err(problem) => report(format!("`{field}` {problem}")),
                Ok(None) => report(format!("`{field}` `{expression}` has no next moment, such as on 30 February")),
                Ok(Some(_)) => {}
            }
        }
        if entry.detach && self.data_dir.is_none() {
            report("`detach` needs a data directory, by which the next host finds the process".to_owned());
        }
        let paths: Vec<PathBuf> = entry.watch.iter().map(|path| self.directory.join(path)).collect();
        let watch = (!paths.is_empty()).then(|| FileWatch::new(paths, &self.supervision.watcher));
        let watch = watch.transpose().map_err(report).ok().flatten();
        Checked { entry: Arc::new(entry.clone()), watch }
    }
}

/// Begins the tasks of a process, or of the instances of a cluster and of its balancer.
fn begin(checked: Checked, logger: &plugbay_manifest::ProcessLogger, host: &Arc<Host>) -> Managed {
    let Checked { entry, watch } = checked;
    let logger = Arc::new(entry.logger.or(logger));
    // They were checked.
    let schedule = |expression: &Option<String>| expression.as_deref().and_then(|each| Schedule::parse(each).ok());
    let process = |id: Arc<str>, instance: Option<Instance>| {
        Process::begin(id, &entry, &logger, instance, host, schedule(&entry.cron), schedule(&entry.terminate))
    };
    let processes: Vec<Process> = match &entry.cluster {
        None => vec![process(entry.id.as_str().into(), None)],
        Some(cluster) => (0..cluster.instances)
            .map(|index| {
                let port = cluster.start_port.and_then(|port| port.checked_add(index));
                process(format!("{}-{}", entry.id, u32::from(index) + 1).into(), Some(Instance { index, port }))
            })
            .collect(),
    };
    let mut tasks = Vec::new();
    if let Some(watch) = watch {
        for path in watch.missing() {
            let text = format!("{} does not exist, and is watched as soon as it does", path.display());
            host.log(LogSeverity::Warn, "watcher", &entry.id, text);
        }
        let messages: Vec<_> = processes.iter().map(|process| process.messages.downgrade()).collect();
        let changed = move || {
            let alive: Vec<_> = messages.iter().filter_map(|messages| messages.upgrade()).collect();
            alive.iter().for_each(|messages| _ = messages.send(Box::new(Message::FilesChanged)));
            !alive.is_empty()
        };
        tasks.push(tokio::spawn(watch.run(changed)).abort_handle());
    }
    let mut balancer_error = None;
    if let Some(cluster) = &entry.cluster
        && let (Some(common), Some(first)) = (cluster.common_port, cluster.start_port)
    {
        let ports: Vec<u16> = (0..cluster.instances).filter_map(|index| first.checked_add(index)).collect();
        let statuses = processes.iter().map(|process| process.status.clone()).collect();
        let address = (cluster.hostname, common).into();
        let balancer = Balancer::new(&entry.id, address, ports, cluster.strategy, statuses, host);
        let (error, seen) = watch::channel(None);
        balancer_error = Some(seen);
        tasks.push(tokio::spawn(balancer.run(error)).abort_handle());
    }
    Managed { entry, processes, balancer_error, tasks }
}

impl fmt::Debug for SupervisorBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SupervisorBuilder")
            .field("supervision", &self.supervision)
            .field("directory", &self.directory)
            .field("data_dir", &self.data_dir)
            .finish_non_exhaustive()
    }
}

/// Returns the beginning of the marks of a supervisor's runs, which no other supervisor of this machine has. It does
/// not depend on the supervisor's clock, which another one may share.
fn new_mark() -> String {
    static STARTED: AtomicU64 = AtomicU64::new(0);
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    format!("{}-{}-{}", std::process::id(), since.as_nanos(), STARTED.fetch_add(1, Ordering::Relaxed))
}
