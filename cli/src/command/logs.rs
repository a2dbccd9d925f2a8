//! `plugbay logs`: the latest log lines of a host that runs, and further ones as they are written.

use http::Method;
use plugbay::log::LogLevel;
use serde_json::Value;

use super::follow::{Followed, server};
use crate::args::Logs;
use crate::error::Error;
use crate::exit::Exit;
use crate::output::{DIM, Output, RED, YELLOW, indented, plain};
use crate::server_client::path_part;

pub(crate) fn run(args: &Logs, output: Output) -> Result<Exit, Error> {
    let server = server(&args.server, &args.catalog)?;
    let mut query = format!("rows={}", args.rows);
    let parameters = [("plugin", &args.plugin), ("severity", &args.severity)];
    for (name, value) in parameters.into_iter().filter_map(|(name, value)| Some((name, value.as_ref()?))) {
        query.push_str(&format!("&{name}={}", path_part(value)));
    }
    let latest = format!("/api/v1/logs?{query}");
    if args.follow {
        let stream = format!("/api/v1/logs/stream?{query}");
        let (path, latest, patience) = (&*stream, Some(&*latest), args.reconnect.patience);
        return Followed { server: &server, path, latest, patience, output }.print(|line| print(line, output));
    }
    let answer = server.call(Method::GET, &latest, None)?;
    let lines = answer["lines"].as_array().map(Vec::as_slice).unwrap_or_default();
    if let (Some(name), true) = (&args.plugin, lines.is_empty()) {
        output.note(&format!("the log has no such line of a plugin or process `{}`", plain(name)));
    }
    lines.iter().try_for_each(|line| print(line, output))?;
    Ok(Exit::Ok)
}

fn print(line: &Value, output: Output) -> Result<(), Error> {
    if output.json {
        return Ok(output.raw_result(&line.to_string())?);
    }
    let text = |name: &str| plain(line[name].as_str().unwrap_or_default()).into_owned();
    let level: Option<LogLevel> = serde_json::from_value(line["level"].clone()).ok();
    let style = match level {
        Some(LogLevel::Error) => RED,
        Some(LogLevel::Warn) => YELLOW,
        _ => DIM,
    };
    let level = level.map(|level| level.to_string()).unwrap_or_default();
    let writers = ["plugin", "process"].into_iter().find(|name| line[*name].is_string());
    let writer = writers.map_or_else(|| "host".to_owned(), text);
    let target = if text("target").is_empty() { String::new() } else { format!("{}: ", text("target")) };
    let fields = line["fields"].as_object().into_iter().flatten();
    let fields: String =
        fields.map(|(name, value)| format!(" {}={}", plain(name), plain(&value.to_string()))).collect();
    let message = text("message");
    let message = indented(&message, "    ");
    Ok(output.result(&format!("[{writer}] {style}{level}{style:#} {target}{message}{fields}"))?)
}
