//! The error of a request to a route of a plugin.

use std::borrow::Cow;
use std::fmt;

use plugbay_manifest::Method;

use super::{InvokeError, PayloadProblem, listed};

/// The error of a request to a route: the plugin and the reason.
#[derive(Debug)]
pub struct RouteError {
    plugin: String,
    kind: RouteErrorKind,
}

/// The reason why a route has no answer.
#[derive(Debug)]
#[non_exhaustive]
pub enum RouteErrorKind {
    /// No plugin of this name is loaded.
    UnknownPlugin,
    /// The plugin has no route with this path.
    UnknownRoute {
        /// The plugin's routes, such as `GET /items/{id}`.
        available: Vec<String>,
    },
    /// The plugin has routes with this path for other methods only.
    OtherMethods {
        /// The methods, in the order of [`Method`].
        allowed: Vec<Method>,
    },
    /// The path is not percent-encoded UTF-8.
    MalformedPath,
    /// Parameters do not fit the schemas that the route declares. No guest code ran.
    Parameters {
        /// `path` or `query`.
        place: &'static str,
        /// One entry for each problem; its path begins with the parameter's name.
        problems: Vec<PayloadProblem>,
    },
    /// An action of the route, or the plugin itself, does not answer.
    Invoke(InvokeError),
}

impl RouteError {
    /// Creates the error of a request. Applications use it to test their error handling.
    pub fn new(plugin: impl Into<String>, kind: RouteErrorKind) -> Self {
        RouteError { plugin: plugin.into(), kind }
    }

    /// Returns the plugin whose route was requested.
    pub fn plugin(&self) -> &str {
        &self.plugin
    }

    /// Returns the reason why there is no answer.
    pub fn kind(&self) -> &RouteErrorKind {
        &self.kind
    }

    /// Returns the error of the action, if an action or the plugin itself does not answer.
    pub fn invoke_error(&self) -> Option<&InvokeError> {
        match &self.kind {
            RouteErrorKind::Invoke(error) => Some(error),
            _ => None,
        }
    }

    /// Returns the stable name of this kind of error; for an action's error, that of [`InvokeError::code`].
    pub fn code(&self) -> &str {
        match &self.kind {
            RouteErrorKind::UnknownPlugin => "unknown_plugin",
            RouteErrorKind::UnknownRoute { .. } => "unknown_route",
            RouteErrorKind::OtherMethods { .. } => "method_not_allowed",
            RouteErrorKind::MalformedPath => "malformed_path",
            RouteErrorKind::Parameters { .. } => "validation_error",
            RouteErrorKind::Invoke(error) => error.code(),
        }
    }

    /// Returns the HTTP status of this error; for an action's error, that of [`InvokeError::http_status`].
    pub fn http_status(&self) -> u16 {
        match &self.kind {
            RouteErrorKind::MalformedPath | RouteErrorKind::Parameters { .. } => 400,
            RouteErrorKind::UnknownPlugin | RouteErrorKind::UnknownRoute { .. } => 404,
            RouteErrorKind::OtherMethods { .. } => 405,
            RouteErrorKind::Invoke(error) => error.http_status(),
        }
    }

    /// Returns the values that do not fit: parameters, or as [`InvokeError::problems`] those of the payload.
    pub fn problems(&self) -> Vec<PayloadProblem> {
        match &self.kind {
            RouteErrorKind::Parameters { problems, .. } => problems.clone(),
            RouteErrorKind::Invoke(error) => error.problems(),
            _ => Vec::new(),
        }
    }

    /// Returns the text for outsiders, as [`InvokeError::public`] does.
    pub fn public(&self) -> Cow<'_, str> {
        match &self.kind {
            RouteErrorKind::Invoke(error) => error.public(),
            _ => Cow::Owned(self.to_string()),
        }
    }
}

impl fmt::Display for RouteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plugin = &self.plugin;
        match &self.kind {
            RouteErrorKind::UnknownPlugin => write!(f, "no plugin `{plugin}` is loaded"),
            RouteErrorKind::UnknownRoute { available } if available.is_empty() => {
                write!(f, "plugin `{plugin}` has no routes")
            }
            RouteErrorKind::UnknownRoute { available } => {
                write!(f, "plugin `{plugin}` has no route with this path; it has: {}", available.join(", "))
            }
            RouteErrorKind::OtherMethods { allowed } => {
                let allowed: Vec<&str> = allowed.iter().map(|method| method.name()).collect();
                write!(f, "plugin `{plugin}` answers this path to {} only", allowed.join(", "))
            }
            RouteErrorKind::MalformedPath => write!(f, "the path is not percent-encoded UTF-8"),
            RouteErrorKind::Parameters { place, problems } => {
                write!(f, "the {place} does not fit what plugin `{plugin}` declares: {}", listed(problems))
            }
            RouteErrorKind::Invoke(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for RouteError {}

impl From<InvokeError> for RouteError {
    fn from(error: InvokeError) -> Self {
        RouteError { plugin: error.plugin().to_owned(), kind: RouteErrorKind::Invoke(error) }
    }
}
