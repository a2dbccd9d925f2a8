//! A limit of a service that was reached: a text for people, and its numbers for programs.

use std::borrow::Cow;
use std::fmt;

use serde_json::{Value, json};

/// A limit that was reached, in the errors of services and their backends. The plugin gets the text, and as details the
/// name and both values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReachedLimit {
    name: Cow<'static, str>,
    /// The allowed and the observed value, if they are known. Boxed, because results contain this type.
    values: Option<Box<(Value, Value)>>,
}

impl ReachedLimit {
    /// Creates the limit of this name, such as `data_keys`, with the allowed and the observed value. If it is only
    /// known that there is more than is allowed, the observed value is `"more"`.
    pub fn new(name: impl Into<Cow<'static, str>>, allowed: impl Into<Value>, observed: impl Into<Value>) -> Self {
        ReachedLimit { name: name.into(), values: Some(Box::new((allowed.into(), observed.into()))) }
    }

    /// Creates a limit whose values are unknown. The text describes it, such as the message of a database.
    pub fn described(text: impl Into<Cow<'static, str>>) -> Self {
        ReachedLimit { name: text.into(), values: None }
    }

    /// Returns the details of the failure that the plugin gets.
    pub(crate) fn details(&self) -> Option<Value> {
        let (allowed, observed) = &**self.values.as_ref()?;
        Some(json!({ "limit": self.name, "allowed": allowed, "observed": observed }))
    }
}

impl fmt::Display for ReachedLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        match self.values.as_deref() {
            Some((allowed, observed)) => {
                write!(f, "{}: {} allowed, {} observed", self.name, text(allowed), text(observed))
            }
            None => f.write_str(&self.name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limit_has_a_text_and_details() {
        let check = |limit: ReachedLimit, text: &str, details: Option<Value>| {
            assert_eq!((limit.to_string().as_str(), limit.details()), (text, details));
        };
        check(
            ReachedLimit::new("data_keys", 10, 11),
            "data_keys: 10 allowed, 11 observed",
            Some(json!({ "limit": "data_keys", "allowed": 10, "observed": 11 })),
        );
        check(
            ReachedLimit::new("rows", 10, "more"),
            "rows: 10 allowed, more observed",
            Some(json!({ "limit": "rows", "allowed": 10, "observed": "more" })),
        );
        check(ReachedLimit::described("too many terms"), "too many terms", None);
    }
}
