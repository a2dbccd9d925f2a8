//! Tools over the local socket: `plugbay mcp` connects its standard streams to a host that runs.
//!
//! `GET /mcp/stdio` with `Upgrade: mcp` makes the connection a stream of messages, one on each line. It is answered on
//! the local socket alone, whose client is the user of the host, so that client may also say what is exposed to it.

use axum::Router;
use axum::extract::{Request, State};
use axum::response::Response;
use axum::routing::get;
use http::header::{CONNECTION, UPGRADE};
use http::{HeaderValue, StatusCode};
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use plugbay::manifest::ToolPattern;

use super::ToolServer;
use crate::admin::AdminError;
use crate::{ConnectionInfo, Identity, ServerState, answer};

/// The name of the protocol in `Upgrade`.
const PROTOCOL: &str = "mcp";

/// Returns the route of the local socket.
pub(crate) fn local_routes(server: &ServerState) -> Router {
    Router::new().route("/mcp/stdio", get(upgrade)).with_state(server.clone())
}

async fn upgrade(State(server): State<ServerState>, mut request: Request) -> Result<Response, AdminError> {
    let is_local = matches!(request.extensions().get(), Some(ConnectionInfo::Local { .. }));
    let Some(identity) = request.extensions().get::<Identity>().cloned().filter(|_| is_local) else {
        return Err(AdminError::not_found("the server has no such path"));
    };
    let exposed = exposed(&server, request.uri().query().unwrap_or_default()).map_err(AdminError::invalid)?;
    if exposed.is_empty() {
        let message = "the host exposes no action: name some with --expose PLUGIN.ACTION, or under `mcp` in its file";
        return Err(AdminError::new(StatusCode::CONFLICT, "nothing_exposed", message));
    }
    let is_asked = request.headers().get(UPGRADE).is_some_and(|protocol| protocol == PROTOCOL);
    let Some(connection) = request.extensions_mut().remove::<OnUpgrade>().filter(|_| is_asked) else {
        return Err(AdminError::invalid("this path is for connections that are upgraded to `mcp`"));
    };
    let tools = ToolServer::exposing(&server, exposed).identity(identity);
    tokio::spawn(async move {
        match connection.await {
            Ok(stream) => {
                let (reader, writer) = tokio::io::split(TokioIo::new(stream));
                tools.serve_stream(reader, writer).await;
            }
            Err(error) => tracing::debug!("a connection was not upgraded: {error}"),
        }
    });
    let mut response = answer::with_status(StatusCode::SWITCHING_PROTOCOLS);
    response.headers_mut().insert(UPGRADE, HeaderValue::from_static(PROTOCOL));
    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("upgrade"));
    Ok(response)
}

/// The patterns of the query, or those of the host without any.
fn exposed(server: &ServerState, query: &str) -> Result<Vec<ToolPattern>, String> {
    let parameters = url::form_urlencoded::parse(query.as_bytes());
    let asked = parameters.filter(|(name, _)| name == "expose").map(|(_, pattern)| ToolPattern::parse(&pattern));
    let asked: Vec<ToolPattern> = asked.collect::<Result<_, String>>()?;
    Ok(if asked.is_empty() { server.settings().exposed.clone() } else { asked })
}
