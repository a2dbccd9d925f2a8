//! The fields of the host's file for its processes as a whole, and those of a `pup.json`: its name, its API, the log,
//! the settings of watched files, and the times that processes have to end.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use serde_json::{Value, json};

use super::cluster_entry::read_address;
use super::process_entry::{self, ID_PATTERN, ID_RULE, ProcessEntry};
use super::process_logger::{self, HostLogger};
use crate::field::{Field, Table, field};
use crate::limits::{LINE_CHARS_MAX, NAME_CHARS_MAX, PATTERN_CHARS_MAX};
use crate::problem::{Report, code, quoted};
use crate::read::{Node, Object};
use crate::shape;

/// The most patterns of watched files, and the most consumers of revoked tokens.
const ENTRIES_MAX: usize = 1_000;
/// The shortest and the longest interval of the watcher, in milliseconds.
const INTERVAL_MS_MIN: u64 = 50;
const INTERVAL_MS_MAX: u64 = 86_400_000;

/// The processes of a host, and the settings of them all.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Supervision {
    /// The name of the instance.
    pub name: Option<String>,
    /// The programs that the host runs.
    pub processes: Vec<ProcessEntry>,
    /// The time from the first signal to the one that cannot be ignored, for processes without one of their own.
    /// Default: 30 s.
    pub terminate_timeout: Option<Duration>,
    /// The time before the first signal, for processes without one of their own. Default: 0.
    pub terminate_grace_period: Option<Duration>,
    /// The destination of the output of processes.
    pub logger: HostLogger,
    /// The settings of watched files.
    pub watcher: WatcherEntry,
    /// The settings of Pup's API.
    pub api: ApiEntry,
}

/// The settings of watched files.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct WatcherEntry {
    /// The time between two looks at the files, and the time for which they have to be left alone after a change.
    /// Default: 350 ms.
    pub interval: Duration,
    /// The extensions of watched files, without a dot. Default: ts, tsx, js, jsx, json.
    pub exts: Vec<String>,
    /// The patterns of which a path has to match one. Default: `**/*.*`.
    pub matching: Vec<String>,
    /// The patterns of paths that are not watched. Default: `**/.git/**`.
    pub skip: Vec<String>,
}

/// Pup's settings of its API.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ApiEntry {
    /// The address to listen on.
    pub hostname: Option<IpAddr>,
    /// The port to listen on.
    pub port: Option<u16>,
    /// The consumers whose tokens are revoked.
    pub revoked: Vec<String>,
}

impl Default for WatcherEntry {
    fn default() -> Self {
        let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        WatcherEntry {
            interval: Duration::from_millis(350),
            exts: owned(&["ts", "tsx", "js", "jsx", "json"]),
            matching: owned(&["**/*.*"]),
            skip: owned(&["**/.git/**"]),
        }
    }
}

impl ApiEntry {
    /// The address to listen on, if the file has a part of it.
    pub fn address(&self) -> Option<SocketAddr> {
        const DEFAULT_PORT: u16 = 7070;
        let is_given = self.hostname.is_some() || self.port.is_some();
        let hostname = self.hostname.unwrap_or(IpAddr::from([127, 0, 0, 1]));
        is_given.then(|| SocketAddr::new(hostname, self.port.unwrap_or(DEFAULT_PORT)))
    }
}

pub(super) const NAME: Field =
    field("name", "The name of the instance, in a pup.json.", || shape::name(ID_PATTERN, NAME_CHARS_MAX));
pub(super) const PROCESSES: Field =
    field("processes", "The programs that the host runs beside its plugins.", process_entry::processes_shape);
pub(super) const TERMINATE_TIMEOUT: Field = field(
    "terminateTimeout",
    "The seconds from SIGTERM to SIGKILL, for all processes. Default: 30.",
    process_entry::seconds_or_zero_shape,
);
pub(super) const TERMINATE_GRACE_PERIOD: Field = field(
    "terminateGracePeriod",
    "The seconds before SIGTERM, for all processes. Default: 0.",
    process_entry::seconds_or_zero_shape,
);
pub(super) const LOGGER: Field =
    field("logger", "The destination of the output of processes.", process_logger::host_logger_shape);
pub(super) const WATCHER: Field =
    field("watcher", "The settings of `watch` of processes.", || shape::object(WATCHER_FIELDS, &[]));
pub(super) const API: Field =
    field("api", "The address of the server, in a pup.json.", || shape::object(API_FIELDS, &[]));

