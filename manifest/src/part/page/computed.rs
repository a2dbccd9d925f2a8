//! Values that a page computes from its state.

use serde::{Serialize, Serializer};
use serde_json::{Map, Value};

use super::expression::Expression;
use super::scope::Scope;
use crate::limits::{EXPRESSION_CHARS_MAX, LINE_CHARS_MAX, PAGE_PARTS_MAX};
use crate::problem::{Report, code, quoted};
use crate::read::{Node, join};
use crate::shape;

/// Computed values: names and expressions, in an order in which each reads only those before it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Computed {
    values: Vec<(String, Expression)>,
}

/// Serializes the names with their expressions.
impl Serialize for Computed {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.values.iter().map(|(name, expression)| (name, expression)))
    }
}

impl Computed {
    /// Returns whether there are none.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// Returns the state of the scope with the computed values. A name that the state has already is not computed: a
    /// renderer may send the value without those that it depends on.
    pub fn extend_state(&self, scope: &Scope<'_>) -> Map<String, Value> {
        let mut state = scope.state.as_object().cloned().unwrap_or_default();
        let given: Vec<String> = state.keys().cloned().collect();
        for (name, expression) in self.values.iter().filter(|(name, _)| !given.contains(name)) {
            let present = Value::Object(state);
            let value = expression.evaluate(&Scope { state: &present, ..*scope }).into_owned();
            let Value::Object(present) = present else { unreachable!("it was made of an object") };
            state = present;
            state.insert(name.clone(), value);
        }
        state
    }
}

/// Reads computed values of a state with these initial values.
pub(crate) fn read_computed(node: &Node<'_>, initial: &Map<String, Value>, report: &mut Report) -> Computed {
    let mut unordered = Vec::new();
    for (name, entry) in node.entries(PAGE_PARTS_MAX, report) {
        if initial.contains_key(name) {
            let message = "there is an initial value of this name: use another name";
            report.add(&join(&node.path, name), code::CONFLICT, message);
        }
        unordered.extend(
            read_expression(&entry, code::INVALID_COMPUTED, report).map(|expression| (name.to_owned(), expression)),
        );
    }
    let mut values = Vec::new();
    while !unordered.is_empty() {
        let names: Vec<String> = unordered.iter().map(|(name, _)| name.clone()).collect();
        let (waiting, ready): (Vec<_>, Vec<_>) =
            unordered.into_iter().partition(|(_, expression)| names.iter().any(|name| reads(expression, name)));
        if ready.is_empty() {
            let names: Vec<String> = names.iter().map(|name| quoted(name)).collect();
            let message = format!("{} need one another: a computed value may not depend on itself", names.join(", "));
            node.problem(report, code::INVALID_COMPUTED, message);
            break;
        }
        values.extend(ready);
        unordered = waiting;
    }
    Computed { values }
}

/// Returns whether the expression reads the value of this name, in any of the ways to write that.
fn reads(expression: &Expression, name: &str) -> bool {
    expression.paths().iter().any(|path| {
        let is_prefixed = matches!(path.first.as_str(), "state" | "globalState");
        path.first == name || (is_prefixed && path.rest.first().is_none_or(|member| member == name))
    })
}

/// Reads an expression. A malformed one is reported under the code.
pub(crate) fn read_expression(node: &Node<'_>, code: &'static str, report: &mut Report) -> Option<Expression> {
    let text = node.string(report)?;
    let parsed = text.parse();
    if let Err(error) = &parsed {
        node.problem(report, code, format!("{} is not an expression: {error}", quoted(text)));
    }
    parsed.ok()
}

pub(crate) fn computed_shape() -> Value {
    let mut shape = shape::map(shape::line(EXPRESSION_CHARS_MAX), PAGE_PARTS_MAX);
    shape["propertyNames"] = shape::line(LINE_CHARS_MAX);
    shape
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(computed: &Value) -> Result<Computed, Vec<String>> {
        let mut report = Report::new("x".into());
        let computed = read_computed(&Node::root(computed), &Map::new(), &mut report);
        let problems: Vec<String> = report.problems.iter().map(ToString::to_string).collect();
        if problems.is_empty() { Ok(computed) } else { Err(problems) }
    }

    #[test]
    fn computed_values_use_one_another_in_any_order() {
        let computed = read(&json!({ "c": "state.b || 'no b'", "b": "a > 1", "a": "n" })).expect("no cycle");
        let state = json!({ "n": 2 });
        let state = computed.extend_state(&Scope { state: &state, ..Scope::default() });
        assert_eq!(Value::Object(state), json!({ "n": 2, "a": 2, "b": true, "c": true }));
    }

    #[test]
    fn computed_value_that_depends_on_itself_is_refused() {
        for cycle in [json!({ "a": "a" }), json!({ "a": "state.b", "b": "globalState.a" }), json!({ "a": "state" })] {
            let problems = read(&cycle).expect_err("a cycle");
            assert!(problems[0].contains("INVALID_COMPUTED"), "{problems:?}");
        }
    }
}
