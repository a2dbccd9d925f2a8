//! The status of a process, in the shape of Pup's process information when it is serialized.

use std::time::SystemTime;

use serde::{Deserialize, Serialize, Serializer};

use crate::state::ProcessState;

/// The status of a process or of a cluster.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct ProcessStatus {
    /// The name of the process.
    pub id: String,
    /// Its state.
    pub status: ProcessState,
    /// Its number in the operating system, while it runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pid: Option<u32>,
    /// The exit code of its last run; 124 if a signal of the supervisor ended it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<i32>,
    /// The signal that ended its last run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signal: Option<String>,
    /// The moment at which its last run began.
    #[serde(serialize_with = "optional_time", skip_serializing_if = "Option::is_none")]
    pub started: Option<SystemTime>,
    /// The moment at which its last run ended.
    #[serde(serialize_with = "optional_time", skip_serializing_if = "Option::is_none")]
    pub exited: Option<SystemTime>,
    /// Whether it may not be started.
    pub blocked: bool,
    /// The restarts since it was started or stopped on purpose, by its schedule or by a change of its watched files.
    pub restarts: u64,
    /// The moment of the last change of this status.
    #[serde(serialize_with = "time")]
    pub updated: SystemTime,
    /// The reason of a restart that begins when the process has ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pending_restart_reason: Option<String>,
    /// The last report of the process about itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub telemetry: Option<Box<Telemetry>>,
    /// Whether it is one process or a cluster.
    #[serde(rename = "type")]
    pub kind: ProcessKind,
    /// The reason for which the balancer of a cluster does not listen. It tries again every ten seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub balancer_error: Option<String>,
    /// The instances of a cluster.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub processes: Vec<ProcessStatus>,
}

/// What a status is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ProcessKind {
    /// One process, or an instance of a cluster.
    Process,
    /// Several instances.
    Cluster,
}

/// A report of a process about itself, as Pup's telemetry client sends it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Telemetry {
    /// The name of the process.
    pub sender: String,
    /// Its memory.
    pub memory: TelemetryMemory,
    /// The moment of the report, as the process wrote it.
    pub sent: String,
    /// Its working directory.
    pub cwd: String,
}

/// The memory of a process, as it reports it, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TelemetryMemory {
    /// All of it.
    pub rss: f64,
    /// The heap.
    pub heap_total: f64,
    /// The used part of the heap.
    pub heap_used: f64,
    /// Memory outside of the heap.
    pub external: f64,
}

impl ProcessStatus {
    pub(crate) fn new(id: &str, now: SystemTime) -> Self {
        ProcessStatus {
            id: id.to_owned(),
            status: ProcessState::Created,
            pid: None,
            code: None,
            signal: None,
            started: None,
            exited: None,
            blocked: false,
            restarts: 0,
            updated: now,
            pending_restart_reason: None,
            telemetry: None,
            kind: ProcessKind::Process,
            balancer_error: None,
            processes: Vec::new(),
        }
    }

    /// The status of a cluster with these instances: the state that they have in common, and blocked if all are.
    pub(crate) fn of_cluster(id: &str, instances: Vec<ProcessStatus>, now: SystemTime) -> Self {
        let mut status = ProcessStatus::new(id, instances.iter().map(|each| each.updated).max().unwrap_or(now));
        status.kind = ProcessKind::Cluster;
        status.status = ProcessState::in_common(instances.iter().map(|each| each.status));
        status.blocked = !instances.is_empty() && instances.iter().all(|each| each.blocked);
        status.restarts = instances.iter().map(|each| each.restarts).sum();
        status.started = instances.iter().filter_map(|each| each.started).min();
        status.processes = instances;
        status
    }
}

/// A moment in ISO 8601 with milliseconds, as JavaScript writes it.
pub fn iso_time(moment: SystemTime) -> String {
    match jiff::Timestamp::try_from(moment) {
        Ok(moment) => moment.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string(),
        Err(_) => String::new(),
    }
}

fn time<S: Serializer>(moment: &SystemTime, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&iso_time(*moment))
}

fn optional_time<S: Serializer>(moment: &Option<SystemTime>, serializer: S) -> Result<S::Ok, S::Error> {
    match moment {
        Some(moment) => time(moment, serializer),
        None => serializer.serialize_none(),
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;

    #[test]
    fn status_is_serialized_in_pups_shape() {
        let now = UNIX_EPOCH + Duration::from_millis(1_767_225_600_007);
        let mut status = ProcessStatus::new("web", now);
        status.status = ProcessState::Running;
        status.started = Some(now);
        status.pid = Some(7);
        let expected = serde_json::json!({
            "id": "web", "status": 200, "pid": 7, "started": "2026-01-01T00:00:00.007Z", "blocked": false,
            "restarts": 0, "updated": "2026-01-01T00:00:00.007Z", "type": "process",
        });
        assert_eq!(serde_json::to_value(&status).expect("it serializes"), expected);
    }

    #[test]
    fn cluster_has_the_state_of_its_instances() {
        let instance = |state: ProcessState, blocked: bool| {
            let mut status = ProcessStatus::new("web-1", UNIX_EPOCH);
            (status.status, status.blocked) = (state, blocked);
            status
        };
        let cluster = |instances| ProcessStatus::of_cluster("web", instances, UNIX_EPOCH);
        let same = cluster(vec![instance(ProcessState::Running, true), instance(ProcessState::Running, true)]);
        assert_eq!((same.status, same.blocked), (ProcessState::Running, true));
        let mixed = cluster(vec![instance(ProcessState::Running, true), instance(ProcessState::Errored, false)]);
        assert_eq!((mixed.status, mixed.blocked), (ProcessState::Mixed, false));
        assert_eq!(cluster(Vec::new()).status, ProcessState::Created);
    }
}
