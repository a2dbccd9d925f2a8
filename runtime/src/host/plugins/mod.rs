//! `plugbay:plugin/plugins` over the plugins service.
//!
//! A caller receives the other plugin's answer. If that plugin broke, the caller learns only this fact: panic message
//! and output are for the plugin's author and go to its log.

mod failure;

use plugbay_manifest::PermissionAction::{self, Execute, Read, Write};

use serde_json::json;

use self::failure::by_host;
use super::HostState;
use super::bindings::plugbay::plugin::plugins as wit;
use super::failure::{Failure, INVALID_ARGUMENT, LIMIT_EXCEEDED};
use crate::capability::{Denial, Refused};
use crate::error::{InvokeError, InvokeErrorKind};
use crate::limits::{
    ACTION_NAME_BYTES_MAX, HOST_BYTES_UNTIL_YIELD, PLUGINS_LISTED_MAX, SERVICE_NAME_BYTES_MAX, SERVICES_MAX,
};
use crate::service::plugins::{Calling, NewCall, NotRegistered, PluginInfo, ServiceInfo, is_service_name};

/// The cost in bytes of a host call that lists plugins or services, for its answer or for a message. There may be
/// thousands, so other tasks run after each such call.
const LIST_COST_BYTES: usize = HOST_BYTES_UNTIL_YIELD;

fn check_service_name(name: &str) -> Result<(), Failure> {
    if is_service_name(name) {
        return Ok(());
    }
    let message = format!(
        "{} is not a service's name: use lower-case letters, digits, `_`, `-` and `.`, beginning with a letter, and at \
         most {SERVICE_NAME_BYTES_MAX} characters",
        failure::quoted(name)
    );
    Err(by_host(INVALID_ARGUMENT, message, json!({})))
}

impl HostState {
    /// Checks an access to another plugin, or to a service.
    fn may_with(&self, kind: &str, name: &str, action: PermissionAction) -> Result<(), Failure> {
        self.check(&format!("{kind}.{name}"), action).map_err(denied)
    }

    fn may_see(&self, kind: &str, name: &str) -> bool {
        self.plugin.permissions.holds(&format!("{kind}.{name}"), Read)
    }

    /// Checks that this plugin may offer a service of this name: one below its own name, or one that was granted.
    fn may_offer(&self, name: &str) -> Result<(), Failure> {
        check_service_name(name)?;
        let own = &*self.plugin.name;
        match name.strip_prefix(own) {
            Some(rest) if rest.is_empty() || rest.starts_with('.') => Ok(()),
            _ => self.may_with("service", name, Write),
        }
    }

    /// Begins a call if this plugin's grants allow it.
    fn calling(&mut self, plugin: String, action: String, payload: String) -> Result<Calling, Failure> {
        if plugin.len() > SERVICE_NAME_BYTES_MAX {
            return Err(not_found(format!("{} is not the name of a plugin", failure::quoted(&plugin))));
        }
        self.may_with("plugin", &plugin, Execute)?;
        self.begin_call(plugin, action, payload)
    }

    /// Begins a call of the plugin that offers a service if this plugin's grants allow it. Returns the plugin's name
    /// too.
    fn calling_service(
        &mut self,
        service: &str,
        action: String,
        payload: String,
    ) -> Result<(String, Calling), Failure> {
        check_service_name(service)?;
        self.may_with("service", service, Execute)?;
        let plugin = self.offered_by(service)?;
        Ok((plugin.clone(), self.begin_call(plugin, action, payload)?))
    }

    fn begin_call(&mut self, plugin: String, action: String, payload: String) -> Result<Calling, Failure> {
        if action.len() > ACTION_NAME_BYTES_MAX {
            return Err(not_found(format!("plugin `{plugin}` has no action {}", failure::quoted(&action))));
        }
        let time_left = self.call.time_left();
        let request_id = self.call.origin.request_id.get().to_owned();
        let chain = self.chain();
        let context = self.call.context.as_ref().and_then(|context| context.of_call_by_plugin());
        let call = NewCall { plugin, action, payload, request_id, time_left, context };
        self.plugin.plugins.call(chain, call).map_err(|plugin| self.no_such_plugin(&plugin))
    }

    /// Converts the outcome of a call for the guest.
    fn called(&self, callee: &str, answer: Result<String, InvokeError>) -> Result<String, Failure> {
        answer.map_err(|error| {
            let caller = &*self.plugin.name;
            match error.kind() {
                InvokeErrorKind::NotLoaded => self.no_such_plugin(error.plugin()),
                InvokeErrorKind::CallerRefused { .. } => {
                    let denial = Denial::of_use(&format!("plugin.{callee}"), Execute, Refused::ByCallee);
                    let denial = Denial { remedy: error.hint(), ..denial };
                    self.plugin.permissions.note_denied(&self.call.origin, &denial);
                    failure::from_error(&error)
                }
                _ => {
                    tracing::debug!(plugin = caller, callee, code = error.code(), "a call did not succeed: {error}");
                    failure::from_error(&error)
                }
            }
        })
    }

