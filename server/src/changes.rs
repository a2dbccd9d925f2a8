//! Changes of a plugin that is being written, for the pages that show it: new revisions, and why one cannot be loaded.
//!
//! Only `plugbay dev` reports changes. Its documents have one script more (`server/ui/page/dev.js`), which follows them
//! at `/ui/changes`.

use std::sync::Arc;

use axum::response::Response;
use axum::response::sse::Event;
use axum::routing::get;
use axum::{Router, extract::State};
use serde::Serialize;
use tokio::sync::watch;
use tokio_stream::StreamExt;
use tokio_stream::wrappers::WatchStream;

use crate::ServerState;
use crate::admin::respond_with_events;

/// The changes of a plugin that is being written, for the pages that show it. Clones share them.
#[derive(Debug, Clone)]
pub struct Changes(Arc<watch::Sender<Change>>);

/// The latest change.
#[derive(Debug, Clone, Serialize)]
struct Change {
    /// Grows with each revision that is loaded.
    revision: u64,
    /// The reason why the latest files could not be loaded.
    problem: Option<String>,
}

impl Changes {
    /// Creates the changes of a plugin that is loaded. Revisions of another process have other numbers.
    pub fn new() -> Self {
        let first = Change { revision: u64::from(fastrand::u32(..)), problem: None };
        Changes(Arc::new(watch::Sender::new(first)))
    }

    /// Reports that the plugin was loaded again: its pages are opened again.
    pub fn loaded(&self) {
        self.0.send_modify(|change| *change = Change { revision: change.revision + 1, problem: None });
    }

    /// Reports that the plugin could not be built or loaded: its pages show this text and stay as they are.
    pub fn failed(&self, problem: impl Into<String>) {
        self.0.send_modify(|change| change.problem = Some(problem.into()));
    }
}

impl Default for Changes {
    fn default() -> Self {
        Changes::new()
    }
}

/// Returns the route of the changes, if the server reports any.
pub(crate) fn change_routes(state: &ServerState) -> Router {
    match state.changes() {
        None => Router::new(),
        Some(changes) => {
            let followed = (state.clone(), changes.clone());
            Router::new().route("/ui/changes", get(follow)).with_state(followed)
        }
    }
}

/// `GET /ui/changes`: the latest change, and each one after it.
async fn follow(State((state, changes)): State<(ServerState, Changes)>) -> Response {
    let sent = WatchStream::new(changes.0.subscribe())
        .map(|change| Ok(Event::default().data(serde_json::json!(change).to_string())));
    respond_with_events(&state, sent)
}
