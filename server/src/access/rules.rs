//! The rules of access of one listener: the names that it answers to, the tokens that it takes, and what a caller
//! without a token may do.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use http::HeaderMap;
use http::header::AUTHORIZATION;
use http::request::Parts;
use plugbay::clock::{Clock, SystemClock};
use plugbay::manifest::ServerEntry;

use super::cookie::SessionCookie;
use super::layer::{PageOrigin, may_change, page_origin};
use super::session_store::SignIn;
use super::token_store::WrongToken;
use super::wrong_tokens::WrongTokens;
use super::{
    CreatedToken, HostNames, Identity, InvalidScope, PluginTokens, Refusal, Scope, ScopeKind, Token, TokenState,
    TokenStore, TokenStoreError,
};
use crate::ConnectionInfo;

/// The operator's settings of access.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct AccessOptions {
    /// What a caller without a token may do. Default: `read` and `call` on a loopback address, nothing on another.
    pub anonymous: Option<Vec<Scope>>,
    /// Names of the server, in addition to those of the loopback. Default on a loopback address: none. Default on
    /// another, where a caller without a token may do nothing: any.
    pub hosts: Vec<String>,
    /// Consumers whose tokens and sessions are refused, as those of revoked tokens are. Default: none.
    pub revoked: Vec<String>,
}

impl AccessOptions {
    /// The options of the host's file.
    ///
    /// # Errors
    /// [`InvalidScope`] if a text is not a scope, which the reader of the file has refused already.
    pub fn of_file(entry: &ServerEntry) -> Result<Self, InvalidScope> {
        let scopes = |texts: &Vec<String>| texts.iter().map(|text| text.parse()).collect::<Result<_, _>>();
        let anonymous = entry.anonymous.as_ref().map(scopes).transpose()?;
        Ok(AccessOptions { anonymous, hosts: entry.hosts.clone(), revoked: Vec::new() })
    }
}

/// A server must not listen on an address under these rules.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AccessError {
    /// Other machines reach the address, and there is no token with which they could authenticate themselves.
    #[error(
        "{address} is reachable from other machines, and this host has no valid token: make one with `plugbay token \
         create --consumer NAME`, or listen on 127.0.0.1"
    )]
    NoTokens {
        /// The address.
        address: SocketAddr,
    },
    /// Every client that reaches the address could manage the host.
    #[error(
        "clients without a token must not have `{scope}` on {address}, which is reachable from other machines: managing \
         needs a token there"
    )]
    OpenManagement {
        /// The address.
        address: SocketAddr,
        /// The scope.
        scope: Scope,
    },
    /// The tokens cannot be read.
    #[error(transparent)]
    Tokens(#[from] TokenStoreError),
}

/// The rules of one listener.
#[derive(Clone)]
pub struct Access {
    tokens: Option<Arc<TokenStore>>,
    plugins: Option<PluginTokens>,
    anonymous: Vec<Scope>,
    hosts: HostNames,
    revoked: Arc<[String]>,
    is_tls: bool,
    wrong: Arc<WrongTokens>,
    clock: Arc<dyn Clock>,
}

