//! Uses `config`, and returns an error of the host as `{"error": {code: message}}`.

use plugbay_guests::{Value, config, error, json, log};

/// Returns the text of the setting `token`, or of its field `inner` if it is an object.
fn secret() -> String {
    let secret = config::get("token").ok().flatten().unwrap_or_default();
    let secret: Value = serde_json::from_str(&secret).unwrap_or_default();
    secret["inner"].as_str().or(secret.as_str()).map_or_else(|| secret.to_string(), str::to_owned)
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
    "log_secret_everywhere" => {
        let secret = secret();
        let fields = [
            (format!("of {secret}"), format!("\"{secret}\"")),
            ("json".to_owned(), json!({ "is": secret }).to_string()),
        ];
        log::write(log::Level::Info, &format!("part {secret}"), &format!("{secret:?} {secret}"), &fields);
        let padding = "x".repeat(8 * 1024 - secret.len() / 2);
        log::write(
            log::Level::Info,
            &padding,
            &format!("{padding}{secret}"),
            &[(format!("{padding}{secret}"), secret.clone())],
        );
        println!("{padding}{secret}");
        eprint!("{secret}");
        Ok(json!(secret.len()))
    }
    "trap_after_secret" => {
        // The part of standard error that the host retains begins within the secret.
        let secret = secret();
        eprint!("{secret}{}", "x".repeat(4096 - secret.len() / 2));
        std::process::exit(3)
    }
    "fail_with_secret_in_code_and_details" => {
        let secret = secret();
        Err(plugbay_guests::Failure {
            code: secret.clone(),
            message: format!("{secret:?}"),
            details: Some(json!({ &secret: [&secret] }).to_string()),
            status_code: None,
        })
    }
    "ask_for_secret_key" => match config::get(&secret()) {
        Ok(value) => Ok(json!(value)),
        Err(why) => Err(plugbay_guests::failure("denied", error(why).to_string())),
    },
    "fail_with" => Err(plugbay_guests::failure("requested", payload.as_str().unwrap_or_default())),
    "fail_with_secret" => Err(plugbay_guests::failure("leak", format!("failed with {}", secret()))),
    "panic_with_secret" => panic!("panicked with {}", secret()),
    other => plugbay_guests::unknown(other),
});
