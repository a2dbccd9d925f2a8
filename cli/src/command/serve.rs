//! `plugbay serve`: loads all plugins of a host and answers requests to them over HTTP.
//!
//! The first signal ends it: processes end, running requests are completed, plugins are unloaded, and the exit code is
//! 0. A second one ends it at once, with the code of that signal. SIGHUP makes it read the host's file and the
//! certificate again.

mod reload;
mod started;

use std::convert::Infallible;
use std::io::IsTerminal;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::Arc;
use std::time::SystemTime;

use anyhow::Context;
use plugbay_catalog::HostLock;
use plugbay_node::{FileWatch, FollowError, ProcessOptions, RefreshReport, watch_plugins};
#[cfg(unix)]
use plugbay_server::LocalSocket;
use plugbay_server::access::{Access, AccessOptions, Scope, ScopeKind, TokenStore};
use plugbay_server::admin::AdminState;
use plugbay_server::telemetry::Otlp;
use plugbay_server::{ProcessVariables, Server, ServerSettings, ServerState, TlsCertificate, host_router};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use self::reload::{reload, renew};
use self::started::Started;
use crate::args::{Common, Serve};
use crate::error::Error;
use crate::exit::Exit;
use crate::host::{self, ServedHost};
use crate::open_files;
use crate::output::Output;
use crate::progress::TransferProgress;
use crate::sign_in::{self, DEFAULT_ADDRESS};
use crate::signal::EndSignals;

pub(crate) fn run(args: &Serve, common: &Common, output: Output) -> Result<Exit, Error> {
    let mut host = ServedHost::open(args, common, output)?;
    let address = args.address.or(host.server.address).unwrap_or(DEFAULT_ADDRESS);
    let otlp = host.otlp.take();
    host::block_on_all_cores(async {
        let mut signals = EndSignals::listen().context("cannot handle the signals that end a process")?;
        // Before anything is loaded: an address in use is the most frequent mistake.
        let listener = TcpListener::bind(address).await;
        let listener = listener.map_err(|error| Error::Usage(format!("cannot listen on {address}: {error}")))?;
        let certificate = certificate(&host, args)?;
        let (access, tokens) = access(&host, address, output)?;
        let access = (access.plugins(host.plugin_tokens.clone()).tls(certificate.is_some()), tokens);
        // Before the plugins are loaded. The server answers once all of them are.
        let served_at = listener.local_addr().context("the socket has no address")?;
        host.plugin_tokens.set_url(sign_in::base_url(served_at, &host.server.hosts, certificate.is_some()));
        let started = tokio::select! {
            biased;
            started = start(&mut host, "plugbay serve", output) => started,
            signal = signals.next_end() => Err(Error::Signal(signal)),
        };
        let node = host.node.clone();
        let ended = match started {
            Ok(lock) => {
                let listening = Listening { listener, certificate };
                let served = serve(host, listening, access, args, otlp.as_ref(), &mut signals, output).await;
                // The second signal: nothing is ended in order. Processes end as they do when their host is killed.
                if let Err(error @ Error::Signal(_)) = served {
                    return Err(error);
                }
                served.map(|exit| (exit, lock))
            }
            Err(error) => Err(error),
        };
        let closed = async {
            node.shutdown().await;
            if let Some(otlp) = otlp {
                send_the_rest(otlp).await;
            }
        };
        tokio::select! {
            biased;
            () = closed => ended.map(|(exit, _lock)| exit),
            signal = signals.next_end() => Err(Error::Signal(signal)),
        }
    })
}

/// Sends the telemetry that has not been sent yet, on a thread that a second signal does not wait for.
async fn send_the_rest(otlp: Otlp) {
    let (done, is_done) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || {
        otlp.shutdown();
        let _ = done.send(());
    });
    // The sender is dropped if the thread panics.
    let _ = is_done.await;
}

/// A socket, and the certificate with which it speaks TLS.
struct Listening {
    listener: TcpListener,
    certificate: Option<TlsCertificate>,
}

/// Loads all plugins. An error of a plugin that the command line names ends the command; the
/// others are reported.
pub(super) async fn start(host: &mut ServedHost, command: &str, output: Output) -> Result<Option<HostLock>, Error> {
    let report = host.node.boot(command, &TransferProgress::new(output.quiet)).await?;
    report.errors.into_iter().for_each(|error| Error::from(error).report_as_text());
    let loaded = host.node.runtime.load_all(std::mem::take(&mut host.packages)).await;
    if let Some(error) = loaded.errors.into_iter().next() {
        return Err(error.into());
    }
    Ok(report.lock)
}

