//! Plugins that call plugins: the other side of the `plugins` service.

use std::sync::Arc;

use crate::caller::Caller;
use crate::dispatch;
use crate::error::InvokeError;
use crate::invocation::Invocation;
use crate::plugin::current::CurrentRevision;
use crate::plugin::registry::Registry;
use crate::service::log::Level;
use crate::service::plugins::{Calling, Directory, PluginCall, PluginInfo};

impl Directory for Registry {
    fn call(&self, call: PluginCall) -> Calling {
        match self.get(&call.plugin) {
            // The future keeps the plugin that it calls alive, and nothing else of the runtime.
            Some(plugin) => Box::pin(invoke(plugin, call)),
            None => Box::pin(std::future::ready(Err(Box::new(InvokeError::NotLoaded { plugin: call.plugin })))),
        }
    }

    fn serves(&self, plugin: &str) -> bool {
        self.get(plugin).is_some()
    }

    fn plugins(&self) -> Vec<PluginInfo> {
        let list = |plugin: Arc<CurrentRevision>| {
            let manifest = &plugin.borrow().manifest;
            PluginInfo {
                name: manifest.name.clone(),
                version: manifest.version.to_string(),
                title: manifest.title.clone().unwrap_or_else(|| manifest.name.clone()),
                actions: manifest.actions.iter().map(|action| action.name.clone()).collect(),
            }
        };
        self.all().into_iter().map(list).collect()
    }
}

async fn invoke(plugin: Arc<CurrentRevision>, call: PluginCall) -> Result<String, Box<InvokeError>> {
    let PluginCall { action, payload, request_id, time_left, chain, .. } = call;
    let caller = Caller::Plugin(chain.caller().to_owned());
    let mut invocation = Invocation::new(action).caller(caller).request_id(request_id.clone());
    invocation.timeout = time_left;
    invocation.chain = Some(chain);
    if payload.len() > plugin.borrow().limits.payload_bytes {
        // Dispatch refuses it: it need not be read.
        invocation.payload = payload.into();
    } else {
        invocation = invocation.payload_json(payload)?;
    }
    let answer = dispatch::invoke(&plugin, &mut invocation).await;
    if let Err(error @ InvokeError::Trapped { .. }) = &answer {
        // Its caller is not told what broke inside, so this is the one place where the author can see it.
        plugin.borrow().context.log.write_in(|| Some(&request_id), Level::Error, "plugbay", &error.to_string(), &[]);
    }
    Ok(answer?.into_json())
}
