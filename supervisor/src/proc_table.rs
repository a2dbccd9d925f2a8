//! The processes of the machine as `/proc` lists them: their groups, and the runs that they are part of.
//!
//! A run is marked by a variable in the environment of its process, which descendants inherit even if they leave the
//! process group, as daemons do. One reading of the table serves all that asked for it before it began.
//!
//! Other systems than Linux have no such table. There, only process groups are ended.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use tokio::sync::Mutex;

/// The variable that marks the processes of a run.
pub(crate) const RUN_VARIABLE: &str = "PLUGBAY_RUN";

/// A process of the table.
#[derive(Clone, Debug)]
pub(crate) struct TableEntry {
    pub(crate) pid: i32,
    pub(crate) group: i32,
    /// The moment of its start since the machine's, in clock ticks. With the number, it identifies a process.
    pub(crate) started_ticks: u64,
    /// The processor time that it used, in clock ticks.
    pub(crate) cpu_ticks: u64,
    /// Whether it has ended and is only listed.
    pub(crate) is_zombie: bool,
    /// The run that it is part of.
    pub(crate) run: Option<Arc<str>>,
}

/// Reads the table.
#[derive(Debug, Default)]
pub(crate) struct ProcTable(Mutex<Reading>);

#[derive(Debug, Default)]
struct Reading {
    began: Option<Instant>,
    entries: Arc<Vec<TableEntry>>,
    /// The runs of processes, which their environments have been read for.
    runs: BTreeMap<(i32, u64), Option<Arc<str>>>,
}

impl ProcTable {
    /// The processes of the machine, as they are now or a moment later.
    pub(crate) async fn read(&self) -> Arc<Vec<TableEntry>> {
        let asked = Instant::now();
        let mut reading = self.0.lock().await;
        if reading.began.is_some_and(|began| began >= asked) {
            return Arc::clone(&reading.entries);
        }
        let began = Instant::now();
        let known = std::mem::take(&mut reading.runs);
        let read = tokio::task::spawn_blocking(move || system::read(&known)).await.unwrap_or_default();
        reading.runs = read.iter().map(|entry| ((entry.pid, entry.started_ticks), entry.run.clone())).collect();
        reading.entries = Arc::new(read);
        reading.began = Some(began);
        Arc::clone(&reading.entries)
    }
}

/// The moment at which a process started, since the machine's start in clock ticks. `None` if there is no such process.
pub(crate) fn started_ticks(pid: u32) -> Option<u64> {
    let pid = i32::try_from(pid).ok()?;
    system::entry(pid).filter(|entry| !entry.is_zombie).map(|entry| entry.started_ticks)
}

/// The resident memory of a process in bytes. 0 if it is not known.
pub(crate) fn memory_bytes(pid: i32) -> u64 {
    system::memory_bytes(pid)
}

#[cfg(target_os = "linux")]
mod system {
    use std::collections::BTreeMap;
    use std::fs::File;
    use std::io::Read;
    use std::sync::Arc;

    use super::{RUN_VARIABLE, TableEntry};

    /// More bytes than a line of `stat` has: 52 numbers, and a name of at most 64 bytes.
    const LINE_BYTES_MAX: usize = 2 << 10;

    pub(super) fn read(known: &BTreeMap<(i32, u64), Option<Arc<str>>>) -> Vec<TableEntry> {
        let Ok(directory) = std::fs::read_dir("/proc") else { return Vec::new() };
        let pids = directory.flatten().filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
        let entries = pids.filter_map(|pid| {
            let mut entry = entry(pid)?;
            entry.run = match known.get(&(pid, entry.started_ticks)) {
                Some(Some(run)) => Some(Arc::clone(run)),
                // A process has the environment of its parent until it runs a program, so one without a mark is read
                // again.
                _ if entry.is_zombie => None,
                _ => run(pid),
            };
            Some(entry)
        });
        entries.collect()
    }

    pub(super) fn entry(pid: i32) -> Option<TableEntry> {
        // The system gives the whole line at once.
        let mut line = [0; LINE_BYTES_MAX];
        let read = File::open(format!("/proc/{pid}/stat")).ok()?.read(&mut line).ok()?;
        parse(pid, &line[..read])
    }

    /// Parses a line of `stat`. The program's name is in parentheses and may have any bytes.
    pub(super) fn parse(pid: i32, line: &[u8]) -> Option<TableEntry> {
        let name_end = line.iter().rposition(|byte| *byte == b')')?;
        let mut fields = std::str::from_utf8(&line[name_end + 1..]).ok()?.split_ascii_whitespace();
        // The next one is the third of the line, `state`.
        let is_zombie = matches!(fields.next()?, "Z" | "X");
        let group = fields.nth(1)?.parse().ok()?;
        let mut number = |skipped| fields.nth(skipped)?.parse::<u64>().ok();
        let cpu_ticks = number(8)? + number(0)?;
        Some(TableEntry { pid, group, started_ticks: number(6)?, cpu_ticks, is_zombie, run: None })
    }

    fn run(pid: i32) -> Option<Arc<str>> {
        let environment = std::fs::read(format!("/proc/{pid}/environ")).ok()?;
        let value = environment
            .split(|byte| *byte == 0)
            .find_map(|variable| variable.strip_prefix(RUN_VARIABLE.as_bytes())?.strip_prefix(b"="))?;
        std::str::from_utf8(value).ok().map(Arc::from)
    }

    pub(super) fn memory_bytes(pid: i32) -> u64 {
        let status = std::fs::read(format!("/proc/{pid}/status")).unwrap_or_default();
        let status = String::from_utf8_lossy(&status);
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kilobytes = line.and_then(|line| line.trim().trim_end_matches("kB").trim().parse::<u64>().ok());
        kilobytes.unwrap_or(0) << 10
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn line_of_a_program_with_any_name_is_parsed() {
            let rest = "1 77 5 0 -1 4194560 1 2 3 4 10 20 0 0 20 0 1 0 12345 1 2";
            let line = |name: &[u8]| [b"9 (", name, rest.as_bytes()].concat();
            let entry = parse(9, &line(b"a) (b)) S ")).expect("a line");
            let TableEntry { pid, group, started_ticks, cpu_ticks, is_zombie, .. } = entry;
            assert_eq!((pid, group, started_ticks, cpu_ticks, is_zombie), (9, 77, 12_345, 30, false));
            assert!(parse(9, &line(b"\xff\n) Z ")).expect("a line").is_zombie);
            assert!(parse(9, b"9 (a) S 1").is_none());
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod system {
    use std::collections::BTreeMap;
    use std::sync::Arc;

    use super::TableEntry;

    pub(super) fn read(_: &BTreeMap<(i32, u64), Option<Arc<str>>>) -> Vec<TableEntry> {
        Vec::new()
    }

    pub(super) fn entry(_: i32) -> Option<TableEntry> {
        None
    }

    pub(super) fn memory_bytes(_: i32) -> u64 {
        0
    }
}
