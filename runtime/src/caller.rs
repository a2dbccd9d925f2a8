//! The origin of a call: its caller, and the id under which it is logged and audited.

use std::fmt;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

/// The caller of a plugin. The host sets it; a plugin cannot choose its own.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Caller {
    /// The application that embeds the runtime.
    #[default]
    Host,
    /// A person or program at the command line.
    Cli,
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
    request_id: OnceLock<String>,
}

impl CallOrigin {
    pub(crate) fn new(caller: Caller, request_id: Option<&str>) -> Self {
        CallOrigin { caller, request_id: request_id.map(|id| OnceLock::from(id.to_owned())).unwrap_or_default() }
    }

    /// The id under which the call is logged. Most calls log nothing, so it is created on first use.
    pub(crate) fn request_id(&self) -> &str {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        self.request_id.get_or_init(|| format!("{:x}-{:x}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed)))
    }
}
