//! The authenticated identity behind a request.

/// The authenticated identity behind a request, such as the consumer of a token. A layer that authenticates requests
/// adds it to their extensions; plugins see it in the interface `invocation`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The name of the consumer or user.
    pub name: String,
    /// What the identity may do.
    pub scopes: Vec<String>,
}
