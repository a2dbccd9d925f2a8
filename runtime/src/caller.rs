//! The origin of a call: its caller, and the id under which it is logged and audited.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

/// The caller of a plugin. The host sets it; a plugin cannot choose its own.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Caller {
    /// The application that embeds the runtime.
    #[default]
    Host,
    /// A person or program at the command line.
    Cli,
    /// A client of the application's HTTP server.
    Http,
    /// An assistant, for which the action is a tool of the Model Context Protocol.
    Mcp,
    /// A scheduled job of the plugin itself.
    Schedule,
    /// An event that the plugin subscribed to.
    Event,
    /// Another plugin, by its name. An application that sets it vouches for it: the plugin's `allowed_callers` are
    /// checked only for calls that come from a plugin.
    Plugin(String),
}

impl fmt::Display for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Caller::Host => f.write_str("host"),
            Caller::Cli => f.write_str("cli"),
            Caller::Http => f.write_str("http"),
            Caller::Mcp => f.write_str("mcp"),
            Caller::Schedule => f.write_str("schedule"),
            Caller::Event => f.write_str("event"),
            Caller::Plugin(name) => write!(f, "plugin:{name}"),
        }
    }
}

/// The origin of the current call, as log lines and audit records report it.
#[derive(Debug, Clone, Default)]
pub(crate) struct CallOrigin {
    pub(crate) caller: Caller,
    /// The id under which the call is logged.
    pub(crate) request_id: RequestId,
}

impl CallOrigin {
    /// Becomes the origin of the next call.
    pub(crate) fn begin(&mut self, caller: &Caller, request_id: Option<&str>) {
        self.caller.clone_from(caller);
        self.request_id.begin(request_id);
    }
}

/// The id of a call. Most calls log nothing, so it is created on first use. Clones share it.
#[derive(Debug, Clone, Default)]
pub(crate) struct RequestId(Arc<OnceLock<String>>);

impl RequestId {
    /// Returns the id.
    pub(crate) fn get(&self) -> &str {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        self.0.get_or_init(|| format!("{:x}-{:x}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed)))
    }

    /// Becomes the id of the next call. An id that was never created serves for that call too, which costs nothing.
    fn begin(&mut self, given: Option<&str>) {
        match given {
            // The memory of the last call's id serves for this one.
            Some(given) => match Arc::get_mut(&mut self.0).and_then(OnceLock::get_mut) {
                Some(id) => given.clone_into(id),
                None => self.0 = Arc::new(given.to_owned().into()),
            },
            None if self.0.get().is_some() => *self = RequestId::default(),
            None => {}
        }
    }

    /// Makes this a clone of `other`, at no cost if it is one.
    pub(crate) fn follow(&mut self, other: &RequestId) {
        if !Arc::ptr_eq(&self.0, &other.0) {
            *self = other.clone();
        }
    }
}
