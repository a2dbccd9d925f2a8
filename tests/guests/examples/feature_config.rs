//! Reads and writes its configuration. An error is answered as `{"error": {kind: text}}`, as a plugin that handles it would.

use plugbay_guests::{Value, config, json};

fn error(error: config::Error) -> Value {
    let (kind, text) = match error {
        config::Error::Denied(text) => ("denied", text),
        config::Error::Invalid(text) => ("invalid", text),
        config::Error::Unavailable(text) => ("unavailable", text),
        config::Error::Other(text) => ("other", text),
    };
    json!({ "error": { kind: text } })
}

fn secret() -> String {
    let secret = config::get("token").ok().flatten().unwrap_or_default();
    secret.trim_matches('"').to_owned()
}

fn value(text: String) -> Value {
    serde_json::from_str(&text).unwrap_or_else(|_| json!({ "not_json": text }))
}

plugbay_guests::actions!(|action, payload| match action {
    "get" => Ok(match config::get(payload.as_str().unwrap_or_default()) {
        Ok(Some(text)) => value(text),
        Ok(None) => json!({ "absent": true }),
        Err(why) => error(why),
    }),
    "set" => Ok(match config::set(payload["key"].as_str().unwrap_or_default(), &payload["value"].to_string()) {
        Ok(()) => json!("set"),
        Err(why) => error(why),
    }),
    "set_raw" => Ok(
        match config::set(payload["key"].as_str().unwrap_or_default(), payload["value"].as_str().unwrap_or_default(),) {
            Ok(()) => json!("set"),
            Err(why) => error(why),
        }
    ),
    "all" => Ok(config::all().map_or_else(error, value)),
    "print_secret" => {
        let secret = secret();
        println!("printed {secret}");
        plugbay_guests::log::write(
            plugbay_guests::log::Level::Info,
            "",
            &format!("logged {secret}"),
            &[("token".to_owned(), format!("\"{secret}\""))],
        );
        Ok(json!(secret.len()))
    }
    "fail_with_secret" => Err(plugbay_guests::failure("leak", format!("failed with {}", secret()))),
    "panic_with_secret" => panic!("panicked with {}", secret()),
    other => plugbay_guests::unknown(other),
});
