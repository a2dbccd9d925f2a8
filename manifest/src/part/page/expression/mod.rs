//! Expressions of pages, such as `state.count > 3 && !data.busy`: a subset of JavaScript that reads values and compares
//! them.
//!
//! There are no calls, no assignments and no other operators, so an expression ends after a time that its length
//! bounds. The browser evaluates the same grammar (`server/ui/lib/expression.js`); both pass the vectors of
//! `expression_vectors.json`.

mod parse;

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;

use serde::{Serialize, Serializer};
use serde_json::Value;

use super::scope::{Found, Scope};

/// A parsed expression.
///
/// ```
/// use plugbay_manifest::page::{Expression, Scope};
/// use serde_json::json;
///
/// let state = json!({ "count": 4, "theme": "dark" });
/// let scope = Scope { state: &state, ..Scope::default() };
/// let expression: Expression = "state.count >= 4 && theme === 'dark'".parse()?;
/// assert_eq!(*expression.evaluate(&scope), json!(true));
/// # Ok::<(), plugbay_manifest::page::ExpressionError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Expression {
    text: String,
    root: Term,
}

/// The reason why a text is not an expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExpressionError {
    /// The position of the problem, in characters from the beginning of the text.
    pub at: usize,
    /// What is wrong.
    pub message: String,
}

impl fmt::Display for ExpressionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at character {}", self.message, self.at + 1)
    }
}

impl std::error::Error for ExpressionError {}

/// A path to a value: `state.items[0].name`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Path {
    pub(crate) first: String,
    pub(crate) rest: Vec<String>,
}

