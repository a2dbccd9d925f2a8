//! `plugbay:plugin/plugins`: other plugins, their actions and the services that they offer.
//!
//! A call goes the way of every call: this side checks what its plugin was granted, dispatch asks the other plugin's
//! manifest whether it lets the caller in, and admits, runs and counts it. What the service needs of the runtime is a
//! [`Directory`]; it holds it weakly, because the runtime holds its plugins.
//!
//! A caller learns what the other plugin answered, and of a plugin that broke that it did: its panic message and output are
//! for its author, and go to its log.

mod offers;
mod told;

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::time::Duration;

use plugbay_manifest::PermissionAction::{self, Execute, Read, Write};

pub(crate) use self::offers::Offers;
use self::offers::{Held, NotRegistered};
use super::bindings::plugbay::plugin::plugins as wit;
use crate::admission::{Chain, Waits};
use crate::capability::{Denial, Refused};
use crate::error::InvokeError;
use crate::limits::{
    ACTION_NAME_BYTES_MAX, HOST_BYTES_UNTIL_YIELD, PLUGINS_TOLD_MAX, SERVICE_NAME_BYTES_MAX, SERVICES_MAX,
};
use crate::plugin::state::HostState;

/// As what a host call counts that lists plugins or services, for its answer or to say what there is: there may be
/// thousands, so others are let run after each.
const LOOKED_THROUGH_ALL: usize = HOST_BYTES_UNTIL_YIELD;

/// The plugins of the runtime, as far as other plugins have to do with them.
pub(crate) trait Directory: Send + Sync {
    /// Makes a call. The plugin is looked up at once.
    fn call(&self, call: PluginCall) -> Calling;
    /// Whether there is a plugin of this name.
    fn serves(&self, plugin: &str) -> bool;
    /// All plugins, by name.
    fn plugins(&self) -> Vec<wit::PluginInfo>;
}

/// A call on its way. Dropping it drops the other plugin's call.
pub(crate) type Calling = Pin<Box<dyn Future<Output = Result<String, Box<InvokeError>>> + Send>>;

/// What one plugin asks of another.
pub(crate) struct PluginCall {
    pub(crate) plugin: String,
    pub(crate) action: String,
    pub(crate) payload: String,
    pub(crate) request_id: String,
    pub(crate) time_left: Option<Duration>,
    pub(crate) chain: Arc<Chain>,
}

/// The plugins service of one loaded revision.
pub(crate) struct PluginCalls {
    directory: Weak<dyn Directory>,
    requires: Arc<[String]>,
    held: Held,
    /// The calls of all plugins of the runtime that wait for one another.
    pub(crate) waits: Arc<Waits>,
}

impl PluginCalls {
    /// For a plugin of this name that requires these.
    pub(crate) fn new(
        plugin: Arc<str>,
        requires: impl IntoIterator<Item = String>,
        directory: Weak<dyn Directory>,
        offers: Arc<Offers>,
        waits: Arc<Waits>,
    ) -> Self {
        PluginCalls { directory, requires: requires.into_iter().collect(), held: Held::new(offers, plugin), waits }
    }

    /// Holds the services of the revision that this one replaces.
    pub(crate) fn take_over(&self, old: &PluginCalls) {
        self.held.take_over(&old.held);
    }

    /// Takes all services back.
    pub(crate) fn release(&self) {
        self.held.release();
    }

    /// Whether a plugin serves. One that still loads or is being unloaded does not.
    fn serves(&self, plugin: &str) -> bool {
        self.directory.upgrade().is_some_and(|directory| directory.serves(plugin))
    }

    fn plugins(&self) -> Vec<wit::PluginInfo> {
        self.directory.upgrade().map(|directory| directory.plugins()).unwrap_or_default()
    }
}

/// The rule for the names of services: that of plugin names, and `.` besides.
fn check_service_name(name: &str) -> Result<(), wit::Error> {
    let goes_on = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, b'_' | b'-' | b'.');
    let fits = name.len() <= SERVICE_NAME_BYTES_MAX
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.bytes().all(goes_on);
    if fits {
        return Ok(());
    }
    let message = format!(
        "{} is not a service's name: use lower-case letters, digits, `_`, `-` and `.`, beginning with a letter, and at \
         most {SERVICE_NAME_BYTES_MAX} characters",
        told::quoted(name)
    );
    Err(wit::Error::Invalid(told::failure("invalid_argument", message)))
}

impl HostState {
    fn may_with_plugin(&self, name: &str, action: PermissionAction) -> Result<(), wit::Error> {
        self.check(&format!("plugin.{name}"), action).map_err(|denial| wit::Error::Denied(denial.to_string()))
    }

    fn may_see(&self, name: &str) -> bool {
        self.plugin.grants.check(&format!("plugin.{name}"), Read).is_ok()
    }

