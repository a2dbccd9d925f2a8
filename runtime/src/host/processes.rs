//! `plugbay:plugin/processes` over the processes of the host.

use plugbay_manifest::PermissionAction;
use serde_json::Value;

use super::HostState;
use super::bindings::plugbay::plugin::processes as wit;
use super::failure::{Failure, INVALID_ARGUMENT, UNAVAILABLE, failure};
use crate::capability::resource;
use crate::limits::HOST_BYTES_UNTIL_YIELD;
use crate::service::processes::{ALL, ProcessError, ProcessOrder, check_id};

impl From<ProcessError> for Failure {
    fn from(error: ProcessError) -> Self {
        let text = error.to_string();
        match error {
            ProcessError::Invalid(_) => failure(INVALID_ARGUMENT, text),
            ProcessError::Unknown(_) => failure("not_found", text),
            ProcessError::Refused { code, .. } => failure(&code, text),
            ProcessError::Unavailable(_) => failure(UNAVAILABLE, text),
        }
    }
}

impl HostState {
    fn may_use_process(&self, id: &str, action: PermissionAction) -> Result<(), Failure> {
        check_id(id)?;
        Ok(self.check(&resource("process", id), action)?)
    }

    fn process_statuses(&self) -> Result<String, Failure> {
        self.plugin.permissions.check_any(&self.call.origin, "process.*", PermissionAction::Read)?;
        let may = self.plugin.permissions.filter(PermissionAction::Read);
        let statuses = self.plugin.processes.statuses(|id| may(&resource("process", id)))?;
        Ok(Value::Array(statuses).to_string())
    }

    fn process_status(&self, id: &str) -> Result<String, Failure> {
        self.may_use_process(id, PermissionAction::Read)?;
        Ok(self.plugin.processes.status(id)?.to_string())
    }

    fn process_logs(&self, id: &str, count: u32) -> Result<String, Failure> {
        self.may_use_process(id, PermissionAction::Read)?;
        Ok(Value::Array(self.plugin.processes.logs(id, count)?).to_string())
    }

    /// An order to all processes needs the permission for each, so that a denial of one of them holds.
    fn may_order(&self, id: &str) -> Result<(), Failure> {
        if id != ALL {
            return self.may_use_process(id, PermissionAction::Execute);
        }
        self.plugin.permissions.check_any(&self.call.origin, "process.*", PermissionAction::Execute)?;
        let ids = self.plugin.processes.ids()?;
        ids.iter().try_for_each(|id| self.may_use_process(id, PermissionAction::Execute))
    }

    async fn process_order(&mut self, id: String, order: ProcessOrder) -> Result<(), Failure> {
        let ordered = match self.may_order(&id) {
            Ok(()) => {
                let plugin = self.plugin.clone();
                plugin.processes.order(&id, order, &plugin.name).await.map_err(Failure::from)
            }
            Err(denied) => Err(denied),
        };
        self.end_host_call(id.len()).await;
        ordered
    }
}

impl wit::Host for HostState {
    async fn statuses(&mut self) -> Result<String, Failure> {
        let statuses = self.process_statuses();
        // It looks at every process.
        self.end_host_call(HOST_BYTES_UNTIL_YIELD + statuses.as_ref().map_or(0, String::len)).await;
        statuses
    }

    async fn status(&mut self, id: String) -> Result<String, Failure> {
        let status = self.process_status(&id);
        self.end_host_call(id.len() + status.as_ref().map_or(0, String::len)).await;
        status
    }

    async fn start(&mut self, id: String) -> Result<(), Failure> {
        self.process_order(id, ProcessOrder::Start).await
    }

    async fn stop(&mut self, id: String) -> Result<(), Failure> {
        self.process_order(id, ProcessOrder::Stop).await
    }

    async fn restart(&mut self, id: String) -> Result<(), Failure> {
        self.process_order(id, ProcessOrder::Restart).await
    }

    async fn block(&mut self, id: String) -> Result<(), Failure> {
        self.process_order(id, ProcessOrder::Block).await
    }

    async fn unblock(&mut self, id: String) -> Result<(), Failure> {
        self.process_order(id, ProcessOrder::Unblock).await
    }

    async fn logs(&mut self, id: String, count: u32) -> Result<String, Failure> {
        let lines = self.process_logs(&id, count);
        self.end_host_call(HOST_BYTES_UNTIL_YIELD + lines.as_ref().map_or(0, String::len)).await;
        lines
    }
}