#[derive(Clone, Debug, PartialEq)]
enum Term {
    Literal(Value),
    Path(Path),
    Not(Box<Term>),
    And(Vec<Term>),
    Or(Vec<Term>),
    Comparison(Operator, Box<Term>, Box<Term>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operator {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl std::str::FromStr for Expression {
    type Err = ExpressionError;

    fn from_str(text: &str) -> Result<Expression, ExpressionError> {
        Ok(Expression { text: text.to_owned(), root: parse::parse(text)? })
    }
}

impl fmt::Display for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Serializes the text.
impl Serialize for Expression {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

impl Expression {
    /// Evaluates the expression. A path that leads nowhere is null; `&&` and `||` return one of their operands.
    pub fn evaluate<'a>(&'a self, scope: &Scope<'a>) -> Cow<'a, Value> {
        self.root.evaluate(scope)
    }

    /// Evaluates the expression as a condition.
    pub fn holds(&self, scope: &Scope<'_>) -> bool {
        is_truthy(&self.evaluate(scope))
    }

    /// Returns all paths that the expression reads.
    pub(crate) fn paths(&self) -> Vec<&Path> {
        let mut paths = Vec::new();
        self.root.collect_paths(&mut paths);
        paths
    }
}

impl Term {
    fn evaluate<'a>(&'a self, scope: &Scope<'a>) -> Cow<'a, Value> {
        match self {
            Term::Literal(value) => Cow::Borrowed(value),
            Term::Path(path) => match scope.find(path) {
                Found::Value(value) => value,
                Found::Nothing | Found::NoSuchName => Cow::Owned(Value::Null),
            },
            Term::Not(term) => Cow::Owned(Value::Bool(!is_truthy(&term.evaluate(scope)))),
            Term::And(terms) => first_or_last(terms, scope, |value| !is_truthy(value)),
            Term::Or(terms) => first_or_last(terms, scope, is_truthy),
            Term::Comparison(operator, left, right) => {
                let holds = operator.holds(&left.evaluate(scope), &right.compared_value(scope));
                Cow::Owned(Value::Bool(holds))
            }
        }
    }

    /// Evaluates the right side of a comparison. A single name that has no value stands for its own text, as in
    /// `status === running`.
    fn compared_value<'a>(&'a self, scope: &Scope<'a>) -> Cow<'a, Value> {
        match self {
            Term::Path(path) if path.rest.is_empty() && matches!(scope.find(path), Found::NoSuchName) => {
                Cow::Owned(Value::String(path.first.clone()))
            }
            _ => self.evaluate(scope),
        }
    }

    fn collect_paths<'a>(&'a self, paths: &mut Vec<&'a Path>) {
        match self {
            Term::Literal(_) => {}
            Term::Path(path) => paths.push(path),
            Term::Not(term) => term.collect_paths(paths),
            Term::And(terms) | Term::Or(terms) => terms.iter().for_each(|term| term.collect_paths(paths)),
            Term::Comparison(_, left, right) => {
                left.collect_paths(paths);
                right.collect_paths(paths);
            }
        }
    }
}

/// Returns the first value that decides, or the last one.
fn first_or_last<'a>(terms: &'a [Term], scope: &Scope<'a>, decides: impl Fn(&Value) -> bool) -> Cow<'a, Value> {
    let mut value = Cow::Owned(Value::Null);
    for term in terms {
        value = term.evaluate(scope);
        if decides(&value) {
            break;
        }
    }
    value
}

impl Operator {
    fn holds(self, left: &Value, right: &Value) -> bool {
        match self {
            Operator::Equal => is_equal(left, right),
            Operator::NotEqual => !is_equal(left, right),
            Operator::Less => order(left, right).is_some_and(Ordering::is_lt),
            Operator::LessOrEqual => order(left, right).is_some_and(Ordering::is_le),
            Operator::Greater => order(left, right).is_some_and(Ordering::is_gt),
            Operator::GreaterOrEqual => order(left, right).is_some_and(Ordering::is_ge),
        }
    }
}

/// Returns whether two values are the same text, number, boolean or null. Lists and objects equal nothing.
fn is_equal(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Array(_) | Value::Object(_), _) => false,
        (Value::Number(left), Value::Number(right)) => left.as_f64() == right.as_f64(),
        _ => left == right,
    }
}

/// Compares texts with texts and numbers with numbers. Texts are ordered by UTF-16 units, as browsers order them.
fn order(left: &Value, right: &Value) -> Option<Ordering> {
    match (left, right) {
        (Value::String(left), Value::String(right)) => Some(left.encode_utf16().cmp(right.encode_utf16())),
        (Value::Number(left), Value::Number(right)) => left.as_f64()?.partial_cmp(&right.as_f64()?),
        _ => None,
    }
}

/// Returns whether JavaScript treats the value as true: everything but null, false, zero and the empty text.
pub(crate) fn is_truthy(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(value) => *value,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => !text.is_empty(),
        Value::Array(_) | Value::Object(_) => true,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::limits::{EXPRESSION_CHARS_MAX, EXPRESSION_DEPTH_MAX};

    #[test]
    fn expressions_match_the_vectors() {
        let vectors: Vec<Value> = serde_json::from_str(include_str!("../expression_vectors.json")).expect("JSON");
        assert!(vectors.len() > 100);
        for vector in &vectors {
            let text = vector["expression"].as_str().expect("an expression");
            let result = text.parse::<Expression>();
            match (&vector.get("error"), result) {
                (Some(expected), Err(error)) => assert_eq!(**expected, error.to_string(), "{text}"),
                (None, Ok(expression)) => {
                    let value = expression.evaluate(&Scope::from_json(&vector["scope"])).into_owned();
                    assert_eq!(value, vector["result"], "{vector}");
                }
                (_, result) => panic!("{vector}: {result:?}"),
            }
        }
    }

    #[test]
    fn expression_beyond_the_bounds_is_refused() {
        let deep = |levels: usize| format!("{}a{}", "(".repeat(levels), ")".repeat(levels));
        assert!(deep(EXPRESSION_DEPTH_MAX).parse::<Expression>().is_ok());
        assert!(deep(EXPRESSION_DEPTH_MAX + 1).parse::<Expression>().is_err());
        assert!("!".repeat(EXPRESSION_DEPTH_MAX + 1).parse::<Expression>().is_err());
        assert!("a".repeat(EXPRESSION_CHARS_MAX).parse::<Expression>().is_ok());
        assert!("a".repeat(EXPRESSION_CHARS_MAX + 1).parse::<Expression>().is_err());
        assert!("(".repeat(10_000_000).parse::<Expression>().is_err());
    }

    #[test]
    fn number_of_an_integer_and_of_a_float_are_equal() {
        assert!(is_equal(&json!(1), &json!(1.0)));
        assert!(!is_equal(&json!([]), &json!([])));
    }
}
