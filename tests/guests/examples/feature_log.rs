//! Logs or prints its payload: `{"level", "target", "message", "fields": {name: value}}`.

use plugbay_guests::{Value, json, log};

fn level(name: Option<&str>) -> log::Level {
    match name {
        Some("trace") => log::Level::Trace,
        Some("debug") => log::Level::Debug,
        Some("warn") => log::Level::Warn,
        Some("error") => log::Level::Error,
        _ => log::Level::Info,
    }
}

plugbay_guests::actions!(|action, payload| {
    let text = |member: &str| payload[member].as_str().unwrap_or_default();
    match action {
        "log" => {
            let fields: Vec<(String, String)> = payload["fields"]
                .as_object()
                .into_iter()
                .flatten()
                .map(|(name, value)| (name.clone(), value.to_string()))
                .collect();
            log::write(level(payload["level"].as_str()), text("target"), text("message"), &fields);
            Ok(Value::Null)
        }
        "log_raw_field" => {
            let field = (text("name").to_owned(), text("value").to_owned());
            log::write(log::Level::Info, "", "raw field", &[field]);
            Ok(Value::Null)
        }
        "log_many" => {
            let count = payload["count"].as_u64().unwrap_or(1);
            (0..count).for_each(|number| log::write(log::Level::Info, "", &format!("line {number}"), &[]));
            Ok(json!(count))
        }
        "threshold" => Ok(json!(format!("{:?}", log::threshold()))),
        "print" => {
            println!("{}", text("message"));
            Ok(Value::Null)
        }
        "eprint" => {
            eprintln!("{}", text("message"));
            Ok(Value::Null)
        }
        other => plugbay_guests::unknown(other),
    }
});
