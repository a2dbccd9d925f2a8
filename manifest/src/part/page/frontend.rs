//! The pages of a plugin, with what they share.
//!
//! Types of this module serialize as browsers receive them: with DockStat's names of members, in camel case.

use serde::Serialize;
use serde_json::Value;

use super::action::{PageAction, page_action_shape, read_page_action};
use super::loader::{PageLoader, loader_shape, read_loader, read_parts};
use super::references::Referring;
use super::state::{PageState, read_state, state_shape};
use super::template::fragment::{Fragment, fragment_shape, read_fragment};
use super::template::node::TemplateReader;
use super::template::{Template, read_template, template_shape};
use crate::field::{Table, field};
use crate::limits::{LINE_CHARS_MAX, PAGE_PARTS_MAX, PAGES_MAX, PATH_CHARS_MAX};
use crate::part::path::normalise_path;
use crate::part::route::path_shape;
use crate::problem::{Report, code};
use crate::read::{Found, Node};
use crate::shape;

/// The pages of a plugin, and what they share.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Frontend {
    /// The pages.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub pages: Vec<Page>,
    /// Loaders of all pages. They run before those of a page.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub loaders: Vec<PageLoader>,
    /// Actions of all pages.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub actions: Vec<PageAction>,
    /// Fragments that templates refer to.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub fragments: Vec<Fragment>,
    /// State that all pages of the plugin share.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub global_state: Option<PageState>,
}

/// A page of a plugin.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Page {
    /// The path below the plugin's pages, with parameters as `{name}`.
    pub path: String,
    /// What the page shows.
    pub template: Template,
    /// The page's entry in the navigation.
    pub meta: PageMeta,
    /// The loaders of its own.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub loaders: Vec<PageLoader>,
    /// The actions of its own.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub actions: Vec<PageAction>,
}

/// A page's entry in the navigation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PageMeta {
    /// The title. Default: the title or name of the plugin.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// The name of an icon.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub icon: Option<String>,
    /// Whether the navigation lists the page.
    pub show_in_nav: bool,
    /// The position in the navigation; smaller numbers come first.
    pub nav_order: i32,
}

/// The pages as one layer declares them.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(crate) struct FrontendFields {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) pages: Option<Vec<Found<Referring<Page>>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) loaders: Option<Vec<Found<Referring<PageLoader>>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) actions: Option<Vec<Found<Referring<PageAction>>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) fragments: Option<Vec<Found<Referring<Fragment>>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) global_state: Option<PageState>,
}

impl FrontendFields {
    pub(crate) fn frontend(self) -> Frontend {
        fn values<T>(found: Option<Vec<Found<Referring<T>>>>) -> Vec<T> {
            found.into_iter().flatten().map(|found| found.value.value).collect()
        }
        Frontend {
            pages: values(self.pages),
            loaders: values(self.loaders),
            actions: values(self.actions),
            fragments: values(self.fragments),
            global_state: self.global_state,
        }
    }
}

/// The default position of a page in the navigation: after all pages that declare one.
const DEFAULT_NAV_ORDER: i32 = 999;
const NAV_ORDER_MAX: i64 = 1_000_000;

const FRONTEND: Table = &[
    field("pages", "The pages.", || shape::list(shape::object(PAGE, &["path", "template"]), PAGES_MAX)).or(&["routes"]),
    field("loaders", "Loaders of all pages.", || shape::list(loader_shape(), PAGE_PARTS_MAX)),
    field("actions", "Actions of all pages.", || shape::list(page_action_shape(), PAGE_PARTS_MAX)),
    field("fragments", "Widgets that templates refer to.", || shape::list(fragment_shape(), PAGE_PARTS_MAX)),
    field("global_state", "State that the pages share.", state_shape).or(&["globalState"]),
];
const PAGE: Table = &[
    field("path", "The page's path below the plugin's pages.", path_shape),
    field("template", "The tree of widgets.", template_shape),
    field("meta", "How the page appears in the navigation.", || shape::object(META, &[])),
    field("loaders", "The data that is fetched when the page opens.", || shape::list(loader_shape(), PAGE_PARTS_MAX)),
    field("actions", "The actions of the page's widgets.", || shape::list(page_action_shape(), PAGE_PARTS_MAX)),
];
const META: Table = &[
    field("title", "The page's title.", || shape::line(LINE_CHARS_MAX)),
    field("icon", "The name of an icon.", || shape::line(LINE_CHARS_MAX)),
    field("show_in_nav", "Whether the navigation lists the page; it does if left out.", shape::boolean)
        .or(&["showInNav"]),
    field("nav_order", "Its position there, smaller numbers first; 999 if left out.", || {
        shape::integer(-NAV_ORDER_MAX, NAV_ORDER_MAX)
    })
    .or(&["navOrder"]),
];

