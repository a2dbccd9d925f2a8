//! Counts in metrics of its own.

use plugbay_guests::{Value, error, json, metrics};

plugbay_guests::actions!(|action, payload| {
    let name = payload["name"].as_str().unwrap_or_default();
    Ok(match action {
        "add" => metrics::add(name, payload["by"].as_u64().unwrap_or(1)).map_or_else(error, |()| json!("added")),
        "set" => {
            metrics::set(name, payload["value"].as_f64().unwrap_or(f64::NAN)).map_or_else(error, |()| json!("set"))
        }
        "snapshot" => serde_json::from_str::<Value>(&metrics::snapshot()).unwrap_or_default(),
        other => return plugbay_guests::unknown(other),
    })
});
