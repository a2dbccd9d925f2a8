//! The fluent builder: a plugin as one constant, without attributes.
//!
//! Most plugins are written with [`#[plugin]`](macro@crate::plugin), which expands to the calls below. The builder is
//! for plugins whose actions are not methods of one `impl` block, and for code that generates plugins.
//!
//! ```
//! use plugbay_sdk::builder::{Plugin, create_actions, create_api_routes, export_plugin};
//! use plugbay_sdk::prelude::*;
//!
//! #[derive(Default)]
//! struct Notes(Vec<String>);
//!
//! impl Notes {
//!     fn add(&mut self, note: String) -> Result<usize> {
//!         self.0.push(note);
//!         Ok(self.0.len())
//!     }
//!
//!     fn list(&mut self) -> Result<Vec<String>> {
//!         Ok(self.0.clone())
//!     }
//! }
//!
//! const PLUGIN: Plugin<Notes> = Plugin::builder()
//!     .name("notes")
//!     .version("1.0.0")
//!     .description("Stores short texts")
//!     .actions(create_actions! {
//!         /// Adds a note and returns the number of notes.
//!         "add" => Notes::add,
//!         "list" => Notes::list,
//!     })
//!     .routes(create_api_routes! {
//!         GET "/notes" => ["list"],
//!         POST "/notes" => ["add", "list"],
//!     })
//!     .build();
//!
//! export_plugin!(PLUGIN: Notes);
//! # fn main() {}
//! ```
//!
//! | Attribute | Builder |
//! |---|---|
//! | `#[plugin]` | [`Plugin::builder`] and [`export_plugin!`] |
//! | `#[plugin(new = Shop::new)]` | [`Plugin::builder_with`] |
//! | `#[action]` | [`Builder::actions`] with [`create_actions!`] or [`create_action!`] |
//! | `#[get(…)]` and the like | [`Builder::routes`] with [`create_api_routes!`] or [`create_route!`] |
//! | `#[on_event("…")]` | [`Builder::subscriptions`] with [`Subscription::new`]; export `events` |
//! | `#[on_event("…", dynamic)]` | the same with [`Subscription::dynamic`] |
//! | `#[on_event]` | [`Builder::on_event`]; export `events` |
//! | `#[on_load]` and the other hooks | [`Builder::on_load`] and so on; export `lifecycle` |
//! | `#[health]` | [`Builder::health`]; export `health` |
//! | `#[plugin(tables(…))]` | [`Builder::tables`] with [`create_tables!`](crate::db::create_tables) |
//! | `#[page(…)]` | [`Builder::frontend`] |
//! | `#[plugin(permissions(…))]` | [`Builder::permissions`] |
//! | `#[plugin(publishes(…), requires(…))]` | [`Builder::publishes`], [`Builder::requires`] |
//! | the manifest file | [`Builder::source`] with [`manifest!`], or the builder's method for each field |
//!
//! # Checks
//!
//! Everything here is const, for two reasons. The host reads the whole declaration from the `.wasm` file without
//! running any of the plugin's code. And a mistake fails the build:
//!
//! ```compile_fail
//! use plugbay_sdk::builder::Plugin;
//! const PLUGIN: Plugin<()> = Plugin::builder().version("1.0.0").build(); // Plugin name is required
//! ```
//!
//! ```compile_fail
//! use plugbay_sdk::builder::{Plugin, Route};
//! const PLUGIN: Plugin<()> = Plugin::builder()
//!     .name("notes")
//!     .version("1.0.0")
//!     .routes(&[Route::get("/notes", &["lits"])]) // route GET /notes names the unknown action `lits`
//!     .build();
//! ```

mod action;
mod check;
mod hooks;
mod permission;
mod requests;
mod route;
mod setting;
mod source;
mod write;

#[doc(inline)]
pub use crate::macros::manifest;
#[doc(inline)]
pub use crate::ui::{create_frontend_action, create_frontend_config, create_frontend_loader, create_frontend_route};
#[doc(inline)]
pub use crate::{create_action, create_actions, create_api_routes, create_route, export_plugin};
pub use action::{Action, Handler, WithInvocation};
pub use check::Export;
pub(crate) use check::fail;
pub use hooks::{Hooks, OnEvent, OnReload, SaveState, SavedState, Subscription};
pub use requests::{ExecutionMode, RepositoryType};
pub use route::{Method, Response, Route};
pub use setting::{Resources, Setting};
pub use source::{Source, SourceRoute, SourceTable};

