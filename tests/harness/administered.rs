//! A host that is served with its administration, as `plugbay serve` does it, in the process of the test.

use std::net::SocketAddr;
use std::sync::Arc;

use plugbay::RuntimeBuilder;
use plugbay::manifest::ToolPattern;
use plugbay_server::access::{Access, AccessOptions, NewToken, PluginTokens, Scope, TokenStore};
use plugbay_server::admin::AdminState;
use plugbay_server::telemetry::LogBuffer;
use plugbay_server::{Server, ServerSettings, ServerState, host_router};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::client::{Client, Response};
use super::host::Host;
use super::patience::ends;

/// A server on a free port of the loopback address, with its tokens.
pub(crate) struct Administered {
    pub(crate) host: Host,
    pub(crate) address: SocketAddr,
    pub(crate) state: ServerState,
    pub(crate) tokens: Arc<TokenStore>,
    /// A token with the scope `manage`.
    pub(crate) manager: String,
    task: JoinHandle<()>,
    _directory: tempfile::TempDir,
}

impl Administered {
    pub(crate) async fn start() -> Self {
        Administered::with(|builder| builder).await
    }

    /// A host whose actions that match these patterns are tools.
    pub(crate) async fn exposing(patterns: &[&str]) -> Self {
        let exposed = patterns.iter().map(|pattern| ToolPattern::parse(pattern).expect("a pattern")).collect();
        Administered::build(|builder| builder, |settings| settings.exposed = exposed).await
    }

    pub(crate) async fn with(settings: impl FnOnce(RuntimeBuilder) -> RuntimeBuilder) -> Self {
        Administered::build(settings, |_| {}).await
    }

    async fn build(
        settings: impl FnOnce(RuntimeBuilder) -> RuntimeBuilder,
        change: impl FnOnce(&mut ServerSettings),
    ) -> Self {
        let logs = LogBuffer::default();
        let plugins = PluginTokens::new();
        let host = Host::with(|builder| settings(builder.log_sink(logs.clone()).api(plugins.clone())));
        let directory = tempfile::tempdir().expect("a directory");
        let tokens = Arc::new(TokenStore::open(directory.path()).expect("opened"));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        plugins.set_url(format!("http://{address}"));
        let access = Access::of_address(address, Some(tokens.clone()), &AccessOptions::default()).expect("a loopback");
        let access = access.plugins(plugins);
        let mut server_settings = ServerSettings::default();
        change(&mut server_settings);
        let state = ServerState::new(&host.runtime, server_settings);
        let admin = AdminState::new(&state, Some(tokens.clone()), logs);
        let server = Server::new(&state, host_router(&admin, access));
        let task = tokio::spawn(async move { server.serve(listener).await });
        let manager = token(&tokens, &["manage"]);
        Administered { host, address, state, tokens, manager, task, _directory: directory }
    }

    /// A new token with these scopes.
    pub(crate) fn token(&self, scopes: &[&str]) -> String {
        token(&self.tokens, scopes)
    }

    /// Sends a request with a token, unless it is empty.
    pub(crate) async fn request(&self, token: &str, method: &str, path: &str, body: Value) -> Response {
        let headers = if token.is_empty() { String::new() } else { format!("authorization: Bearer {token}\r\n") };
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let mut client = Client::connect(self.address).await;
        client.request(method, path, &headers, body.as_bytes()).await
    }

    /// Sends a request of a manager, and expects that it succeeds.
    pub(crate) async fn manage(&self, method: &str, path: &str, body: Value) -> Value {
        let response = self.request(&self.manager, method, path, body).await;
        assert!((200..300).contains(&response.status), "{method} {path}: {} {}", response.status, response.text());
        response.json()
    }

    /// Shuts the server down and waits until it has ended.
    pub(crate) async fn close(self) {
        self.state.close();
        ends(self.task).await.expect("it does not panic");
    }
}

fn token(tokens: &TokenStore, scopes: &[&str]) -> String {
    let scopes: Vec<Scope> = scopes.iter().map(|scope| scope.parse().expect("a scope")).collect();
    tokens.create(&NewToken::new("tester", scopes), 0).expect("made").secret
}
