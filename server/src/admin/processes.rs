//! The processes of a host: their statuses, orders to them, and their reports about themselves.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use plugbay_node::supervisor::{Order, OrderError, Supervisor, Telemetry, process_config};
use serde_json::{Value, json};

use super::AdminState;
use super::body::Body;
use super::caller::Caller;
use super::error::AdminError;
use super::parameters::Path;

fn supervisor(state: &AdminState) -> Option<&Supervisor> {
    state.server().node().and_then(|node| node.processes())
}

fn listed(state: &AdminState) -> Vec<Value> {
    let all = supervisor(state).map(Supervisor::list).unwrap_or_default();
    all.iter().map(|(status, entry)| json!({ "status": status, "config": process_config(entry) })).collect()
}

/// `GET /processes`
pub(super) async fn list(State(state): State<AdminState>, caller: Caller) -> Result<Json<Value>, AdminError> {
    caller.reads()?;
    Ok(Json(json!({ "processes": listed(&state) })))
}

/// Pup's `GET /processes`
pub(super) async fn list_as_pup(State(state): State<AdminState>, caller: Caller) -> Result<Json<Value>, AdminError> {
    caller.reads()?;
    Ok(Json(json!({ "data": listed(&state) })))
}

/// `GET /processes/{process}`
pub(super) async fn get(
    State(state): State<AdminState>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<Value>, AdminError> {
    caller.reads()?;
    let supervisor = supervisor(&state).ok_or_else(|| unknown(&id))?;
    let status = supervisor.status(&id).ok_or_else(|| unknown(&id))?;
    let usage = supervisor.usage().await;
    let of_process = |id: &str| {
        usage.get(id).map(|usage| {
            json!({
                "memory_bytes": usage.memory_bytes, "cpu_seconds": usage.cpu_time.as_secs_f64(),
                "processes": usage.processes,
            })
        })
    };
    let instances = status.processes.iter().filter_map(|each| Some((each.id.clone(), of_process(&each.id)?)));
    let usage: serde_json::Map<String, Value> =
        of_process(&id).map(|usage| (id.clone(), usage)).into_iter().chain(instances).collect();
    Ok(Json(json!({ "status": status, "usage": usage })))
}

/// `POST /processes/{process}/{order}`, where the process may be `all`
pub(super) async fn order(
    State(state): State<AdminState>,
    caller: Caller,
    Path((id, order)): Path<(String, String)>,
) -> Result<Json<Value>, AdminError> {
    give(&state, &caller, &id, &order).await?;
    let status = supervisor(&state).and_then(|supervisor| supervisor.status(&id));
    Ok(Json(json!({ "status": "ok", "change": order, "process": status })))
}

/// Pup's order, whose answer is empty.
pub(super) async fn order_as_pup(
    State(state): State<AdminState>,
    caller: Caller,
    Path((id, order)): Path<(String, String)>,
) -> Result<StatusCode, AdminError> {
    give(&state, &caller, &id, &order).await?;
    Ok(StatusCode::OK)
}

async fn give(state: &AdminState, caller: &Caller, id: &str, order: &str) -> Result<(), AdminError> {
    caller.manages()?;
    let names = Order::ALL.map(Order::name).join(", ");
    let order = Order::from_name(order)
        .ok_or_else(|| AdminError::not_found(format!("`{order}` is not an order to a process: write {names}")))?;
    let supervisor = supervisor(state).ok_or_else(|| unknown(id))?;
    tracing::info!(caller = caller.name(), process = id, order = order.name(), "an order is given to a process");
    Ok(supervisor.order(id, order, &format!("REST API request by {}", caller.name())).await?)
}

fn unknown(id: &str) -> AdminError {
    OrderError::Unknown { id: id.to_owned() }.into()
}

impl From<OrderError> for AdminError {
    fn from(error: OrderError) -> Self {
        let status = match &error {
            OrderError::Unknown { .. } => StatusCode::NOT_FOUND,
            OrderError::ShuttingDown => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::CONFLICT,
        };
        AdminError::new(status, error.code(), &error)
    }
}

/// Pup's `GET /state`
pub(super) async fn state(State(state): State<AdminState>, caller: Caller) -> Result<Json<Value>, AdminError> {
    caller.reads()?;
    let node = state.node()?.clone();
    let described = tokio::task::spawn_blocking(move || node.application_state()).await;
    Ok(Json(json!({ "data": described.map_err(|error| AdminError::host(&error))? })))
}

/// Pup's `POST /telemetry`: a report of a process about itself.
pub(super) async fn telemetry(
    State(state): State<AdminState>,
    caller: Caller,
    Body(report): Body<Value>,
) -> Result<Response, AdminError> {
    caller.calls()?;
    let report: Telemetry = serde_json::from_value(report)
        .map_err(|error| AdminError::invalid(format!("the report has sender, memory, sent and cwd: {error}")))?;
    // The token of a process is for that process.
    let own = caller.name().strip_prefix(TELEMETRY_CONSUMER);
    if own.is_some_and(|own| own != report.sender) {
        let message = format!("the token is that of another process than `{}`", report.sender);
        return Err(AdminError::new(StatusCode::FORBIDDEN, "other_process", message));
    }
    let sender = report.sender.clone();
    match supervisor(&state).is_some_and(|supervisor| supervisor.report(report)) {
        true => Ok(StatusCode::OK.into_response()),
        false => Err(unknown(&sender)),
    }
}

/// The beginning of the consumers of tokens of processes.
pub(crate) const TELEMETRY_CONSUMER: &str = "telemetry-";
