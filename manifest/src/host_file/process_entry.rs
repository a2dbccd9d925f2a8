//! The part `processes` of the host's file: programs of the operating system that the host runs beside its plugins.
//!
//! The fields have the names of Pup's configuration, so that a `pup.json` carries over. Values of environment variables
//! may be secret: problems never quote them and `Debug` never shows them.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Value, json};

use super::cluster_entry::{self, ClusterEntry};
use super::command_line;
use super::process_logger::{self, ProcessLogger};
use crate::field::{Table, field};
use crate::limits::{ENV_MAX, ENV_VALUE_CHARS_MAX, NAME_CHARS_MAX, PATH_CHARS_MAX, PROCESSES_MAX, WATCHED_PATHS_MAX};
use crate::name;
use crate::part::resources::{read_seconds, read_seconds_or_zero};
use crate::problem::{Report, code, quoted};
use crate::read::{Node, Object};
use crate::shape;

/// The pattern of the identifiers of processes, for the JSON Schema.
pub(super) const ID_PATTERN: &str = "^[A-Za-z0-9@._-]+$";
/// The same in words.
pub(super) const ID_RULE: &str = "use `a` to `z`, `A` to `Z`, digits, `@`, `.`, `_` and `-`";
/// The longest command line, in characters.
const COMMAND_CHARS_MAX: usize = 8 << 10;
/// The shortest and the longest cron expression, in characters.
const CRON_CHARS_MIN: usize = 9;
const CRON_CHARS_MAX: usize = 256;
/// The longest delay of a restart, in milliseconds: a day.
const RESTART_DELAY_MS_MAX: u64 = 86_400_000;
/// The longest time that can be given, in seconds: a year.
pub(super) const SECONDS_MAX: u64 = 31_536_000;
/// The most restarts that can be allowed.
const RESTARTS_MAX: u64 = 1_000_000_000;

/// A program that the host runs.
#[derive(Clone, PartialEq)]
#[non_exhaustive]
pub struct ProcessEntry {
    /// The name of the process: 1 to 64 of `A-Z a-z 0-9 @ . _ -`. Names that differ in case are different names.
    pub id: String,
    /// The command line, whose words are split and quoted as in a shell. It is not run by a shell.
    pub cmd: String,
    /// The working directory, relative to the host's file unless it is absolute. `None` is the directory of the file.
    pub cwd: Option<PathBuf>,
    /// Environment variables in addition to those of the host.
    pub env: BTreeMap<String, String>,
    /// Directories that are appended to `PATH`.
    pub path: Option<String>,
    /// The file to which the process' number is written while it runs.
    pub pid_file: Option<PathBuf>,
    /// Whether the process is started with the host. Default: false.
    pub autostart: bool,
    /// The cron expression of its starts.
    pub cron: Option<String>,
    /// The cron expression of its ends.
    pub terminate: Option<String>,
    /// Files and directories whose changes restart it, and start it if it has not run yet.
    pub watch: Vec<PathBuf>,
    /// The time after which a run is stopped.
    pub timeout: Option<Duration>,
    /// Whether it may be started while it runs. Default: false.
    pub overrun: bool,
    /// The ends after which it is started again. Default: all of them if it starts with the host or is watched,
    /// otherwise none.
    pub restart: Option<RestartPolicy>,
    /// The time before such a restart. Default: 500 ms for a watched process, otherwise 10 s.
    pub restart_delay: Option<Duration>,
    /// The restarts after which it is given up. `None` is no limit.
    pub restart_limit: Option<u64>,
    /// The time from the first signal to the one that cannot be ignored. Default: that of the host's file, or 30 s.
    pub terminate_timeout: Option<Duration>,
    /// The time before the first signal, for a process that ends by itself. Default: that of the host's file, or 0.
    pub terminate_grace_period: Option<Duration>,
    /// Instances of the process behind one port.
    pub cluster: Option<ClusterEntry>,
    /// The destination of its output.
    pub logger: ProcessLogger,
    /// Whether it continues to run when the host ends, and is found again by the next host. Default: false.
    pub detach: bool,
}

