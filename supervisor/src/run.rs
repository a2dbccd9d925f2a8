//! One run of a process, from its start to the end of everything that it started.

use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use tokio::process::{Child, Command};
use tokio::task::JoinHandle;

use crate::group::{Group, GroupSignal, KillOnDrop};
use crate::host::Host;
use crate::output::{Read, read_lines};
use crate::proc_table::started_ticks;

/// The time that a pipe may stay open after the end of a run: another process may have it, such as one that was given
/// to a daemon outside of the group.
const PIPES_TIMEOUT: Duration = Duration::from_secs(1);

/// The end of a run.
#[derive(Debug, Default)]
pub(crate) struct RunEnd {
    pub(crate) code: Option<i32>,
    pub(crate) signal: Option<String>,
    /// The number of processes that it left behind, which were ended.
    pub(crate) left_behind: usize,
}

/// A started run.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) number: u64,
    pub(crate) pid: u32,
    pub(crate) group: Arc<Group>,
    is_detached: bool,
    task: JoinHandle<()>,
}

/// The settings of a run.
#[derive(Debug)]
pub(crate) struct RunSettings {
    pub(crate) number: u64,
    /// The mark of its processes.
    pub(crate) mark: Arc<str>,
    pub(crate) is_detached: bool,
    /// The time that processes which outlive their leader have to end.
    pub(crate) terminate_timeout: Duration,
}

impl Run {
    /// Starts the command. `end` is called once, after the end of the run. The caller sets the output of a detached
    /// one, whose pipes would break at the end of the host.
    ///
    /// # Errors
    /// Those of the operating system.
    pub(crate) fn start(
        mut command: Command,
        settings: RunSettings,
        host: &Arc<Host>,
        sink: impl Fn(bool, Read<'_>) + Clone + Send + Sync + 'static,
        end: impl FnOnce(RunEnd) + Send + 'static,
    ) -> std::io::Result<Run> {
        if !settings.is_detached {
            command.stdout(Stdio::piped()).stderr(Stdio::piped());
        }
        let mut child = command.spawn()?;
        let pid = child.id().ok_or(std::io::ErrorKind::NotFound)?;
        let Some(group) = Group::new(pid, settings.mark) else { return Err(std::io::ErrorKind::NotFound.into()) };
        if !settings.is_detached {
            host.guardian.add(group.leader());
        }
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        let errors = sink.clone();
        let pipes = tokio::spawn(async move {
            let stdout = async {
                if let Some(pipe) = stdout {
                    read_lines(pipe, |read| sink(false, read)).await;
                }
            };
            let stderr = async {
                if let Some(pipe) = stderr {
                    read_lines(pipe, |read| errors(true, read)).await;
                }
            };
            tokio::join!(stdout, stderr);
        });
        let attendance = Attendance {
            group: Arc::clone(&group),
            host: Arc::clone(host),
            is_detached: settings.is_detached,
            terminate_timeout: settings.terminate_timeout,
        };
        let task = tokio::spawn(attendance.run(child, pipes, end));
        Ok(Run { number: settings.number, pid, group, is_detached: settings.is_detached, task })
    }

    /// Takes over a run that an earlier host started.
    pub(crate) fn adopt(
        pid: u32,
        settings: RunSettings,
        host: &Arc<Host>,
        end: impl FnOnce(RunEnd) + Send + 'static,
    ) -> Option<Run> {
        let group = Group::new(pid, settings.mark)?;
        let (host, of_task) = (Arc::clone(host), Arc::clone(&group));
        let task = tokio::spawn(async move {
            seen_exit(pid).await;
            of_task.end_others(&host.table, settings.terminate_timeout).await;
            of_task.set_ended();
            end(RunEnd::default());
        });
        Some(Run { number: settings.number, pid, group, is_detached: settings.is_detached, task })
    }

    /// Kills all processes of the run.
    pub(crate) fn kill(&self, host: &Arc<Host>) {
        self.group.signal(GroupSignal::Kill);
        let (group, host) = (Arc::clone(&self.group), Arc::clone(host));
        tokio::spawn(async move { group.kill_others(&host.table).await });
    }

    /// Leaves a detached run to itself, and kills another one: its supervisor was dropped.
    pub(crate) fn abandon(self, host: &Arc<Host>) {
        if self.is_detached { self.leave() } else { self.kill(host) }
    }

    /// Leaves the run to itself: it is neither waited for nor ended.
    pub(crate) fn leave(self) {
        self.task.abort();
    }
}

/// The wait for the end of a run.
struct Attendance {
    group: Arc<Group>,
    host: Arc<Host>,
    is_detached: bool,
    terminate_timeout: Duration,
}

impl Attendance {
    async fn run(self, child: Child, pipes: JoinHandle<()>, end: impl FnOnce(RunEnd)) {
        let guard = (!self.is_detached).then(|| KillOnDrop(Arc::clone(&self.group)));
        if let Some(pid) = child.id() {
            seen_exit(pid).await;
        }
        // Boxed: most of its life, a process runs.
        Box::pin(self.end(child, guard, pipes, end)).await;
    }

