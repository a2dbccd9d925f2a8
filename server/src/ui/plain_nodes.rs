//! The nodes of a template as HTML without scripts.

use std::collections::BTreeSet;

use plugbay::manifest::page::{Fragment, PlaceholderText, Scope, TemplateNode};
use serde_json::{Map, Value};

use super::html::{Html, Link};

/// The most nodes of a page, items of a loop, rows and columns of a table.
const NODES_MAX: usize = 5_000;
const ITEMS_MAX: usize = 500;
const ROWS_MAX: usize = 500;
const COLUMNS_MAX: usize = 50;

/// The rendering of one page.
pub(super) struct Nodes<'a> {
    plugin: &'a str,
    fragments: &'a [Fragment],
    /// The fragments that are open: one that contains itself ends there.
    open: BTreeSet<&'a str>,
    html: &'a mut Html,
    left: usize,
}

impl<'a> Nodes<'a> {
    pub(super) fn new(plugin: &'a str, fragments: &'a [Fragment], html: &'a mut Html) -> Self {
        Nodes { plugin, fragments, open: BTreeSet::new(), html, left: NODES_MAX }
    }

    /// Appends nodes with the values of a scope.
    pub(super) fn render(&mut self, nodes: &'a [TemplateNode], scope: &Scope<'_>) {
        for node in nodes {
            match &node.repeat {
                None => self.node(node, scope),
                Some(repeat) => {
                    let items = repeat.items.evaluate(scope);
                    for (index, item) in items.as_array().into_iter().flatten().take(ITEMS_MAX).enumerate() {
                        let more = [(&repeat.item_var, item.clone()), (&repeat.index_var, index.into())];
                        let variables = with_variables(scope, more);
                        self.node(node, &Scope { variables: &variables, ..*scope });
                    }
                }
            }
        }
    }

    fn node(&mut self, node: &'a TemplateNode, scope: &Scope<'_>) {
        let is_shown = node.condition.as_ref().is_none_or(|condition| condition.holds(scope));
        if !is_shown || self.left == 0 || self.html.is_full() {
            return;
        }
        self.left -= 1;
        let text = |name: &str| as_text(&prop(node, name, scope));
        match node.widget.as_str() {
            "fragment" => self.fragment(node, scope),
            "heading" | "slides" => {
                self.html.element("h2", &text(if node.widget == "heading" { "text" } else { "header" }))
            }
            "text" => self.html.element("p", &text("text")),
            "badge" => self.html.element("span", &text("text")),
            "cardHeader" => self.html.element("h3", &text("text")),
            "divider" => self.html.raw("<hr>\n"),
            "link" => match Link::of_plugin(self.plugin, &text("href")) {
                Some(link) => self.html.link(&link, &text("text")),
                None => self.html.element("span", &text("text")),
            },
            "input" | "slider" | "checkbox" | "toggle" | "checkboxGroup" => self.input(node, scope),
            "table" | "dataTable" | "chart" => self.table(node, scope),
            "stat" => {
                let unit = text("unit");
                self.html.element("p", &format!("{}: {} {unit}", text("label"), text("value")));
            }
            "button" => {}
            "modal" => return,
            "form" => self.html.element("p", "A form, which needs scripts."),
            "container" | "card" | "cardBody" | "cardFooter" | "hoverBubble" => {}
            _ => {
                let fallback = node.fallback.as_deref().map(std::slice::from_ref).unwrap_or_default();
                return self.render(fallback, scope);
            }
        }
        if !node.children.is_empty() {
            self.html.open("div");
            self.render(&node.children, scope);
            self.html.close("div");
        }
    }

    fn fragment(&mut self, node: &'a TemplateNode, scope: &Scope<'_>) {
        let found = self.fragments.iter().find(|fragment| Some(&fragment.id) == node.fragment_id.as_ref());
        let Some(fragment) = found.filter(|fragment| self.open.insert(&fragment.id)) else { return };
        let mut props: Map<String, Value> = fragment
            .props
            .iter()
            .map(|(name, declared)| (name.clone(), declared.default.clone().unwrap_or_default()))
            .collect();
        props.extend(node.props.keys().map(|name| (name.clone(), prop(node, name, scope))));
        let whole = ("props".to_owned(), Value::Object(props.clone()));
        let variables = with_variables(scope, props.into_iter().chain([whole]));
        self.render(&fragment.widgets, &Scope { variables: &variables, ..*scope });
        self.open.remove(fragment.id.as_str());
    }

