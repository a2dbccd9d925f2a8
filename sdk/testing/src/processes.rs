//! Processes of a test: what a plugin sees of them, and the orders that it gave.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use plugbay::process::{ProcessControl, ProcessError, ProcessFuture, ProcessOrder};
use serde_json::{Value, json};

/// Processes that do not exist in the operating system, for plugins that control processes. Clones share them.
///
/// ```no_run
/// use plugbay_testing::{TestHost, TestProcesses};
///
/// let processes = TestProcesses::new(["web"]);
/// let host = TestHost::builder().runtime(|runtime| runtime.processes(processes.clone())).build();
/// // … load the plugin and call it …
/// assert_eq!(processes.orders(), ["start web"]);
/// ```
#[derive(Clone, Debug, Default)]
pub struct TestProcesses(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    /// The state numbers and whether a process is blocked, by name.
    processes: BTreeMap<String, (u16, bool)>,
    orders: Vec<String>,
    lines: Vec<Value>,
}

/// The numbers of states, as in `plugbay:plugin/processes`.
const CREATED: u16 = 0;
const RUNNING: u16 = 200;
const FINISHED: u16 = 300;

impl TestProcesses {
    /// Processes with these names, none of which was started.
    pub fn new<N: Into<String>>(names: impl IntoIterator<Item = N>) -> Self {
        let processes = names.into_iter().map(|name| (name.into(), (CREATED, false))).collect();
        TestProcesses(Arc::new(Mutex::new(State { processes, ..State::default() })))
    }

    /// Sets the state of a process, such as 400 for one that has failed.
    pub fn set_state(&self, name: &str, state: u16) {
        self.state().processes.entry(name.to_owned()).or_insert((CREATED, false)).0 = state;
    }

    /// Adds a line to the log of a process.
    pub fn add_line(&self, name: &str, text: &str) {
        let line = json!({
            "severity": "log", "category": "stdout", "text": text, "processId": name, "timeStamp": 0,
        });
        self.state().lines.push(line);
    }

    /// The orders that were accepted, such as `start web`, in order.
    pub fn orders(&self) -> Vec<String> {
        self.state().orders.clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn order_now(&self, id: &str, order: ProcessOrder) -> Result<(), ProcessError> {
        let mut state = self.state();
        let names: Vec<String> = state.processes.keys().filter(|name| id == "all" || *name == id).cloned().collect();
        if names.is_empty() && id != "all" {
            return Err(ProcessError::Unknown(id.to_owned()));
        }
        for name in names {
            let Some((code, is_blocked)) = state.processes.get_mut(&name) else { continue };
            let refused = |code: &str, problem: &str| {
                let (code, message) = (code.to_owned(), format!("process `{name}` {problem}"));
                Err(ProcessError::Refused { code, message })
            };
            let word = match order {
                ProcessOrder::Start | ProcessOrder::Restart if *is_blocked => {
                    return refused("process_blocked", "is blocked: unblock it first");
                }
                ProcessOrder::Start if *code == RUNNING => return refused("process_running", "runs already"),
                ProcessOrder::Stop if *code != RUNNING => return refused("process_not_running", "does not run"),
                ProcessOrder::Start => "start",
                ProcessOrder::Stop => "stop",
                ProcessOrder::Restart => "restart",
                ProcessOrder::Block => "block",
                _ => "unblock",
            };
            match word {
                "start" | "restart" => *code = RUNNING,
                "stop" => *code = FINISHED,
                _ => *is_blocked = word == "block",
            }
            state.orders.push(format!("{word} {name}"));
        }
        Ok(())
    }
}

fn described(id: &str, (code, is_blocked): (u16, bool)) -> Value {
    json!({
        "id": id, "status": code, "blocked": is_blocked, "restarts": 0, "updated": "2026-01-01T00:00:00.000Z",
        "type": "process",
    })
}

impl ProcessControl for TestProcesses {
    fn statuses(&self) -> Vec<Value> {
        self.state().processes.iter().map(|(id, state)| described(id, *state)).collect()
    }

    fn status(&self, id: &str) -> Option<Value> {
        self.state().processes.get(id).map(|state| described(id, *state))
    }

    fn order<'a>(&'a self, id: &'a str, order: ProcessOrder, _: &'a str) -> ProcessFuture<'a> {
        let outcome = self.order_now(id, order);
        Box::pin(async move { outcome })
    }

    fn logs(&self, id: &str, count: usize) -> Vec<Value> {
        let state = self.state();
        let lines: Vec<Value> = state.lines.iter().filter(|line| line["processId"] == id).cloned().collect();
        lines[lines.len().saturating_sub(count)..].to_vec()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_change_states_and_are_recorded() {
        let processes = TestProcesses::new(["a", "b"]);
        let refused = |outcome: Result<(), ProcessError>| match outcome.expect_err("refused") {
            ProcessError::Refused { code, .. } => code,
            other => other.to_string(),
        };
        processes.order_now("a", ProcessOrder::Start).expect("accepted");
        assert_eq!(refused(processes.order_now("a", ProcessOrder::Start)), "process_running");
        assert_eq!(refused(processes.order_now("b", ProcessOrder::Stop)), "process_not_running");
        assert_eq!(refused(processes.order_now("c", ProcessOrder::Stop)), "there is no process `c`");
        processes.order_now("all", ProcessOrder::Block).expect("accepted");
        assert_eq!(refused(processes.order_now("b", ProcessOrder::Start)), "process_blocked");
        assert_eq!(processes.orders(), ["start a", "block a", "block b"]);
        assert_eq!(processes.status("a").expect("a process")["status"], RUNNING);
        processes.add_line("a", "hello");
        assert_eq!((processes.logs("a", 5).len(), processes.logs("b", 5).len()), (1, 0));
    }
}
