//! The last action of each plugin that a request called, for the plugin's report.
//!
//! A request stores what it called; the name of a route's action is looked up when a client asks.

use std::collections::HashMap;

use http::Method;
use parking_lot::Mutex;
use plugbay::Plugin;

/// The last calls by the names of their plugins, all of which are loaded or were.
#[derive(Debug, Default)]
pub(crate) struct LastActions(Mutex<HashMap<String, Called>>);

/// What a request called.
#[derive(Debug, PartialEq, Eq)]
enum Called {
    Action(String),
    Route { method: Method, path: String },
}

impl LastActions {
    /// Stores that a request called an action.
    pub(super) fn action(&self, plugin: &str, action: &str) {
        self.set(
            plugin,
            |called| matches!(called, Called::Action(last) if last == action),
            || Called::Action(action.to_owned()),
        );
    }

    /// Stores that a request was answered by the route with this path, as it was declared.
    pub(super) fn route(&self, plugin: &str, method: &Method, path: &str) {
        let same = |called: &Called| matches!(called, Called::Route { method: m, path: p } if m == method && p == path);
        self.set(plugin, same, || Called::Route { method: method.clone(), path: path.to_owned() });
    }

    /// The name of the plugin's last action; of a chain, its last one.
    pub(super) fn of(&self, plugin: &Plugin) -> Option<String> {
        let manifest = plugin.manifest();
        match self.0.lock().get(&manifest.name)? {
            Called::Action(action) => Some(action.clone()),
            Called::Route { method, path } => {
                let method = if *method == Method::HEAD { &Method::GET } else { method };
                let is_it =
                    |route: &&plugbay::manifest::Route| route.path == *path && route.method.name() == method.as_str();
                manifest.routes.iter().find(is_it)?.actions.last().cloned()
            }
        }
    }

    fn set(&self, plugin: &str, is_same: impl Fn(&Called) -> bool, called: impl FnOnce() -> Called) {
        let mut all = self.0.lock();
        match all.get_mut(plugin) {
            Some(last) if is_same(last) => {}
            Some(last) => *last = called(),
            None => _ = all.insert(plugin.to_owned(), called()),
        }
    }
}