/// Prints what is served, and answers requests until a signal arrives, then completes those that run.
async fn serve(
    host: ServedHost,
    Listening { listener, certificate }: Listening,
    (access, tokens): (Access, Option<Arc<TokenStore>>),
    args: &Serve,
    otlp: Option<&Otlp>,
    signals: &mut EndSignals,
    output: Output,
) -> Result<Exit, Error> {
    let address = listener.local_addr().context("the socket has no address")?;
    let mut settings = ServerSettings::from(&host.server);
    settings.development |= args.development;
    settings.exposed = host.exposed.clone();
    if let Err(problem) = open_files::raise_limit(&settings) {
        output.note(&problem);
    }
    let host = Arc::new(host);
    let state = ServerState::of_node(host.node.clone(), settings);
    let base = sign_in::base_url(address, &host.server.hosts, certificate.is_some());
    state.set_url(&*base);
    let link = match args.sign_in_link || std::io::stdout().is_terminal() {
        true => sign_in_link(&tokens, &base)?,
        false => None,
    };
    let tokens = if host.has_token_file() { tokens } else { None };
    let admin = AdminState::new(&state, tokens.clone(), host.logs.clone());
    if let Some(otlp) = otlp {
        otlp.export_metrics(&admin);
    }
    let server = Server::new(&state, host_router(&admin, access));
    let mut serving = match certificate.clone() {
        None => tokio::spawn(async move {
            server.serve(listener).await;
            Ok(())
        }),
        Some(certificate) => tokio::spawn(async move { server.serve_tls(listener, &certificate).await }),
    };
    let local = local_server(&host, &admin, tokens.clone(), output);
    start_processes(&host, address, certificate.is_some(), tokens)?;
    host.node.start_docker();
    // Programs that read this may use the local socket at once.
    let scheme = if certificate.is_some() { "https" } else { "http" };
    let started = Started { base: format!("{scheme}://{address}"), has_tools: !host.exposed.is_empty(), link };
    started.print(&host.node.runtime.plugins(), output)?;
    let mut following = pin!(host.node.follow_catalog(|refreshed| note_refresh(refreshed, output)));
    let mut watching = pin!(watch(&host, output));
    let mut renewing = pin!(renew(certificate.as_ref(), output));
    loop {
        tokio::select! {
            signal = signals.next() => match signals.is_reload(signal) {
                true => reload(&host, certificate.as_ref(), output).await,
                false => break,
            },
            // It is shut down by a client, or it panicked.
            ended = &mut serving => {
                ended.context("the server panicked")?.context("the server cannot speak TLS")?;
                return Ok(Exit::Ok);
            }
            () = state.closed() => break,
            never = &mut following => match never {},
            never = &mut watching, if args.watch => match never {},
            never = &mut renewing, if certificate.is_some() => match never {},
        }
    }
    state.close();
    let drained = async {
        serving.await.context("the server panicked")?.context("the server cannot speak TLS")?;
        if let Some(otlp) = otlp {
            otlp.export_metrics_now(&admin).await;
        }
        if let Some(local) = local {
            local.await.context("the server of the local socket panicked")?;
        }
        Ok(Exit::Ok)
    };
    tokio::select! {
        drained = drained => drained,
        signal = signals.next_end() => Err(Error::Signal(signal)),
    }
}

/// A link to sign in, if there are tokens.
fn sign_in_link(tokens: &Option<Arc<TokenStore>>, base: &str) -> Result<Option<String>, Error> {
    let Some(tokens) = tokens else { return Ok(None) };
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
    let code = tokens.create_code("operator", &[Scope::all(ScopeKind::Manage)], now)?;
    Ok(Some(sign_in::link(base, &code)))
}

/// Starts the processes of the host's file, whose output is in the log of the host.
fn start_processes(
    host: &ServedHost,
    address: SocketAddr,
    is_tls: bool,
    tokens: Option<Arc<TokenStore>>,
) -> Result<(), Error> {
    let data_dir = host.node.data_dir().filter(|_| host.node.is_writable());
    let variables = ProcessVariables::new(address, is_tls, data_dir.map(Path::to_owned), tokens);
    let mut options = ProcessOptions::default();
    options.port = Some(address.port());
    options.variables = Arc::new(move |process| variables.of(process));
    options.log = host::process_log(host.logs.clone());
    host.node.start_processes(options).map_err(|error| Error::Usage(error.to_string()))
}

