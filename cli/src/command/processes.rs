//! `plugbay ps`, `start`, `stop`, `restart`, `block` and `unblock`: the processes of a host that runs, and orders to
//! them.

use http::Method;
use serde_json::Value;

use super::follow::server;
use crate::args::{OrderedProcess, Ps};
use crate::error::Error;
use crate::exit::Exit;
use crate::output::{DIM, GREEN, Output, RED, YELLOW, plain};
use crate::server_client::path_part;
use crate::table::{Cell, section};

pub(crate) fn list(args: &Ps, output: Output) -> Result<Exit, Error> {
    let server = server(&args.server, &args.catalog)?;
    let answer = server.call(Method::GET, "/api/v1/processes", None)?;
    if output.json {
        output.document(&answer)?;
        return Ok(Exit::Ok);
    }
    let processes = answer["processes"].as_array().map(Vec::as_slice).unwrap_or_default();
    let statuses = processes.iter().map(|process| &process["status"]);
    let with_instances = statuses.flat_map(|status| {
        let instances = status["processes"].as_array().map(Vec::as_slice).unwrap_or_default();
        std::iter::once(status).chain(instances)
    });
    let rows: Vec<Vec<Cell>> = with_instances.map(row).collect();
    let mut text = String::new();
    match processes.len() {
        0 => text.push_str("the host's file has no processes"),
        1 => section(&mut text, "1 process", rows),
        count => section(&mut text, &format!("{count} processes"), rows),
    }
    output.result(&text)?;
    Ok(Exit::Ok)
}

fn row(status: &Value) -> Vec<Cell> {
    let text = |name: &str| plain(status[name].as_str().unwrap_or_default()).into_owned();
    let state = match status["status"].as_u64().unwrap_or_default() {
        0 => Cell::styled(DIM, "created"),
        100 => "starting".into(),
        200 => Cell::styled(GREEN, "running"),
        250 => "stopping".into(),
        300 => "finished".into(),
        400 => Cell::styled(RED, "errored"),
        450 => Cell::styled(RED, "exhausted"),
        500 => Cell::styled(YELLOW, "mixed"),
        other => other.to_string().into(),
    };
    let blocked = if status["blocked"] == true { "blocked" } else { "" };
    let pid = status["pid"].as_u64().map_or_else(String::new, |pid| format!("pid {pid}"));
    let restarts = match status["restarts"].as_u64().unwrap_or_default() {
        0 => String::new(),
        1 => "1 restart".to_owned(),
        count => format!("{count} restarts"),
    };
    let end = match (status["signal"].as_str(), status["code"].as_i64()) {
        (Some(signal), _) => plain(signal).into_owned(),
        (None, Some(code)) => format!("exit code {code}"),
        (None, None) => String::new(),
    };
    let problem = Cell::styled(RED, text("balancerError"));
    vec![text("id").into(), state, pid.into(), end.into(), restarts.into(), blocked.into(), problem]
}

pub(crate) fn order(args: &OrderedProcess, order: &str, output: Output) -> Result<Exit, Error> {
    let server = server(&args.server, &args.catalog)?;
    let path = format!("/api/v1/processes/{}/{order}", path_part(&args.process));
    let answer = server.call(Method::POST, &path, None)?;
    if output.json {
        output.document(&answer)?;
        return Ok(Exit::Ok);
    }
    let done = match order {
        "start" => "started",
        "stop" => "asked to end:",
        "restart" => "restarted",
        "block" => "blocked",
        _ => "unblocked",
    };
    output.result(&format!("{done} {}", args.process))?;
    Ok(Exit::Ok)
}
