//! Nodes of templates: a widget with its props, children, bindings, condition and loop, or a reference to a fragment.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::prop::check_props;
use super::widget::{self, FRAGMENT, NODE_EVENTS, Widget};
use crate::field::{Table, field, nearest, suggestion};
use crate::limits::{EXPRESSION_CHARS_MAX, LINE_CHARS_MAX, NAME_CHARS_MAX, TEMPLATE_DEPTH_MAX, TEMPLATE_NODES_MAX};
use crate::part::page::computed::read_expression;
use crate::part::page::expression::Expression;
use crate::part::page::references::{Reference, ReferenceKind};
use crate::problem::{Report, code, quoted};
use crate::read::{Node, Object, join};
use crate::shape;
use crate::top::definition;

/// A node of a template.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TemplateNode {
    /// An id, for the renderer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The name of the widget, or `fragment` (`type`).
    #[serde(rename = "type")]
    pub widget: String,
    /// The id of the fragment that the node shows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fragment_id: Option<String>,
    /// The widget's props. Texts may have placeholders.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub props: Map<String, Value>,
    /// The nodes within the widget.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub children: Vec<TemplateNode>,
    /// The props whose values are expressions.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub bindings: BTreeMap<String, Expression>,
    /// The actions that run at the node's events: `onClick` and others.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub actions: BTreeMap<String, String>,
    /// The condition under which the node is shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub condition: Option<Expression>,
    /// The list for whose items the node is repeated (`loop`).
    #[serde(rename = "loop", skip_serializing_if = "Option::is_none")]
    pub repeat: Option<NodeLoop>,
    /// The node that a renderer shows if it does not know the widget.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fallback: Option<Box<TemplateNode>>,
}

/// The list for whose items a node is repeated.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NodeLoop {
    /// The list. Any other value repeats nothing.
    pub items: Expression,
    /// The name of the variable with the item. Default: `item`.
    pub item_var: String,
    /// The name of the variable with the position, from 0. Default: `index`.
    pub index_var: String,
    /// The expression that identifies an item, so that its widgets stay when the list changes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_expr: Option<Expression>,
}

const NODE: Table = &[
    field("type", "The name of the widget, or `fragment`.", || shape::line(NAME_CHARS_MAX)),
    field("id", "An id of the node.", || shape::line(LINE_CHARS_MAX)),
    field("fragment_id", "The fragment that the node shows.", || shape::line(NAME_CHARS_MAX)).or(&["fragmentId"]),
    field(
        "props",
        "The widget's props; texts may have placeholders such as `{{state.name}}`.",
        || json!({ "type": "object" }),
    ),
    field("children", "The nodes within the widget.", || shape::list(definition(DEFINITION), TEMPLATE_NODES_MAX)),
    field("bindings", "Props and the expressions of their values.", || {
        shape::map(expression_shape(), TEMPLATE_NODES_MAX)
    }),
    field("actions", "Events, such as `onClick`, and the actions that run then.", || {
        shape::map(shape::line(NAME_CHARS_MAX), NODE_EVENTS.len())
    }),
    field("condition", "The expression under which the node is shown.", expression_shape),
    field("loop", "The list for whose items the node is repeated.", || shape::object(LOOP, &["items"])),
    field("fallback", "The node that is shown where the widget is unknown.", || definition(DEFINITION)),
];
const LOOP: Table = &[
    field("items", "The list.", expression_shape),
    field("item_var", "The variable with the item, `item` if left out.", variable_shape).or(&["itemVar"]),
    field("index_var", "The variable with the position, `index` if left out.", variable_shape).or(&["indexVar"]),
    field("key_expr", "What identifies an item.", expression_shape).or(&["keyExpr"]),
];

/// The name of the definition of nodes in the JSON Schema: nodes contain nodes.
pub(crate) const DEFINITION: &str = "widget";

pub(crate) fn node_shape() -> Value {
    shape::object(NODE, &["type"])
}

/// The reading of the nodes of one template or fragment.
pub(crate) struct TemplateReader<'r> {
    references: &'r mut Vec<Reference>,
    nodes: usize,
    depth: usize,
}