/// The ends of a process after which it is started again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RestartPolicy {
    /// All.
    Always,
    /// Those with an error.
    Error,
}

const PROCESS: Table = &[
    field("id", "The name of the process.", || shape::name(ID_PATTERN, NAME_CHARS_MAX)),
    field("cmd", "The command line. Its words are split as in a shell, but it is not run by a shell.", || {
        shape::line(COMMAND_CHARS_MAX)
    }),
    field("worker", "Not supported: a script in place of `cmd`, which Pup runs itself.", shape::anything),
    field("cwd", "The working directory, relative to this file.", || shape::line(PATH_CHARS_MAX)),
    field("env", "Environment variables in addition to those of the host.", || {
        shape::map(shape::prose(ENV_VALUE_CHARS_MAX), ENV_MAX)
    }),
    field("path", "Directories that are appended to PATH.", || shape::line(COMMAND_CHARS_MAX)),
    field("pidFile", "The file to which the number of the process is written while it runs.", || {
        shape::line(PATH_CHARS_MAX)
    }),
    field("autostart", "Whether the process is started with the host. Default: false.", shape::boolean),
    field("cron", "The cron expression of its starts, in UTC.", cron_shape),
    field("terminate", "The cron expression of its ends, in UTC.", cron_shape),
    field("watch", "Files and directories whose changes start or restart the process.", || {
        shape::list(shape::line(PATH_CHARS_MAX), WATCHED_PATHS_MAX)
    }),
    field(
        "timeout",
        "The seconds after which a run is stopped.",
        || json!({ "type": "number", "minimum": 1, "maximum": SECONDS_MAX }),
    ),
    field("overrun", "Whether the process may be started while it runs. Default: false.", shape::boolean),
    field("restart", "The ends after which it is started again: always, or error.", || {
        shape::word(&["always", "error"])
    }),
    field("restartDelayMs", "The milliseconds before a restart. Default: 10000, or 500 with `watch`.", || {
        shape::count(0, RESTART_DELAY_MS_MAX)
    }),
    field("restartLimit", "The restarts after which the process is given up.", || shape::count(0, RESTARTS_MAX)),
    field("terminateTimeout", "The seconds from SIGTERM to SIGKILL. Default: 30.", seconds_or_zero_shape),
    field("terminateGracePeriod", "The seconds before SIGTERM. Default: 0.", seconds_or_zero_shape),
    field("cluster", "Instances of the process behind one port.", cluster_entry::cluster_shape),
    field("logger", "The destination of the output.", process_logger::logger_shape),
    field("detach", "Whether it continues to run when the host ends. Default: false.", shape::boolean),
];

pub(super) fn processes_shape() -> Value {
    shape::list(shape::object(PROCESS, &["id", "cmd"]), PROCESSES_MAX)
}

pub(super) fn seconds_or_zero_shape() -> Value {
    json!({ "type": "number", "minimum": 0, "maximum": SECONDS_MAX })
}

fn cron_shape() -> Value {
    json!({ "type": "string", "minLength": CRON_CHARS_MIN, "maxLength": CRON_CHARS_MAX })
}

pub(super) fn read_processes(node: &Node<'_>, report: &mut Report) -> Vec<ProcessEntry> {
    let mut entries: Vec<ProcessEntry> = Vec::new();
    for item in node.items(PROCESSES_MAX, report) {
        let Some(entry) = read_process(&item, report) else { continue };
        if entries.iter().any(|known| known.id == entry.id) {
            item.problem(report, code::DUPLICATE, format!("another process has the id {}", quoted(&entry.id)));
        } else {
            entries.push(entry);
        }
    }
    report_shared_instances(node, &entries, report);
    report_shared_ports(node, &entries, report);
    entries
}

/// Reports a process with the name that an instance of a cluster would have.
fn report_shared_instances(node: &Node<'_>, entries: &[ProcessEntry], report: &mut Report) {
    for entry in entries {
        let Some((cluster, number)) = entry.id.rsplit_once('-') else { continue };
        let number = number.parse::<u16>().ok().filter(|number| number.to_string() == entry.id[cluster.len() + 1..]);
        let instances = entries.iter().find(|other| other.id == cluster).and_then(|other| other.cluster.as_ref());
        if let (Some(number), Some(cluster)) = (number, instances)
            && (1..=cluster.instances).contains(&number)
        {
            let message = format!("{} is the name of an instance of a cluster", quoted(&entry.id));
            node.problem(report, code::DUPLICATE, message);
        }
    }
}

