//! The outcome of a call as the result of a tool.
//!
//! A failed call is a result too, not an error of the protocol, which clients do not show to the model.

use data_encoding::BASE64;
use serde::{Serialize, Serializer};
use serde_json::{Value, json};

use crate::error::InvokeError;
use crate::invocation::{HttpResponse, Outcome};

/// What a client gets for a call of a tool.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct ToolResult {
    /// What the model reads.
    pub content: Vec<ToolContent>,
    /// The result as JSON: of a text, if the action declares its result; of bytes and of an error, none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub structured_content: Option<Value>,
    /// Whether the call failed.
    pub is_error: bool,
}

/// A part of what the model reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ToolContent {
    /// A text: the result if it is one, or else the result as JSON.
    Text(String),
    /// A picture.
    Image {
        /// The bytes.
        bytes: Vec<u8>,
        /// The type, such as `image/png`.
        media_type: String,
    },
    /// A sound.
    Audio {
        /// The bytes.
        bytes: Vec<u8>,
        /// The type, such as `audio/mpeg`.
        media_type: String,
    },
    /// Bytes of a type that the protocol has no kind of content for.
    Resource {
        /// The bytes.
        bytes: Vec<u8>,
        /// The type, such as `application/pdf`.
        media_type: String,
        /// A name for them: `plugbay:` and the name of the tool.
        uri: String,
    },
}

impl ToolResult {
    /// A text is the content as it is. Another value is structured content too, and a text if the action declares its
    /// result. Bytes, which have no JSON, are content of their type.
    pub(super) fn of_outcome(outcome: &Outcome, declares_result: bool, tool: &str) -> Self {
        if let Some(response) = outcome.response()
            && let Some(bytes) = response.body()
        {
            return ToolResult::success(of_bytes(bytes, media_type(response), tool), None);
        }
        match serde_json::from_str::<Value>(outcome.json()) {
            Ok(Value::String(text)) => {
                let structured = declares_result.then(|| text.clone().into());
                ToolResult::success(ToolContent::Text(text), structured)
            }
            Ok(value) => ToolResult::success(ToolContent::Text(value.to_string()), Some(value)),
            Err(error) => {
                ToolResult::failure("invalid_answer", &format!("the answer of the plugin is not JSON: {error}"))
            }
        }
    }

    pub(super) fn of_error(error: &InvokeError, full: bool) -> Self {
        if full {
            let details = error.to_json().get_mut("details").map(Value::take);
            return ToolResult::failed(error.code(), &error.to_string(), details);
        }
        ToolResult::failure(error.code(), &error.public())
    }

    fn success(content: ToolContent, structured_content: Option<Value>) -> Self {
        ToolResult { content: vec![content], structured_content, is_error: false }
    }

    /// Creates the result of a call that failed, or that a server refused, with a stable code. Its content is a JSON
    /// text in the shape of errors over HTTP.
    pub fn failure(code: &str, message: &str) -> Self {
        ToolResult::failed(code, message, None)
    }

    fn failed(code: &str, message: &str, details: Option<Value>) -> Self {
        let mut body = json!({ "status": "error", "msg": message, "code": code });
        if let Some(details) = details {
            body["details"] = details;
        }
        ToolResult { content: vec![ToolContent::Text(body.to_string())], structured_content: None, is_error: true }
    }

    /// Returns the text of the content; `None` if the content is bytes.
    pub fn text(&self) -> Option<&str> {
        match self.content.first() {
            Some(ToolContent::Text(text)) => Some(text),
            _ => None,
        }
    }
}

/// The type of the bytes that an action answers.
fn media_type(response: &HttpResponse) -> &str {
    let header = response.headers().iter().find(|(name, _)| name == "content-type");
    header.and_then(|(_, value)| std::str::from_utf8(value).ok()).unwrap_or("application/octet-stream")
}

fn of_bytes(bytes: &[u8], media_type: &str, tool: &str) -> ToolContent {
    let (bytes, media_type) = (bytes.to_vec(), media_type.to_owned());
    match media_type.split('/').next() {
        Some("text") => match String::from_utf8(bytes) {
            Ok(text) => ToolContent::Text(text),
            Err(error) => ToolContent::resource(error.into_bytes(), media_type, tool),
        },
        Some("image") => ToolContent::Image { bytes, media_type },
        Some("audio") => ToolContent::Audio { bytes, media_type },
        _ => ToolContent::resource(bytes, media_type, tool),
    }
}

impl ToolContent {
    fn resource(bytes: Vec<u8>, media_type: String, tool: &str) -> Self {
        ToolContent::Resource { bytes, media_type, uri: format!("plugbay:{tool}") }
    }
}

impl Serialize for ToolContent {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let media = |kind: &str, bytes: &[u8], media_type: &str| json!({ "type": kind, "data": BASE64.encode(bytes), "mimeType": media_type });
        match self {
            ToolContent::Text(text) => json!({ "type": "text", "text": text }),
            ToolContent::Image { bytes, media_type } => media("image", bytes, media_type),
            ToolContent::Audio { bytes, media_type } => media("audio", bytes, media_type),
            ToolContent::Resource { bytes, media_type, uri } => {
                let resource = json!({ "uri": uri, "mimeType": media_type, "blob": BASE64.encode(bytes) });
                json!({ "type": "resource", "resource": resource })
            }
        }
        .serialize(serializer)
    }
}
