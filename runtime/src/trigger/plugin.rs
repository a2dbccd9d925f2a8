//! Calls between plugins: the implementation of the `plugins` service's directory by the registry of loaded plugins.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::caller::Caller;
use crate::dispatch;
use crate::error::{InvokeError, InvokeErrorKind};
use crate::host_plugin::ProvidedPlugin;
use crate::invocation::Invocation;
use crate::plugin::current::CurrentRevision;
use crate::plugin::registry::Registry;
use crate::service::log::LogLevel;
use crate::service::plugins::{Calling, Directory, PluginCall, PluginInfo};

impl Directory for Registry {
    fn call(&self, call: PluginCall) -> Calling {
        // The future keeps the plugin that it calls alive, and nothing else of the runtime.
        if let Some(plugin) = self.get(&call.plugin) {
            Box::pin(invoke(plugin, call))
        } else if let Some(provided) = self.provided(&call.plugin) {
            Box::pin(invoke_provided(provided, call))
        } else {
            let error = InvokeError::new(call.plugin, call.action, InvokeErrorKind::NotLoaded);
            Box::pin(std::future::ready(Err(error)))
        }
    }

    fn serves(&self, plugin: &str) -> bool {
        match self.get(plugin) {
            Some(plugin) => plugin.state().takes_calls(),
            None => self.provided(plugin).is_some(),
        }
    }

    fn plugins(&self) -> Vec<PluginInfo> {
        let loaded = |plugin: Arc<CurrentRevision>| {
            let manifest = &plugin.borrow().manifest;
            PluginInfo {
                name: manifest.name.clone(),
                version: manifest.version.to_string(),
                title: manifest.title.clone().unwrap_or_else(|| manifest.name.clone()),
                actions: manifest.actions.iter().map(|action| action.name.clone()).collect(),
            }
        };
        let provided = |plugin: Arc<ProvidedPlugin>| PluginInfo {
            name: plugin.name().to_owned(),
            version: plugin.version().to_string(),
            title: plugin.name().to_owned(),
            actions: plugin.action_names(),
        };
        let mut all: Vec<PluginInfo> =
            self.all().into_iter().filter(|plugin| plugin.state().takes_calls()).map(loaded).collect();
        all.extend(self.all_provided().into_iter().map(provided));
        all.sort_by(|a, b| a.name.cmp(&b.name));
        all
    }

    fn figures(&self, plugin: &str) -> Option<Value> {
        serde_json::to_value(self.get(plugin)?.metrics()).ok()
    }

    fn describe(&self, plugin: &str) -> Option<Value> {
        if let Some(plugin) = self.get(plugin) {
            let manifest = &plugin.borrow().manifest;
            let actions = manifest.actions.iter().map(|action| {
                json!({
                    "name": action.name, "description": action.description, "payload": action.payload,
                    "result": action.result,
                })
            });
            return Some(json!({
                "name": manifest.name,
                "version": manifest.version.to_string(),
                "title": manifest.title.as_ref().unwrap_or(&manifest.name),
                "description": manifest.description,
                "actions": actions.collect::<Value>(),
            }));
        }
        let provided = self.provided(plugin)?;
        let actions = provided.action_names().into_iter().map(|name| json!({ "name": name }));
        Some(json!({
            "name": provided.name(),
            "version": provided.version().to_string(),
            "title": provided.name(),
            "description": null,
            "actions": actions.collect::<Value>(),
        }))
    }
}

async fn invoke(plugin: Arc<CurrentRevision>, call: PluginCall) -> Result<String, InvokeError> {
    let request_id = call.request_id.clone();
    let mut invocation = invocation(call, plugin.borrow().limits.payload_bytes);
    let answer = dispatch::invoke(&plugin, &mut invocation).await;
    if let Err(error) = &answer
        && matches!(error.kind(), InvokeErrorKind::Trapped { .. })
    {
        // The caller does not receive the trap's message, so the plugin's log is the only place where its author sees
        // it.
        plugin.borrow().context.log.write_in(|| Some(&request_id), LogLevel::Error, "plugbay", &error.to_string(), &[]);
    }
    Ok(answer?.into_json())
}

async fn invoke_provided(plugin: Arc<ProvidedPlugin>, call: PluginCall) -> Result<String, InvokeError> {
    let invocation = invocation(call, plugin.payload_bytes());
    dispatch::invoke_provided(&plugin, invocation).await
}

/// The invocation of a call, for a plugin whose payloads may have `payload_bytes` bytes.
fn invocation(call: PluginCall, payload_bytes: usize) -> Invocation<'static> {
    let PluginCall { action, payload, request_id, time_left, chain, context, .. } = call;
    let caller = Caller::Plugin(chain.caller().to_owned());
    let mut invocation = Invocation::new(action).caller(caller).request_id(request_id);
    invocation.timeout = time_left;
    invocation.chain = Some(chain);
    invocation.context = context;
    if payload.len() > payload_bytes {
        // Dispatch refuses it, so it need not be parsed.
        invocation.payload = payload.into();
        return invocation;
    }
    invocation.payload_json(payload)
}