    /// Ends what the leader has left behind, and reaps it.
    async fn end(self, mut child: Child, guard: Option<KillOnDrop>, pipes: JoinHandle<()>, end: impl FnOnce(RunEnd)) {
        let left_behind = self.group.end_others(&self.host.table, self.terminate_timeout).await;
        let status = child.wait().await;
        self.group.set_ended();
        drop(guard);
        self.host.guardian.remove(self.group.leader());
        let stop = pipes.abort_handle();
        if tokio::time::timeout(PIPES_TIMEOUT, pipes).await.is_err() {
            stop.abort();
        }
        let (code, signal) = status.map_or((None, None), |status| (status.code(), signal_of(status)));
        end(RunEnd { code, signal, left_behind });
    }
}

/// Waits until a process has ended, without reaping it: its number stays reserved. Returns early on systems that cannot
/// wait so.
async fn seen_exit(pid: u32) {
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{Pid, PidfdFlags, pidfd_open};
        use tokio::io::Interest;
        use tokio::io::unix::AsyncFd;

        let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
        let descriptor = pid.and_then(|pid| pidfd_open(pid, PidfdFlags::NONBLOCK).ok());
        // Deprecated because a type could close its descriptor meanwhile, which `OwnedFd` does not. The replacement is
        // unsafe.
        #[expect(deprecated)]
        let descriptor = descriptor.and_then(|descriptor| AsyncFd::with_interest(descriptor, Interest::READABLE).ok());
        if let Some(descriptor) = descriptor {
            let _ = descriptor.readable().await;
        }
    }
    let _ = pid;
}

#[cfg(unix)]
fn signal_of(status: ExitStatus) -> Option<String> {
    let number = std::os::unix::process::ExitStatusExt::signal(&status)?;
    let name = match number {
        1 => "SIGHUP",
        2 => "SIGINT",
        3 => "SIGQUIT",
        4 => "SIGILL",
        6 => "SIGABRT",
        8 => "SIGFPE",
        9 => "SIGKILL",
        11 => "SIGSEGV",
        13 => "SIGPIPE",
        14 => "SIGALRM",
        15 => "SIGTERM",
        other => return Some(format!("signal {other}")),
    };
    Some(name.to_owned())
}

#[cfg(not(unix))]
fn signal_of(_: ExitStatus) -> Option<String> {
    None
}

/// Writes the number of a process to its file. The file is removed at its end.
pub(crate) fn write_pid_file(path: &Path, pid: u32) -> std::io::Result<()> {
    std::fs::write(path, format!("{pid}\n"))
}

/// Whether a process that an earlier host started still runs.
pub(crate) fn is_same_process(pid: u32, ticks: u64) -> bool {
    started_ticks(pid) == Some(ticks)
}
