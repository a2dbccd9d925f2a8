//! Sees and controls processes of the host.

use plugbay_guests::{Value, error, json, processes};

plugbay_guests::actions!(|action, payload| {
    let id = payload["id"].as_str().unwrap_or_default();
    let count = payload["count"].as_u64().unwrap_or(100);
    let value = |json: String| serde_json::from_str::<Value>(&json).unwrap_or_default();
    Ok(match action {
        "statuses" => processes::statuses().map_or_else(error, value),
        "status" => processes::status(id).map_or_else(error, value),
        "logs" => processes::logs(id, u32::try_from(count).unwrap_or(u32::MAX)).map_or_else(error, value),
        "start" => processes::start(id).map_or_else(error, |()| json!("done")),
        "stop" => processes::stop(id).map_or_else(error, |()| json!("done")),
        "restart" => processes::restart(id).map_or_else(error, |()| json!("done")),
        "block" => processes::block(id).map_or_else(error, |()| json!("done")),
        "unblock" => processes::unblock(id).map_or_else(error, |()| json!("done")),
        other => return plugbay_guests::unknown(other),
    })
});
