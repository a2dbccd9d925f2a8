//! Steps that call actions as tools, and list them.

use plugbay::manifest::ToolStep;
use serde_json::{Map, Value, json};

use super::run::{Refusal, failure};
use super::saved::Saved;
use crate::plugin::TestPlugin;

/// The result of a tool as a client gets it, or the error of its action.
pub(super) fn answer(
    step: &ToolStep,
    plugin: &TestPlugin,
    saved: &Saved,
) -> Result<Result<Value, Refusal>, Box<super::TestFailure>> {
    let arguments = match saved.fill(&Value::Object(step.arguments.clone()))? {
        Value::Object(arguments) => arguments,
        _ => Map::new(),
    };
    let mut request = plugin.tool(&*step.action);
    if let Some(identity) = &step.identity {
        request = request.identity(&*identity.name, &identity.scopes());
    }
    let (tool, called) = request.try_call(arguments).map_err(failure)?;
    Ok(match called {
        Ok(outcome) => Ok(json!(tool.result(Ok(&outcome), true))),
        Err(error) => Err(error.into()),
    })
}
