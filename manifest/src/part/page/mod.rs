//! Pages that a plugin declares and the host renders: their paths, navigation, loaders, actions, state and templates,
//! and the expressions in them.

pub(crate) mod action;
mod computed;
mod expression;
pub(crate) mod frontend;
pub(crate) mod loader;
mod placeholder;
mod reaction;
pub(crate) mod references;
mod scope;
mod state;
pub(crate) mod template;

pub use action::{PageAction, PageActionKind};
pub use computed::Computed;
pub use expression::{Expression, ExpressionError};
pub use frontend::{Frontend, Page, PageMeta};
pub use loader::{Enabled, LoaderCache, PageLoader, Polling};
pub use placeholder::{PlaceholderText, PlaceholderValue};
pub use reaction::{Confirm, Notice, Reaction};
pub use scope::Scope;
pub use state::PageState;
pub use template::fragment::{Fragment, FragmentProp};
pub use template::node::{NodeLoop, TemplateNode};
pub use template::{Layout, Template};
