//! The processes of a node for its plugins: the service `processes` of the runtime over the supervisor.
//!
//! The runtime is built before the processes are started, so the supervisor comes later.

use std::sync::{Arc, OnceLock};

use plugbay::process::{ProcessControl, ProcessError, ProcessFuture, ProcessOrder};
use plugbay_supervisor::{Order, OrderError, Supervisor};
use serde_json::{Value, json};

/// The supervisor of a node, once it is started.
#[derive(Clone, Debug, Default)]
pub(crate) struct NodeProcessControl(Arc<OnceLock<Supervisor>>);

impl NodeProcessControl {
    pub(crate) fn set(&self, supervisor: &Supervisor) {
        // It is set once, as the processes of a node are started once.
        let _ = self.0.set(supervisor.clone());
    }
}

impl ProcessControl for NodeProcessControl {
    fn statuses(&self) -> Vec<Value> {
        let all = self.0.get().map(Supervisor::list).unwrap_or_default();
        all.into_iter().map(|(status, _)| json!(status)).collect()
    }

    fn status(&self, id: &str) -> Option<Value> {
        self.0.get()?.status(id).map(|status| json!(status))
    }

    fn order<'a>(&'a self, id: &'a str, order: ProcessOrder, plugin: &'a str) -> ProcessFuture<'a> {
        Box::pin(async move {
            let supervisor = self.0.get();
            let supervisor = supervisor.ok_or_else(|| {
                ProcessError::Unavailable("the processes of this host have not been started".to_owned())
            })?;
            let order = match order {
                ProcessOrder::Start => Order::Start,
                ProcessOrder::Stop => Order::Stop,
                ProcessOrder::Restart => Order::Restart,
                ProcessOrder::Block => Order::Block,
                ProcessOrder::Unblock => Order::Unblock,
                _ => return Err(ProcessError::Unavailable("this host does not know the order".to_owned())),
            };
            supervisor.order(id, order, &format!("plugin {plugin}")).await.map_err(|error| match error {
                OrderError::Unknown { id } => ProcessError::Unknown(id),
                OrderError::ShuttingDown => ProcessError::Unavailable(error.to_string()),
                refused => ProcessError::Refused { code: refused.code().to_owned(), message: refused.to_string() },
            })
        })
    }

    fn logs(&self, id: &str, count: usize) -> Vec<Value> {
        let lines = self.0.get().map(|supervisor| supervisor.logs(id, count)).unwrap_or_default();
        lines.iter().map(|line| json!(line)).collect()
    }
}
