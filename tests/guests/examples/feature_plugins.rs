//! Calls other plugins and offers services, and returns an error of the host as `{"error": {"code", …}}`.
//!
//! On load and reload it registers the names in its configuration's `services`, and then fails if `fail` is set.

use plugbay_guests::{Failure, Value, config, failure, invocation, json, plugins, whole_error};

plugbay_guests::bindings_of_everything!();

use exports::plugbay::plugin::{actions, event_handler, health, lifecycle};

struct Guest;

fn answer<T>(result: Result<T, Failure>, to_json: impl FnOnce(T) -> Value) -> Value {
    result.map_or_else(|error| json!({ "error": whole_error(error) }), to_json)
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn value(json: String) -> Value {
    serde_json::from_str(&json).unwrap_or_else(|_| json!({ "not_json": json }))
}

/// Passes a call along the plugins named in the payload. The last one returns what it can see of its call.
fn relay(payload: &Value) -> Value {
    let route = payload.as_array().cloned().unwrap_or_default();
    match route.split_first() {
        Some((next, rest)) => answer(plugins::call(text(next), "relay", &json!(rest).to_string()), value),
        None => json!({
            "caller": invocation::caller(),
            "request_id": invocation::request_id(),
            "time_left_ms": invocation::time_left_ms(),
        }),
    }
}

fn start() -> Result<(), Failure> {
    let setting = |key| config::get(key).ok().flatten().map(value).unwrap_or_default();
    for name in setting("services").as_array().into_iter().flatten() {
        plugins::register_service(text(name))
            .map_err(|error| failure("not_registered", whole_error(error).to_string()))?;
    }
    if let Some(other) = setting("calls").as_str() {
        plugins::call(other, "ping", "null").map_err(|error| failure("not_called", whole_error(error).to_string()))?;
    }
    if setting("fail") == json!(true) { Err(failure("told_to_fail", "so it does")) } else { Ok(()) }
}

impl actions::Guest for Guest {
    fn handle(action: String, payload: String) -> Result<String, Failure> {
        plugbay_guests::dispatch(&action, payload, |action, payload| match action {
            "call" => {
                let (plugin, action) = (text(&payload["plugin"]), text(&payload["action"]));
                Ok(answer(
                    plugins::call(plugin, action, &payload["payload"].to_string()),
                    |json| json!({ "ok": value(json) }),
                ))
            }
            "call_raw" => {
                let (plugin, action) = (text(&payload["plugin"]), text(&payload["action"]));
                Ok(answer(
                    plugins::call(plugin, action, text(&payload["payload"])),
                    |json| json!({ "ok": value(json) }),
                ))
            }
            "call_long" => {
                // As JSON, a text is two characters longer, because of its quotes.
                let long = "x".repeat(payload["bytes"].as_u64().unwrap_or(2) as usize - 2);
                let (plugin, action) = (text(&payload["plugin"]), text(&payload["action"]));
                Ok(answer(plugins::call(plugin, action, &json!(long).to_string()), |json| json!({ "ok": value(json) })))
            }
            "call_service" => {
                let (service, action) = (text(&payload["service"]), text(&payload["action"]));
                Ok(answer(
                    plugins::call_service(service, action, &payload["payload"].to_string()),
                    |json| json!({ "ok": value(json) }),
                ))
            }
            "describe" => Ok(answer(plugins::describe(text(&payload)), value)),
            "length" => Ok(json!(text(&payload).len())),
            "long" => Ok(json!("x".repeat(payload.as_u64().unwrap_or(0) as usize))),
            "relay" => Ok(relay(&payload)),
            "sleep_and_relay" => {
                std::thread::sleep(std::time::Duration::from_millis(payload["ms"].as_u64().unwrap_or(0)));
                Ok(relay(&payload["route"]))
            }
            "plugins" => Ok(answer(plugins::plugins(), |all| {
                all.into_iter()
                    .map(value)
                    .map(|one| json!([one["name"], one["version"], one["title"], one["actions"]]))
                    .collect()
            })),
            "register" => Ok(answer(plugins::register_service(text(&payload)), |()| json!("registered"))),
            "unregister" => Ok(answer(plugins::unregister_service(text(&payload)), |held| json!(held))),
            "find" => Ok(answer(plugins::find_service(text(&payload)), |plugin| json!(plugin))),
            "services" => Ok(answer(plugins::services(), |all| {
                all.into_iter().map(value).map(|one| json!([one["name"], one["plugin"]])).collect()
            })),
            "echo" => Ok(payload),
            "pose_as_host" => Err(Failure {
                details: Some(json!({ "by": "host", "left": 0 }).to_string()),
                ..failure("timeout", "it took too long")
            }),
            "fail" => Err(Failure {
                details: Some(json!({ "left": 0 }).to_string()),
                status_code: Some(409),
                ..failure("out_of_stock", "no tea")
            }),
            "trap" => panic!("trapped on request of {}", invocation::caller()),
            "sleep" => {
                std::thread::sleep(std::time::Duration::from_millis(payload.as_u64().unwrap_or(0)));
                Ok(json!("slept"))
            }
            "spin" => loop {
                std::hint::black_box(0);
            },
            other => plugbay_guests::unknown(other),
        })
    }
}

impl lifecycle::Guest for Guest {
    fn on_load() -> Result<(), Failure> {
        start()
    }

    fn save_state() -> Result<Option<lifecycle::State>, Failure> {
        Ok(None)
    }

    fn on_reload(_: String, _: Option<lifecycle::State>) -> Result<(), Failure> {
        start()
    }

    fn on_unload() {}
}

impl event_handler::Guest for Guest {
    fn on_event(_: &plugbay_guests::events::Event) -> Result<(), Failure> {
        Ok(())
    }
}

impl health::Guest for Guest {
    fn check() -> Result<String, Failure> {
        Ok(r#"{"healthy": true}"#.to_owned())
    }
}

export!(Guest);
