//! The outcome of a call as the result of a tool.
//!
//! A failed call is a result with `isError`, not an error of the protocol, which clients do not show to the model.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use plugbay::invocation::HttpResponse;
use plugbay::{InvokeError, Outcome};
use rmcp::model::{CallToolResult, ContentBlock, ResourceContents};
use serde_json::{Value, json};

/// The result of a call that succeeded. A text is the content as it is. Another value is structured content too, and a
/// text if the action declares its result. Bytes, which have no JSON, are content of their type, and of `uri` if the
/// protocol has no kind of content for them.
pub(super) fn of_outcome(outcome: &Outcome, declares_result: bool, uri: &str) -> CallToolResult {
    if let Some(response) = outcome.response()
        && let Some(bytes) = response.body()
    {
        return CallToolResult::success(vec![of_bytes(bytes, media_type(response), uri)]);
    }
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

/// The type of the bytes that an action answers.
fn media_type(response: &HttpResponse) -> &str {
    let header = response.headers().iter().find(|(name, _)| name == "content-type");
    header.and_then(|(_, value)| std::str::from_utf8(value).ok()).unwrap_or("application/octet-stream")
}

fn of_bytes(bytes: &[u8], media_type: &str, uri: &str) -> ContentBlock {
    let encoded = || STANDARD.encode(bytes);
    match (media_type.split('/').next(), std::str::from_utf8(bytes)) {
        (Some("text"), Ok(text)) => ContentBlock::text(text),
        (Some("image"), _) => ContentBlock::image(encoded(), media_type),
        (Some("audio"), _) => ContentBlock::audio(encoded(), media_type),
        _ => ContentBlock::resource(ResourceContents::blob(encoded(), uri).with_mime_type(media_type)),
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
