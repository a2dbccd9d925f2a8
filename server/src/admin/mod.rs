//! The administration of a host over HTTP: everything that an operator does with the command, for programs.
//!
//! All paths are in the table of [`admin_routes`], and each file has the handlers of one subject. A handler asks the
//! caller's [`Identity`](crate::access::Identity) for the scope that it needs, calls the library (the runtime, the
//! node, the catalog), and maps the outcome; nothing is decided here. Bodies are JSON, and unknown members are refused.

mod body;
mod caller;
mod catalog;
mod dead_letters;
mod docker;
mod dockstat;
mod error;
mod events;
mod feed;
mod host;
mod lifecycle;
mod logs;
mod operations;
mod parameters;
mod permissions;
mod plugins;
mod processes;
mod readable;
mod state;
mod stored;
mod stream;
mod tables;
mod tokens;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{any, delete, get, post, put};

pub(crate) use self::body::Body;
pub(crate) use self::caller::Caller;
pub(crate) use self::error::AdminError;
pub(crate) use self::operations::{operations, schemas};
pub(crate) use self::parameters::{Path, Query};
pub(crate) use self::processes::TELEMETRY_CONSUMER;
pub(crate) use self::readable::Readable;
pub use self::state::AdminState;
pub(crate) use self::state::seconds;
pub(crate) use self::stream::respond as respond_with_events;

/// The largest component that is uploaded, in bytes.
const UPLOAD_BYTES_MAX: usize = 128 << 20;

