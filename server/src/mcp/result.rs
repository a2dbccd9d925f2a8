//! The outcome of a call as the result of a tool.
//!
//! A failed call is a result with `isError`, not an error of the protocol, which clients do not show to the model.

use plugbay::{InvokeError, Outcome};
use rmcp::model::{CallToolResult, ContentBlock};
use serde_json::{Value, json};

/// The result of a call that succeeded. A text is the content as it is. Another value is structured content too, and a
/// text if the action declares its result.
pub(super) fn of_outcome(outcome: &Outcome, declares_result: bool) -> CallToolResult {
    match serde_json::from_str::<Value>(outcome.json()) {
        Ok(Value::String(text)) => {
            let mut result = CallToolResult::success(vec![ContentBlock::text(text.clone())]);
            result.structured_content = declares_result.then_some(Value::String(text));
            result
        }
        Ok(value) => CallToolResult::structured(value),
        Err(error) => failure("invalid_answer", &format!("the answer of the plugin is not JSON: {error}"), None),
    }
}

/// The result of a call that failed. `development` adds what the plugin says to developers alone.
pub(super) fn of_error(error: &InvokeError, development: bool) -> CallToolResult {
    if development {
        let details = error.to_json().get_mut("details").map(Value::take);
        return failure(error.code(), &error.to_string(), details);
    }
    failure(error.code(), &error.public(), None)
}

/// A failure with a code, in the shape of errors over HTTP.
pub(super) fn failure(code: &str, message: &str, details: Option<Value>) -> CallToolResult {
    let mut body = json!({ "status": "error", "msg": message, "code": code });
    if let Some(details) = details {
        body["details"] = details;
    }
    CallToolResult::error(vec![ContentBlock::text(body.to_string())])
}
