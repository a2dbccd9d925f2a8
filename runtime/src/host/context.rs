//! The host's context of a loaded plugin.

use std::sync::{Arc, OnceLock};

use parking_lot::Mutex;

use super::Permissions;
use super::extension::PluginExtensions;
use super::wasi::WasiGrants;
use crate::audit::line_quota::LineQuota;
use crate::clock::Clock;
use crate::event::{EventBus, TopicPatterns};
use crate::metrics::Metrics;
use crate::plugin_limits::Ceilings;
use crate::service::api::PluginApi;
use crate::service::cache::PluginCache;
use crate::service::config::PluginConfig;
use crate::service::data::PluginData;
use crate::service::db::{PluginDb, SqlPermission};
use crate::service::http::PluginHttp;
use crate::service::jobs::PluginJobs;
use crate::service::log::PluginLog;
use crate::service::plugins::PluginCalls;
use crate::service::processes::Processes;

/// The services and permissions of a loaded plugin. Created once per load and shared by all its instances.
pub(crate) struct PluginContext {
    pub(crate) name: Arc<str>,
    /// The plugin's grants and the audit of their use.
    pub(crate) permissions: Permissions,
    /// The check of a statement's tables, which may happen on another thread.
    pub(crate) may_use_table: SqlPermission,
    /// The guest's wall clock.
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) log: PluginLog,
    pub(crate) config: PluginConfig,
    pub(crate) data: PluginData,
    pub(crate) cache: PluginCache,
    pub(crate) db: PluginDb,
    pub(crate) jobs: PluginJobs,
    pub(crate) plugins: PluginCalls,
    /// The processes of the host.
    pub(crate) processes: Processes,
    pub(crate) http: PluginHttp,
    /// The plugin's tokens for the server of the host.
    pub(crate) api: PluginApi,
    /// The counters of all revisions of the plugin, with its own.
    pub(crate) metrics: Arc<Metrics>,
    /// The headers of HTTP requests that plugins see, in lower case.
    pub(crate) request_headers: Arc<[String]>,
    pub(crate) events: Arc<EventBus>,
    /// The topics that the manifest lists as published.
    pub(crate) published_topics: TopicPatterns,
    /// The quota of events that the plugin publishes, from its first one on.
    pub(crate) publishes: OnceLock<Box<Mutex<LineQuota>>>,
    /// The interfaces of the application.
    pub(crate) extensions: PluginExtensions,
    /// The environment that the guest sees: variables that its manifest declares and, for trusted plugins, granted
    /// ones.
    pub(crate) environment: Vec<(String, String)>,
    pub(crate) wasi: WasiGrants,
    /// The operator's ceilings, to determine the origin of an exceeded limit.
    pub(crate) ceilings: Arc<Ceilings>,
    /// The maximum number of live instances in this process, for the error of a plugin that gets none.
    pub(crate) live_instances: u32,
}