/// The rules of access for an address, and the tokens of the data directory. Without one that can be written, sessions
/// are in memory, and there are no tokens.
fn access(host: &ServedHost, address: SocketAddr, output: Output) -> Result<(Access, Option<Arc<TokenStore>>), Error> {
    let tokens = match host.node.data_dir() {
        Some(directory) if host.has_token_file() => TokenStore::open(directory)?,
        _ => TokenStore::in_memory()?,
    };
    let tokens = Some(Arc::new(tokens));
    let mut options = AccessOptions::of_file(&host.server).map_err(|error| Error::Usage(error.to_string()))?;
    options.revoked = host.node.file().revoked_consumers().to_vec();
    let access = Access::of_address(address, tokens.clone(), &options);
    let access = access.map_err(|error| Error::Usage(error.to_string()))?;
    if !address.ip().is_loopback() || options.anonymous.is_some() {
        let scopes: Vec<String> = access.anonymous().iter().map(ToString::to_string).collect();
        match scopes.is_empty() {
            true => output.note(&format!("{address} is served to clients with a token only")),
            false => output.note(&format!("clients of {address} without a token have: {}", scopes.join(", "))),
        }
    }
    Ok((access, tokens))
}

/// The certificate of the command line, or of the host's file.
fn certificate(host: &ServedHost, args: &Serve) -> Result<Option<TlsCertificate>, Error> {
    let files = match (&args.tls_certificate, &args.tls_key, &host.server.tls) {
        (Some(certificate), Some(key), _) => (certificate, key),
        (_, _, Some(tls)) => (&tls.certificate, &tls.key),
        _ => return Ok(None),
    };
    let opened = TlsCertificate::open(files.0, files.1);
    opened.map(Some).map_err(|error| Error::Usage(error.to_string()))
}

/// Serves the local socket of the data directory, over which the command on this machine speaks to this host.
#[cfg(unix)]
fn local_server(
    host: &ServedHost,
    admin: &AdminState,
    tokens: Option<Arc<TokenStore>>,
    output: Output,
) -> Option<JoinHandle<()>> {
    let directory = host.node.data_dir().filter(|_| host.node.is_writable())?;
    let socket = match LocalSocket::open(directory) {
        Ok(socket) => socket,
        Err(error) => {
            output.note(&format!("other commands cannot reach this host, because its socket cannot be made: {error}"));
            return None;
        }
    };
    let server = Server::new(admin.server(), host_router(admin, Access::of_local_socket(tokens)));
    Some(tokio::spawn(async move { server.serve_local(socket).await }))
}

#[cfg(not(unix))]
fn local_server(_: &ServedHost, _: &AdminState, _: Option<Arc<TokenStore>>, _: Output) -> Option<JoinHandle<()>> {
    None
}

/// Reloads plugins whose files change, and builds crates whose sources do.
async fn watch(host: &Arc<ServedHost>, output: Output) -> Infallible {
    let files = watch_plugins(&host.node.runtime, |plugin, reloaded| match reloaded {
        Ok(()) => output.note(&format!("{plugin} is reloaded")),
        Err(error) => Error::from(error).report_as_text(),
    });
    tokio::select! {
        never = files => never,
        never = watch_crates(host, output) => never,
    }
}

async fn watch_crates(host: &Arc<ServedHost>, output: Output) -> Infallible {
    let mut watch = FileWatch::default();
    host.crates.iter().for_each(|directory| watch.add(directory));
    loop {
        let changed = watch.changed().await;
        for directory in &host.crates {
            let is_changed = std::path::absolute(directory).is_ok_and(|path| changed.contains(&path));
            if is_changed && let Err(error) = rebuild(host.clone(), directory.clone(), output).await {
                error.report_as_text();
            }
        }
    }
}

async fn rebuild(host: Arc<ServedHost>, directory: PathBuf, output: Output) -> Result<(), Error> {
    let runtime = host.node.runtime.clone();
    let built = tokio::task::spawn_blocking(move || host.rebuilt(&directory, output)).await;
    let plugin = runtime.reload(built.context("the build panicked")??).await?;
    output.note(&format!("{} is reloaded", plugin.name()));
    Ok(())
}

pub(super) fn note_refresh(refreshed: Result<RefreshReport, FollowError>, output: Output) {
    let report = match refreshed {
        Ok(report) => report,
        Err(error) => return output.note(&format!("the catalog is not followed: {error}")),
    };
    let lists = [
        ("loaded", &report.loaded),
        ("reloaded", &report.reloaded),
        ("disabled", &report.disabled),
        ("unloaded", &report.unloaded),
    ];
    for (what, plugins) in lists.into_iter().filter(|(_, plugins)| !plugins.is_empty()) {
        output.note(&format!("{what}: {}", plugins.join(", ")));
    }
    report.errors.into_iter().for_each(|error| Error::from(error).report_as_text());
}