/// Reports ports that two clusters would use.
fn report_shared_ports(node: &Node<'_>, entries: &[ProcessEntry], report: &mut Report) {
    let clusters: Vec<_> = entries.iter().filter_map(|entry| Some((&entry.id, entry.cluster.as_ref()?))).collect();
    for (index, (id, cluster)) in clusters.iter().enumerate() {
        let shared = clusters[..index].iter().find_map(|(other, entry)| Some((other, cluster.shared_port(entry)?)));
        if let Some((other, port)) = shared {
            let message = format!("port {port} is used by the clusters {} and {}", quoted(other), quoted(id));
            node.problem(report, code::CONFLICT, message);
        }
    }
}

fn read_process(node: &Node<'_>, report: &mut Report) -> Option<ProcessEntry> {
    let object = node.object(PROCESS, report)?;
    let id = object.need("id", report).and_then(|node| read_id(&node, report));
    let cmd = read_command(&object, report);
    let path = |name: &str, report: &mut Report| {
        object.get(name).and_then(|node| node.line(PATH_CHARS_MAX, report)).map(PathBuf::from)
    };
    let boolean =
        |name: &str, report: &mut Report| object.get(name).and_then(|node| node.boolean(report)).unwrap_or_default();
    let restart = object.get("restart").and_then(|node| node.word(&["always", "error"], report));
    Some(ProcessEntry {
        cwd: path("cwd", report),
        env: object.get("env").map(|node| read_variables(&node, report)).unwrap_or_default(),
        path: object.get("path").and_then(|node| node.line(COMMAND_CHARS_MAX, report)),
        pid_file: path("pidFile", report),
        autostart: boolean("autostart", report),
        cron: object.get("cron").and_then(|node| read_cron(&node, report)),
        terminate: object.get("terminate").and_then(|node| read_cron(&node, report)),
        watch: object.get("watch").map(|node| read_paths(&node, report)).unwrap_or_default(),
        timeout: object.get("timeout").and_then(|node| read_timeout(&node, report)),
        overrun: boolean("overrun", report),
        restart: restart.map(|word| if word == "always" { RestartPolicy::Always } else { RestartPolicy::Error }),
        restart_delay: object
            .get("restartDelayMs")
            .and_then(|node| node.count(0..=RESTART_DELAY_MS_MAX, report))
            .map(Duration::from_millis),
        restart_limit: object.get("restartLimit").and_then(|node| node.count(0..=RESTARTS_MAX, report)),
        terminate_timeout: read_seconds_of(&object, "terminateTimeout", report),
        terminate_grace_period: read_seconds_of(&object, "terminateGracePeriod", report),
        cluster: object.get("cluster").and_then(|node| cluster_entry::read(&node, report)),
        logger: object.get("logger").and_then(|node| process_logger::read(&node, report)).unwrap_or_default(),
        detach: boolean("detach", report),
        id: id?,
        cmd: cmd?,
    })
}

/// Whether a character may be in the identifier of a process.
pub(super) fn is_in_id(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '@' | '.' | '_' | '-')
}

fn read_command(object: &Object<'_>, report: &mut Report) -> Option<String> {
    if let Some(worker) = object.get("worker") {
        let instead = "workers run inside Pup itself: write the command instead, such as `cmd: deno run -A worker.ts`";
        worker.problem(report, code::INVALID_VALUE, instead);
        // A missing `cmd` would be a second report of the same problem.
        return object.get("cmd")?.line(COMMAND_CHARS_MAX, report);
    }
    let node = object.need("cmd", report)?;
    let line = node.line(COMMAND_CHARS_MAX, report)?;
    if let Err(message) = command_line::check(&line) {
        node.problem(report, code::INVALID_VALUE, message);
    }
    Some(line)
}

