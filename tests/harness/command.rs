//! Runs the `plugbay` command, as a shell would.

use std::ffi::OsStr;
use std::io::BufRead;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::LazyLock;
use std::sync::mpsc::{self, Sender};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::build::target_directory;
use super::host::TestPlugin;

/// A run of the command that has not started yet.
pub(crate) struct Plugbay(Command);

/// The longest run of the command in any test.
const RUN_MAX: Duration = Duration::from_secs(300);

/// A finished run: its exit code and output.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) exit_code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Plugbay {
    /// `plugbay` with a code cache that the tests share, and none of the user's settings.
    pub(crate) fn new<S: AsRef<OsStr>>(arguments: impl IntoIterator<Item = S>) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_plugbay-e2e"));
        command
            .args(arguments)
            .env("XDG_CACHE_HOME", target_directory().join("xdg-cache"))
            // Neither the registries nor the credentials of this user.
            .env("WKG_CONFIG_FILE", "/nonexistent/config.toml")
            .env("DOCKER_CONFIG", "/nonexistent")
            .env_remove("PLUGBAY_KEY_PASSWORD")
            .env_remove("RUST_LOG")
            .env_remove("RUST_BACKTRACE")
            .stdin(Stdio::null());
        Plugbay(command)
    }

    /// The same command in a process that the permissions of files restrict, also if this user is root.
    #[cfg(target_os = "linux")]
    #[must_use]
    pub(crate) fn restricted(self) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        std::fs::set_permissions(directory.path(), std::os::unix::fs::PermissionsExt::from_mode(0o500)).expect("set");
        if std::fs::write(directory.path().join("file"), "").is_err() {
            return self;
        }
        self.started_by("setpriv", &["--bounding-set", "-dac_override", "--"])
    }

    /// The same command with limits on its open files.
    #[cfg(target_os = "linux")]
    #[must_use]
    pub(crate) fn open_files(self, soft: u64, hard: u64) -> Self {
        self.started_by("prlimit", &[&format!("--nofile={soft}:{hard}"), "--"])
    }

    /// The same command, started by another one with these arguments.
    #[cfg(target_os = "linux")]
    fn started_by(self, program: &str, arguments: &[&str]) -> Self {
        let mut command = Command::new(program);
        command.args(arguments).arg(self.0.get_program()).args(self.0.get_args());
        for (name, value) in self.0.get_envs() {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        command.stdin(Stdio::null());
        Plugbay(command)
    }

    /// The same command as another user, which only root can start.
    #[cfg(unix)]
    #[must_use]
    pub(crate) fn user(mut self, id: u32) -> Self {
        std::os::unix::process::CommandExt::uid(&mut self.0, id);
        self
    }

    pub(crate) fn directory(mut self, directory: &Path) -> Self {
        self.0.current_dir(directory);
        self
    }

    pub(crate) fn environment(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.0.env(name, value);
        self
    }

    pub(crate) fn stdin(mut self, file: std::fs::File) -> Self {
        self.0.stdin(file);
        self
    }

    /// Starts the command without waiting. The caller reads its output.
    pub(crate) fn start(mut self) -> Child {
        self.0.stdout(Stdio::piped()).stderr(Stdio::piped());
        self.spawn()
    }

    /// Starts the command. It is killed if it runs for longer than a test can take, which is a guard for a hang: the
    /// test that waits for it sees its end.
    fn spawn(mut self) -> Child {
        let child = self.0.spawn().expect("the command was built with the tests");
        #[cfg(target_os = "linux")]
        kill_later(child.id());
        child
    }

    /// Starts the command without waiting. The caller writes its input and reads its output.
    pub(crate) fn start_with_input(mut self) -> Child {
        self.0.stdin(Stdio::piped());
        self.start()
    }

    /// Starts the command with its standard error at this terminal, and the other streams at `/dev/null`.
    #[cfg(unix)]
    pub(crate) fn start_at(mut self, terminal: std::os::fd::OwnedFd) -> Child {
        self.0.stdout(Stdio::null()).stderr(terminal);
        self.spawn()
    }

    pub(crate) fn run(self) -> Ran {
        Ran::from(self.start().wait_with_output().expect("its output is read"))
    }
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).expect("the command prints text");
        Ran {
            exit_code: output.status.code().expect("the command is not killed by a signal"),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
        }
    }
}