impl Access {
    /// The rules of a network address.
    ///
    /// # Errors
    /// [`AccessError`] if other machines reach the address and could manage the host without a token, or could do
    /// nothing because there is no token.
    pub fn of_address(
        address: SocketAddr,
        tokens: Option<Arc<TokenStore>>,
        options: &AccessOptions,
    ) -> Result<Self, AccessError> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let is_loopback = address.ip().to_canonical().is_loopback();
        let by_default = match is_loopback {
            true => vec![Scope::all(ScopeKind::Read), Scope::all(ScopeKind::Call)],
            false => Vec::new(),
        };
        let anonymous = options.anonymous.clone().unwrap_or(by_default);
        if !is_loopback {
            if let Some(scope) = anonymous.iter().find(|scope| scope.kind() == ScopeKind::Manage) {
                return Err(AccessError::OpenManagement { address, scope: scope.clone() });
            }
            let has_token = tokens.as_ref().map_or(Ok(false), |tokens| tokens.has_active(seconds(clock.now())))?;
            if anonymous.is_empty() && !has_token {
                return Err(AccessError::NoTokens { address });
            }
        }
        let hosts = match (options.hosts.is_empty(), is_loopback) {
            (true, true) => HostNames::Loopback,
            (true, false) => HostNames::Any,
            (false, _) => HostNames::Named(options.hosts.iter().map(|name| name.to_ascii_lowercase()).collect()),
        };
        let (plugins, revoked) = (None, options.revoked.as_slice().into());
        Ok(Access { tokens, plugins, anonymous, hosts, revoked, is_tls: false, wrong: Arc::default(), clock })
    }

    /// The rules of the local socket, whose listener lets in the user of the host alone: no names are checked, and
    /// everything is allowed.
    pub fn of_local_socket(tokens: Option<Arc<TokenStore>>) -> Self {
        let clock = Arc::new(SystemClock);
        let (plugins, anonymous, wrong, revoked) = (None, Vec::new(), Arc::default(), Arc::default());
        Access { tokens, plugins, anonymous, hosts: HostNames::Any, revoked, is_tls: false, wrong, clock }
    }

    /// Sets the clock by which tokens expire. Default: the machine's.
    #[must_use]
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Sets the tokens of plugins. Default: none are valid.
    #[must_use]
    pub fn plugins(mut self, tokens: PluginTokens) -> Self {
        self.plugins = Some(tokens);
        self
    }

    /// Sets whether the listener speaks TLS, so that the cookies of sessions are for TLS alone. Default: false.
    #[must_use]
    pub fn tls(mut self, is_tls: bool) -> Self {
        self.is_tls = is_tls;
        self
    }

    /// Whether the listener speaks TLS.
    pub(crate) fn is_tls(&self) -> bool {
        self.is_tls
    }

    /// Whether callers can authenticate themselves.
    pub(super) fn has_tokens(&self) -> bool {
        self.tokens.is_some()
    }

    /// What a caller without a token may do.
    pub fn anonymous(&self) -> &[Scope] {
        &self.anonymous
    }

    /// The caller of a request, and its session if it has one.
    pub(super) fn identify(&self, request: &Parts) -> Result<(Identity, Option<Token>), Refusal> {
        if let Some(ConnectionInfo::Local { user }) = request.extensions.get() {
            return Ok((Identity::new(format!("user {user}"), [Scope::all(ScopeKind::Manage)]), None));
        }
        if !self.hosts.allow(request) {
            return Err(Refusal::UnknownHost);
        }
        let now = seconds(self.clock.now());
        if let Some(text) = bearer(&request.headers) {
            let (text, address) = (text?, address(request));
            if PluginTokens::is_one(text) {
                let plugin = self.plugins.as_ref().and_then(|tokens| tokens.verify(text));
                let plugin = plugin.ok_or_else(|| self.wrong(address, None))?;
                self.check_revoked(plugin.consumer())?;
                return Ok((plugin, None));
            }
            let tokens = self.tokens.as_ref().ok_or_else(|| self.wrong(address, None))?;
            let token = tokens.verify(text, now).map_err(|wrong| self.refusal(address, wrong))?;
            self.check_revoked(Some(&token.consumer))?;
            return Ok((self.used(tokens, &token, now), None));
        }
        match self.session(request, now)? {
            Some((tokens, session)) => Ok((self.used(tokens, &session, now), Some(session))),
            None => Ok((Identity::anonymous(self.anonymous.iter().cloned()), None)),
        }
    }

    /// Refuses a consumer whose tokens the host's file revokes.
    fn check_revoked(&self, consumer: Option<&str>) -> Result<(), Refusal> {
        match consumer.is_some_and(|consumer| self.revoked.iter().any(|revoked| revoked == consumer)) {
            true => Err(Refusal::InvalidToken { ended: Some(TokenState::Revoked) }),
            false => Ok(()),
        }
    }

    /// The session whose cookie a request has. A cookie of a session that has ended is as none, and so is one in a
    /// request that a page of another origin made.
    fn session(&self, request: &Parts, now: u64) -> Result<Option<(&Arc<TokenStore>, Token)>, Refusal> {
        let cookie = SessionCookie::of(request, self.is_tls);
        let (Some(text), Some(tokens)) = (cookie.value(&request.headers), &self.tokens) else { return Ok(None) };
        match page_origin(request) {
            PageOrigin::Own => {}
            PageOrigin::Other => return Ok(None),
            PageOrigin::Unknown if may_change(request) => return Err(Refusal::UnknownOrigin),
            PageOrigin::Unknown => {}
        }
        match tokens.session(text, now) {
            Ok(session) if self.revoked.contains(&session.consumer) => Ok(None),
            Ok(session) => Ok(Some((tokens, session))),
            Err(WrongToken::Unknown | WrongToken::Ended(_)) => Ok(None),
            Err(WrongToken::Store(error)) => Err(unavailable(&error)),
        }
    }

    /// The caller with a token or session, whose use is recorded.
    fn used(&self, tokens: &Arc<TokenStore>, token: &Token, now: u64) -> Identity {
        if TokenStore::is_use_due(token, now) {
            let (tokens, id) = (tokens.clone(), token.id);
            tokio::task::spawn_blocking(move || tokens.record_use(id, now));
        }
        Identity::new(token.consumer.clone(), token.scopes.iter().cloned())
    }

    /// Begins a session. Wrong tokens and codes are counted together.
    pub(super) async fn sign_in(&self, with: SignIn, request: &Parts) -> Result<CreatedToken, Refusal> {
        let tokens = self.tokens.clone().ok_or(Refusal::NoTokens)?;
        let (is_code, now) = (matches!(with, SignIn::Code(_)), seconds(self.clock.now()));
        let begun = tokio::task::spawn_blocking(move || tokens.sign_in(&with, now)).await;
        begun.map_err(|error| unavailable(&error))?.map_err(|wrong| match self.refusal(address(request), wrong) {
            Refusal::InvalidToken { .. } if is_code => Refusal::InvalidCode,
            other => other,
        })
    }

    /// Ends a session.
    pub(super) async fn sign_out(&self, id: i64) -> Result<(), Refusal> {
        let tokens = self.tokens.clone().ok_or(Refusal::NoTokens)?;
        let now = seconds(self.clock.now());
        match tokio::task::spawn_blocking(move || tokens.revoke(id, now)).await {
            Ok(Ok(_) | Err(TokenStoreError::Unknown { .. })) => Ok(()),
            Ok(Err(error)) => Err(unavailable(&error)),
            Err(error) => Err(unavailable(&error)),
        }
    }

    fn refusal(&self, address: IpAddr, wrong: WrongToken) -> Refusal {
        match wrong {
            WrongToken::Unknown => self.wrong(address, None),
            WrongToken::Ended(state) => self.wrong(address, Some(state)),
            WrongToken::Store(error) => unavailable(&error),
        }
    }

    fn wrong(&self, address: IpAddr, ended: Option<super::TokenState>) -> Refusal {
        match self.wrong.count(address, Instant::now()) {
            Some(retry_after) => Refusal::TooManyAttempts { retry_after },
            None => Refusal::InvalidToken { ended },
        }
    }
}