    /// A control's label and value.
    fn input(&mut self, node: &TemplateNode, scope: &Scope<'_>) {
        let label = as_text(&prop(node, "label", scope));
        let bound = node.props.get("binding").and_then(Value::as_str).and_then(|path| evaluate(path, scope));
        let names = ["value", "checked", "selectedValues"];
        let value = bound.or_else(|| names.iter().map(|name| prop(node, name, scope)).find(|value| !value.is_null()));
        self.html.element("p", &format!("{label}: {}", as_text(&value.unwrap_or_default())));
    }

    fn table(&mut self, node: &TemplateNode, scope: &Scope<'_>) {
        let path = ["dataBinding", "dataKey"].iter().find_map(|name| node.props.get(*name)?.as_str());
        let value = match prop(node, "data", scope) {
            Value::Null => path.and_then(|path| evaluate(path, scope)).unwrap_or_default(),
            value => value,
        };
        let rows = rows(&value);
        if rows.is_empty() {
            let empty = as_text(&prop(node, "emptyText", scope));
            return self.html.element("p", if empty.is_empty() { "No data available" } else { &empty });
        }
        let columns = columns(node, rows);
        self.html.raw("<div class=\"table-box\"><table class=\"table\"><thead><tr>");
        columns.iter().for_each(|(_, title)| self.html.element("th", title));
        self.html.raw("</tr></thead><tbody>\n");
        for row in rows.iter().take(ROWS_MAX) {
            if self.html.is_full() {
                break;
            }
            self.html.open("tr");
            for (key, _) in &columns {
                self.html.element("td", &as_text(cell(row, key)));
            }
            self.html.close("tr");
        }
        self.html.raw("</tbody></table></div>\n");
        if rows.len() > ROWS_MAX {
            self.html.element("p", &format!("The first {ROWS_MAX} of {} rows.", rows.len()));
        }
    }
}

/// The variables of a scope with more of them.
fn with_variables(scope: &Scope<'_>, more: impl IntoIterator<Item = (impl Into<String>, Value)>) -> Value {
    let mut variables = scope.variables.as_object().cloned().unwrap_or_default();
    variables.extend(more.into_iter().map(|(name, value)| (name.into(), value)));
    Value::Object(variables)
}

/// The value of a prop: its binding, or what it declares with placeholders filled in.
fn prop(node: &TemplateNode, name: &str, scope: &Scope<'_>) -> Value {
    let bound = node.bindings.get(name).map(|binding| binding.evaluate(scope).into_owned());
    if let Some(value) = bound.filter(|value| !value.is_null()) {
        return value;
    }
    match node.props.get(name) {
        Some(Value::String(text)) => match text.parse::<PlaceholderText>() {
            Ok(text) => text.fill(scope),
            Err(_) => Value::String(text.clone()),
        },
        Some(value) => value.clone(),
        None => Value::Null,
    }
}

fn evaluate(path: &str, scope: &Scope<'_>) -> Option<Value> {
    let expression: plugbay::manifest::page::Expression = path.parse().ok()?;
    Some(expression.evaluate(scope).into_owned())
}

/// The rows of a value: a list, or an object whose only list it is.
fn rows(value: &Value) -> &[Value] {
    match value {
        Value::Array(rows) => rows,
        Value::Object(members) => {
            let mut lists = members.values().filter_map(Value::as_array);
            match (lists.next(), lists.next()) {
                (Some(rows), None) => rows,
                _ => &[],
            }
        }
        _ => &[],
    }
}

/// The keys and titles of the columns: those that are declared, or the members of the first row.
fn columns(node: &TemplateNode, rows: &[Value]) -> Vec<(String, String)> {
    let declared = ["columns", "series"].iter().find_map(|name| node.props.get(*name)?.as_array());
    let of_chart = node.props.get("x").and_then(Value::as_str).map(|x| (x.to_owned(), x.to_owned()));
    if let Some(declared) = declared {
        let column = |column: &Value| {
            let key = column["key"].as_str()?.to_owned();
            let title = column["title"].as_str().or(column["label"].as_str()).unwrap_or(&key).to_owned();
            Some((key, title))
        };
        return of_chart.into_iter().chain(declared.iter().filter_map(column)).take(COLUMNS_MAX).collect();
    }
    match rows.first() {
        Some(Value::Object(members)) => {
            members.keys().take(COLUMNS_MAX).map(|key| (key.clone(), key.clone())).collect()
        }
        _ => vec![(String::new(), "Value".to_owned())],
    }
}

/// The value of a row in a column, whose key may be a path.
fn cell<'v>(row: &'v Value, key: &str) -> &'v Value {
    if key.is_empty() || !row.is_object() {
        return row;
    }
    row.get(key).unwrap_or_else(|| key.split('.').fold(row, |value, name| &value[name]))
}

fn as_text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        value => value.to_string(),
    }
}
