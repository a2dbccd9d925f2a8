//! `plugbay token`: makes, lists and revokes the tokens of a data directory, for which no server is needed, or of a
//! server at a URL, and makes links to sign in.

use std::time::SystemTime;

use http::Method;
use plugbay_node::{HostFile, prepare_data_dir};
use plugbay_server::access::{
    CODE_LIFETIME, CreatedToken, NewToken, Scope, Token, TokenState, TokenStore, TokenStoreError,
};
use serde_json::{Value, json};

use crate::args::{CatalogArgs, CreateToken, LinkToken, ListTokens, RevokeToken, TokenArgs, TokenCommand};
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
        Some(TokenCommand::List(args)) => list(args, output),
        Some(TokenCommand::Revoke(args)) => revoke(args, output),
        None => create(&args.create, output),
    }
}

fn create(args: &CreateToken, output: Output) -> Result<Exit, Error> {
    let missing = || Error::Usage("name the token's consumer: --consumer NAME".to_owned());
    let consumer = args.consumer.as_deref().ok_or_else(missing)?;
    let mut document = match ServerClient::of(&args.server)? {
        Some(server) => created_by(&server, args, consumer)?,
        None => json!(created(args, consumer)?),
    };
    if output.json {
        document["status"] = "ok".into();
        document["change"] = "created".into();
        output.document(&document)?;
        return Ok(Exit::Ok);
    }
    output.result(document["token"].as_str().unwrap_or_default())?;
    let until = document["expires_at"].as_u64();
    let until = until.map_or("until it is revoked".to_owned(), |at| format!("until {}", show_time(at)));
    let (id, scopes) = (&document["id"], scopes_of(&document));
    output.note(&format!("token {id} for {scopes}, valid {until}; it is shown only now"));
    Ok(Exit::Ok)
}

/// Makes a token of a data directory.
fn created(args: &CreateToken, consumer: &str) -> Result<CreatedToken, Error> {
    let directory = data_dir(&args.catalog, &host_file(&args.catalog.file)?)?;
    prepare_data_dir(&directory).map_err(Error::DataDir)?;
    let mut new = NewToken::new(consumer, args.scope.iter().cloned());
    if !args.expires_in.is_zero() {
        new = new.expires_in(args.expires_in);
    }
    Ok(TokenStore::open(&directory)?.create(&new, now())?)
}

/// Makes a token by way of a server.
fn created_by(server: &ServerClient, args: &CreateToken, consumer: &str) -> Result<Value, Error> {
    // Zero is "until it is revoked", so a part of a second is a second.
    let seconds = args.expires_in.as_millis().div_ceil(1_000);
    let body = json!({ "consumer": consumer, "scopes": args.scope, "expires_in_seconds": u64::try_from(seconds).ok() });
    server.call(Method::POST, "/api/v1/tokens", Some(&body))
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

fn list(args: &ListTokens, output: Output) -> Result<Exit, Error> {
    let document = match ServerClient::of(&args.server)? {
        Some(server) => server.call(Method::GET, "/api/v1/tokens", None)?,
        None => json!({ "tokens": stored(&args.catalog)? }),
    };
    if output.json {
        output.document(&document)?;
        return Ok(Exit::Ok);
    }
    let mut text = String::new();
    match document["tokens"].as_array().map(Vec::as_slice).unwrap_or_default() {
        [] => text.push_str("no token was made"),
        [token] => section(&mut text, "1 token", vec![row(token)]),
        tokens => section(&mut text, &format!("{} tokens", tokens.len()), tokens.iter().map(row).collect()),
    }
    output.result(&text)?;
    Ok(Exit::Ok)
}

/// The tokens of a data directory.
fn stored(args: &CatalogArgs) -> Result<Vec<Value>, Error> {
    let directory = data_dir(args, &host_file(&args.file)?)?;
    let tokens = match TokenStore::open_existing(&directory)? {
        Some(store) => store.list()?,
        None => Vec::new(),
    };
    let now = now();
    Ok(tokens.iter().map(|token| with_state(token, now)).collect())
}

fn revoke(args: &RevokeToken, output: Output) -> Result<Exit, Error> {
    let token = match ServerClient::of(&args.server)? {
        Some(server) => {
            let path = format!("/api/v1/tokens/{}", args.number);
            server.call(Method::DELETE, &path, None)?["token"].take()
        }
        None => revoked(args)?,
    };
    if output.json {
        output.document(&json!({ "status": "ok", "change": "revoked", "token": token }))?;
    } else {
        let what = if token["kind"] == "session" { "ended session" } else { "revoked token" };
        output.result(&format!("{what} {} of {}", token["id"], token["consumer"].as_str().unwrap_or_default()))?;
    }
    Ok(Exit::Ok)
}

/// Revokes a token of a data directory.
fn revoked(args: &RevokeToken) -> Result<Value, Error> {
    let directory = data_dir(&args.catalog, &host_file(&args.catalog.file)?)?;
    let store = TokenStore::open_existing(&directory)?.ok_or(TokenStoreError::Unknown { id: args.number })?;
    let now = now();
    Ok(with_state(&store.revoke(args.number, now)?, now))
}

fn row(token: &Value) -> Vec<Cell> {
    let text = |name: &str| token[name].as_str().unwrap_or_default();
    let style = if text("state") == TokenState::Active.name() { anstyle::Style::new() } else { DIM };
    let used = token["last_used_at"].as_u64().map_or("never used".to_owned(), |at| format!("used {}", show_time(at)));
    let ends = token["expires_at"].as_u64().map_or("no expiry".to_owned(), |at| format!("expires {}", show_time(at)));
    vec![
        token["id"].to_string().into(),
        text("consumer").into(),
        text("kind").into(),
        scopes_of(token).into(),
        Cell::styled(style, text("state")),
        ends.into(),
        used.into(),
    ]
}

/// The scopes of a token as text.
fn scopes_of(token: &Value) -> String {
    let scopes = token["scopes"].as_array().into_iter().flatten().filter_map(Value::as_str);
    scopes.collect::<Vec<_>>().join(", ")
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