impl std::fmt::Debug for Access {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Access")
            .field("tokens", &self.tokens)
            .field("anonymous", &self.anonymous)
            .field("hosts", &self.hosts)
            .finish_non_exhaustive()
    }
}

/// The bearer token of a request; `None` if it has no credentials. Others than one bearer token are refused.
fn bearer(headers: &HeaderMap) -> Option<Result<&str, Refusal>> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let value = values.next()?;
    let token = value.to_str().ok().and_then(|text| {
        let (scheme, token) = text.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
    });
    match (token, values.next()) {
        (Some(token), None) => Some(Ok(token)),
        _ => Some(Err(Refusal::InvalidToken { ended: None })),
    }
}

/// The address of the client, for the count of wrong tokens.
fn address(request: &Parts) -> IpAddr {
    match request.extensions.get() {
        Some(ConnectionInfo::Tcp(address)) => address.ip(),
        _ => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
    }
}

fn unavailable(error: &dyn std::fmt::Display) -> Refusal {
    tracing::error!(%error, "a token cannot be checked");
    Refusal::Unavailable
}

fn seconds(time: SystemTime) -> u64 {
    time.duration_since(SystemTime::UNIX_EPOCH).map(|since| since.as_secs()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(anonymous: Option<&[&str]>) -> AccessOptions {
        let scopes = anonymous.map(|scopes| scopes.iter().map(|scope| scope.parse().expect("a scope")).collect());
        AccessOptions { anonymous: scopes, hosts: Vec::new(), revoked: Vec::new() }
    }

    fn of(address: &str, anonymous: Option<&[&str]>) -> Result<Access, AccessError> {
        Access::of_address(address.parse().expect("an address"), None, &options(anonymous))
    }

    #[test]
    fn loopback_lets_callers_without_a_token_read_and_call() {
        for address in ["127.0.0.1:7070", "[::1]:7070", "[::ffff:127.0.0.1]:7070"] {
            let access = of(address, None).expect("allowed");
            let shown: Vec<String> = access.anonymous().iter().map(Scope::to_string).collect();
            assert_eq!(shown, ["read", "call"], "{address}");
        }
        assert!(of("127.0.0.1:1", Some(&[])).expect("allowed").anonymous().is_empty());
    }

    #[test]
    fn other_address_needs_tokens_and_never_manages_without() {
        for address in ["0.0.0.0:7070", "192.0.2.1:7070", "[::]:7070"] {
            let error = of(address, None).expect_err("no token");
            assert!(matches!(error, AccessError::NoTokens { .. }), "{error}");
            let error = of(address, Some(&["call", "manage:a"])).expect_err("open");
            assert!(error.to_string().contains("`manage:a`"), "{error}");
            of(address, Some(&["call:shop"])).expect("the operator opens one plugin");
        }
        let directory = tempfile::tempdir().expect("a directory");
        let tokens = Arc::new(TokenStore::open(directory.path()).expect("opened"));
        let address = "0.0.0.0:1".parse().expect("an address");
        let of = || Access::of_address(address, Some(tokens.clone()), &AccessOptions::default());
        of().expect_err("no token yet");
        let new = super::super::NewToken::new("ci", [Scope::all(ScopeKind::Read)]);
        tokens.create(&new, seconds(SystemTime::now())).expect("made");
        of().expect("there is one");
    }
}
