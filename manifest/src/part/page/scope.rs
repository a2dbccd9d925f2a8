//! The values that expressions of a page read.

use std::borrow::Cow;

use serde_json::Value;

use super::expression::Path;

/// The values that an expression can read, each an object or null. The first name of a path is looked up among the
/// variables; then it may be the name of one of the other members, such as `state`; then it is looked up in the data,
/// in the state and in the global state. A member that the state does not have is looked up in the global state.
#[derive(Clone, Copy, Debug)]
pub struct Scope<'a> {
    /// Variables of loops.
    pub variables: &'a Value,
    /// The page's state with its computed values (`state`).
    pub state: &'a Value,
    /// The results of loaders (`data`).
    pub data: &'a Value,
    /// The parameters of the page's path (`params`).
    pub params: &'a Value,
    /// The state that all pages of the plugin share (`globalState`).
    pub global_state: &'a Value,
    /// The payload of the running action (`payload`).
    pub payload: &'a Value,
    /// The result of the action that ended (`result`).
    pub result: &'a Value,
}

impl Default for Scope<'_> {
    /// A scope without values.
    fn default() -> Self {
        const NOTHING: &Value = &Value::Null;
        Scope {
            variables: NOTHING,
            state: NOTHING,
            data: NOTHING,
            params: NOTHING,
            global_state: NOTHING,
            payload: NOTHING,
            result: NOTHING,
        }
    }
}

/// The outcome of looking up a path.
pub(crate) enum Found<'a> {
    Value(Cow<'a, Value>),
    /// The first name has a value, but the path leads nowhere.
    Nothing,
    /// Nothing has the first name.
    NoSuchName,
}

impl<'a> Scope<'a> {
    /// Looks up a path.
    pub(crate) fn find(&self, path: &Path) -> Found<'a> {
        let first = path.first.as_str();
        let mut rest = path.rest.as_slice();
        let mut value = match self.variables.get(first) {
            Some(value) => value,
            None => match (self.member(first), rest) {
                (Some(state), [name, below @ ..]) if first == "state" && state.get(name).is_none() => {
                    let Some(value) = self.global_state.get(name) else {
                        return Found::Nothing;
                    };
                    rest = below;
                    value
                }
                (Some(member), _) => member,
                (None, _) => match [self.data, self.state, self.global_state].iter().find_map(|of| of.get(first)) {
                    Some(value) => value,
                    None => return Found::NoSuchName,
                },
            },
        };
        for (index, name) in rest.iter().enumerate() {
            let next = match value {
                Value::Object(members) => members.get(name),
                // `01` is not an index, as in JavaScript.
                Value::Array(items) if name == "0" || !name.starts_with('0') => {
                    name.parse::<usize>().ok().and_then(|index| items.get(index))
                }
                _ => None,
            };
            match next {
                Some(next) => value = next,
                None if name == "length" && index + 1 == rest.len() => return length(value),
                None => return Found::Nothing,
            }
        }
        Found::Value(Cow::Borrowed(value))
    }

    fn member(&self, name: &str) -> Option<&'a Value> {
        match name {
            "state" => Some(self.state),
            "data" => Some(self.data),
            "params" => Some(self.params),
            "globalState" => Some(self.global_state),
            "payload" => Some(self.payload),
            "result" => Some(self.result),
            _ => None,
        }
    }

    #[cfg(test)]
    pub(crate) fn from_json(scope: &'a Value) -> Scope<'a> {
        Scope {
            variables: &scope["loop"],
            state: &scope["state"],
            data: &scope["data"],
            params: &scope["params"],
            global_state: &scope["globalState"],
            payload: &scope["payload"],
            result: &scope["result"],
        }
    }
}

/// Returns the number of a list's items or of a text's UTF-16 units, as JavaScript does.
fn length<'a>(value: &Value) -> Found<'a> {
    match value {
        Value::Array(items) => Found::Value(Cow::Owned(items.len().into())),
        Value::String(text) => Found::Value(Cow::Owned(text.encode_utf16().count().into())),
        _ => Found::Nothing,
    }
}
