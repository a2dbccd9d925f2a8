//! The record of detached processes, by which the next host finds them: a process is the same if its number and the
//! moment of its start are, on a machine that was not restarted meanwhile.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

/// The name of the file in the directory for data.
const FILE_NAME: &str = "processes.json";

/// The detached processes of a host.
#[derive(Debug)]
pub(crate) struct Detached {
    path: PathBuf,
    record: Mutex<Record>,
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Record {
    /// The identifier of the machine's start.
    boot: String,
    processes: BTreeMap<String, DetachedProcess>,
}

/// A detached process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct DetachedProcess {
    pub(crate) pid: u32,
    pub(crate) started_ticks: u64,
    pub(crate) started_ms: u64,
    pub(crate) mark: String,
}

impl Detached {
    /// Reads the record of a directory. One that is damaged, or of an earlier start of the machine, is empty.
    pub(crate) fn open(directory: &Path) -> Self {
        let path = directory.join(FILE_NAME);
        let boot = boot();
        let read = std::fs::read(&path).ok().and_then(|bytes| serde_json::from_slice::<Record>(&bytes).ok());
        let record = read.filter(|record| record.boot == boot).unwrap_or(Record { boot, processes: BTreeMap::new() });
        Detached { path, record: Mutex::new(record) }
    }

    pub(crate) fn get(&self, id: &str) -> Option<DetachedProcess> {
        self.record.lock().processes.get(id).cloned()
    }

    /// Records a process, or that there is none.
    pub(crate) fn set(&self, id: &str, process: Option<DetachedProcess>) {
        let mut record = self.record.lock();
        let changed = match process {
            Some(process) => record.processes.insert(id.to_owned(), process.clone()) != Some(process),
            None => record.processes.remove(id).is_some(),
        };
        if !changed {
            return;
        }
        if let Err(error) = self.write(&record) {
            tracing::warn!(path = %self.path.display(), %error, "detached processes cannot be recorded");
        }
    }

    fn write(&self, record: &Record) -> std::io::Result<()> {
        let beside = self.path.with_extension("json.new");
        std::fs::write(&beside, serde_json::to_vec(record)?)?;
        std::fs::rename(&beside, &self.path)
    }
}

/// The identifier of the machine's start. Empty if the system has none.
fn boot() -> String {
    std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default().trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn record_is_read_again_and_dropped_after_a_restart_of_the_machine() {
        let directory = tempfile::tempdir().expect("a directory");
        let process = DetachedProcess { pid: 7, started_ticks: 8, started_ms: 9, mark: "mark".to_owned() };
        Detached::open(directory.path()).set("web", Some(process.clone()));
        let again = Detached::open(directory.path());
        assert_eq!(again.get("web"), Some(process));
        again.set("web", None);
        assert_eq!(Detached::open(directory.path()).get("web"), None);
        let other = br#"{"boot":"other","processes":{"web":{"pid":7,"started_ticks":8,"started_ms":9,"mark":""}}}"#;
        std::fs::write(directory.path().join(FILE_NAME), other).expect("written");
        assert_eq!(Detached::open(directory.path()).get("web"), None);
    }
}