const WATCHER_FIELDS: Table = &[
    field(
        "interval",
        "The milliseconds between two looks at the files, and those for which they have to be left alone. Default: 350.",
        || json!({ "type": "number", "minimum": INTERVAL_MS_MIN, "maximum": INTERVAL_MS_MAX }),
    ),
    field("exts", "The extensions of watched files. Default: ts, tsx, js, jsx, json.", patterns_shape),
    field("match", "The patterns of which a path has to match one. Default: **/*.*", patterns_shape),
    field("skip", "The patterns of paths that are not watched. Default: **/.git/**", patterns_shape),
];
const API_FIELDS: Table = &[
    field("hostname", "The IP address to listen on. Default: 127.0.0.1.", || shape::line(LINE_CHARS_MAX)),
    field("port", "The port to listen on. Default: 7070.", || shape::count(0, 65_535)),
    field("revoked", "The consumers whose tokens are revoked.", || {
        shape::list(shape::line(LINE_CHARS_MAX), ENTRIES_MAX)
    }),
];

fn patterns_shape() -> Value {
    shape::list(shape::line(PATTERN_CHARS_MAX), ENTRIES_MAX)
}

/// Reads the fields of this file from the host's file.
pub(super) fn read(object: &Object<'_>, report: &mut Report) -> Supervision {
    Supervision {
        name: object.get("name").and_then(|node| read_name(&node, report)),
        processes: object.get("processes").map(|node| process_entry::read_processes(&node, report)).unwrap_or_default(),
        terminate_timeout: process_entry::read_seconds_of(object, "terminateTimeout", report),
        terminate_grace_period: process_entry::read_seconds_of(object, "terminateGracePeriod", report),
        logger: object
            .get("logger")
            .and_then(|node| process_logger::read_host_logger(&node, report))
            .unwrap_or_default(),
        watcher: object.get("watcher").and_then(|node| read_watcher(&node, report)).unwrap_or_default(),
        api: object.get("api").and_then(|node| read_api(&node, report)).unwrap_or_default(),
    }
}

fn read_name(node: &Node<'_>, report: &mut Report) -> Option<String> {
    let name = node.line(NAME_CHARS_MAX, report)?;
    if !name.chars().all(process_entry::is_in_id) {
        let message = format!("{} is not the name of an instance: {ID_RULE}", quoted(&name));
        node.problem(report, code::INVALID_NAME, message);
        return None;
    }
    Some(name)
}

fn read_watcher(node: &Node<'_>, report: &mut Report) -> Option<WatcherEntry> {
    let object = node.object(WATCHER_FIELDS, report)?;
    let default = WatcherEntry::default();
    let lines = |name: &str, default: Vec<String>, report: &mut Report| match object.get(name) {
        Some(node) => {
            let items = node.items(ENTRIES_MAX, report);
            items.iter().filter_map(|item| item.line(PATTERN_CHARS_MAX, report)).collect()
        }
        None => default,
    };
    Some(WatcherEntry {
        interval: object.get("interval").and_then(|node| read_interval(&node, report)).unwrap_or(default.interval),
        exts: lines("exts", default.exts, report),
        matching: lines("match", default.matching, report),
        skip: lines("skip", default.skip, report),
    })
}

/// Reads the interval, whose unit is that of Pup. A number that is meant as seconds is too small.
fn read_interval(node: &Node<'_>, report: &mut Report) -> Option<Duration> {
    let Some(milliseconds) = node.value.as_f64() else {
        node.wrong_type(report, "a number of milliseconds");
        return None;
    };
    let interval = Duration::try_from_secs_f64(milliseconds / 1_000.0).ok();
    let fits = Duration::from_millis(INTERVAL_MS_MIN)..=Duration::from_millis(INTERVAL_MS_MAX);
    let interval = interval.filter(|interval| fits.contains(interval));
    if interval.is_none() {
        let message = format!("must be from {INTERVAL_MS_MIN} to {INTERVAL_MS_MAX} milliseconds");
        node.problem(report, code::OUT_OF_RANGE, message);
    }
    interval
}

fn read_api(node: &Node<'_>, report: &mut Report) -> Option<ApiEntry> {
    let object = node.object(API_FIELDS, report)?;
    let port = object.get("port").and_then(|node| node.count(0..=65_535, report));
    let revoked = object.get("revoked").map(|node| node.items(ENTRIES_MAX, report)).unwrap_or_default();
    Some(ApiEntry {
        hostname: object.get("hostname").and_then(|node| read_address(&node, report)),
        port: port.and_then(|port| u16::try_from(port).ok()),
        revoked: revoked.iter().filter_map(|item| item.line(LINE_CHARS_MAX, report)).collect(),
    })
}
