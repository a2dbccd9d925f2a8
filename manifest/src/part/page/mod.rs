//! Pages that a plugin declares and the host renders: their paths, navigation, loaders, actions, state and templates,
//! and the expressions in them.

pub(crate) mod action;
mod computed;
mod expression;
pub(crate) mod frontend;
mod placeholder;
mod scope;

pub use action::{Notice, PageAction, PageActionKind, Reaction};
pub use computed::Computed;
pub use expression::{Expression, ExpressionError};
pub use frontend::{Frontend, GlobalState, Page, PageLoader, PageMeta, Polling};
pub use placeholder::{PlaceholderText, PlaceholderValue};
pub use scope::Scope;
