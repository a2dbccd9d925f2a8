//! `plugbay:plugin/plugins` over the plugins service.
//!
//! A caller receives the other plugin's answer. If that plugin broke, the caller learns only this fact: panic message
//! and output are for the plugin's author and go to its log.

mod failure;

use plugbay_manifest::PermissionAction::{self, Execute, Read, Write};

use super::HostState;
use super::bindings::plugbay::plugin::plugins as wit;
use crate::admission::Chain;
use crate::capability::{Denial, Refused};
use crate::error::{InvokeError, InvokeErrorKind};
use crate::limits::{
    ACTION_NAME_BYTES_MAX, HOST_BYTES_UNTIL_YIELD, PLUGINS_LISTED_MAX, SERVICE_NAME_BYTES_MAX, SERVICES_MAX,
};
use crate::service::plugins::{Calling, NewCall, NotRegistered, PluginInfo, ServiceInfo, is_service_name};

/// The cost in bytes of a host call that lists plugins or services, for its answer or for a message. There may be
/// thousands, so other tasks run after each such call.
const LIST_COST_BYTES: usize = HOST_BYTES_UNTIL_YIELD;

impl From<PluginInfo> for wit::PluginInfo {
    fn from(info: PluginInfo) -> Self {
        let PluginInfo { name, version, title, actions } = info;
        wit::PluginInfo { name, version, title, actions }
    }
}

fn check_service_name(name: &str) -> Result<(), wit::Error> {
    if is_service_name(name) {
        return Ok(());
    }
    let message = format!(
        "{} is not a service's name: use lower-case letters, digits, `_`, `-` and `.`, beginning with a letter, and at \
         most {SERVICE_NAME_BYTES_MAX} characters",
        failure::quoted(name)
    );
    Err(wit::Error::Invalid(failure::failure("invalid_argument", message)))
}

impl HostState {
    fn may_with_plugin(&self, name: &str, action: PermissionAction) -> Result<(), wit::Error> {
        self.check(&format!("plugin.{name}"), action).map_err(|denial| wit::Error::Denied(denial.to_string()))
    }

    fn may_see(&self, name: &str) -> bool {
        self.plugin.permissions.holds(&format!("plugin.{name}"), Read)
    }

    /// Begins a call if this plugin's grants allow it.
    fn calling(&mut self, plugin: String, action: String, payload: String) -> Result<Calling, wit::Error> {
        if plugin.len() > SERVICE_NAME_BYTES_MAX {
            return Err(wit::Error::NotFound(format!("{} is not the name of a plugin", failure::quoted(&plugin))));
        }
        self.may_with_plugin(&plugin, Execute)?;
        if action.len() > ACTION_NAME_BYTES_MAX {
            return Err(wit::Error::NotFound(format!("plugin `{plugin}` has no action {}", failure::quoted(&action))));
        }
        let time_left = self.call.time_left();
        let request_id = self.call.origin.request_id.get().to_owned();
        let before = self.call.chain.clone().or_else(Chain::of_this_task);
        let caller = self.plugin.name.clone();
        let call = NewCall { plugin, action, payload, request_id, time_left };
        self.plugin.plugins.call(caller, before, call).map_err(|plugin| self.no_such_plugin(&plugin))
    }

    /// Converts the outcome of a call for the guest.
    fn called(&self, callee: &str, answer: Result<String, InvokeError>) -> Result<String, wit::Error> {
        answer.map_err(|error| {
            let caller = &*self.plugin.name;
            match error.kind() {
                InvokeErrorKind::NotLoaded => self.no_such_plugin(error.plugin()),
                InvokeErrorKind::CallerRefused { .. } => {
                    let denial = Denial::of_use(&format!("plugin.{callee}"), Execute, Refused::ByCallee);
                    let denial = Denial { remedy: error.hint(), ..denial };
                    self.plugin.permissions.note_denied(&self.call.origin, &denial);
                    wit::Error::Denied(error.public().into_owned())
                }
                _ => {
                    tracing::debug!(plugin = caller, callee, code = error.code(), "a call did not succeed: {error}");
                    failure::from_error(&error)
                }
            }
        })
    }

