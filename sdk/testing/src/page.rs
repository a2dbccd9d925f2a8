//! Pages of a plugin, opened and used without a browser.

use plugbay::page::{ActionResult, LoaderResult, OpenedPage, PageCall, PageError};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::plugin::TestPlugin;

/// A page of a plugin, prepared by [`TestPlugin::page`].
#[derive(Debug)]
#[must_use = "a page is used by `open`, `load` or `run`"]
pub struct PageRequest<'p> {
    plugin: &'p TestPlugin,
    call: PageCall,
}

impl TestPlugin {
    /// Prepares a page for a person who opens this path below the plugin's pages.
    ///
    /// ```no_run
    /// # use plugbay_testing::{TestHost, json};
    /// # let host = TestHost::new();
    /// # let shop = host.plugin("shop").load();
    /// let page = shop.page("/items").open();
    /// assert_eq!(page.data()["items"][0]["name"], "Tea");
    /// let saved = shop.page("/items").run("save", json!({ "name": "Coffee" }));
    /// assert!(saved.success, "{saved:?}");
    /// ```
    pub fn page(&self, path: &str) -> PageRequest<'_> {
        PageRequest { plugin: self, call: PageCall::new(path).full_errors(true) }
    }
}

impl PageRequest<'_> {
    /// Sets the state of the page.
    ///
    /// # Panics
    /// If it is not an object as JSON.
    #[track_caller]
    pub fn state(mut self, state: impl Serialize) -> Self {
        match serde_json::to_value(&state) {
            Ok(Value::Object(state)) => self.call = self.call.state(state),
            other => panic!("the state of a page is an object, not {other:?}"),
        }
        self
    }

    /// Sets the authenticated identity of the person, and its scopes for the plugin. Default: none.
    pub fn identity(mut self, name: impl Into<String>, scopes: &[&str]) -> Self {
        self.call = self.call.identity(name, scopes.iter().copied());
        self
    }

    /// Opens the page and runs its loaders.
    ///
    /// # Errors
    /// [`PageError`] if the plugin has no such page. A loader that fails is a part of the page.
    pub fn try_open(self) -> Result<OpenedPage, PageError> {
        let host = &self.plugin.host;
        host.run(host.runtime.open_page(&self.plugin.name(), self.call))
    }

    /// Opens the page and runs its loaders.
    ///
    /// # Panics
    /// If the plugin has no such page, or a loader fails.
    #[track_caller]
    pub fn open(self) -> OpenedPage {
        let name = self.plugin.name();
        let page = self.try_open().unwrap_or_else(|error| panic!("{error}"));
        for result in page.loader_results() {
            assert!(result.success, "plugin `{name}`: a loader failed: {result:?}");
        }
        page
    }

    /// Runs loaders of the page.
    ///
    /// # Errors
    /// [`PageError`] if the plugin has no such page, or that no such loader. A loader that fails is a result.
    pub fn try_load(self, loaders: &[&str]) -> Result<Vec<LoaderResult>, PageError> {
        let host = &self.plugin.host;
        let ids: Vec<String> = loaders.iter().map(ToString::to_string).collect();
        host.run(host.runtime.run_loaders(&self.plugin.name(), self.call, Some(&ids)))
    }

    /// Runs a loader of the page.
    ///
    /// # Panics
    /// If the plugin has no such page or loader.
    #[track_caller]
    pub fn load(self, loader: &str) -> LoaderResult {
        let results = self.try_load(&[loader]).unwrap_or_else(|error| panic!("{error}"));
        results.into_iter().next().unwrap_or_else(|| panic!("no result of the loader `{loader}`"))
    }

    /// Runs an action of the page with a payload. When this returns, the handlers of the events that plugins published
    /// meanwhile have run.
    ///
    /// # Errors
    /// [`PageError`] if the plugin has no such page, or that no such action. A route that fails is a result.
    pub fn try_run(self, action: &str, payload: impl Into<Value>) -> Result<ActionResult, PageError> {
        let host = &self.plugin.host;
        let call = self.call.payload(payload.into());
        host.run(host.runtime.run_page_action(&self.plugin.name(), action, call))
    }

    /// Runs an action of the page with a payload.
    ///
    /// # Panics
    /// If the plugin has no such page or action.
    #[track_caller]
    pub fn run(self, action: &str, payload: impl Into<Value>) -> ActionResult {
        self.try_run(action, payload).unwrap_or_else(|error| panic!("{error}"))
    }

    pub(crate) fn with_state(mut self, state: Map<String, Value>) -> Self {
        self.call = self.call.state(state);
        self
    }
}