use crate::db::Declaration;
use crate::dispatch::{Entry, Table};
use crate::error::Result;
use crate::health::Health;
use crate::ui::Frontend;
use requests::Requests;

/// A complete plugin with the state `S`, ready for [`export_plugin!`](crate::export_plugin).
#[derive(Debug)]
pub struct Plugin<S: 'static> {
    parts: Parts<S>,
}

/// The builder of a [`Plugin`].
#[derive(Debug)]
pub struct Builder<S: 'static> {
    parts: Parts<S>,
}

#[derive(Debug)]
struct Parts<S: 'static> {
    source: Option<Source>,
    name: Option<&'static str>,
    version: Option<&'static str>,
    title: Option<&'static str>,
    description: Option<&'static str>,
    license: Option<&'static str>,
    category: Option<&'static str>,
    repository: Option<&'static str>,
    author: Option<Author>,
    tags: Option<&'static [&'static str]>,
    state: fn() -> S,
    actions: &'static [Action<S>],
    routes: &'static [Route],
    subscriptions: &'static [Subscription<S>],
    tables: &'static [Declaration],
    frontend: Option<Frontend>,
    permissions: &'static [&'static str],
    requests: Requests,
    hooks: Hooks<S>,
}

#[derive(Clone, Copy, Debug)]
struct Author {
    name: &'static str,
    email: Option<&'static str>,
    url: Option<&'static str>,
}

impl Plugin<()> {
    /// A builder for a plugin whose state is created by [`Default`].
    pub const fn builder<S: Default>() -> Builder<S> {
        Plugin::builder_with(S::default)
    }

    /// A builder for a plugin whose state is created by a function. Each instance of the plugin calls it once.
    pub const fn builder_with<S>(state: fn() -> S) -> Builder<S> {
        Builder {
            parts: Parts {
                source: None,
                name: None,
                version: None,
                title: None,
                description: None,
                license: None,
                category: None,
                repository: None,
                author: None,
                tags: None,
                state,
                actions: &[],
                routes: &[],
                subscriptions: &[],
                tables: &[],
                frontend: None,
                permissions: &[],
                requests: Requests::NONE,
                hooks: Hooks::NONE,
            },
        }
    }
}

