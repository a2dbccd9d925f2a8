//! Actions of a plugin as tools, listed and called without a server or a client.

use plugbay::tool::{Tool, ToolResult};
use plugbay::{InvokeError, Outcome};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::plugin::TestPlugin;

/// A call of a tool, prepared by [`TestPlugin::tool`].
#[derive(Debug)]
#[must_use = "a tool is called by `call`"]
pub struct ToolRequest<'p> {
    plugin: &'p TestPlugin,
    action: String,
    identity: Option<(String, Vec<String>)>,
}

impl TestPlugin {
    /// Returns the tools that a client of the Model Context Protocol, such as an assistant, sees if the operator
    /// exposes all actions of the plugin, in the order of their names.
    ///
    /// ```no_run
    /// # use plugbay_testing::{TestHost, json};
    /// # let host = TestHost::new();
    /// # let shop = host.plugin("shop").load();
    /// let tools = shop.tools();
    /// assert_eq!(tools[0].name, "shop.add");
    /// assert_eq!(tools[0].input_schema["required"], json!(["name"]));
    /// assert_eq!(tools[0].hints.read_only, Some(false));
    /// ```
    pub fn tools(&self) -> Vec<Tool> {
        let manifest = self.manifest();
        let mut tools: Vec<Tool> = manifest.actions.iter().filter_map(|action| Tool::new(&manifest, action)).collect();
        tools.sort_by(|a, b| a.name.cmp(&b.name));
        tools
    }

    /// Prepares a call of an action as a tool. The action is named as for [`TestPlugin::call`].
    ///
    /// ```no_run
    /// # use plugbay_testing::{TestHost, json};
    /// # let host = TestHost::new();
    /// # let shop = host.plugin("shop").load();
    /// let added = shop.tool("add").call(json!({ "name": "Tea" }));
    /// assert_eq!(added.structured_content, Some(json!({ "id": 1 })));
    /// ```
    pub fn tool(&self, action: impl Into<String>) -> ToolRequest<'_> {
        ToolRequest { plugin: self, action: action.into(), identity: None }
    }
}

impl ToolRequest<'_> {
    /// Sets the authenticated identity of the client, and its scopes for the plugin. Default: none.
    pub fn identity(mut self, name: impl Into<String>, scopes: &[&str]) -> Self {
        self.identity = Some((name.into(), scopes.iter().map(ToString::to_string).collect()));
        self
    }

    /// Calls the tool and returns what the client gets. Pass `json!({})` for no arguments. When this returns, the
    /// handlers of the events that plugins published meanwhile have run. A call that fails is a result too, with
    /// `is_error`; its text is that of a server that runs in development mode.
    ///
    /// # Panics
    /// If the plugin has no such tool, or the arguments are not an object as JSON.
    #[track_caller]
    pub fn call(self, arguments: impl Serialize) -> ToolResult {
        let arguments = match serde_json::to_value(&arguments) {
            Ok(Value::Object(arguments)) => arguments,
            other => panic!("the arguments of a tool are an object, not {other:?}"),
        };
        match self.try_call(arguments) {
            Ok((tool, called)) => tool.result(called.as_ref(), true),
            Err(message) => panic!("{message}"),
        }
    }

    /// Calls the tool and returns it with the outcome, or the message that there is none.
    pub(crate) fn try_call(
        self,
        arguments: Map<String, Value>,
    ) -> Result<(Tool, Result<Outcome, InvokeError>), String> {
        let mut tools = self.plugin.tools();
        let Some(at) = tools.iter().position(|tool| tool.action == self.action) else {
            let known: Vec<&str> = tools.iter().map(|tool| &*tool.action).collect();
            let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
            let (plugin, action) = (self.plugin.name(), self.action);
            return Err(format!(
                "plugin `{plugin}` has no action `{action}` that is a tool; its tools are of the actions: {known}"
            ));
        };
        let tool = tools.swap_remove(at);
        let mut invocation = tool.invocation(arguments);
        if let Some((name, scopes)) = self.identity {
            invocation = invocation.identity(name, scopes);
        }
        let called = self.plugin.host.run(self.plugin.plugin().invoke(invocation));
        Ok((tool, called))
    }
}
