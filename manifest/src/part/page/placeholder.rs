//! Texts and JSON values with placeholders: `{{expression}}`.
//!
//! A text that is one placeholder takes the type of its value. Within a text, a value becomes text: null is empty, and
//! lists and objects are JSON. Filled values are never read for placeholders again.

use std::borrow::Cow;
use std::fmt::{self, Write};
use std::str::FromStr;

use serde::{Serialize, Serializer};
use serde_json::{Map, Value};

use super::expression::{Expression, ExpressionError};
use super::scope::Scope;

/// A text with placeholders.
///
/// ```
/// use plugbay_manifest::page::{PlaceholderText, Scope};
/// use serde_json::json;
///
/// let state = json!({ "id": 7 });
/// let scope = Scope { state: &state, ..Scope::default() };
/// let text: PlaceholderText = "item {{state.id}}".parse()?;
/// assert_eq!(text.fill(&scope), json!("item 7"));
/// let alone: PlaceholderText = "{{state.id}}".parse()?;
/// assert_eq!(alone.fill(&scope), json!(7));
/// # Ok::<(), plugbay_manifest::page::ExpressionError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct PlaceholderText {
    text: String,
    parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq)]
enum Part {
    Literal(String),
    Value(Expression),
}

impl FromStr for PlaceholderText {
    type Err = ExpressionError;

    fn from_str(text: &str) -> Result<PlaceholderText, ExpressionError> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("{{") {
            let begin = chars(text) - chars(after);
            let Some((expression, after)) = after.split_once("}}") else {
                return Err(ExpressionError { at: begin - 2, message: "`{{` without `}}`".to_owned() });
            };
            if !before.is_empty() {
                parts.push(Part::Literal(before.to_owned()));
            }
            let expression = expression.parse();
            parts.push(Part::Value(
                expression.map_err(|error: ExpressionError| ExpressionError {
                    at: begin + error.at,
                    message: error.message,
                })?,
            ));
            rest = after;
        }
        if !rest.is_empty() {
            parts.push(Part::Literal(rest.to_owned()));
        }
        Ok(PlaceholderText { text: text.to_owned(), parts })
    }
}

impl fmt::Display for PlaceholderText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Serializes the text with its placeholders.
impl Serialize for PlaceholderText {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

impl PlaceholderText {
    /// Returns the text with its placeholders.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Returns whether the text has a placeholder.
    pub fn has_placeholders(&self) -> bool {
        self.parts.iter().any(|part| matches!(part, Part::Value(_)))
    }

    /// Returns the text with this in place of each placeholder.
    pub fn with_values(&self, value: &str) -> String {
        let text = self.parts.iter().map(|part| match part {
            Part::Literal(text) => text,
            Part::Value(_) => value,
        });
        text.collect()
    }

    /// Fills the placeholders in.
    pub fn fill(&self, scope: &Scope<'_>) -> Value {
        if let [Part::Value(expression)] = self.parts.as_slice() {
            return expression.evaluate(scope).into_owned();
        }
        let text = self.parts.iter().map(|part| match part {
            Part::Literal(text) => Cow::Borrowed(text.as_str()),
            Part::Value(expression) => Cow::Owned(as_text(&expression.evaluate(scope))),
        });
        Value::String(text.collect())
    }

    /// Fills the placeholders of a path with a query in. Each value is percent-encoded, so that it cannot add segments
    /// or parameters.
    ///
    /// # Errors
    ///
    /// The expression of a placeholder before the `?` whose value is empty: the path would be another route's. So would
    /// a path with the segments `.` and `..`.
    pub fn fill_path(&self, scope: &Scope<'_>) -> Result<String, String> {
        let mut path = String::new();
        for part in &self.parts {
            match part {
                Part::Literal(text) => path.push_str(text),
                Part::Value(expression) => {
                    let text = as_text(&expression.evaluate(scope));
                    if matches!(text.as_str(), "" | "." | "..") && !path.contains('?') {
                        return Err(expression.to_string());
                    }
                    percent_encode(&text, &mut path);
                }
            }
        }
        Ok(path)
    }
}

/// A JSON value whose texts may have placeholders.
#[derive(Clone, Debug, PartialEq)]
pub enum PlaceholderValue {
    /// A value without placeholders.
    Constant(Value),
    /// A text with placeholders.
    Text(PlaceholderText),
    /// A list with placeholders in it.
    List(Vec<PlaceholderValue>),
    /// An object with placeholders in it.
    Object(Vec<(String, PlaceholderValue)>),
}

impl Serialize for PlaceholderValue {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            PlaceholderValue::Constant(value) => value.serialize(serializer),
            PlaceholderValue::Text(text) => text.serialize(serializer),
            PlaceholderValue::List(items) => items.serialize(serializer),
            PlaceholderValue::Object(members) => {
                serializer.collect_map(members.iter().map(|(key, value)| (key, value)))
            }
        }
    }
}

