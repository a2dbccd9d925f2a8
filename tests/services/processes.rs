//! Processes of the host for plugins: allowed, denied, over each limit, and with the supervisor of a node.

use std::sync::Arc;

use parking_lot::Mutex;
use plugbay::process::{ProcessControl, ProcessError, ProcessFuture, ProcessOrder};
use plugbay::{Plugin, Policy};
use serde_json::{Value, json};

use crate::harness::guest::feature;
use crate::harness::host::{Host, TestPlugin};

/// Two processes, which record their orders.
#[derive(Clone, Default)]
struct Recorded(Arc<Mutex<Vec<String>>>);

impl ProcessControl for Recorded {
    fn statuses(&self) -> Vec<Value> {
        ["web", "db"].iter().filter_map(|id| self.status(id)).collect()
    }

    fn status(&self, id: &str) -> Option<Value> {
        ["web", "db"].contains(&id).then(|| json!({ "id": id, "status": 200 }))
    }

    fn order<'a>(&'a self, id: &'a str, order: ProcessOrder, plugin: &'a str) -> ProcessFuture<'a> {
        Box::pin(async move {
            if order == ProcessOrder::Start {
                let (code, message) = ("process_running".to_owned(), format!("process `{id}` runs already"));
                return Err(ProcessError::Refused { code, message });
            }
            self.0.lock().push(format!("{plugin} {order:?} {id}"));
            Ok(())
        })
    }

    fn logs(&self, id: &str, count: usize) -> Vec<Value> {
        vec![json!({ "processId": id, "count": count })]
    }
}

/// The guest with these permissions, on a host with two processes.
async fn plugin(host: &Host, permissions: Value) -> Plugin {
    host.load(TestPlugin::from(feature::PROCESSES).manifest("permissions", permissions)).await
}

fn host(policy: Policy) -> (Host, Recorded) {
    let recorded = Recorded::default();
    (Host::with(|builder| builder.policy(policy).processes(recorded.clone())), recorded)
}

async fn call(plugin: &Plugin, action: &str, id: &str) -> Value {
    plugin.call(action, &json!({ "id": id })).await.expect("it answers")
}

#[tokio::test]
async fn granted_process_is_seen_and_controlled() {
    let (host, recorded) = host(Policy::allow_all());
    let plugin = plugin(&host, json!([{ "resource": "process.web" }])).await;
    assert_eq!(call(&plugin, "statuses", "").await, json!([{ "id": "web", "status": 200 }]), "the other one is hidden");
    assert_eq!(call(&plugin, "status", "web").await["status"], 200);
    for order in ["stop", "restart", "block", "unblock"] {
        assert_eq!(call(&plugin, order, "web").await, "done", "{order}");
    }
    let expected = ["Stop", "Restart", "Block", "Unblock"].map(|order| format!("feature_processes {order} web"));
    assert_eq!(*recorded.0.lock(), expected);
    assert_eq!(call(&plugin, "start", "web").await["error"]["process_running"], "process `web` runs already");
}

#[tokio::test]
async fn process_without_a_grant_is_denied() {
    let (host, recorded) = host(Policy::allow_all());
    let plugin = plugin(&host, json!([{ "resource": "process.web", "actions": ["read"] }])).await;
    for (action, id) in
        [("status", "db"), ("status", "Web"), ("logs", "db"), ("stop", "web"), ("stop", "db"), ("stop", "all")]
    {
        let answer = call(&plugin, action, id).await;
        assert!(answer["error"]["permission_denied"].is_string(), "{action} {id}: {answer}");
    }
    assert!(recorded.0.lock().is_empty());
}

#[tokio::test]
async fn order_to_all_needs_the_grant_for_each() {
    let denied = Policy::allow_all().deny_first("process.db").expect("a rule");
    let (host, recorded) = host(denied);
    let plugin = plugin(&host, json!([{ "resource": "process.*" }])).await;
    assert!(call(&plugin, "stop", "all").await["error"]["permission_denied"].is_string());
    assert!(recorded.0.lock().is_empty());
    assert_eq!(call(&plugin, "stop", "web").await, "done");
}

#[tokio::test]
async fn name_that_is_not_valid_and_unknown_process_are_named() {
    let (host, _) = host(Policy::allow_all());
    let plugin = plugin(&host, json!([{ "resource": "process.*" }])).await;
    for id in ["", "Wéb", "*", &"x".repeat(65)] {
        assert!(call(&plugin, "status", id).await["error"]["invalid_argument"].is_string(), "{id}");
    }
    assert_eq!(call(&plugin, "status", "other").await["error"]["not_found"], "there is no process `other`");
    assert_eq!(call(&plugin, "logs", "other").await["error"]["not_found"], "there is no process `other`");
    let many = plugin.call::<Value>("logs", &json!({ "id": "web", "count": 5_000 })).await.expect("it answers");
    assert_eq!(many[0]["count"], 1_000, "more lines are not returned");
}

#[tokio::test]
async fn host_without_processes_is_unavailable() {
    let host = Host::with(|builder| builder.policy(Policy::allow_all()));
    let plugin = plugin(&host, json!([{ "resource": "process.*" }])).await;
    let answer = call(&plugin, "start", "web").await;
    assert_eq!(answer["error"]["unavailable"], "this host runs no processes");
}
