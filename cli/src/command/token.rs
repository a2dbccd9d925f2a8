//! `plugbay token`: makes, lists and revokes the tokens of a data directory. No server is needed.

use std::time::SystemTime;

use plugbay_node::prepare_data_dir;
use plugbay_server::access::{NewToken, Scope, Token, TokenState, TokenStore, TokenStoreError};
use serde_json::{Value, json};

use crate::args::{CatalogArgs, CreateToken, RevokeToken, TokenArgs, TokenCommand};
use crate::catalog::{data_dir, host_file};
use crate::error::Error;
use crate::exit::Exit;
use crate::output::{DIM, Output};
use crate::table::{Cell, section};
use crate::units::show_time;

pub(crate) fn run(args: &TokenArgs, output: Output) -> Result<Exit, Error> {
    match &args.command {
        Some(TokenCommand::Create(args)) => create(args, output),
        Some(TokenCommand::List(args)) => list(&args.catalog, output),
        Some(TokenCommand::Revoke(args)) => revoke(args, output),
        None => create(&args.create, output),
    }
}

fn create(args: &CreateToken, output: Output) -> Result<Exit, Error> {
    let missing = || Error::Usage("name the token's consumer: --consumer NAME".to_owned());
    let consumer = args.consumer.as_deref().ok_or_else(missing)?;
    let directory = data_dir(&args.catalog, &host_file(&args.catalog.file)?)?;
    prepare_data_dir(&directory).map_err(Error::DataDir)?;
    let mut new = NewToken::new(consumer, args.scope.iter().cloned());
    if !args.expires_in.is_zero() {
        new = new.expires_in(args.expires_in);
    }
    let created = TokenStore::open(&directory)?.create(&new, now())?;
    if output.json {
        let mut document = json!(created);
        document["status"] = "ok".into();
        document["change"] = "created".into();
        output.document(&document)?;
        return Ok(Exit::Ok);
    }
    output.result(&created.secret)?;
    let Token { id, scopes, expires_at, .. } = &created.record;
    let until = expires_at.map_or("until it is revoked".to_owned(), |at| format!("until {}", show_time(at)));
    output.note(&format!("token {id} for {}, valid {until}; it is shown only now", shown(scopes)));
    Ok(Exit::Ok)
}

fn list(args: &CatalogArgs, output: Output) -> Result<Exit, Error> {
    let directory = data_dir(args, &host_file(&args.file)?)?;
    let tokens = match TokenStore::open_existing(&directory)? {
        Some(store) => store.list()?,
        None => Vec::new(),
    };
    let now = now();
    if output.json {
        let tokens: Vec<Value> = tokens.iter().map(|token| with_state(token, now)).collect();
        output.document(&json!({ "tokens": tokens }))?;
        return Ok(Exit::Ok);
    }
    let mut text = String::new();
    match tokens.len() {
        0 => text.push_str("no token was made"),
        1 => section(&mut text, "1 token", tokens.iter().map(|token| row(token, now)).collect()),
        count => section(&mut text, &format!("{count} tokens"), tokens.iter().map(|token| row(token, now)).collect()),
    }
    output.result(&text)?;
    Ok(Exit::Ok)
}

fn revoke(args: &RevokeToken, output: Output) -> Result<Exit, Error> {
    let directory = data_dir(&args.catalog, &host_file(&args.catalog.file)?)?;
    let store = TokenStore::open_existing(&directory)?.ok_or(TokenStoreError::Unknown { id: args.number })?;
    let token = store.revoke(args.number, now())?;
    if output.json {
        output.document(&json!({ "status": "ok", "change": "revoked", "token": with_state(&token, now()) }))?;
    } else {
        output.result(&format!("revoked token {} of {}", token.id, token.consumer))?;
    }
    Ok(Exit::Ok)
}

fn row(token: &Token, now: u64) -> Vec<Cell> {
    let state = token.state(now);
    let style = if state == TokenState::Active { anstyle::Style::new() } else { DIM };
    let used = token.last_used_at.map_or("never used".to_owned(), |at| format!("used {}", show_time(at)));
    let ends = token.expires_at.map_or("no expiry".to_owned(), |at| format!("expires {}", show_time(at)));
    vec![
        token.id.to_string().into(),
        token.consumer.as_str().into(),
        shown(&token.scopes).into(),
        Cell::styled(style, state.name()),
        ends.into(),
        used.into(),
    ]
}

fn with_state(token: &Token, now: u64) -> Value {
    let mut document = json!(token);
    document["state"] = json!(token.state(now));
    document
}

fn shown(scopes: &[Scope]) -> String {
    scopes.iter().map(Scope::to_string).collect::<Vec<_>>().join(", ")
}

fn now() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map(|since| since.as_secs()).unwrap_or_default()
}
