//! `plugbay events`: the dead letters of a data directory, on which a host may run at the same time, and the events of
//! that host, which are emitted, and printed as they are published.

use http::Method;
use plugbay::Runtime;
use plugbay::compile::CodeCacheLocation;
use plugbay::error::EventError;
use plugbay::store::DeadLetter;
use plugbay_catalog::HostLock;
use plugbay_node::{Node, NodeOptions};
use serde_json::{Value, json};

use super::follow::{Followed, server};
use crate::args::{CatalogArgs, ChosenLetters, DeadLetters, EmitEvent, Events, EventsCommand};
use crate::catalog;
use crate::error::Error;
use crate::exit::Exit;
use crate::host;
use crate::output::{CYAN, Output, RED, plain};
use crate::payload;
use crate::server_client::{ServerClient, path_part};
use crate::table::{Cell, section};
use crate::units::show_time;

/// Dead letters that are read at once. Each has the data of its event.
const PAGE: usize = 100;

pub(crate) fn run(args: &Events, output: Output) -> Result<Exit, Error> {
    match (&args.command, &args.follow) {
        (Some(EventsCommand::Emit(args)), _) => emit(args, output),
        (Some(EventsCommand::Dead(args)), _) => list(args, output),
        (Some(EventsCommand::Retry(args)), _) => change(args, Change::Retry, output),
        (Some(EventsCommand::Remove(args)), _) => change(args, Change::Remove, output),
        (None, Some(topic)) => follow_events(args, topic, output),
        (None, None) => {
            Err(Error::Usage("write `plugbay events --follow`, or `emit`, `dead`, `retry` or `remove`".to_owned()))
        }
    }
}

fn follow_events(args: &Events, topic: &str, output: Output) -> Result<Exit, Error> {
    let server = server(&args.server, &args.catalog)?;
    let path = format!("/api/v1/events/stream?topic={}", path_part(topic));
    let patience = args.reconnect.patience;
    Followed { server: &server, path: &path, latest: None, patience, output }.print(|event| {
        if output.json {
            return Ok(output.raw_result(&event.to_string())?);
        }
        let text = |name: &str| plain(event[name].as_str().unwrap_or_default()).into_owned();
        let data = event["data"].to_string();
        Ok(output.result(&format!("{CYAN}{}{CYAN:#} from {}: {}", text("name"), text("source"), plain(&data)))?)
    })
}

fn emit(args: &EmitEvent, output: Output) -> Result<Exit, Error> {
    let data = payload::read(args.data.as_deref()).map_err(Error::Usage)?;
    let data: Value = serde_json::from_str(&data).map_err(|error| Error::Usage(error.to_string()))?;
    let mut event = json!({ "topic": args.topic, "data": data, "wait": args.wait });
    if let Some(id) = &args.correlation_id {
        event["correlation_id"] = json!(id);
    }
    let answer = server(&args.server, &args.catalog)?.call(Method::POST, "/api/v1/events", Some(&event))?;
    if output.json {
        output.document(&answer)?;
        return Ok(Exit::Ok);
    }
    let id = plain(answer["id"].as_str().unwrap_or_default()).into_owned();
    output.result(&if args.wait { outcome(&args.topic, &id, &answer) } else { format!("published {id}") })?;
    Ok(Exit::Ok)
}

/// The outcome of an event as text.
fn outcome(topic: &str, id: &str, answer: &Value) -> String {
    let count = |name: &str| answer[name].as_u64().unwrap_or_default();
    let mut text = match count("handlers") {
        0 => format!("{id}: no handler ran"),
        1 => format!("{id}: 1 handler ran"),
        handlers => format!("{id}: {handlers} handlers ran"),
    };
    for (count, what) in [(count("failed"), "failed"), (count("durable"), "will receive it later")] {
        if count > 0 {
            text.push_str(&format!(", {count} {what}"));
        }
    }
    if answer["stopped"] == true {
        text.push_str(", one of them stopped it");
    }
    if let Some(reason) = answer["cancelled"].as_str() {
        text.push_str(&format!("\n{RED}{topic} was cancelled:{RED:#} {}", plain(reason)));
    }
    text
}

fn list(args: &DeadLetters, output: Output) -> Result<Exit, Error> {
    let letters = match ServerClient::of(&args.server)? {
        Some(server) => all_of(&server, args.plugin.as_deref())?,
        None => {
            let node = open(&args.catalog)?;
            let letters = host::block_on(all(&node.runtime, args.plugin.as_deref()))??;
            letters.iter().map(described).collect()
        }
    };
    if output.json {
        output.document(&json!({ "dead_letters": letters }))?;
        return Ok(Exit::Ok);
    }
    let heading = match letters.len() {
        0 => {
            output.result("there are no dead letters")?;
            return Ok(Exit::Ok);
        }
        1 => "1 dead letter".to_owned(),
        count => format!("{count} dead letters"),
    };
    let mut text = String::new();
    section(&mut text, &heading, letters.iter().map(row).collect());
    output.result(&text)?;
    Ok(Exit::Ok)
}

/// The dead letters of a data directory.
async fn all(runtime: &Runtime, plugin: Option<&str>) -> Result<Vec<DeadLetter>, Error> {
    let mut letters: Vec<DeadLetter> = Vec::new();
    loop {
        let after = letters.last().map_or(0, |letter| letter.number);
        let page = match plugin {
            Some(plugin) => runtime.dead_letters_of(plugin, after, PAGE).await,
            None => runtime.dead_letters(after, PAGE).await,
        }
        .map_err(failed)?;
        if page.is_empty() {
            return Ok(letters);
        }
        letters.extend(page);
    }
}