    /// A call that this plugin may make, as far as its own grants go.
    fn calling(&mut self, plugin: String, action: String, payload: String) -> Result<Calling, wit::Error> {
        if plugin.len() > SERVICE_NAME_BYTES_MAX {
            return Err(wit::Error::NotFound(format!("{} is no plugin's name", told::quoted(&plugin))));
        }
        self.may_with_plugin(&plugin, Execute)?;
        if action.len() > ACTION_NAME_BYTES_MAX {
            return Err(wit::Error::NotFound(format!("plugin `{plugin}` has no action {}", told::quoted(&action))));
        }
        let calls = &self.plugin.plugins;
        let Some(directory) = calls.directory.upgrade() else { return Err(self.no_such_plugin(&plugin)) };
        let chain = Chain::new(self.plugin.name.clone(), calls.requires.clone(), self.call.chain.clone());
        let time_left = self.call.time_left();
        let request_id = self.call.request_id().to_owned();
        Ok(directory.call(PluginCall { plugin, action, payload, request_id, time_left, chain }))
    }

    /// What became of a call.
    fn called(&self, callee: &str, answer: Result<String, Box<InvokeError>>) -> Result<String, wit::Error> {
        answer.map_err(|error| {
            let caller = &*self.plugin.name;
            match *error {
                InvokeError::NotLoaded { plugin } => self.no_such_plugin(&plugin),
                InvokeError::CallerRefused { .. } => {
                    let denial = Denial::of_use(&format!("plugin.{callee}"), Execute, Refused::ByCallee);
                    self.plugin.denied_in(&self.call, &denial);
                    wit::Error::Denied(error.to_string())
                }
                error => {
                    tracing::debug!(plugin = caller, callee, code = error.code(), "a call did not succeed: {error}");
                    told::told(error)
                }
            }
        })
    }

    fn no_such_plugin(&self, plugin: &str) -> wit::Error {
        let there = self.plugin.plugins.plugins().into_iter().map(|plugin| plugin.name);
        let seen: Vec<String> = there.filter(|name| self.may_see(name)).take(PLUGINS_TOLD_MAX).collect();
        wit::Error::NotFound(format!("no plugin {} is loaded; {}", told::quoted(plugin), told::listed(&seen)))
    }

    /// The services whose plugin serves and that this plugin may see.
    fn seen_services(&self) -> Vec<wit::ServiceInfo> {
        let calls = &self.plugin.plugins;
        let all = calls.held.offers().all().into_iter();
        all.filter(|(service, plugin)| self.may_see(service) && calls.serves(plugin))
            .map(|(name, plugin)| wit::ServiceInfo { name, plugin: plugin.to_string() })
            .collect()
    }

    fn register(&self, name: &str) -> Result<(), wit::Error> {
        check_service_name(name)?;
        self.may_with_plugin(name, Write)?;
        self.plugin.plugins.held.register(name).map_err(|no| match no {
            NotRegistered::HeldBy(plugin) => {
                wit::Error::Denied(format!("the service `{name}` is offered by plugin `{plugin}` already"))
            }
            NotRegistered::TooMany(held) => wit::Error::Limit(told::over_limit(
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
        Ok(self.plugin.plugins.held.unregister(name))
    }

    fn find(&self, name: &str) -> Result<String, wit::Error> {
        check_service_name(name)?;
        self.may_with_plugin(name, Read)?;
        let calls = &self.plugin.plugins;
        if let Some(plugin) = calls.held.offers().find(name).filter(|plugin| calls.serves(plugin)) {
            return Ok(plugin.to_string());
        }
        let seen = self.seen_services().into_iter().map(|service| service.name);
        let seen: Vec<String> = seen.take(PLUGINS_TOLD_MAX).collect();
        Err(wit::Error::NotFound(format!("no plugin offers a service `{name}`; {}", told::listed(&seen))))
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
        self.end_host_call(sent + answer.as_ref().map_or(LOOKED_THROUGH_ALL, String::len)).await;
        answer
    }

    async fn plugins(&mut self) -> Result<Vec<wit::PluginInfo>, wit::Error> {
        let mut plugins = self.plugin.plugins.plugins();
        plugins.retain(|plugin| self.may_see(&plugin.name));
        self.end_host_call(LOOKED_THROUGH_ALL).await;
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
        self.end_host_call(found.as_ref().map_or(LOOKED_THROUGH_ALL, String::len)).await;
        found
    }

    async fn services(&mut self) -> Result<Vec<wit::ServiceInfo>, wit::Error> {
        let services = self.seen_services();
        self.end_host_call(LOOKED_THROUGH_ALL).await;
        Ok(services)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn service_names_follow_the_rule_of_plugin_names_with_dots() {
        for good in ["a", "mailer", "my_plugin.api", "mail-2"] {
            assert!(check_service_name(good).is_ok(), "{good}");
        }
        for bad in ["", "Mailer", "2x", ".x", "a b", "ä", "a/b", "*", &"a".repeat(SERVICE_NAME_BYTES_MAX + 1)] {
            let error = check_service_name(bad).expect_err(bad);
            assert!(matches!(error, wit::Error::Invalid(failure) if failure.code == "invalid_argument"), "{bad}");
        }
    }
}
