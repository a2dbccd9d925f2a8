//! `plugbay mcp`: actions of plugins as tools for an assistant, which starts this command and speaks to its standard
//! streams.
//!
//! If a host runs on the data directory, the command connects the streams to it. Otherwise it is a host itself, as
//! `plugbay serve` is one, until the streams end.

use plugbay::manifest::ToolPattern;
use plugbay_server::mcp::{ToolServer, standard_streams};
use plugbay_server::{ServerSettings, ServerState};
use tokio::io::AsyncWriteExt;

use super::serve::{note_refresh, start};
use crate::args::{Common, Mcp, Serve};
use crate::error::Error;
use crate::exit::Exit;
use crate::host::{self, ServedHost};
use crate::host_log;
use crate::output::Output;
use crate::server_client::{ServerClient, path_part};
use crate::signal::EndSignals;

pub(crate) fn run(args: &Mcp, common: &Common, output: Output) -> Result<Exit, Error> {
    let file = host::host_file(args.host.host_file.as_deref())?;
    let data_dir = args.host.data_dir.clone().or_else(|| file.data_dir());
    if let Some(server) = data_dir.as_deref().and_then(ServerClient::of_data_dir) {
        if !args.plugins.is_empty() {
            let message = "a host runs on the data directory, and its plugins are the tools: leave out PLUGIN";
            return Err(Error::Usage(message.to_owned()));
        }
        host_log::show(common.log_threshold(), common.quiet);
        return forward(&server, &args.expose);
    }
    let serve = Serve {
        plugins: args.plugins.clone(),
        address: None,
        tls_certificate: None,
        tls_key: None,
        watch: false,
        development: false,
        sign_in_link: false,
        expose: args.expose.clone(),
        host: args.host.clone(),
    };
    let mut host = ServedHost::open(&serve, common, output)?;
    if host.exposed.is_empty() {
        let message = "no action is exposed: name some with --expose PLUGIN.ACTION, such as --expose 'shop.*', or under `mcp` \
                       in the host's file";
        return Err(Error::Usage(message.to_owned()));
    }
    let otlp = host.otlp.take();
    let ended = host::block_on_standard_streams(async {
        let mut signals = EndSignals::listen().map_err(anyhow::Error::from)?;
        let started = tokio::select! {
            biased;
            started = start(&mut host, "plugbay mcp", output) => started,
            signal = signals.next() => Err(Error::Signal(signal)),
        };
        let runtime = host.node.runtime.clone();
        let ended = match started {
            Ok(lock) => match serve_tools(&host, &mut signals, output).await {
                // The second signal.
                Err(error @ Error::Signal(_)) => return Err(error),
                served => served.map(|exit| (exit, lock)),
            },
            Err(error) => Err(error),
        };
        tokio::select! {
            biased;
            () = runtime.shutdown() => ended.map(|(exit, _lock)| exit),
            signal = signals.next() => Err(Error::Signal(signal)),
        }
    })?;
    if let Some(otlp) = otlp {
        otlp.shutdown();
    }
    ended
}

/// Answers messages until their stream ends or a signal arrives, then completes the calls that run.
async fn serve_tools(host: &ServedHost, signals: &mut EndSignals, output: Output) -> Result<Exit, Error> {
    let state = ServerState::of_node(host.node.clone(), ServerSettings::from(&host.server));
    let tools = ToolServer::exposing(&state, host.exposed.clone()).local_identity();
    let (reader, writer) = standard_streams();
    let mut serving = std::pin::pin!(tools.serve_stream(reader, writer));
    let following = host.node.follow_catalog(|refreshed| note_refresh(refreshed, output));
    tokio::select! {
        () = &mut serving => return Ok(Exit::Ok),
        _ = signals.next() => state.close(),
        never = following => match never {},
    }
    tokio::select! {
        () = serving => Ok(Exit::Ok),
        signal = signals.next() => Err(Error::Signal(signal)),
    }
}

/// Connects the standard streams to a host that runs.
fn forward(server: &ServerClient, expose: &[ToolPattern]) -> Result<Exit, Error> {
    let query: Vec<String> =
        expose.iter().map(|pattern| format!("expose={}", path_part(&pattern.to_string()))).collect();
    let path = format!("/mcp/stdio?{}", query.join("&"));
    host::block_on_standard_streams(async {
        let mut signals = EndSignals::listen().map_err(anyhow::Error::from)?;
        let (mut from_host, mut to_host) = tokio::io::split(server.upgrade(&path, "mcp").await?);
        let (mut input, mut printed) = standard_streams();
        let sent = async {
            let _ = tokio::io::copy(&mut input, &mut to_host).await;
            let _ = to_host.shutdown().await;
            std::future::pending::<()>().await;
        };
        tokio::select! {
            _ = tokio::io::copy(&mut from_host, &mut printed) => {}
            () = sent => {}
            _ = signals.next() => {}
        }
        let _ = printed.flush().await;
        Ok(Exit::Ok)
    })?
}