    fn no_such_plugin(&self, plugin: &str) -> Failure {
        let there = self.plugin.plugins.plugins().into_iter().map(|plugin| plugin.name);
        let seen: Vec<String> = there.filter(|name| self.may_see("plugin", name)).take(PLUGINS_LISTED_MAX).collect();
        not_found(format!("no plugin {} is loaded; {}", failure::quoted(plugin), failure::listed(&seen)))
    }

    fn describe_plugin(&self, name: &str) -> Result<String, Failure> {
        if name.len() > SERVICE_NAME_BYTES_MAX {
            return Err(not_found(format!("{} is not the name of a plugin", failure::quoted(name))));
        }
        self.may_with("plugin", name, Read)?;
        let Some(mut description) = self.plugin.plugins.describe(name) else { return Err(self.no_such_plugin(name)) };
        let offered = self.seen_services().into_iter().filter(|service| *service.plugin == *name);
        description["services"] = offered.map(|service| service.name).collect();
        Ok(description.to_string())
    }

    /// Returns the services that this plugin may see and whose plugin serves.
    fn seen_services(&self) -> Vec<ServiceInfo> {
        let mut services = self.plugin.plugins.services();
        services.retain(|service| self.may_see("service", &service.name));
        services
    }

    fn register(&self, name: &str) -> Result<(), Failure> {
        self.may_offer(name)?;
        self.plugin.plugins.register(name).map_err(|no| match no {
            NotRegistered::HeldBy(plugin) => {
                let message = format!("the service `{name}` is offered by plugin `{plugin}` already");
                by_host("already_exists", message, json!({}))
            }
            NotRegistered::TooMany(held) => {
                let message = format!(
                    "this plugin offers {held} services, and {SERVICES_MAX} are allowed: unregister one before `{name}`"
                );
                let details = json!({ "limit": "services", "allowed": SERVICES_MAX, "observed": held + 1 });
                by_host(LIMIT_EXCEEDED, message, details)
            }
        })
    }

    fn unregister(&self, name: &str) -> Result<bool, Failure> {
        self.may_offer(name)?;
        Ok(self.plugin.plugins.unregister(name))
    }

    fn find(&self, name: &str) -> Result<String, Failure> {
        check_service_name(name)?;
        self.may_with("service", name, Read)?;
        self.offered_by(name)
    }

    fn offered_by(&self, service: &str) -> Result<String, Failure> {
        if let Some(plugin) = self.plugin.plugins.find(service) {
            return Ok(plugin.to_string());
        }
        let seen = self.seen_services().into_iter().map(|service| service.name);
        let seen: Vec<String> = seen.take(PLUGINS_LISTED_MAX).collect();
        Err(not_found(format!("no plugin offers a service `{service}`; {}", failure::listed(&seen))))
    }
}

/// The denial of an access, as a failure of the host.
fn denied(denial: Denial) -> Failure {
    let details = json!({ "resource": denial.resource, "action": denial.action });
    by_host("permission_denied", denial.to_string(), details)
}

fn not_found(message: String) -> Failure {
    by_host("not_found", message, json!({}))
}

fn info_json(info: &PluginInfo) -> String {
    let PluginInfo { name, version, title, actions } = info;
    json!({ "name": name, "version": version, "title": title, "actions": actions }).to_string()
}

fn service_json(service: &ServiceInfo) -> String {
    json!({ "name": service.name, "plugin": &*service.plugin }).to_string()
}

impl wit::Host for HostState {
    async fn call(&mut self, plugin: String, action: String, payload: String) -> Result<String, Failure> {
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

    async fn call_service(&mut self, service: String, action: String, payload: String) -> Result<String, Failure> {
        let sent = payload.len();
        let answer = match self.calling_service(&service, action, payload) {
            Ok((callee, calling)) => {
                let answer = calling.await;
                self.called(&callee, answer)
            }
            Err(refused) => Err(refused),
        };
        self.end_host_call(sent + answer.as_ref().map_or(LIST_COST_BYTES, String::len)).await;
        answer
    }

    async fn plugins(&mut self) -> Result<Vec<String>, Failure> {
        let plugins = self.plugin.plugins.plugins();
        let seen = plugins.iter().filter(|plugin| self.may_see("plugin", &plugin.name)).map(info_json).collect();
        self.end_host_call(LIST_COST_BYTES).await;
        Ok(seen)
    }

    async fn describe(&mut self, plugin: String) -> Result<String, Failure> {
        let described = self.describe_plugin(&plugin);
        self.end_host_call(LIST_COST_BYTES + described.as_ref().map_or(0, String::len)).await;
        described
    }

    async fn register_service(&mut self, name: String) -> Result<(), Failure> {
        let registered = self.register(&name);
        self.end_host_call(name.len()).await;
        registered
    }

    async fn unregister_service(&mut self, name: String) -> Result<bool, Failure> {
        let held = self.unregister(&name);
        self.end_host_call(name.len()).await;
        held
    }

    async fn find_service(&mut self, name: String) -> Result<String, Failure> {
        let found = self.find(&name);
        self.end_host_call(found.as_ref().map_or(LIST_COST_BYTES, String::len)).await;
        found
    }

    async fn services(&mut self) -> Result<Vec<String>, Failure> {
        let services = self.seen_services().iter().map(service_json).collect();
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
        assert_eq!(error.code, INVALID_ARGUMENT);
    }
}
