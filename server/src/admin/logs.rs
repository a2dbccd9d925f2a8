//! The latest log lines, and lines that clients write.

use std::sync::Arc;

use axum::Json;
use axum::extract::{RawQuery, State};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use plugbay::log::LogLevel;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::AdminState;
use super::body::Body;
use super::caller::Caller;
use super::error::AdminError;
use super::readable::Readable;
use crate::telemetry::{LogEntry, LogQuery, parse_severity};

/// The most bytes of a line that a client writes; the rest is cut.
const MESSAGE_BYTES_MAX: usize = 64 << 10;

/// `GET /logs`
pub(super) async fn read(
    State(state): State<AdminState>,
    caller: Caller,
    RawQuery(query): RawQuery,
) -> Result<Json<Value>, AdminError> {
    let lines = lines(&state, &caller, query)?;
    Ok(Json(json!({ "lines": lines.iter().map(|line| &**line).collect::<Vec<&LogEntry>>() })))
}

/// Pup's `GET /logs`
pub(super) async fn read_as_pup(
    State(state): State<AdminState>,
    caller: Caller,
    RawQuery(query): RawQuery,
) -> Result<Json<Value>, AdminError> {
    let lines: Vec<Value> = lines(&state, &caller, query)?.iter().map(|entry| as_pup(entry)).collect();
    Ok(Json(json!({ "data": lines })))
}

/// The newest lines that the caller asks for and may read.
fn lines(state: &AdminState, caller: &Caller, query: Option<String>) -> Result<Vec<Arc<LogEntry>>, AdminError> {
    let (query, readable) = parse(state, caller, query)?;
    Ok(state.logs().read_where(&query, |line| readable.line(line)))
}

/// The parameters of a URL, and what the caller may read. The lines of a cluster are those of its instances.
pub(super) fn parse(
    state: &AdminState,
    caller: &Caller,
    query: Option<String>,
) -> Result<(LogQuery, Readable), AdminError> {
    let readable = caller.readable()?;
    let query = query.unwrap_or_default();
    let parameters: Vec<_> = url::form_urlencoded::parse(query.as_bytes()).collect();
    let parameters = parameters.iter().map(|(name, value)| (&**name, &**value));
    let mut query = LogQuery::from_parameters(parameters).map_err(AdminError::invalid)?;
    if let Some(plugin) = query.plugin.as_deref() {
        caller.reads_plugin(plugin)?;
    }
    let processes = state.server().node().and_then(|node| node.processes());
    let named = processes.zip(query.plugin.as_deref()).and_then(|(processes, name)| processes.status(name));
    query.instances = named.into_iter().flat_map(|status| status.processes).map(|instance| instance.id).collect();
    Ok((query, readable))
}

fn as_pup(entry: &LogEntry) -> Value {
    let writer = entry.writer().unwrap_or("core");
    let category = if entry.target.is_empty() { writer } else { &entry.target };
    // Pup's severity of ordinary lines of a process.
    let severity = match (&entry.process, entry.level) {
        (Some(_), LogLevel::Info) => json!("log"),
        (_, level) => json!(level),
    };
    json!({
        "severity": severity, "category": category, "text": entry.message,
        "processId": writer, "timeStamp": entry.time_ms,
    })
}

/// The body of `POST /logs`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewLine {
    #[schemars(schema_with = "level_schema")]
    level: LogLevel,
    message: String,
    /// The name under which the line is stored. Default: that of the caller.
    #[serde(default)]
    target: String,
}

fn level_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({ "enum": ["trace", "debug", "info", "warn", "error"] })
}

/// `POST /logs`
pub(super) async fn write(
    State(state): State<AdminState>,
    caller: Caller,
    Body(line): Body<NewLine>,
) -> Result<(StatusCode, Json<Value>), AdminError> {
    caller.calls()?;
    let target = if line.target.is_empty() { caller.name() } else { &line.target };
    state.logs().write(None, line.level, cut(target, 200), cut(&line.message, MESSAGE_BYTES_MAX));
    Ok((StatusCode::CREATED, Json(json!({ "status": "ok" }))))
}

/// Pup's `POST /log`, with its texts.
pub(super) async fn write_as_pup(
    State(state): State<AdminState>,
    caller: Caller,
    Body(line): Body<Value>,
) -> Result<Response, AdminError> {
    caller.calls()?;
    let field = |name: &str| line[name].as_str().filter(|text| !text.is_empty());
    let (Some(severity), Some(plugin), Some(message)) = (field("severity"), field("plugin"), field("message")) else {
        return Err(AdminError::invalid("Missing severity, plugin, or message."));
    };
    let Some(level) = parse_severity(severity) else { return Err(AdminError::invalid("Invalid severity.")) };
    // The line is the client's, whatever plugin it names.
    let target = format!("api-{}", cut(plugin, 200));
    state.logs().write(None, level, &target, cut(message, MESSAGE_BYTES_MAX));
    Ok((StatusCode::CREATED, Json(json!({ "status": "ok" }))).into_response())
}

fn cut(text: &str, bytes_max: usize) -> &str {
    &text[..text.floor_char_boundary(bytes_max)]
}