/// Generates the methods that set one part.
macro_rules! parts {
    ($($(#[$doc:meta])* $part:ident: $type:ty;)*) => {$(
        $(#[$doc])*
        #[must_use]
        pub const fn $part(mut self, $part: $type) -> Self {
            self.parts.$part = Some($part);
            self
        }
    )*};
}

impl<S> Builder<S> {
    parts! {
        /// The plugin's manifest file and its `Cargo.toml`, as `manifest!()` reads them. This builder overrides
        /// `Cargo.toml`, and the file overrides this builder: lists and maps are merged, other fields are the file's.
        source: Source;
        /// The name, `^[a-z][a-z0-9_-]*$`. Required, unless the manifest has it.
        name: &'static str;
        /// The semantic version. Required, unless the manifest has it.
        version: &'static str;
        /// The name for people.
        title: &'static str;
        /// A sentence that describes the plugin.
        description: &'static str;
        /// The licence, as an SPDX expression.
        license: &'static str;
        /// The category under which catalogs list the plugin.
        category: &'static str;
        /// The URL of the source repository.
        repository: &'static str;
        /// Keywords by which the plugin is found.
        tags: &'static [&'static str];
        /// The pages, which [`ui`](crate::ui) builds.
        frontend: Frontend;
    }

    /// The author.
    #[must_use]
    pub const fn author(mut self, name: &'static str) -> Self {
        let (email, url) = match self.parts.author {
            Some(author) => (author.email, author.url),
            None => (None, None),
        };
        self.parts.author = Some(Author { name, email, url });
        self
    }

    /// The author, with an e-mail address.
    #[must_use]
    pub const fn author_with_email(mut self, name: &'static str, email: &'static str) -> Self {
        let url = match self.parts.author {
            Some(author) => author.url,
            None => None,
        };
        self.parts.author = Some(Author { name, email: Some(email), url });
        self
    }

    /// The author's web page. The author's name is set before it.
    ///
    /// # Panics
    /// If the author has no name yet.
    #[must_use]
    pub const fn author_url(mut self, url: &'static str) -> Self {
        match self.parts.author {
            Some(author) => self.parts.author = Some(Author { url: Some(url), ..author }),
            None => panic!("`author_url` needs an author: call `.author(\"…\")` first"),
        }
        self
    }

    /// The actions, which [`create_actions!`](crate::create_actions) creates.
    #[must_use]
    pub const fn actions(mut self, actions: &'static [Action<S>]) -> Self {
        self.parts.actions = actions;
        self
    }

    /// The routes, which [`create_api_routes!`](crate::create_api_routes) creates.
    #[must_use]
    pub const fn routes(mut self, routes: &'static [Route]) -> Self {
        self.parts.routes = routes;
        self
    }

    /// The event subscriptions. The plugin must export `events`.
    #[must_use]
    pub const fn subscriptions(mut self, subscriptions: &'static [Subscription<S>]) -> Self {
        self.parts.subscriptions = subscriptions;
        self
    }

    /// The tables of the plugin's database, which [`create_tables!`](crate::create_tables) lists from structs that
    /// derive [`Table`](derive@crate::db::Table). The host creates them when it loads the plugin, and adds columns that
    /// the declaration adds.
    #[must_use]
    pub const fn tables(mut self, tables: &'static [Declaration]) -> Self {
        self.parts.tables = tables;
        self
    }

    /// The permissions that the plugin requests, in the form in which an operator grants them:
    /// `&["db.notes:read,write"]`. They follow those of the manifest file.
    #[must_use]
    pub const fn permissions(mut self, permissions: &'static [&'static str]) -> Self {
        self.parts.permissions = permissions;
        self
    }

    /// Called before the first call; an error fails the load. The plugin must export `lifecycle`.
    #[must_use]
    pub const fn on_load(mut self, hook: fn(&mut S) -> Result<()>) -> Self {
        self.parts.hooks.on_load = Some(hook);
        self
    }

    /// Called before a newer revision takes over, for the state to pass to it. The plugin must export `lifecycle`.
    #[must_use]
    pub const fn save_state(mut self, hook: SaveState<S>) -> Self {
        self.parts.hooks.save_state = Some(hook);
        self
    }

    /// Called instead of `on_load` if this instance takes over from an older revision, with the bytes of the state
    /// that its `save_state` returned. After an error, the older revision continues to serve. The plugin must export
    /// `lifecycle`.
    #[must_use]
    pub const fn on_reload(mut self, hook: OnReload<S>) -> Self {
        self.parts.hooks.on_reload = Some(hook);
        self
    }

    /// Called before the instance is dropped. The plugin must export `lifecycle`.
    #[must_use]
    pub const fn on_unload(mut self, hook: fn(&mut S)) -> Self {
        self.parts.hooks.on_unload = Some(hook);
        self
    }

    /// Called with the events of each subscription that has no handler of its own, such as those that the plugin makes
    /// with [`events::subscribe`](crate::events::subscribe). The plugin must export `events`.
    #[must_use]
    pub const fn on_event(mut self, handler: OnEvent<S>) -> Self {
        self.parts.hooks.on_event = Some(handler);
        self
    }

    /// The health check. The plugin must export `health`.
    #[must_use]
    pub const fn health(mut self, hook: fn(&mut S) -> Result<Health>) -> Self {
        self.parts.hooks.health = Some(hook);
        self
    }

    /// Checks all parts and builds the plugin.
    ///
    /// # Panics
    /// If a part is missing or wrong; the message names it. In a constant, that is a compile error.
    pub const fn build(self) -> Plugin<S> {
        check::all(&self.parts);
        Plugin { parts: self.parts }
    }
}

/// The accessors of [`export_plugin!`](crate::export_plugin): the declaration for the host, and the functions for the
/// calls. The two are separate so that no schema takes up the plugin's memory.
impl<S> Plugin<S> {
    /// The number of actions.
    pub const fn action_count(&self) -> usize {
        self.parts.actions.len()
    }

    /// The names and functions of the actions.
    #[doc(hidden)]
    pub const fn entries<const N: usize>(&self) -> [Entry<S>; N] {
        let mut entries = [Entry::NONE; N];
        let mut index = 0;
        while index < N {
            entries[index] = self.parts.actions[index].entry();
            index += 1;
        }
        entries
    }

    /// All functions of the plugin.
    #[doc(hidden)]
    pub const fn table(&self, actions: &'static [Entry<S>]) -> Table<S> {
        Table { state: self.parts.state, actions, subscriptions: self.parts.subscriptions, hooks: self.parts.hooks }
    }

    /// Fails the build if an interface that a declared part needs is not exported, because the host could not call it.
    #[doc(hidden)]
    pub const fn check_exports(&self, exports: &[Export]) {
        check::exports(&self.parts, exports);
    }
}
