//! The description of everything that the server answers: an OpenAPI 3.1 document at `/openapi.json`, and a page for
//! people at `/docs`.
//!
//! The document follows the plugins: it is rebuilt when a client asks for it after a plugin was loaded, replaced or
//! unloaded. The bodies of the administration are described by the Rust types that read them, and the payloads of
//! plugins by their own schemas: a schema of OpenAPI 3.1 is one of JSON Schema 2020-12.
//!
//! ```text
//! admin/operations.rs ─┐
//! host.rs              ├─▶ Operation ─▶ document.rs ─▶ cache in mod.rs ─▶ GET /openapi.json
//! plugin.rs            ┘                                                  GET /docs (docs.rs)
//! ```

mod docs;
mod document;
mod host;
mod operation;
mod plugin;

use std::sync::Arc;
use std::time::SystemTime;

use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::get;
use bytes::Bytes;
use http::header::{CACHE_CONTROL, ETAG, IF_NONE_MATCH};
use http::{HeaderMap, HeaderValue, StatusCode};
use parking_lot::Mutex;
use plugbay::lifecycle::PluginState;
use plugbay::{Plugin, Runtime};
use serde_json::Value;
use sha2::{Digest, Sha256};

pub(crate) use self::operation::{Operation, Schemas, object};
use crate::access::{Access, ScopeKind};
use crate::admin::{AdminError, AdminState, Caller};
use crate::answer;

/// The most bytes of an `If-None-Match` that is compared.
const IF_NONE_MATCH_BYTES_MAX: usize = 1_024;

/// Returns the OpenAPI 3.1 document of the routes and actions of all plugins of a runtime, as
/// [`plugin_routes`](crate::plugin_routes) answers them, for an application that merges those into a server of its own.
pub fn plugins_document(runtime: &Runtime) -> Value {
    document::of_plugins(&runtime.plugins())
}

/// What the description of a listener is built from.
#[derive(Clone)]
struct Described {
    admin: AdminState,
    access: Access,
    cache: Arc<Mutex<Option<Cached>>>,
}

/// A plugin as the document depends on it: its name, and when its revision was loaded.
type Version = (String, SystemTime, PluginState);

/// The document for callers that may read everything.
struct Cached {
    versions: Vec<Version>,
    body: Bytes,
    tag: HeaderValue,
}

/// Returns the routes of the description. `GET /openapi.json` needs the scope `read` and has the plugins that the
/// caller may read; `GET /docs` says nothing of the host and needs no token.
pub(crate) fn openapi_routes(admin: &AdminState, access: &Access) -> Router {
    let described = Described { admin: admin.clone(), access: access.clone(), cache: Arc::default() };
    Router::new().route("/openapi.json", get(read)).with_state(described).merge(docs::docs_routes())
}

async fn read(State(described): State<Described>, caller: Caller, headers: HeaderMap) -> Result<Response, AdminError> {
    if !caller.may_anything(ScopeKind::Read) {
        caller.reads()?;
    }
    let (body, tag) = match caller.reads() {
        Ok(()) => described.whole(),
        Err(_) => {
            let plugins = described.admin.runtime().plugins();
            let plugins: Vec<Plugin> = plugins.into_iter().filter(|plugin| caller.may_read(&plugin.name())).collect();
            described.build(&plugins)
        }
    };
    let known =
        headers.get(IF_NONE_MATCH).map(HeaderValue::as_bytes).filter(|tags| tags.len() <= IF_NONE_MATCH_BYTES_MAX);
    let is_known = known.is_some_and(|tags| tags == b"*" || tags.windows(tag.len()).any(|part| part == tag.as_bytes()));
    let mut response = match is_known {
        true => answer::with_status(StatusCode::NOT_MODIFIED),
        false => answer::with_json(StatusCode::OK, body),
    };
    let headers = response.headers_mut();
    headers.insert(ETAG, tag);
    // A plugin may be loaded at any time, and another caller may see other plugins.
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    Ok(response)
}

impl Described {
    /// The document with all plugins. It is built again if one was loaded, replaced or unloaded since.
    fn whole(&self) -> (Bytes, HeaderValue) {
        let plugins = self.admin.runtime().plugins();
        let versions: Vec<Version> = plugins.iter().map(version).collect();
        let cached = self.cache.lock().as_ref().filter(|cached| cached.versions == versions).map(Cached::content);
        cached.unwrap_or_else(|| {
            let (body, tag) = self.build(&plugins);
            *self.cache.lock() = Some(Cached { versions, body: body.clone(), tag: tag.clone() });
            (body, tag)
        })
    }

    fn build(&self, plugins: &[Plugin]) -> (Bytes, HeaderValue) {
        let has_tools = !self.admin.server().settings().exposed.is_empty();
        let body = Bytes::from(document::of_host(plugins, self.access.anonymous(), has_tools).to_string());
        let digest = Sha256::digest(&body);
        let digest: String = digest[..16].iter().map(|byte| format!("{byte:02x}")).collect();
        let tag = HeaderValue::try_from(format!("\"{digest}\"")).unwrap_or(HeaderValue::from_static("\"\""));
        (body, tag)
    }
}

impl Cached {
    fn content(&self) -> (Bytes, HeaderValue) {
        (self.body.clone(), self.tag.clone())
    }
}

fn version(plugin: &Plugin) -> Version {
    let status = plugin.status();
    (plugin.name(), status.loaded, status.state)
}