    fn no_such_plugin(&self, plugin: &str) -> wit::Error {
        let there = self.plugin.plugins.plugins().into_iter().map(|plugin| plugin.name);
        let seen: Vec<String> = there.filter(|name| self.may_see(name)).take(PLUGINS_LISTED_MAX).collect();
        wit::Error::NotFound(format!("no plugin {} is loaded; {}", failure::quoted(plugin), failure::listed(&seen)))
    }

    /// Returns the services that this plugin may see and whose plugin serves.
    fn seen_services(&self) -> Vec<wit::ServiceInfo> {
        let services = self.plugin.plugins.services().into_iter().filter(|service| self.may_see(&service.name));
        services.map(|ServiceInfo { name, plugin }| wit::ServiceInfo { name, plugin: plugin.to_string() }).collect()
    }

    fn register(&self, name: &str) -> Result<(), wit::Error> {
        check_service_name(name)?;
        self.may_with_plugin(name, Write)?;
        self.plugin.plugins.register(name).map_err(|no| match no {
            NotRegistered::HeldBy(plugin) => {
                wit::Error::Denied(format!("the service `{name}` is offered by plugin `{plugin}` already"))
            }
            NotRegistered::TooMany(held) => wit::Error::Limit(failure::over_limit(
                format!(
                    "this plugin offers {held} services, and {SERVICES_MAX} are allowed: take one back before `{name}`"
                ),
                "services",
                SERVICES_MAX,
                held + 1,
            )),
        })
    }

    fn unregister(&self, name: &str) -> Result<bool, wit::Error> {
        check_service_name(name)?;
        self.may_with_plugin(name, Write)?;
        Ok(self.plugin.plugins.unregister(name))
    }

    fn find(&self, name: &str) -> Result<String, wit::Error> {
        check_service_name(name)?;
        self.may_with_plugin(name, Read)?;
        if let Some(plugin) = self.plugin.plugins.find(name) {
            return Ok(plugin.to_string());
        }
        let seen = self.seen_services().into_iter().map(|service| service.name);
        let seen: Vec<String> = seen.take(PLUGINS_LISTED_MAX).collect();
        Err(wit::Error::NotFound(format!("no plugin offers a service `{name}`; {}", failure::listed(&seen))))
    }
}

impl wit::Host for HostState {
    async fn call(&mut self, plugin: String, action: String, payload: String) -> Result<String, wit::Error> {
        let sent = payload.len();
        let callee = plugin.clone();
        let answer = match self.calling(plugin, action, payload) {
            Ok(calling) => {
                let answer = calling.await;
                self.called(&callee, answer)
            }
            Err(refused) => Err(refused),
        };
        self.end_host_call(sent + answer.as_ref().map_or(LIST_COST_BYTES, String::len)).await;
        answer
    }

    async fn plugins(&mut self) -> Result<Vec<wit::PluginInfo>, wit::Error> {
        let plugins = self.plugin.plugins.plugins().into_iter().filter(|plugin| self.may_see(&plugin.name));
        let plugins = plugins.map(wit::PluginInfo::from).collect();
        self.end_host_call(LIST_COST_BYTES).await;
        Ok(plugins)
    }

    async fn register_service(&mut self, name: String) -> Result<(), wit::Error> {
        let registered = self.register(&name);
        self.end_host_call(name.len()).await;
        registered
    }

    async fn unregister_service(&mut self, name: String) -> Result<bool, wit::Error> {
        let held = self.unregister(&name);
        self.end_host_call(name.len()).await;
        held
    }

    async fn find_service(&mut self, name: String) -> Result<String, wit::Error> {
        let found = self.find(&name);
        self.end_host_call(found.as_ref().map_or(LIST_COST_BYTES, String::len)).await;
        found
    }

    async fn services(&mut self) -> Result<Vec<wit::ServiceInfo>, wit::Error> {
        let services = self.seen_services();
        self.end_host_call(LIST_COST_BYTES).await;
        Ok(services)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn service_name_that_cannot_be_one_is_an_invalid_argument() {
        assert!(check_service_name("my_plugin.api").is_ok());
        let error = check_service_name("Mailer").expect_err("upper case");
        assert!(matches!(error, wit::Error::Invalid(failure) if failure.code == "invalid_argument"));
    }
}
