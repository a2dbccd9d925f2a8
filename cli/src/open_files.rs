//! The system's limit on the open files of this process, which sockets count against.
//!
//! Many systems start processes with a soft limit of 1,024 and a much higher hard limit. The soft limit is low for the
//! sake of programs that use `select`, so it is raised only as far as it has to be: child processes inherit it.

use plugbay_server::ServerSettings;

/// Files beside the connections: databases, the code cache, watches, and the pipes of processes.
const OTHER_FILES: u64 = 1_024;

/// Raises the limit so that the server can have all the connections that its settings allow. Returns what to report if
/// it cannot be raised so far.
#[cfg(unix)]
pub(crate) fn raise_limit(settings: &ServerSettings) -> Result<(), String> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

    let needed = (settings.connections_max as u64).saturating_add(OTHER_FILES);
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    // `None` is no limit.
    let Some(limit) = current.filter(|limit| *limit < needed) else { return Ok(()) };
    let allowed = maximum.unwrap_or(needed).min(needed);
    let raised = setrlimit(Resource::Nofile, Rlimit { current: Some(allowed), maximum });
    let limit = if raised.is_ok() { allowed } else { limit };
    if limit == needed {
        return Ok(());
    }
    Err(format!(
        "the system allows this process {limit} open files, and {} connections need {needed}; raise the limit \
         (`ulimit -n`, `LimitNOFILE=` of systemd) or lower `server.max_connections`",
        settings.connections_max,
    ))
}

/// Other systems have no such limit.
#[cfg(not(unix))]
pub(crate) fn raise_limit(_settings: &ServerSettings) -> Result<(), String> {
    Ok(())
}