impl Ran {
    /// Asserts the exit code.
    #[track_caller]
    pub(crate) fn exits_with(self, code: i32) -> Self {
        assert_eq!(self.exit_code, code, "stdout: {}\nstderr: {}", self.stdout, self.stderr);
        self
    }

    /// The one JSON document on standard output.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("{error} in: {}\nstderr: {}", self.stdout, self.stderr))
    }

    /// What the user is advised to do: the `hint` of a JSON error, and the lines on standard error that begin with
    /// `here: `.
    pub(crate) fn advice(&self) -> String {
        let json: Value = serde_json::from_str(&self.stdout).unwrap_or_default();
        let lines = self.stderr.lines().filter_map(|line| line.trim_start().strip_prefix("here: "));
        let hint = json.get("hint").and_then(Value::as_str);
        hint.into_iter().chain(lines).collect::<Vec<_>>().join("\n")
    }
}

/// Kills a process after [`RUN_MAX`], unless it has ended before.
#[cfg(target_os = "linux")]
fn kill_later(pid: u32) {
    static STARTED: LazyLock<Sender<(Instant, u32, String)>> = LazyLock::new(|| {
        let (started, processes) = mpsc::channel::<(Instant, u32, String)>();
        std::thread::spawn(move || {
            for (since, pid, start) in processes {
                std::thread::sleep(RUN_MAX.saturating_sub(since.elapsed()));
                if start_time(pid) == start
                    && let Some(pid) = rustix::process::Pid::from_raw(pid.cast_signed())
                {
                    eprintln!("process {} ran for {RUN_MAX:?} and is killed", pid.as_raw_nonzero());
                    let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
                }
            }
        });
        started
    });
    let _ = STARTED.send((Instant::now(), pid, start_time(pid)));
}

/// The time at which the process with this number was started. Another one that gets the number later has another time.
#[cfg(target_os = "linux")]
fn start_time(pid: u32) -> String {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let after_name = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    after_name.split_whitespace().nth(19).unwrap_or_default().to_owned()
}

/// Reads a process's standard error until this many lines contain these words, and returns all of it.
#[track_caller]
pub(crate) fn lines_until(stderr: &mut impl BufRead, words: &str, count: usize) -> String {
    let (mut all, mut found) = (String::new(), 0);
    while found < count {
        let mut line = String::new();
        assert!(stderr.read_line(&mut line).expect("text") > 0, "it ended without `{words}`: {all}");
        found += usize::from(line.contains(words));
        all.push_str(&line);
    }
    all
}

/// Runs an action of a plugin in a process of its own, with this data directory and at most one grant.
pub(crate) fn run_with_data(
    plugin: TestPlugin,
    data: &Path,
    grant: Option<&str>,
    action: &str,
    payload: &Value,
) -> Ran {
    let file = plugin_file(plugin);
    let (path, data) = (file.path().to_str().expect("UTF-8"), data.to_str().expect("UTF-8"));
    let payload = payload.to_string();
    let mut arguments = vec!["run", path, action, &payload, "--data-dir", data];
    arguments.extend(grant.iter().flat_map(|grant| ["--grant", grant]));
    Plugbay::new(arguments).run()
}

/// A plugin as one file, which is removed when the returned value is dropped.
pub(crate) fn plugin_file(plugin: TestPlugin) -> tempfile::NamedTempFile {
    let file = tempfile::Builder::new().suffix(".wasm").tempfile().expect("a temporary file");
    std::fs::write(file.path(), plugin.into_bytes()).expect("written");
    file
}
