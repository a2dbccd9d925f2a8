//! Pages that the host renders: their widgets, loaders and actions, as constants.
//!
//! ```
//! use plugbay_sdk::prelude::*;
//! use plugbay_sdk::ui::{self, Loader, PageAction, Reaction, Template};
//!
//! #[derive(Default)]
//! struct Tasks(Vec<Task>);
//!
//! #[derive(Clone, Serialize, Deserialize, Schema)]
//! struct Task {
//!     title: String,
//! }
//!
//! #[plugin]
//! impl Tasks {
//!     #[get("/tasks")]
//!     fn list(&self) -> Vec<Task> {
//!         self.0.clone()
//!     }
//!
//!     #[post("/tasks")]
//!     fn add(&mut self, task: Task) {
//!         self.0.push(task);
//!     }
//!
//!     #[page("/", title = "Tasks")]
//!     const PAGE: Template = Template::new(&[
//!         ui::table(&[ui::column("title").title("Task")]).bind("data", "data.tasks"),
//!         ui::form("add").with("submitText", "Add"),
//!     ])
//!     .loaders(&[Loader::get("tasks", "/tasks").every_ms(5_000)])
//!     .actions(&[
//!         PageAction::post("add", "/tasks").on_success(Reaction::new().then("reload")),
//!         PageAction::reload("reload", &["tasks"]),
//!     ]);
//! }
//! # fn main() {}
//! ```
//!
//! A widget's required props are the arguments of its function; [`Node::prop`] and the methods beside it set the
//! others. Values of bindings, conditions and placeholders (`{{state.name}}`) are expressions over the page's state and
//! data, which the host checks when it reads the plugin.
//!
//! A loader or an action whose route the plugin does not have fails the build, and so does the id of an unknown loader
//! or action:
//!
//! ```compile_fail
//! use plugbay_sdk::builder::Plugin;
//! use plugbay_sdk::ui::{Frontend, Loader, Page, Template};
//! const PLUGIN: Plugin<()> = Plugin::builder()
//!     .name("shop")
//!     .version("1.0.0")
//!     .frontend(Frontend::new(&[Page::new(
//!         "/",
//!         Template::new(&[]).loaders(&[Loader::get("items", "/itms")]), // GET /itms is not a route
//!     )]))
//!     .build();
//! ```
//!
//! DockStat's names for the same: [`create_frontend_config`], [`create_frontend_route`], [`create_frontend_loader`] and
//! [`create_frontend_action`].

mod action;
pub(crate) mod check;
mod loader;
mod node;
mod page;
mod widget;
pub(crate) mod write;

pub use action::{Confirm, PageAction, Reaction, Tone};
pub use loader::Loader;
pub use node::Node;
pub use page::{Fragment, Frontend, Page, Template};
pub use widget::{
    Column, Series, badge, button, card, card_body, card_footer, card_header, chart, checkbox, checkbox_group, column,
    container, data_table, divider, form, fragment, heading, hover_bubble, input, link, modal, series, slider, slides,
    stat, table, text, toggle, widget,
};

/// The pages of a plugin, as [`Frontend::new`].
pub const fn create_frontend_config(pages: &'static [Page]) -> Frontend {
    Frontend::new(pages)
}

/// A page, as [`Page::new`].
pub const fn create_frontend_route(path: &'static str, template: Template) -> Page {
    Page::new(path, template)
}

/// A loader of a GET route, as [`Loader::get`].
pub const fn create_frontend_loader(id: &'static str, api_route: &'static str) -> Loader {
    Loader::get(id, api_route)
}

/// An action that calls a POST route, as [`PageAction::post`].
pub const fn create_frontend_action(id: &'static str, api_route: &'static str) -> PageAction {
    PageAction::post(id, api_route)
}