impl<'r> TemplateReader<'r> {
    /// Creates a reader that appends references to `references`.
    pub(crate) fn new(references: &'r mut Vec<Reference>) -> TemplateReader<'r> {
        TemplateReader { references, nodes: 0, depth: 0 }
    }

    pub(super) fn refer(&mut self, kind: ReferenceKind, path: &str, name: &str) {
        self.references.push(Reference { kind, path: path.to_owned(), name: name.to_owned() });
    }

    /// Reads a node, or a list of nodes.
    pub(crate) fn content(&mut self, node: &Node<'_>, report: &mut Report) -> Vec<TemplateNode> {
        match node.value {
            Value::Array(_) => {
                let items = node.items(TEMPLATE_NODES_MAX, report);
                items.iter().filter_map(|item| self.node(item, report)).collect()
            }
            _ => self.node(node, report).into_iter().collect(),
        }
    }

    /// Reads a node.
    fn node(&mut self, node: &Node<'_>, report: &mut Report) -> Option<TemplateNode> {
        self.nodes += 1;
        // Each is reported once: at the first node beyond it.
        if self.nodes > TEMPLATE_NODES_MAX {
            if self.nodes == TEMPLATE_NODES_MAX + 1 {
                let message =
                    format!("more than {TEMPLATE_NODES_MAX} nodes in one template: use a loop, or more pages");
                node.problem(report, code::TOO_LARGE, message);
            }
            return None;
        }
        if self.depth == TEMPLATE_DEPTH_MAX {
            node.problem(report, code::TOO_LARGE, format!("nested more than {TEMPLATE_DEPTH_MAX} nodes deep"));
            return None;
        }
        self.depth += 1;
        let read = self.members_of_node(node, report);
        self.depth -= 1;
        read
    }

    fn members_of_node(&mut self, node: &Node<'_>, report: &mut Report) -> Option<TemplateNode> {
        if !node.value.is_object() {
            let message =
                format!("expected a node such as {{ type: text }}, found {}", crate::read::kind_of(node.value));
            node.problem(report, code::INVALID_TYPE, message);
            return None;
        }
        let object = node.object(NODE, report)?;
        let widget = read_type(&object, report);
        let known = widget.as_deref().and_then(widget::find);
        let fallback = object.get("fallback").map(|node| self.node(&node, report));
        if let Some(name) = &widget
            && known.is_none()
            && name != FRAGMENT
        {
            unknown_widget(name, &object, fallback.is_some(), report);
        }
        let bindings = object.get("bindings").map(|node| read_bindings(&node, known, report)).unwrap_or_default();
        let props = self.props(&object, known, &bindings, report);
        let fragment_id = self.fragment_id(&object, widget.as_deref(), report);
        let children = match object.get("children") {
            None => Vec::new(),
            Some(children) if !children.value.is_array() => {
                children.problem(report, code::INVALID_TYPE, "expected a list of nodes");
                Vec::new()
            }
            Some(children) => {
                if let Some(known) = known.filter(|widget| !widget.has_children && children.value != &json!([])) {
                    let message = format!("`{}` shows no children [{}]", known.name, code::CHILDREN_NOT_SUPPORTED);
                    report.note(&children.path, &message);
                }
                self.content(&children, report)
            }
        };
        let actions = object.get("actions").map(|node| self.actions(&node, report)).unwrap_or_default();
        let condition = object.get("condition");
        let condition = condition.and_then(|node| read_expression(&node, code::INVALID_CONDITION, report));
        let repeat = object.get("loop").and_then(|node| read_loop(&node, report));
        let id = object.get("id").and_then(|node| node.line(LINE_CHARS_MAX, report));
        Some(TemplateNode {
            id,
            widget: widget?,
            fragment_id,
            props,
            children,
            bindings,
            actions,
            condition,
            repeat,
            fallback: fallback.flatten().map(Box::new),
        })
    }

    /// Reads the props. Those of an unknown widget are for renderers that know it.
    fn props(
        &mut self,
        object: &Object<'_>,
        widget: Option<&'static Widget>,
        bindings: &BTreeMap<String, Expression>,
        report: &mut Report,
    ) -> Map<String, Value> {
        let nothing = json!({});
        let node = object.get("props").unwrap_or_else(|| Node { value: &nothing, path: join(&object.path, "props") });
        match widget {
            Some(widget) => {
                let of = format!("`{}`", widget.name);
                check_props(&of, &node, widget.props, |name| bindings.contains_key(name), self, report);
            }
            None if !node.value.is_object() => node.problem(report, code::INVALID_PROPS, "must be an object"),
            None => {}
        }
        node.value.as_object().cloned().unwrap_or_default()
    }

    fn fragment_id(&mut self, object: &Object<'_>, widget: Option<&str>, report: &mut Report) -> Option<String> {
        let node = match widget {
            Some(FRAGMENT) => object.need("fragment_id", report)?,
            _ => {
                let node = object.get("fragment_id")?;
                node.problem(report, code::CONFLICT, "belongs to nodes of the type `fragment`: remove it");
                return None;
            }
        };
        let id = node.line(NAME_CHARS_MAX, report)?;
        self.refer(ReferenceKind::Fragment, &node.path, &id);
        Some(id)
    }

    fn actions(&mut self, node: &Node<'_>, report: &mut Report) -> BTreeMap<String, String> {
        let mut actions = BTreeMap::new();
        let entries = report.within(code::INVALID_ACTIONS, |report| node.entries(TEMPLATE_NODES_MAX, report));
        for (event, entry) in entries {
            if !NODE_EVENTS.contains(&event) {
                let hint = suggestion(event, NODE_EVENTS);
                let message = format!("{} is not one of {}{hint}", quoted(event), NODE_EVENTS.join(", "));
                entry.problem(report, code::INVALID_ACTIONS, message);
                continue;
            }
            if let Some(id) = report.within(code::INVALID_ACTIONS, |report| entry.line(NAME_CHARS_MAX, report)) {
                if !id.contains("{{") {
                    self.refer(ReferenceKind::NodeAction, &entry.path, &id);
                }
                actions.insert(event.to_owned(), id);
            }
        }
        actions
    }
}

fn read_type(object: &Object<'_>, report: &mut Report) -> Option<String> {
    let Some(node) = object.get("type") else {
        let message = "is missing: it names the widget";
        report.add(&join(&object.path, "type"), code::REQUIRED_FIELD, message);
        return None;
    };
    report.within(code::INVALID_TYPE, |report| node.line(NAME_CHARS_MAX, report))
}

fn unknown_widget(name: &str, object: &Object<'_>, has_fallback: bool, report: &mut Report) {
    let path = join(&object.path, "type");
    let hint = nearest(name, widget::names()).map(|name| format!(": did you mean `{name}`?")).unwrap_or_default();
    if has_fallback {
        report.note(&path, &format!("the widget {} is unknown, so its fallback is shown{hint}", quoted(name)));
    } else {
        let advice = if hint.is_empty() { ": give it a `fallback`, or use a widget of those in PAGES.md" } else { "" };
        report.add(&path, code::UNKNOWN_WIDGET, format!("the widget {} is unknown{hint}{advice}", quoted(name)));
    }
}

fn read_bindings(
    node: &Node<'_>,
    widget: Option<&'static Widget>,
    report: &mut Report,
) -> BTreeMap<String, Expression> {
    let mut bindings = BTreeMap::new();
    let entries = report.within(code::INVALID_BINDINGS, |report| node.entries(TEMPLATE_NODES_MAX, report));
    for (name, entry) in entries {
        if let Some(widget) = widget {
            let known = || widget.props.iter().map(|prop| prop.name).chain(widget.bindings.iter().copied());
            if !known().any(|known| known == name) {
                let hint = suggestion(name, known());
                let message = format!("`{}` has no such prop, so the binding has no effect{hint}", widget.name);
                report.note(&entry.path, &message);
            }
        }
        let expression =
            report.within(code::INVALID_BINDINGS, |report| read_expression(&entry, code::INVALID_BINDINGS, report));
        bindings.extend(expression.map(|expression| (name.to_owned(), expression)));
    }
    bindings
}

fn read_loop(node: &Node<'_>, report: &mut Report) -> Option<NodeLoop> {
    let object = report.within(code::INVALID_LOOP, |report| node.object(LOOP, report))?;
    let Some(items) = object.get("items") else {
        let message = "is missing: it is the list for whose items the node is repeated";
        report.add(&join(&object.path, "items"), code::MISSING_LOOP_ITEMS, message);
        return None;
    };
    let items = read_expression(&items, code::INVALID_LOOP, report);
    let variable = |name, default: &str, report: &mut Report| match object.get(name) {
        None => Some(default.to_owned()),
        Some(node) => {
            let name = report.within(code::INVALID_LOOP, |report| node.line(NAME_CHARS_MAX, report))?;
            let checked = crate::name::variable(&name);
            checked.map(|()| name).map_err(|message| node.problem(report, code::INVALID_LOOP, message)).ok()
        }
    };
    let item_var = variable("item_var", "item", report);
    let index_var = variable("index_var", "index", report);
    let key_expr = object.get("key_expr").and_then(|node| read_expression(&node, code::INVALID_LOOP, report));
    Some(NodeLoop { items: items?, item_var: item_var?, index_var: index_var?, key_expr })
}

fn expression_shape() -> Value {
    shape::line(EXPRESSION_CHARS_MAX)
}

fn variable_shape() -> Value {
    shape::line(NAME_CHARS_MAX)
}
