//! Loaders of pages.

use crate::builder::Method;
use crate::constant::Json;

/// A loader, which fetches data of a page from one of the plugin's routes.
#[derive(Clone, Copy, Debug)]
pub struct Loader {
    pub(crate) id: &'static str,
    pub(crate) method: Method,
    pub(crate) api_route: &'static str,
    pub(crate) body: Json,
    pub(crate) state_key: Option<&'static str>,
    pub(crate) data_key: Option<&'static str>,
    pub(crate) cache_ms: Option<u32>,
    pub(crate) is_late: bool,
    pub(crate) interval_ms: Option<u32>,
    pub(crate) polls_while: Option<&'static str>,
    pub(crate) events: &'static [&'static str],
}

impl Loader {
    /// A loader of a GET route. The path may have placeholders: `/items/{{params.id}}`. The answer is in the page's
    /// data under the loader's id, unless a key is set.
    #[doc(alias = "createFrontendLoader")]
    pub const fn get(id: &'static str, api_route: &'static str) -> Loader {
        Loader {
            id,
            method: Method::Get,
            api_route,
            body: Json::Nothing,
            state_key: None,
            data_key: None,
            cache_ms: None,
            is_late: false,
            interval_ms: None,
            polls_while: None,
            events: &[],
        }
    }

    /// A loader of a POST route with a body, whose texts may have placeholders.
    pub const fn post(id: &'static str, api_route: &'static str, body: Json) -> Loader {
        Loader { method: Method::Post, body, ..Loader::get(id, api_route) }
    }

    /// Puts the answer into the page's state under a key.
    #[must_use]
    pub const fn state_key(mut self, key: &'static str) -> Loader {
        self.state_key = Some(key);
        self
    }

    /// Puts the answer into the page's data under a key.
    #[must_use]
    pub const fn data_key(mut self, key: &'static str) -> Loader {
        self.data_key = Some(key);
        self
    }

    /// Lets the page show an answer again for these milliseconds without another request. Default: not.
    #[must_use]
    pub const fn cache_ms(mut self, ttl: u32) -> Loader {
        self.cache_ms = Some(ttl);
        self
    }

    /// The loader does not run when the page opens, but only when an action or the page runs it.
    #[must_use]
    pub const fn late(mut self) -> Loader {
        self.is_late = true;
        self
    }

    /// Repeats the request after these milliseconds, at least 100. Default: not.
    #[must_use]
    pub const fn every_ms(mut self, interval: u32) -> Loader {
        assert!(interval >= 100, "a loader polls at most every 100 milliseconds");
        self.interval_ms = Some(interval);
        self
    }

    /// Polls only while an expression over the page's state holds. Default: always.
    #[must_use]
    pub const fn polls_while(mut self, expression: &'static str) -> Loader {
        self.polls_while = Some(expression);
        self
    }

    /// Runs the loader again after events with these topics. Default: none.
    #[must_use]
    pub const fn events(mut self, topics: &'static [&'static str]) -> Loader {
        self.events = topics;
        self
    }
}
