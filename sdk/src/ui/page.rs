//! Pages, their templates, and what the pages of a plugin share.

use super::action::PageAction;
use super::loader::Loader;
use super::node::Node;
use crate::constant::Json;

/// What a page shows, fetches and does.
#[derive(Clone, Copy, Debug)]
pub struct Template {
    pub(crate) widgets: &'static [Node],
    pub(crate) state: &'static [(&'static str, Json)],
    pub(crate) computed: &'static [(&'static str, &'static str)],
    pub(crate) loaders: &'static [Loader],
    pub(crate) actions: &'static [PageAction],
}

impl Template {
    /// A template with these widgets. Without any, the page shows its title.
    pub const fn new(widgets: &'static [Node]) -> Template {
        Template { widgets, state: &[], computed: &[], loaders: &[], actions: &[] }
    }

    /// Sets the state of the page when it opens: names and values. Default: empty.
    #[must_use]
    pub const fn state(mut self, state: &'static [(&'static str, Json)]) -> Template {
        self.state = state;
        self
    }

    /// Sets the values that are computed from the state: names and expressions. Default: none.
    #[must_use]
    pub const fn computed(mut self, computed: &'static [(&'static str, &'static str)]) -> Template {
        self.computed = computed;
        self
    }

    /// Sets the loaders of the page. Default: none.
    #[must_use]
    pub const fn loaders(mut self, loaders: &'static [Loader]) -> Template {
        self.loaders = loaders;
        self
    }

    /// Sets the actions of the page. Default: none.
    #[must_use]
    pub const fn actions(mut self, actions: &'static [PageAction]) -> Template {
        self.actions = actions;
        self
    }
}

/// A page: its path, its entry in the navigation and its template.
#[derive(Clone, Copy, Debug)]
pub struct Page {
    pub(crate) path: &'static str,
    pub(crate) template: Template,
    pub(crate) title: Option<&'static str>,
    pub(crate) icon: Option<&'static str>,
    pub(crate) order: Option<i32>,
    pub(crate) is_hidden: bool,
}

impl Page {
    /// A page at a path below the plugin's pages, with parameters as `{name}`.
    #[doc(alias = "createFrontendRoute")]
    pub const fn new(path: &'static str, template: Template) -> Page {
        Page { path, template, title: None, icon: None, order: None, is_hidden: false }
    }

    /// Sets the title. Default: that of the plugin.
    #[must_use]
    pub const fn title(mut self, title: &'static str) -> Page {
        self.title = Some(title);
        self
    }

    /// Sets the name of an icon for the navigation. Default: none.
    #[must_use]
    pub const fn icon(mut self, icon: &'static str) -> Page {
        self.icon = Some(icon);
        self
    }

    /// Sets the position in the navigation; smaller numbers come first. Default: 999.
    #[must_use]
    pub const fn order(mut self, order: i32) -> Page {
        self.order = Some(order);
        self
    }

    /// Leaves the page out of the navigation.
    #[must_use]
    pub const fn hidden(mut self) -> Page {
        self.is_hidden = true;
        self
    }
}

/// Widgets that pages show with [`fragment`](super::fragment).
#[derive(Clone, Copy, Debug)]
pub struct Fragment {
    pub(crate) id: &'static str,
    pub(crate) props: &'static [(&'static str, &'static str)],
    pub(crate) widgets: &'static [Node],
}

impl Fragment {
    /// A fragment with an id.
    pub const fn new(id: &'static str, widgets: &'static [Node]) -> Fragment {
        Fragment { id, props: &[], widgets }
    }

    /// Sets the props that references pass, each with its type: `string`, `number`, `boolean`, `object` or `array`.
    #[must_use]
    pub const fn props(mut self, props: &'static [(&'static str, &'static str)]) -> Fragment {
        self.props = props;
        self
    }
}

/// The pages of a plugin, and what they share.
#[derive(Clone, Copy, Debug)]
pub struct Frontend {
    pub(crate) pages: &'static [Page],
    pub(crate) loaders: &'static [Loader],
    pub(crate) actions: &'static [PageAction],
    pub(crate) fragments: &'static [Fragment],
    pub(crate) state: &'static [(&'static str, Json)],
    pub(crate) computed: &'static [(&'static str, &'static str)],
}

impl Frontend {
    /// These pages.
    #[doc(alias = "createFrontendConfig")]
    pub const fn new(pages: &'static [Page]) -> Frontend {
        Frontend { pages, loaders: &[], actions: &[], fragments: &[], state: &[], computed: &[] }
    }

    /// Sets loaders of all pages. Default: none.
    #[must_use]
    pub const fn loaders(mut self, loaders: &'static [Loader]) -> Frontend {
        self.loaders = loaders;
        self
    }

    /// Sets actions of all pages. Default: none.
    #[must_use]
    pub const fn actions(mut self, actions: &'static [PageAction]) -> Frontend {
        self.actions = actions;
        self
    }

    /// Sets the fragments. Default: none.
    #[must_use]
    pub const fn fragments(mut self, fragments: &'static [Fragment]) -> Frontend {
        self.fragments = fragments;
        self
    }

    /// Sets the initial state that the pages share: names and values. Default: empty.
    #[must_use]
    pub const fn state(mut self, state: &'static [(&'static str, Json)]) -> Frontend {
        self.state = state;
        self
    }

    /// Sets the values that are computed from the shared state: names and expressions. Default: none.
    #[must_use]
    pub const fn computed(mut self, computed: &'static [(&'static str, &'static str)]) -> Frontend {
        self.computed = computed;
        self
    }
}
