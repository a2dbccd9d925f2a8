//! The widgets. Their required props are arguments.

use super::node::Node;

/// A widget by its name, for those that this version of the library does not know.
pub const fn widget(name: &'static str, children: &'static [Node]) -> Node {
    Node::of(name, children)
}

/// A text.
pub const fn text(text: &'static str) -> Node {
    Node::new("text").with("text", text)
}

/// A heading of a level from 1 to 6.
pub const fn heading(level: i64, text: &'static str) -> Node {
    Node::new("heading").number("level", level).with("text", text)
}

/// A short text with a colour: `variant` is `primary`, `secondary`, `success`, `warning` or `error`.
pub const fn badge(text: &'static str) -> Node {
    Node::new("badge").with("text", text)
}

/// A button. [`Node::action`] sets what it does.
pub const fn button(text: &'static str) -> Node {
    Node::new("button").with("text", text)
}

/// A box around other widgets.
pub const fn card(children: &'static [Node]) -> Node {
    Node::of("card", children)
}

/// The head of a card.
pub const fn card_header(text: &'static str) -> Node {
    Node::new("cardHeader").with("text", text)
}

/// The content of a card.
pub const fn card_body(children: &'static [Node]) -> Node {
    Node::of("cardBody", children)
}

/// The foot of a card.
pub const fn card_footer(children: &'static [Node]) -> Node {
    Node::of("cardFooter", children)
}

/// Widgets beside or below one another: `layout` is `block`, `flex` or `grid`.
pub const fn container(children: &'static [Node]) -> Node {
    Node::of("container", children)
}

/// A line.
pub const fn divider() -> Node {
    Node::new("divider")
}

/// A field for a text, which is bound to a value: `state.filter`.
pub const fn input(binding: &'static str) -> Node {
    Node::new("input").binding(binding)
}

/// A box to tick, which is bound to a value.
pub const fn checkbox(label: &'static str, binding: &'static str) -> Node {
    Node::new("checkbox").with("label", label).binding(binding)
}

/// Several boxes to tick, which are bound to the list of the ticked options.
pub const fn checkbox_group(options: &'static [&'static str], binding: &'static str) -> Node {
    Node { options, ..Node::new("checkboxGroup").binding(binding) }
}

/// A switch, which is bound to a value.
pub const fn toggle(label: &'static str, binding: &'static str) -> Node {
    Node::new("toggle").with("label", label).binding(binding)
}

/// A slider, which is bound to a number.
pub const fn slider(binding: &'static str) -> Node {
    Node::new("slider").binding(binding)
}

/// A text that is shown while the pointer is over the widgets.
pub const fn hover_bubble(label: &'static str, children: &'static [Node]) -> Node {
    Node::of("hoverBubble", children).with("label", label)
}

/// A link to a page, or to another host.
pub const fn link(href: &'static str, text: &'static str) -> Node {
    Node::new("link").with("href", href).with("text", text)
}

/// A dialog, which is open while a value is true.
pub const fn modal(open_binding: &'static str, children: &'static [Node]) -> Node {
    Node::of("modal", children).with("openBinding", open_binding)
}

/// Widgets of which one is shown at a time.
pub const fn slides(children: &'static [Node]) -> Node {
    Node::of("slides", children)
}

/// A table of the list that is bound to `data`: `.bind("data", "data.items")`.
pub const fn table(columns: &'static [Column]) -> Node {
    Node { columns, ..Node::new("table") }
}

/// A table of the list at a key of the page's state or data, with the members of its items as columns.
pub const fn data_table(data_key: &'static str) -> Node {
    Node::new("dataTable").with("dataKey", data_key)
}

/// A form for the payload of an action of the page that calls a route. Its fields are made from the schema of the
/// payload that the route takes.
pub const fn form(action: &'static str) -> Node {
    Node::new("form").with("action", action)
}

/// A figure with a label; its value is an expression.
pub const fn stat(label: &'static str, value: &'static str) -> Node {
    Node::new("stat").with("label", label).bind("value", value)
}

/// A chart of the list at an expression: `x` is the member of its items for the horizontal axis.
pub const fn chart(data: &'static str, x: &'static str, series: &'static [Series]) -> Node {
    Node { series, ..Node::new("chart").with("x", x).bind("data", data) }
}

/// The widgets of a fragment. Its props are set with [`Node::prop`].
pub const fn fragment(id: &'static str) -> Node {
    Node { fragment_id: Some(id), ..Node::new("fragment") }
}

/// A column of a table.
#[derive(Clone, Copy, Debug)]
pub struct Column {
    pub(super) key: &'static str,
    pub(super) title: Option<&'static str>,
    pub(super) width: Option<&'static str>,
    pub(super) align: Option<&'static str>,
    pub(super) is_plain: bool,
    pub(super) cell: Option<&'static Node>,
}

/// A column with the member of this name of each item.
pub const fn column(key: &'static str) -> Column {
    Column { key, title: None, width: None, align: None, is_plain: false, cell: None }
}

impl Column {
    /// Sets the title. Default: the key.
    #[must_use]
    pub const fn title(mut self, title: &'static str) -> Column {
        self.title = Some(title);
        self
    }

    /// Sets the width, such as `30%`.
    #[must_use]
    pub const fn width(mut self, width: &'static str) -> Column {
        self.width = Some(width);
        self
    }

    /// Sets the alignment: `left`, `center` or `right`.
    #[must_use]
    pub const fn align(mut self, align: &'static str) -> Column {
        self.align = Some(align);
        self
    }

    /// The table is neither sorted nor filtered by the column.
    #[must_use]
    pub const fn plain(mut self) -> Column {
        self.is_plain = true;
        self
    }

    /// Sets the widget that shows a cell. Its variables are `row`, `value` and `index`.
    #[must_use]
    pub const fn cell(mut self, node: &'static Node) -> Column {
        self.cell = Some(node);
        self
    }
}

/// A line, area or row of bars of a chart.
#[derive(Clone, Copy, Debug)]
pub struct Series {
    pub(super) key: &'static str,
    pub(super) label: Option<&'static str>,
}

/// A series with the member of this name of each item.
pub const fn series(key: &'static str) -> Series {
    Series { key, label: None }
}

impl Series {
    /// Sets the label. Default: the key.
    #[must_use]
    pub const fn label(mut self, label: &'static str) -> Series {
        self.label = Some(label);
        self
    }
}