fn read_id(node: &Node<'_>, report: &mut Report) -> Option<String> {
    let id = node.line(NAME_CHARS_MAX, report)?;
    let problem = if !id.chars().all(is_in_id) {
        ID_RULE
    } else if id == "all" || id == "core" {
        "`all` stands for all processes and `core` for the host"
    } else {
        return Some(id);
    };
    node.problem(report, code::INVALID_NAME, format!("{} is not the id of a process: {problem}", quoted(&id)));
    None
}

/// Reads variables. They are passed on as they stand, because `$` has no meaning in Pup's configuration.
fn read_variables(node: &Node<'_>, report: &mut Report) -> BTreeMap<String, String> {
    let mut variables = BTreeMap::new();
    for (name, entry) in node.entries(ENV_MAX, report) {
        if let Err(message) = name::variable(name) {
            entry.problem(report, code::INVALID_NAME, message);
        }
        if let Some(value) = entry.prose(ENV_VALUE_CHARS_MAX, report) {
            variables.insert(name.to_owned(), value);
        }
    }
    variables
}

fn read_cron(node: &Node<'_>, report: &mut Report) -> Option<String> {
    let text = node.line(CRON_CHARS_MAX, report)?;
    if text.chars().count() < CRON_CHARS_MIN {
        let message = format!("{} is not a cron expression: write `0 3 * * *`, for example", quoted(&text));
        node.problem(report, code::INVALID_VALUE, message);
        return None;
    }
    Some(text)
}

fn read_paths(node: &Node<'_>, report: &mut Report) -> Vec<PathBuf> {
    let items = node.items(WATCHED_PATHS_MAX, report);
    items.iter().filter_map(|item| item.line(PATH_CHARS_MAX, report)).map(PathBuf::from).collect()
}

fn read_timeout(node: &Node<'_>, report: &mut Report) -> Option<Duration> {
    if node.value.as_f64().is_some_and(|seconds| !(1.0..=SECONDS_MAX as f64).contains(&seconds)) {
        node.problem(report, code::OUT_OF_RANGE, format!("must be from 1 to {SECONDS_MAX} seconds"));
        return None;
    }
    read_seconds(node, SECONDS_MAX, report)
}

pub(super) fn read_seconds_of(object: &Object<'_>, name: &str, report: &mut Report) -> Option<Duration> {
    read_seconds_or_zero(&object.get(name)?, SECONDS_MAX, report)
}

impl ProcessEntry {
    /// An entry with the defaults of all other fields.
    pub fn new(id: impl Into<String>, cmd: impl Into<String>) -> Self {
        ProcessEntry {
            id: id.into(),
            cmd: cmd.into(),
            cwd: None,
            env: BTreeMap::new(),
            path: None,
            pid_file: None,
            autostart: false,
            cron: None,
            terminate: None,
            watch: Vec::new(),
            timeout: None,
            overrun: false,
            restart: None,
            restart_delay: None,
            restart_limit: None,
            terminate_timeout: None,
            terminate_grace_period: None,
            cluster: None,
            logger: ProcessLogger::default(),
            detach: false,
        }
    }
}

/// Shows the names of variables, never their values.
impl fmt::Debug for ProcessEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProcessEntry")
            .field("id", &self.id)
            .field("cmd", &self.cmd)
            .field("cwd", &self.cwd)
            .field("env", &self.env.keys().collect::<Vec<_>>())
            .field("path", &self.path)
            .field("pid_file", &self.pid_file)
            .field("autostart", &self.autostart)
            .field("cron", &self.cron)
            .field("terminate", &self.terminate)
            .field("watch", &self.watch)
            .field("timeout", &self.timeout)
            .field("overrun", &self.overrun)
            .field("restart", &self.restart)
            .field("restart_delay", &self.restart_delay)
            .field("restart_limit", &self.restart_limit)
            .field("terminate_timeout", &self.terminate_timeout)
            .field("terminate_grace_period", &self.terminate_grace_period)
            .field("cluster", &self.cluster)
            .field("logger", &self.logger)
            .field("detach", &self.detach)
            .finish()
    }
}