/// A dead letter as a server describes it: the data of its event is a value, which is stored as text.
fn described(letter: &DeadLetter) -> Value {
    let mut value = json!(letter);
    value["event"]["data"] = serde_json::from_str(&letter.event.data).unwrap_or_else(|_| json!(letter.event.data));
    value
}

/// The dead letters of a server.
fn all_of(server: &ServerClient, plugin: Option<&str>) -> Result<Vec<Value>, Error> {
    let mut letters: Vec<Value> = Vec::new();
    let of_plugin = plugin.map(|plugin| format!("&plugin={}", path_part(plugin))).unwrap_or_default();
    loop {
        let after = letters.last().map_or(0, number);
        let path = format!("/api/v1/dead-letters?after={after}&limit={PAGE}{of_plugin}");
        let mut page = server.call(Method::GET, &path, None)?;
        match page["dead_letters"].as_array_mut() {
            Some(page) if !page.is_empty() => letters.append(page),
            _ => return Ok(letters),
        }
    }
}

/// The number of a dead letter.
fn number(letter: &Value) -> u64 {
    letter["number"].as_u64().unwrap_or_default()
}

fn row(letter: &Value) -> Vec<Cell> {
    let text = |name: &str| letter[name].as_str().unwrap_or_default();
    let attempts = match letter["attempts"].as_u64().unwrap_or_default() {
        1 => "1 attempt".to_owned(),
        attempts => format!("{attempts} attempts"),
    };
    let time_ms = letter["time_ms"].as_u64().unwrap_or_default();
    vec![
        number(letter).to_string().into(),
        text("plugin").into(),
        letter["event"]["topic"].as_str().unwrap_or_default().into(),
        show_time(time_ms / 1_000).into(),
        attempts.into(),
        Cell::styled(RED, text("error").lines().next().unwrap_or_default()),
    ]
}

/// What is done with dead letters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Change {
    Retry,
    Remove,
}

fn change(args: &ChosenLetters, change: Change, output: Output) -> Result<Exit, Error> {
    if let Some(server) = ServerClient::of(&args.server)? {
        let numbers = match args.all {
            true => all_of(&server, args.plugin.as_deref())?.iter().map(number).collect(),
            false => args.numbers.clone(),
        };
        changed_by(&server, &numbers, change)?;
        return print_change(change, numbers.len(), output);
    }
    let node = open(&args.catalog)?;
    let directory = catalog::data_dir(&args.catalog, &catalog::host_file(&args.catalog.file)?)?;
    // The host that runs delivers what is retried at once, if it is a server.
    let server = ServerClient::of_data_dir(&directory).filter(|_| change == Change::Retry);
    let count = match &server {
        Some(server) => {
            let numbers = match args.all {
                true => {
                    let letters = host::block_on(all(&node.runtime, args.plugin.as_deref()))??;
                    letters.iter().map(|letter| letter.number).collect()
                }
                false => args.numbers.clone(),
            };
            changed_by(server, &numbers, change)?;
            numbers.len()
        }
        None => host::block_on(changed(&node.runtime, args, change))??,
    };
    print_change(change, count, output)?;
    if change == Change::Retry
        && count > 0
        && server.is_none()
        && let Ok(Some(holder)) = HostLock::holder(&directory)
    {
        output.note(&format!(
            "the host that runs on this data directory, {holder}, delivers them with the next durable event of the \
             plugin, or when it restarts"
        ));
    }
    Ok(Exit::Ok)
}

fn print_change(change: Change, count: usize, output: Output) -> Result<Exit, Error> {
    let name = if change == Change::Retry { "retried" } else { "removed" };
    if output.json {
        output.document(&json!({ "status": "ok", "change": name, "dead_letters": count }))?;
    } else {
        output.result(&format!("{name} {count} dead letter{}", if count == 1 { "" } else { "s" }))?;
    }
    Ok(Exit::Ok)
}

/// Retries or removes dead letters by way of a server.
fn changed_by(server: &ServerClient, numbers: &[u64], change: Change) -> Result<(), Error> {
    for number in numbers {
        let path = format!("/api/v1/dead-letters/{number}");
        match change {
            Change::Retry => server.call(Method::POST, &format!("{path}/retry"), None)?,
            Change::Remove => server.call(Method::DELETE, &path, None)?,
        };
    }
    Ok(())
}

async fn changed(runtime: &Runtime, args: &ChosenLetters, change: Change) -> Result<usize, Error> {
    let plugin = args.plugin.as_deref();
    if args.all {
        return match change {
            Change::Retry => runtime.retry_dead_letters(plugin).await,
            Change::Remove => runtime.remove_dead_letters(plugin).await,
        }
        .map_err(failed);
    }
    for &number in &args.numbers {
        let existed = match change {
            Change::Retry => runtime.retry_dead_letter(number).await,
            Change::Remove => runtime.remove_dead_letter(number).await,
        }
        .map_err(failed)?;
        if !existed {
            let text = format!("there is no dead letter {number}; `plugbay events dead` lists those that there are");
            return Err(Error::Usage(text));
        }
    }
    Ok(args.numbers.len())
}

fn failed(error: EventError) -> Error {
    Error::Usage(error.to_string())
}

/// A node on the data directory, without plugins.
fn open(args: &CatalogArgs) -> Result<Node, Error> {
    let file = catalog::host_file(&args.file)?;
    let directory = catalog::data_dir(args, &file)?;
    let mut options = NodeOptions::default();
    options.data_dir = Some(directory);
    options.file = file;
    options.only_checks = true;
    let builder =
        Runtime::builder().live_instances(host::LIVE_INSTANCES).run_jobs(false).code_cache(CodeCacheLocation::Off);
    Ok(Node::open(options, builder)?)
}