impl PlaceholderValue {
    /// Reads a value.
    ///
    /// # Errors
    ///
    /// The first text whose placeholders are malformed, with its path below the value: `.items[0]`.
    pub fn parse(value: &Value) -> Result<PlaceholderValue, (String, ExpressionError)> {
        let is_constant = |value: &PlaceholderValue| matches!(value, PlaceholderValue::Constant(_));
        Ok(match value {
            Value::String(text) if text.contains("{{") => {
                PlaceholderValue::Text(text.parse().map_err(|error| (String::new(), error))?)
            }
            Value::Array(items) => {
                let below = |(index, item)| {
                    PlaceholderValue::parse(item).map_err(|(path, error)| (format!("[{index}]{path}"), error))
                };
                let items = items.iter().enumerate().map(below).collect::<Result<Vec<_>, _>>()?;
                match items.iter().all(is_constant) {
                    true => PlaceholderValue::Constant(value.clone()),
                    false => PlaceholderValue::List(items),
                }
            }
            Value::Object(members) => {
                let below = |(key, member): (&String, &Value)| match PlaceholderValue::parse(member) {
                    Ok(member) => Ok((key.clone(), member)),
                    Err((path, error)) => Err((format!(".{key}{path}"), error)),
                };
                let members = members.iter().map(below).collect::<Result<Vec<_>, _>>()?;
                match members.iter().all(|(_, member)| is_constant(member)) {
                    true => PlaceholderValue::Constant(value.clone()),
                    false => PlaceholderValue::Object(members),
                }
            }
            value => PlaceholderValue::Constant(value.clone()),
        })
    }

    /// Fills the placeholders in.
    pub fn fill(&self, scope: &Scope<'_>) -> Value {
        match self {
            PlaceholderValue::Constant(value) => value.clone(),
            PlaceholderValue::Text(text) => text.fill(scope),
            PlaceholderValue::List(items) => items.iter().map(|item| item.fill(scope)).collect(),
            PlaceholderValue::Object(members) => {
                let filled = members.iter().map(|(key, member)| (key.clone(), member.fill(scope)));
                Value::Object(filled.collect::<Map<_, _>>())
            }
        }
    }
}

fn chars(text: &str) -> usize {
    text.chars().count()
}

/// Returns the value as text, as a browser shows it.
fn as_text(value: &Value) -> String {
    /// Larger numbers are written with an exponent.
    const WHOLE_MAX: f64 = 1e15;
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Number(number) => match number.as_f64() {
            Some(float) if number.is_f64() && float.fract() == 0.0 && float.abs() < WHOLE_MAX => format!("{float:.0}"),
            _ => number.to_string(),
        },
        value => value.to_string(),
    }
}

/// Appends the text as `encodeURIComponent` encodes it.
fn percent_encode(text: &str, encoded: &mut String) {
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' => encoded.push(char::from(byte)),
            b'-' | b'_' | b'.' | b'!' | b'~' | b'*' | b'\'' | b'(' | b')' => encoded.push(char::from(byte)),
            byte => _ = write!(encoded, "%{byte:02X}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn texts_match_the_vectors() {
        let vectors: Vec<Value> = serde_json::from_str(include_str!("placeholder_vectors.json")).expect("JSON");
        for vector in &vectors {
            let text = vector["text"].as_str().expect("a text");
            match (vector.get("error"), text.parse::<PlaceholderText>()) {
                (Some(expected), Err(error)) => assert_eq!(*expected, error.to_string(), "{text}"),
                (None, Ok(text)) => {
                    assert_eq!(text.fill(&Scope::from_json(&vector["scope"])), vector["result"], "{vector}");
                }
                (_, result) => panic!("{vector}: {result:?}"),
            }
        }
    }

    #[test]
    fn value_in_a_path_adds_neither_segments_nor_parameters() {
        let state = json!({ "id": "a/../b?c=d&e#f", "none": null, "up": ".." });
        let scope = Scope { state: &state, ..Scope::default() };
        let fill = |text: &str| text.parse::<PlaceholderText>().expect("a text").fill_path(&scope);
        assert_eq!(fill("/items/{{id}}?all=1").as_deref(), Ok("/items/a%2F..%2Fb%3Fc%3Dd%26e%23f?all=1"));
        assert_eq!(fill("/items/{{none}}"), Err("none".to_owned()));
        assert_eq!(fill("/items/{{up}}"), Err("up".to_owned()));
        assert_eq!(fill("/items?q={{none}}").as_deref(), Ok("/items?q="));
    }

    #[test]
    fn values_are_filled_at_every_depth_and_keep_their_types() {
        let value = json!({ "a": ["{{n}}", "n = {{n}}"], "b": { "c": 1 } });
        let template = PlaceholderValue::parse(&value).expect("well-formed");
        assert_eq!(serde_json::to_value(&template).expect("JSON"), value);
        let state = json!({ "n": 5 });
        let filled = template.fill(&Scope { state: &state, ..Scope::default() });
        assert_eq!(filled, json!({ "a": [5, "n = 5"], "b": { "c": 1 } }));
        let (path, _) = PlaceholderValue::parse(&json!({ "a": [0, "{{(}}"] })).expect_err("malformed");
        assert_eq!(path, ".a[1]");
    }
}
