//! `plugbay token`: makes, lists and revokes the tokens of a data directory, and makes links to sign in. No server is
//! needed.

use std::time::SystemTime;

use http::Method;
use plugbay_node::{HostFile, prepare_data_dir};
use plugbay_server::access::{
    CODE_LIFETIME, NewToken, Scope, Token, TokenKind, TokenState, TokenStore, TokenStoreError,
};
use serde_json::{Value, json};

use crate::args::{CatalogArgs, CreateToken, LinkToken, RevokeToken, TokenArgs, TokenCommand};
use crate::catalog::{data_dir, host_file};
use crate::error::Error;
use crate::exit::Exit;
use crate::output::{DIM, Output};
use crate::server_client::ServerClient;
use crate::sign_in::{self, DEFAULT_ADDRESS};
use crate::table::{Cell, section};
use crate::units::show_time;

pub(crate) fn run(args: &TokenArgs, output: Output) -> Result<Exit, Error> {
    match &args.command {
        Some(TokenCommand::Create(args)) => create(args, output),
        Some(TokenCommand::Link(args)) => link(args, output),
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

fn link(args: &LinkToken, output: Output) -> Result<Exit, Error> {
    let file = host_file(&args.catalog.file)?;
    let directory = data_dir(&args.catalog, &file)?;
    prepare_data_dir(&directory).map_err(Error::DataDir)?;
    let running = || {
        let status = ServerClient::of_data_dir(&directory)?.call(Method::GET, "/api/v1/status", None).ok()?;
        status["url"].as_str().map(str::to_owned)
    };
    let base = args.url.clone().or_else(running).unwrap_or_else(|| url_of(&file));
    let now = now();
    let code = TokenStore::open(&directory)?.create_code(&args.consumer, &args.scope, now)?;
    let link = sign_in::link(&base, &code);
    if output.json {
        let expires_at = now + CODE_LIFETIME.as_secs();
        output.document(&json!({
            "status": "ok", "change": "created", "url": link, "consumer": args.consumer, "scopes": args.scope,
            "expires_at": expires_at,
        }))?;
        return Ok(Exit::Ok);
    }
    output.result(&link)?;
    let scopes = shown(&args.scope);
    output.note(&format!("{} signs in once with it, within 10 minutes, for {scopes}", args.consumer));
    Ok(Exit::Ok)
}

/// The URL of a server with the settings of the host's file.
fn url_of(file: &HostFile) -> String {
    let server = file.server();
    sign_in::base_url(server.address.unwrap_or(DEFAULT_ADDRESS), &server.hosts, server.tls.is_some())
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
        let what = if token.kind == TokenKind::Session { "ended session" } else { "revoked token" };
        output.result(&format!("{what} {} of {}", token.id, token.consumer))?;
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
        if token.kind == TokenKind::Session { "session" } else { "token" }.into(),
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
