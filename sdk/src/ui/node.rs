//! Nodes: a widget with its props, bindings, condition and loop.

use super::widget::{Column, Series};
use crate::constant::{Json, same};

/// The most props of one node.
const PROPS_MAX: usize = 16;

/// The most bindings and events of one node.
const LINKS_MAX: usize = 8;

/// A widget on a page, which the functions of [`ui`](crate::ui) create.
#[derive(Clone, Copy, Debug)]
pub struct Node {
    pub(crate) widget: &'static str,
    pub(crate) id: Option<&'static str>,
    pub(crate) fragment_id: Option<&'static str>,
    pub(crate) props: Pairs<Json, PROPS_MAX>,
    pub(crate) columns: &'static [Column],
    pub(crate) series: &'static [Series],
    pub(crate) options: &'static [&'static str],
    pub(crate) children: &'static [Node],
    pub(crate) bindings: Pairs<&'static str, LINKS_MAX>,
    pub(crate) events: Pairs<&'static str, LINKS_MAX>,
    pub(crate) condition: Option<&'static str>,
    pub(crate) repeat: Option<Repeat>,
    pub(crate) fallback: Option<&'static Node>,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Repeat {
    pub(crate) items: &'static str,
    pub(crate) variable: &'static str,
    pub(crate) key: Option<&'static str>,
}

/// A few names with their values: const code cannot allocate.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pairs<T: 'static, const N: usize> {
    pub(crate) all: [(&'static str, T); N],
    pub(crate) count: usize,
}

impl<T: Copy, const N: usize> Pairs<T, N> {
    pub(crate) const fn none(filler: T) -> Self {
        Pairs { all: [("", filler); N], count: 0 }
    }

    /// Sets the value of a name.
    pub(crate) const fn set(mut self, name: &'static str, value: T) -> Self {
        let mut index = 0;
        while index < self.count && !same(self.all[index].0, name) {
            index += 1;
        }
        assert!(index < N, "a widget has too many props, bindings or events");
        self.all[index] = (name, value);
        if index == self.count {
            self.count += 1;
        }
        self
    }
}

impl Node {
    pub(super) const fn new(widget: &'static str) -> Node {
        Node {
            widget,
            id: None,
            fragment_id: None,
            props: Pairs::none(Json::Nothing),
            columns: &[],
            series: &[],
            options: &[],
            children: &[],
            bindings: Pairs::none(""),
            events: Pairs::none(""),
            condition: None,
            repeat: None,
            fallback: None,
        }
    }

    pub(super) const fn of(widget: &'static str, children: &'static [Node]) -> Node {
        Node { children, ..Node::new(widget) }
    }

    /// Sets a prop. The host checks its name and value when it reads the plugin.
    #[must_use]
    pub const fn prop(mut self, name: &'static str, value: Json) -> Node {
        self.props = self.props.set(name, value);
        self
    }

    /// Sets a prop to a text, which may have placeholders: `{{state.name}}`.
    #[must_use]
    pub const fn with(self, name: &'static str, text: &'static str) -> Node {
        self.prop(name, Json::Text(text))
    }

    /// Sets a prop to `true`.
    #[must_use]
    pub const fn flag(self, name: &'static str) -> Node {
        self.prop(name, Json::Raw("true"))
    }

    /// Sets a prop to an integer.
    #[must_use]
    pub const fn number(self, name: &'static str, number: i64) -> Node {
        self.prop(name, Json::Integer(number as i128))
    }

    /// Sets the variant, such as `danger` of a button.
    #[must_use]
    pub const fn variant(self, variant: &'static str) -> Node {
        self.with("variant", variant)
    }

    /// Sets the size: `xs`, `sm`, `md`, `lg` or `xl`.
    #[must_use]
    pub const fn size(self, size: &'static str) -> Node {
        self.with("size", size)
    }

    /// Sets the utility classes.
    #[must_use]
    pub const fn class(self, classes: &'static str) -> Node {
        self.with("className", classes)
    }

    /// Sets the action that a click runs.
    #[must_use]
    pub const fn action(self, action: &'static str) -> Node {
        self.with("action", action)
    }

    /// Binds a widget to a value that it shows and sets: `state.filter`.
    #[must_use]
    pub const fn binding(self, path: &'static str) -> Node {
        self.with("binding", path)
    }

    /// Sets a prop to the value of an expression, and keeps it up to date.
    #[must_use]
    pub const fn bind(mut self, prop: &'static str, expression: &'static str) -> Node {
        self.bindings = self.bindings.set(prop, expression);
        self
    }

    /// Runs an action at an event: `onClick`, `onChange`, `onSubmit`, `onClose` or `onSlideChange`.
    #[must_use]
    pub const fn on(mut self, event: &'static str, action: &'static str) -> Node {
        self.events = self.events.set(event, action);
        self
    }

    /// Shows the node only while an expression holds.
    #[must_use]
    pub const fn when(mut self, condition: &'static str) -> Node {
        self.condition = Some(condition);
        self
    }

    /// Repeats the node for each item of a list, which is the variable `item` in it.
    #[must_use]
    pub const fn each(self, items: &'static str) -> Node {
        self.each_as(items, "item")
    }

    /// Repeats the node for each item of a list, which is a variable with this name in it.
    #[must_use]
    pub const fn each_as(mut self, items: &'static str, variable: &'static str) -> Node {
        self.repeat = Some(Repeat { items, variable, key: None });
        self
    }

    /// Sets the expression that identifies an item, so that its widgets stay when the list changes.
    ///
    /// # Panics
    /// If the node is not repeated.
    #[must_use]
    pub const fn key(mut self, expression: &'static str) -> Node {
        match self.repeat {
            Some(repeat) => self.repeat = Some(Repeat { key: Some(expression), ..repeat }),
            None => panic!("`key` identifies the items of a list: call `.each(\"…\")` first"),
        }
        self
    }

    /// Sets an id.
    #[must_use]
    pub const fn id(mut self, id: &'static str) -> Node {
        self.id = Some(id);
        self
    }

    /// Sets the node that is shown by a host that does not know the widget.
    #[must_use]
    pub const fn fallback(mut self, node: &'static Node) -> Node {
        self.fallback = Some(node);
        self
    }
}