/// Returns the router of the administration, below `/api/v1`, with the spellings of other plugin systems beside it.
///
/// | Path | What | Scope |
/// |---|---|---|
/// | `GET /status` | the host: version, uptime, plugins by state | read |
/// | `GET /plugins`, `GET /plugins/{plugin}` | plugins with their states | read |
/// | `POST /plugins`, `POST /plugins/upload` | install from a reference, or a component that is sent | manage |
/// | `POST /plugins/{plugin}/update`, `…/rollback`, `DELETE /plugins/{plugin}` | versions | manage |
/// | `POST /plugins/{plugin}/enable`, `…/disable`, `…/restart`, `…/reload` | states | manage |
/// | `GET /plugins/{plugin}/config`, `PUT …/config/{key}` | configuration, with secrets hidden | read, manage |
/// | `GET /plugins/{plugin}/jobs`, `…/jobs/{job}` | scheduled jobs | read |
/// | `POST …/jobs/{job}/pause`, `…/resume`, `…/run`, `DELETE …/jobs/{job}` | scheduled jobs | manage |
/// | `GET /plugins/{plugin}/data`, `GET` and `DELETE …/data/{key}` | stored values | manage |
/// | `GET /plugins/{plugin}/tables`, `…/tables/{table}` | rows of the tables that the manifest declares | manage |
/// | `GET /plugins/{plugin}/permissions` | what it asks for, what is granted of it, what was denied lately | read |
/// | `POST /refresh` | follow the catalog at once | manage |
/// | `GET` and `PUT /policy` | the operator's policy | read, manage |
/// | `GET /processes`, `GET /processes/{process}` | processes with their statuses and use of the machine | read |
/// | `POST /processes/{process}/{order}` | start, stop, restart, block or unblock one or `all` | manage |
/// | `GET /docker` | Docker engines and whether they are followed | read |
/// | `GET /audit` | the latest denials | read |
/// | `GET` and `POST /logs`, `GET /logs/stream` | log lines | read, call |
/// | `POST /events`, `GET /events/stream` | publish events, and follow them | call, read |
/// | `GET /dead-letters`, `POST …/{number}/retry`, `DELETE …/{number}` | durable events that failed | read, manage |
/// | `GET` and `POST /tokens`, `DELETE /tokens/{id}` | tokens | manage |
/// | `POST /terminate` | shut the server down | manage |
pub fn admin_routes(state: &AdminState) -> Router {
    let plugin = Router::new()
        .route("/", get(plugins::get).delete(catalog::remove))
        .route("/update", post(catalog::update))
        .route("/rollback", post(catalog::rollback))
        .route("/enable", post(lifecycle::enable))
        .route("/disable", post(lifecycle::disable))
        .route("/restart", post(lifecycle::restart))
        .route("/reload", post(lifecycle::reload))
        .route("/config", get(stored::configuration))
        .route("/config/{key}", put(stored::configure))
        .route("/jobs", get(stored::jobs))
        .route("/jobs/{job}", get(stored::job).delete(stored::remove_job))
        .route("/jobs/{job}/pause", post(stored::pause_job))
        .route("/jobs/{job}/resume", post(stored::resume_job))
        .route("/jobs/{job}/run", post(stored::run_job))
        .route("/permissions", get(permissions::permissions))
        .route("/tables", get(tables::tables))
        .route("/tables/{table}", get(tables::table))
        .route("/data", get(stored::data))
        .route("/data/{key}", get(stored::value).delete(stored::remove_value));
    let api = Router::new()
        .route("/status", get(host::status))
        .route("/plugins", get(plugins::list).post(catalog::install))
        .route("/plugins/upload", post(catalog::upload).layer(DefaultBodyLimit::max(UPLOAD_BYTES_MAX)))
        .nest("/plugins/{plugin}", plugin)
        .route("/refresh", post(lifecycle::refresh))
        .route("/policy", get(host::policy).put(host::set_policy))
        .route("/processes", get(processes::list))
        .route("/processes/{process}", get(processes::get))
        .route("/processes/{process}/{order}", post(processes::order))
        .route("/docker", get(docker::list))
        .route("/audit", get(host::audit))
        .route("/logs", get(logs::read).post(logs::write))
        .route("/logs/stream", get(stream::logs))
        .route("/events", post(events::publish))
        .route("/events/stream", get(stream::events))
        .route("/dead-letters", get(dead_letters::list))
        .route("/dead-letters/{number}", delete(dead_letters::remove))
        .route("/dead-letters/{number}/retry", post(dead_letters::retry))
        .route("/tokens", get(tokens::list).post(tokens::create))
        .route("/tokens/{id}", delete(tokens::revoke))
        .route("/terminate", post(host::terminate));
    // Pup's paths.
    let pup = Router::new()
        .route("/logs", get(logs::read_as_pup))
        .route("/log", post(logs::write_as_pup))
        .route("/events", post(events::publish))
        .route("/events/stream", get(stream::events))
        .route("/ipc", post(events::ipc))
        .route("/processes", get(processes::list_as_pup))
        .route("/processes/{process}/{order}", post(processes::order_as_pup))
        .route("/telemetry", post(processes::telemetry))
        .route("/state", get(processes::state))
        .route("/terminate", post(host::terminate))
        .route("/wss", get(stream::web_socket));
    // DockStat's paths.
    let dockstat = Router::new()
        .route("/", get(dockstat::list))
        .route("/install", post(dockstat::install))
        .route("/{plugin}", get(dockstat::get).delete(dockstat::remove))
        .route("/{plugin}/activate", post(lifecycle::enable))
        .route("/{plugin}/deactivate", post(lifecycle::disable));
    let dockstat = dockstat::ROUTES.into_iter().fold(dockstat, |all, path| all.route(path, any(dockstat::route)));
    // A plugin's routes are the same below its number.
    let below_plugins = dockstat::ROUTES
        .into_iter()
        .fold(Router::new(), |all, path| all.route(&format!("/plugins{path}"), any(dockstat::route)));
    Router::new()
        .nest("/api/v1", api)
        .merge(below_plugins)
        .merge(pup)
        .route("/plugins", get(dockstat::status))
        .nest("/api/v2/plugins", dockstat)
        // DockStat's clients write the slash.
        .route("/api/v2/plugins/", get(dockstat::list))
        .layer(DefaultBodyLimit::max(state.server().settings().body_bytes_max))
        .with_state(state.clone())
}
