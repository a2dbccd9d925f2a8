//! Pages that a plugin declares and the host renders.
//!
//! Paths, navigation, loaders, actions and state are typed. A page's template stays JSON, because only the renderer
//! knows the widgets.

use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::field::{Table, field};
use crate::limits::{
    INTERVAL_MS_MAX, LINE_CHARS_MAX, NAME_CHARS_MAX, PAGE_PARTS_MAX, PAGES_MAX, PATH_CHARS_MAX, POLLING_MS_MIN,
};
use crate::name;
use crate::part::page::action::{PageAction, page_action_shape, read_page_actions};
use crate::part::page::computed::{Computed, computed_shape, read_computed};
use crate::part::path::normalise_path;
use crate::part::route::{Method, method_shape, path_shape, read_method};
use crate::problem::{Report, code, quoted};
use crate::read::Node;
use crate::shape;

/// The pages of a plugin and the state that they share.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Frontend {
    /// The pages.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub pages: Vec<Page>,
    /// State that all pages of the plugin share.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub global_state: Option<GlobalState>,
}

/// A page of a plugin.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Page {
    /// The path below the plugin's pages, with parameters as `{name}`.
    pub path: String,
    /// The tree of widgets.
    pub template: Value,
    /// The page's entry in the navigation.
    pub meta: PageMeta,
    /// The loaders that fetch data when the page opens.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub loaders: Vec<PageLoader>,
    /// The actions of its widgets.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub actions: Vec<PageAction>,
}

/// A page's entry in the navigation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PageMeta {
    /// The title. Default: the path.
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

/// A loader, which fetches data for a page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PageLoader {
    /// The loader's id, unique within the page.
    pub id: String,
    /// The requested route of the plugin.
    pub api_route: String,
    /// The HTTP method of the request.
    pub method: Method,
    /// The key of the page's state for the response.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state_key: Option<String>,
    /// The part of the response to use. Default: all of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data_key: Option<String>,
    /// Whether and how often to repeat the request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub polling: Option<Polling>,
}

/// The polling of a loader.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Polling {
    /// Milliseconds between two requests (`interval`).
    #[serde(rename = "interval")]
    pub interval_ms: u64,
    /// Whether polling is enabled.
    pub enabled: bool,
}

/// State that the pages of a plugin share.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct GlobalState {
    /// The initial state.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub initial: Map<String, Value>,
    /// Values computed from the state.
    #[serde(skip_serializing_if = "Computed::is_empty")]
    pub computed: Computed,
}

/// The default position of a page in the navigation: after all pages that declare one.
const DEFAULT_NAV_ORDER: i64 = 999;
const NAV_ORDER_MAX: i64 = 1_000_000;