pub(crate) fn read_frontend(node: &Node<'_>, report: &mut Report) -> Option<FrontendFields> {
    let object = node.object(FRONTEND, report)?;
    let pages = object.get("pages").and_then(|node| node.written(read_pages(&node, report), Vec::len));
    let loaders = object.get("loaders").and_then(|node| node.written(read_loaders(&node, report), Vec::len));
    let actions = object.get("actions").and_then(|node| node.written(read_actions(&node, report), Vec::len));
    let fragments = object.get("fragments").and_then(|node| {
        let id = |fragment: &Fragment| fragment.id.clone();
        let read = read_parts(&node, "a fragment", PAGE_PARTS_MAX, read_fragment, id, report);
        node.written(read, Vec::len)
    });
    let global_state = object.get("global_state").map(|node| read_state(&node, report));
    Some(FrontendFields { pages, loaders, actions, fragments, global_state })
}

fn read_pages(node: &Node<'_>, report: &mut Report) -> Vec<Found<Referring<Page>>> {
    let mut pages: Vec<Found<Referring<Page>>> = Vec::new();
    for item in node.items(PAGES_MAX, report) {
        let Some(page) = read_page(&item, report) else {
            continue;
        };
        if pages.iter().any(|known| known.value.value.path == page.value.path) {
            item.problem(report, code::DUPLICATE, format!("there is a page at `{}` already", page.value.path));
        } else {
            pages.push(item.found(page, report));
        }
    }
    pages
}

fn read_page(node: &Node<'_>, report: &mut Report) -> Option<Referring<Page>> {
    let object = node.object(PAGE, report)?;
    let mut references = Vec::new();
    let path = object.need("path", report).and_then(|node| read_path(&node, report));
    let template = object
        .need("template", report)
        .and_then(|node| read_template(&node, &mut TemplateReader::new(&mut references), report));
    let meta = match object.get("meta") {
        Some(meta) => read_meta(&meta, report),
        None => Some(PageMeta { title: None, icon: None, show_in_nav: true, nav_order: DEFAULT_NAV_ORDER }),
    };
    let of_template = template.as_ref();
    let loaders = [object.get("loaders"), of_template.and_then(|read| read.loaders.clone())];
    let loaders: Vec<_> = loaders.iter().flatten().flat_map(|node| read_loaders(node, report)).collect();
    let actions = [object.get("actions"), of_template.and_then(|read| read.actions.clone())];
    let actions: Vec<_> = actions.iter().flatten().flat_map(|node| read_actions(node, report)).collect();
    let template = template?;
    let mut meta = meta?;
    meta.title = meta.title.or(template.title);
    let page = Page {
        path: path?,
        template: template.template,
        meta,
        loaders: first_of_each(loaders, |loader| loader.id.clone(), &mut references),
        actions: first_of_each(actions, |action| action.id.clone(), &mut references),
    };
    Some(Referring { value: page, references })
}

/// Returns the parts of the page and of its template. Of those with the same id, the page's is used.
fn first_of_each<T>(
    parts: Vec<Found<Referring<T>>>,
    id: impl Fn(&T) -> String,
    references: &mut Vec<super::references::Reference>,
) -> Vec<T> {
    let mut kept: Vec<T> = Vec::new();
    for Found { value: part, .. } in parts {
        if !kept.iter().any(|known| id(known) == id(&part.value)) {
            references.extend(part.references);
            kept.push(part.value);
        }
    }
    kept
}

fn read_path(node: &Node<'_>, report: &mut Report) -> Option<String> {
    let text = node.line(PATH_CHARS_MAX, report)?;
    normalise_path(&text).map_err(|message| node.problem(report, code::INVALID_VALUE, message)).ok()
}

fn read_meta(node: &Node<'_>, report: &mut Report) -> Option<PageMeta> {
    let object = node.object(META, report)?;
    let nav_order = object.get("nav_order").and_then(|node| node.integer(-NAV_ORDER_MAX..=NAV_ORDER_MAX, report));
    Some(PageMeta {
        title: object.get("title").and_then(|node| node.line(LINE_CHARS_MAX, report)),
        icon: object.get("icon").and_then(|node| node.line(LINE_CHARS_MAX, report)),
        show_in_nav: object.get("show_in_nav").and_then(|node| node.boolean(report)).unwrap_or(true),
        nav_order: nav_order.and_then(|order| i32::try_from(order).ok()).unwrap_or(DEFAULT_NAV_ORDER),
    })
}

fn read_loaders(node: &Node<'_>, report: &mut Report) -> Vec<Found<Referring<PageLoader>>> {
    read_parts(node, "a loader", PAGE_PARTS_MAX, read_loader, |loader| loader.id.clone(), report)
}

fn read_actions(node: &Node<'_>, report: &mut Report) -> Vec<Found<Referring<PageAction>>> {
    read_parts(node, "an action", PAGE_PARTS_MAX, read_page_action, |action| action.id.clone(), report)
}

pub(crate) fn frontend_shape() -> Value {
    shape::object(FRONTEND, &[])
}
