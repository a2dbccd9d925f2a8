//! Returns what it sees of the machine through WASI: environment, arguments, files, clocks and standard input.

use std::io::Read;

use plugbay_guests::{Value, json};

fn text(payload: &Value, member: &str) -> String {
    payload[member].as_str().unwrap_or_default().to_owned()
}

/// Creates a symbolic link in a preopened directory.
fn symlink(directory: &str, to: &str, name: &str) -> Value {
    let found = wasip2::filesystem::preopens::get_directories().into_iter().find(|(_, path)| path == directory);
    match found.map(|(directory, _)| directory.symlink_at(to, name)) {
        Some(Ok(())) => json!("planted"),
        Some(Err(error)) => json!({ "error": error.to_string() }),
        None => json!({ "error": "no such directory" }),
    }
}

plugbay_guests::actions!(|action, payload| match action {
    "environment" =>
        Ok(std::env::vars().map(|(name, value)| (name, Value::from(value))).collect::<serde_json::Map<_, _>>().into()),
    "arguments" => Ok(json!(std::env::args().collect::<Vec<_>>())),
    "list" => Ok(match std::fs::read_dir(text(&payload, "path")) {
        Ok(entries) =>
            json!(entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect::<Vec<_>>()),
        Err(error) => json!({ "error": error.to_string() }),
    }),
    "read" => Ok(match std::fs::read_to_string(text(&payload, "path")) {
        Ok(text) => json!(text),
        Err(error) => json!({ "error": error.to_string() }),
    }),
    "write" => Ok(match std::fs::write(text(&payload, "path"), text(&payload, "text")) {
        Ok(()) => Value::Null,
        Err(error) => json!({ "error": error.to_string() }),
    }),
    "symlink" => Ok(symlink(&text(&payload, "directory"), &text(&payload, "to"), &text(&payload, "name"))),
    "stdin" => {
        let mut text = String::new();
        Ok(match std::io::stdin().take(1024).read_to_string(&mut text) {
            Ok(_) => json!(text),
            Err(error) => json!({ "error": error.to_string() }),
        })
    }
    "clock" => Ok(json!(
        std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64)
    )),
    "random" => Ok(json!(wasip2::random::random::get_random_bytes(payload.as_u64().unwrap_or(16)))),
    "exit" => std::process::exit(payload.as_i64().unwrap_or(0) as i32),
    other => plugbay_guests::unknown(other),
});
