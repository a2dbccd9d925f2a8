//! Actions of pages.

use crate::builder::Method;
use crate::constant::Json;

/// An action of a page, which a widget, a form or another action runs.
#[derive(Clone, Copy, Debug)]
pub struct PageAction {
    pub(crate) id: &'static str,
    pub(crate) kind: ActionKind,
    pub(crate) confirm: Option<Confirm>,
    pub(crate) debounce_ms: Option<u32>,
    pub(crate) shows_loading: bool,
    pub(crate) on_success: Option<Reaction>,
    pub(crate) on_error: Option<Reaction>,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum ActionKind {
    Api { method: Method, api_route: &'static str, body: Json },
    Reload { loaders: &'static [&'static str] },
    Navigate { path: &'static str },
    SetState { updates: &'static [(&'static str, Json)] },
    Custom { handler: &'static str },
}

macro_rules! methods {
    ($($function:ident: $method:ident;)*) => {$(
        #[doc = concat!("Calls a ", stringify!($method), " route. The path may have placeholders: `/items/{{item.id}}`.")]
        pub const fn $function(id: &'static str, api_route: &'static str) -> PageAction {
            PageAction::new(id, ActionKind::Api { method: Method::$method, api_route, body: Json::Nothing })
        }
    )*};
}

impl PageAction {
    const fn new(id: &'static str, kind: ActionKind) -> PageAction {
        PageAction {
            id,
            kind,
            confirm: None,
            debounce_ms: None,
            shows_loading: false,
            on_success: None,
            on_error: None,
        }
    }

    methods! {
        get: Get;
        post: Post;
        put: Put;
        patch: Patch;
        delete: Delete;
    }

    /// Runs loaders again; without any, all of the page.
    pub const fn reload(id: &'static str, loaders: &'static [&'static str]) -> PageAction {
        PageAction::new(id, ActionKind::Reload { loaders })
    }

    /// Opens a page: `./items` of the plugin, or `/p/other/items` of the host.
    pub const fn navigate(id: &'static str, path: &'static str) -> PageAction {
        PageAction::new(id, ActionKind::Navigate { path })
    }

    /// Sets values of the page's state. Texts may have placeholders: `{{!state.open}}`.
    pub const fn set_state(id: &'static str, updates: &'static [(&'static str, Json)]) -> PageAction {
        PageAction::new(id, ActionKind::SetState { updates })
    }

    /// Runs a handler of the renderer.
    pub const fn custom(id: &'static str, handler: &'static str) -> PageAction {
        PageAction::new(id, ActionKind::Custom { handler })
    }

    /// Sets the body of a call, whose texts may have placeholders. Default: the payload of the action, such as the
    /// value of a form.
    ///
    /// # Panics
    /// If the action calls no route.
    #[must_use]
    pub const fn body(mut self, body: Json) -> PageAction {
        match self.kind {
            ActionKind::Api { method, api_route, .. } => self.kind = ActionKind::Api { method, api_route, body },
            _ => panic!("only an action that calls a route has a body"),
        }
        self
    }

    /// Asks a question before the action runs.
    #[must_use]
    pub const fn confirm(self, question: &'static str) -> PageAction {
        self.confirm_with(Confirm { title: None, message: question, confirm_text: None, cancel_text: None })
    }

    /// Asks a question in a dialog with a title and texts of its buttons.
    #[must_use]
    pub const fn confirm_with(mut self, confirm: Confirm) -> PageAction {
        self.confirm = Some(confirm);
        self
    }

    /// Runs only when this many milliseconds have passed without another trigger. Default: at once.
    #[must_use]
    pub const fn debounce_ms(mut self, milliseconds: u32) -> PageAction {
        self.debounce_ms = Some(milliseconds);
        self
    }

    /// Shows that the action is running.
    #[must_use]
    pub const fn show_loading(mut self) -> PageAction {
        self.shows_loading = true;
        self
    }

    /// Sets the reaction to success. Default: none.
    #[must_use]
    pub const fn on_success(mut self, reaction: Reaction) -> PageAction {
        self.on_success = Some(reaction);
        self
    }

    /// Sets the reaction to a failure. Default: the renderer shows the error.
    #[must_use]
    pub const fn on_error(mut self, reaction: Reaction) -> PageAction {
        self.on_error = Some(reaction);
        self
    }
}

/// A question before an action.
#[derive(Clone, Copy, Debug)]
pub struct Confirm {
    /// The title of the dialog.
    pub title: Option<&'static str>,
    /// The question.
    pub message: &'static str,
    /// The text of the button that runs the action.
    pub confirm_text: Option<&'static str>,
    /// The text of the other button.
    pub cancel_text: Option<&'static str>,
}

/// What happens after an action.
#[derive(Clone, Copy, Debug)]
pub struct Reaction {
    pub(crate) set_state: &'static [(&'static str, Json)],
    pub(crate) notify: Option<(Tone, &'static str)>,
    pub(crate) trigger: Option<&'static str>,
    pub(crate) navigate: Option<&'static str>,
}

/// The tone of a message to the user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// Information.
    Info,
    /// A success.
    Success,
    /// A warning.
    Warning,
    /// An error.
    Error,
}

impl Tone {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Tone::Info => "info",
            Tone::Success => "success",
            Tone::Warning => "warning",
            Tone::Error => "error",
        }
    }
}

impl Reaction {
    /// Nothing happens.
    pub const fn new() -> Reaction {
        Reaction { set_state: &[], notify: None, trigger: None, navigate: None }
    }

    /// Shows a message.
    #[must_use]
    pub const fn notify(mut self, tone: Tone, message: &'static str) -> Reaction {
        self.notify = Some((tone, message));
        self
    }

    /// Runs another action of the page.
    #[must_use]
    pub const fn then(mut self, action: &'static str) -> Reaction {
        self.trigger = Some(action);
        self
    }

    /// Opens a page.
    #[must_use]
    pub const fn navigate(mut self, path: &'static str) -> Reaction {
        self.navigate = Some(path);
        self
    }

    /// Sets values of the page's state. A text such as `result.id` is a value of the result.
    #[must_use]
    pub const fn set_state(mut self, updates: &'static [(&'static str, Json)]) -> Reaction {
        self.set_state = updates;
        self
    }
}

impl Default for Reaction {
    fn default() -> Self {
        Reaction::new()
    }
}
