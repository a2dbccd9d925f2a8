//! The runs of a process: starting one, adopting one of an earlier host, and the files that name it.

use std::fs::OpenOptions;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use crate::adopted::DetachedProcess;
use crate::command;
use crate::log_line::{LogSeverity, unix_ms};
use crate::output::Read;
use crate::proc_table::started_ticks;
use crate::process::{Message, ProcessTask};
use crate::run::{Run, RunEnd, RunSettings, is_same_process, write_pid_file};
use crate::state::ProcessState;

impl ProcessTask {
    /// Starts a run, and returns its number in the operating system.
    ///
    /// # Errors
    /// The problem.
    pub(super) fn spawn(&mut self) -> Result<u32, String> {
        self.run_count += 1;
        let settings = self.run_settings(format!("{}/{}/{}", self.host.mark, self.id, self.run_count).into());
        let variables = (self.host.variables)(&self.id);
        let mut command =
            command::command(&self.entry, &self.id, &self.host.directory, self.instance, &settings.mark, &variables)?;
        if settings.is_detached {
            let path = self.logger.stdout.as_ref().map(|path| self.host.directory.join(path));
            let errors = self.logger.stderr.as_ref().map(|path| self.host.directory.join(path)).or(path.clone());
            command.stdout(file_or_null(path)?).stderr(file_or_null(errors)?);
        }
        let mark = Arc::clone(&settings.mark);
        let directory = command.as_std().get_current_dir().map(Path::to_owned);
        let run =
            Run::start(command, settings, &self.host, self.sink(), self.end()).map_err(|error| {
                match directory.filter(|directory| !directory.is_dir()) {
                    Some(missing) => format!("its working directory {} does not exist", missing.display()),
                    None => format!("`{}`: {error}", self.entry.cmd),
                }
            })?;
        let pid = run.pid;
        self.runs.push(run);
        self.name_run(pid, &mark);
        Ok(pid)
    }

    /// Takes over the run that an earlier host left, if it still exists. Returns whether it does.
    pub(super) fn adopt(&mut self) -> bool {
        let found = self.host.detached.as_ref().filter(|_| self.entry.detach).and_then(|all| all.get(&self.id));
        let Some(process) = found.filter(|process| is_same_process(process.pid, process.started_ticks)) else {
            return false;
        };
        self.run_count += 1;
        let settings = self.run_settings(process.mark.as_str().into());
        let Some(run) = Run::adopt(process.pid, settings, &self.host, self.end()) else { return false };
        self.runs.push(run);
        let started = UNIX_EPOCH + Duration::from_millis(process.started_ms);
        self.timeout_at = self.entry.timeout.and_then(|timeout| started.checked_add(timeout));
        self.log(LogSeverity::Log, "starting", "Process was started by an earlier host and still runs".to_owned());
        self.set_state(ProcessState::Running, |status| {
            (status.pid, status.started) = (Some(process.pid), Some(started));
        });
        true
    }

    fn run_settings(&self, mark: Arc<str>) -> RunSettings {
        RunSettings {
            number: self.run_count,
            mark,
            is_detached: self.entry.detach,
            terminate_timeout: self.terminate_timeout(),
        }
    }

    fn sink(&self) -> impl Fn(bool, Read<'_>) + Clone + Send + Sync + 'static {
        let (host, logger, id) = (Arc::clone(&self.host), Arc::clone(&self.logger), Arc::clone(&self.id));
        move |is_error, read| match read {
            Read::Line(text) => host.log_output(&logger, &id, is_error, text),
            Read::Dropped(count) => {
                let text = format!("{count} lines of output were dropped: the process writes too fast");
                host.log(LogSeverity::Warn, "dropped", &id, text);
            }
        }
    }

    fn end(&self) -> impl FnOnce(RunEnd) + Send + 'static {
        let (own, number) = (self.own.clone(), self.run_count);
        move |end| {
            // Without a strong sender, the supervisor was dropped.
            if let Some(own) = own.upgrade() {
                let _ = own.send(Box::new(Message::Ended { number, end }));
            }
        }
    }

    /// Writes the files that name a run.
    fn name_run(&self, pid: u32, mark: &str) {
        if let Some(path) = &self.entry.pid_file {
            let path = self.host.directory.join(path);
            if let Err(error) = write_pid_file(&path, pid) {
                self.log(LogSeverity::Warn, "starting", format!("{} cannot be written: {error}", path.display()));
            }
        }
        if let (true, Some(detached), Some(started_ticks)) =
            (self.entry.detach, &self.host.detached, started_ticks(pid))
        {
            let (started_ms, mark) = (unix_ms(self.host.now()), mark.to_owned());
            detached.set(&self.id, Some(DetachedProcess { pid, started_ticks, started_ms, mark }));
        }
    }

    /// Removes the files that name a run.
    pub(super) fn forget_run(&self) {
        if let Some(path) = &self.entry.pid_file {
            // It may have been removed by the process.
            let _ = std::fs::remove_file(self.host.directory.join(path));
        }
        if let Some(detached) = self.host.detached.as_ref().filter(|_| self.entry.detach) {
            detached.set(&self.id, None);
        }
    }
}

/// Opens a file for the output of a detached process. It is never renamed, because the process writes to it itself.
fn file_or_null(path: Option<PathBuf>) -> Result<Stdio, String> {
    let Some(path) = path else { return Ok(Stdio::null()) };
    let made = path.parent().map_or(Ok(()), std::fs::create_dir_all);
    let file = made.and_then(|()| OpenOptions::new().create(true).append(true).open(&path));
    file.map(Stdio::from).map_err(|error| format!("{} cannot be opened: {error}", path.display()))
}