const FRONTEND: Table = &[
    field("pages", "The pages.", || shape::list(shape::object(PAGE, &["path", "template"]), PAGES_MAX)).or(&["routes"]),
    field("global_state", "State that the pages share.", || shape::object(GLOBAL_STATE, &[])).or(&["globalState"]),
];
const PAGE: Table = &[
    field("path", "The page's path below the plugin's pages.", path_shape),
    field("template", "The tree of widgets.", || json!({ "type": ["object", "array"] })),
    field("meta", "How the page appears in the navigation.", || shape::object(META, &[])),
    field("loaders", "The data that is fetched when the page opens.", || {
        shape::list(shape::object(LOADER, &["id", "api_route"]), PAGE_PARTS_MAX)
    }),
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
const LOADER: Table = &[
    field("id", "A name, unique within the page.", id_shape),
    field("api_route", "The plugin's route to request.", path_shape).or(&["apiRoute"]),
    field("method", "The HTTP method, GET if left out.", method_shape),
    field("state_key", "The key of the page's state for the response.", key_shape).or(&["stateKey"]),
    field("data_key", "The part of the response that is used.", key_shape).or(&["dataKey"]),
    field("polling", "Whether and how often to repeat the request.", || shape::object(POLLING, &["interval"])),
];
const POLLING: Table = &[
    field("interval", "Milliseconds between two requests.", || shape::count(POLLING_MS_MIN, INTERVAL_MS_MAX)),
    field("enabled", "Whether polling is on; it is if left out.", shape::boolean),
];
const GLOBAL_STATE: Table = &[
    field("initial", "The initial state.", || json!({ "type": "object" })),
    field("computed", "Names and expressions of computed values.", computed_shape),
];

pub(crate) fn read_frontend(node: &Node<'_>, report: &mut Report) -> Option<Frontend> {
    let object = node.object(FRONTEND, report)?;
    let mut pages: Vec<Page> = Vec::new();
    let items = object.get("pages").map(|node| node.items(PAGES_MAX, report)).unwrap_or_default();
    for item in items {
        let Some(page) = read_page(&item, report) else {
            continue;
        };
        if pages.iter().any(|known| known.path == page.path) {
            item.problem(report, code::DUPLICATE, format!("there is a page at `{}` already", page.path));
        } else {
            pages.push(page);
        }
    }
    let global_state = object.get("global_state").and_then(|node| read_global_state(&node, report));
    Some(Frontend { pages, global_state })
}

fn read_page(node: &Node<'_>, report: &mut Report) -> Option<Page> {
    let object = node.object(PAGE, report)?;
    let path = object.need("path", report).and_then(|node| read_path(&node, report));
    let template = object.need("template", report).and_then(|node| read_template(&node, report));
    let meta = match object.get("meta") {
        Some(meta) => read_meta(&meta, report),
        None => Some(PageMeta { title: None, icon: None, show_in_nav: true, nav_order: 999 }),
    };
    let loaders = object.get("loaders").map(|node| read_loaders(&node, report)).unwrap_or_default();
    let ids: Vec<&str> = loaders.iter().map(|loader| loader.id.as_str()).collect();
    let actions = object.get("actions").map(|node| read_page_actions(&node, &ids, report)).unwrap_or_default();
    Some(Page { path: path?, template: template?, meta: meta?, loaders, actions })
}

/// Reads a path below the plugin's routes. It may contain `{{…}}`, which the page fills in.
pub(crate) fn read_api_route(node: &Node<'_>, report: &mut Report) -> Option<String> {
    let path = node.line(PATH_CHARS_MAX, report)?;
    if !path.starts_with('/') {
        node.problem(report, code::INVALID_VALUE, format!("{} does not begin with `/`", quoted(&path)));
        return None;
    }
    Some(path)
}

fn read_path(node: &Node<'_>, report: &mut Report) -> Option<String> {
    let text = node.line(PATH_CHARS_MAX, report)?;
    normalise_path(&text).map_err(|message| node.problem(report, code::INVALID_VALUE, message)).ok()
}

fn read_template(node: &Node<'_>, report: &mut Report) -> Option<Value> {
    if !node.value.is_object() && !node.value.is_array() {
        node.wrong_type(report, "a widget, or a list of widgets");
        return None;
    }
    Some(node.value.clone())
}

fn read_meta(node: &Node<'_>, report: &mut Report) -> Option<PageMeta> {
    let object = node.object(META, report)?;
    let nav_order = object.get("nav_order").and_then(|node| node.integer(-NAV_ORDER_MAX..=NAV_ORDER_MAX, report));
    Some(PageMeta {
        title: object.get("title").and_then(|node| node.line(LINE_CHARS_MAX, report)),
        icon: object.get("icon").and_then(|node| node.line(LINE_CHARS_MAX, report)),
        show_in_nav: object.get("show_in_nav").and_then(|node| node.boolean(report)).unwrap_or(true),
        nav_order: i32::try_from(nav_order.unwrap_or(DEFAULT_NAV_ORDER)).ok()?,
    })
}

fn read_loaders(node: &Node<'_>, report: &mut Report) -> Vec<PageLoader> {
    let mut loaders: Vec<PageLoader> = Vec::new();
    for item in node.items(PAGE_PARTS_MAX, report) {
        let Some(loader) = read_loader(&item, report) else {
            continue;
        };
        if loaders.iter().any(|known| known.id == loader.id) {
            item.problem(report, code::DUPLICATE, format!("the page has a loader `{}` already", loader.id));
        } else {
            loaders.push(loader);
        }
    }
    loaders
}

fn read_loader(node: &Node<'_>, report: &mut Report) -> Option<PageLoader> {
    let object = node.object(LOADER, report)?;
    let id = object.need("id", report).and_then(|node| read_id(&node, report));
    let api_route = object.need("api_route", report).and_then(|node| read_api_route(&node, report));
    let method = object.get("method").map(|node| read_method(&node, report));
    let key = |name, report: &mut Report| object.get(name).and_then(|node| node.line(LINE_CHARS_MAX, report));
    let state_key = key("state_key", report);
    let data_key = key("data_key", report);
    let polling = object.get("polling").and_then(|node| read_polling(&node, report));
    let method = method.unwrap_or(Some(Method::Get));
    Some(PageLoader { id: id?, api_route: api_route?, method: method?, state_key, data_key, polling })
}

fn read_polling(node: &Node<'_>, report: &mut Report) -> Option<Polling> {
    let object = node.object(POLLING, report)?;
    let interval = object.need("interval", report);
    let interval_ms = interval.and_then(|node| node.count(POLLING_MS_MIN..=INTERVAL_MS_MAX, report));
    let enabled = object.get("enabled").and_then(|node| node.boolean(report)).unwrap_or(true);
    Some(Polling { interval_ms: interval_ms?, enabled })
}

fn read_global_state(node: &Node<'_>, report: &mut Report) -> Option<GlobalState> {
    let object = node.object(GLOBAL_STATE, report)?;
    let mut state = GlobalState::default();
    if let Some(initial) = object.get("initial") {
        match initial.value {
            Value::Object(map) => state.initial = map.clone(),
            _ => initial.wrong_type(report, "an object"),
        }
    }
    if let Some(computed) = object.get("computed") {
        state.computed = read_computed(&computed, &state.initial, report);
    }
    Some(state)
}

pub(crate) fn read_id(node: &Node<'_>, report: &mut Report) -> Option<String> {
    let id = node.string(report)?;
    match name::action(id) {
        Ok(()) => Some(id.to_owned()),
        Err(message) => {
            node.problem(report, code::INVALID_NAME, message);
            None
        }
    }
}

pub(crate) fn id_shape() -> Value {
    shape::name(name::ACTION_PATTERN, NAME_CHARS_MAX)
}

pub(crate) fn key_shape() -> Value {
    shape::line(LINE_CHARS_MAX)
}

pub(crate) fn frontend_shape() -> Value {
    shape::object(FRONTEND, &[])
}
