//! The arguments of `plugbay token`.

use std::time::Duration;

use clap::{Args as ClapArgs, Subcommand};
use plugbay_server::access::Scope;

use super::{CatalogArgs, ServerArg};
use crate::units::parse_duration;

/// `plugbay token --consumer NAME` makes a token, as `plugbay token create` does.
#[derive(Debug, ClapArgs)]
pub(crate) struct TokenArgs {
    #[command(subcommand)]
    pub(crate) command: Option<TokenCommand>,
    #[command(flatten)]
    pub(crate) create: CreateToken,
}

#[derive(Debug, Subcommand)]
pub(crate) enum TokenCommand {
    /// Make a token and print it; it is shown only now
    Create(CreateToken),
    /// List the tokens, without their texts
    List(ListTokens),
    /// Make a link with which a person signs in to the dashboard: it is valid once, for 10 minutes
    Link(LinkToken),
    /// Revoke a token or end a session: no further request with it is served
    Revoke(RevokeToken),
}

#[derive(Debug, Clone, ClapArgs)]
pub(crate) struct CreateToken {
    /// The person or program that gets the token (required)
    #[arg(long, value_name = "NAME")]
    pub(crate) consumer: Option<String>,
    /// What it may do: read, call or manage, for one plugin with its name as in call:greeter (repeatable)
    #[arg(long, value_name = "SCOPE", default_values = ["read", "call"])]
    pub(crate) scope: Vec<Scope>,
    /// How long it is valid [0: until it is revoked]
    #[arg(long, value_name = "TIME", default_value = "30d", value_parser = parse_duration)]
    pub(crate) expires_in: Duration,
    #[command(flatten)]
    pub(crate) catalog: CatalogArgs,
    #[command(flatten)]
    pub(crate) server: ServerArg,
}

#[derive(Debug, Clone, ClapArgs)]
pub(crate) struct LinkToken {
    /// The person who gets the link, for lists and logs
    #[arg(long, value_name = "NAME", default_value = "operator")]
    pub(crate) consumer: String,
    /// What the person may do: read, call or manage, for one plugin with its name as in call:greeter (repeatable)
    #[arg(long, value_name = "SCOPE", default_values = ["manage"])]
    pub(crate) scope: Vec<Scope>,
    /// The URL of the server [default: that of the server that runs, else of the host's file]
    #[arg(long, value_name = "URL")]
    pub(crate) url: Option<String>,
    #[command(flatten)]
    pub(crate) catalog: CatalogArgs,
}

#[derive(Debug, Clone, ClapArgs)]
pub(crate) struct ListTokens {
    #[command(flatten)]
    pub(crate) catalog: CatalogArgs,
    #[command(flatten)]
    pub(crate) server: ServerArg,
}

#[derive(Debug, Clone, ClapArgs)]
pub(crate) struct RevokeToken {
    /// The token's number, from `plugbay token list`
    #[arg(value_name = "NUMBER")]
    pub(crate) number: i64,
    #[command(flatten)]
    pub(crate) catalog: CatalogArgs,
    #[command(flatten)]
    pub(crate) server: ServerArg,
}
